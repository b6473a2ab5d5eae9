//! Tables: items by key.

use serde_json::{Map, Value as Json};

use crate::{AppId, Data, DataError};

/// A key attribute's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Ordered by UTF-8 bytes.
    String,
    /// Ordered by value.
    Number,
    /// `{"$bytes": "base64"}`, ordered by its bytes.
    Bytes,
}

/// A key attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDefinition {
    /// The attribute.
    pub name: String,
    /// Its type.
    pub kind: KeyKind,
}

/// What a table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDefinition {
    /// The partition key.
    pub partition: KeyDefinition,
    /// The sort key.
    pub sort: Option<KeyDefinition>,
    /// The attribute with the time of expiry, in seconds since the Unix epoch.
    pub ttl: Option<String>,
}

/// An item and its version, which is another one after each write.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its attributes.
    pub item: Map<String, Json>,
    /// Opaque.
    pub version: String,
}

/// When a put takes effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PutCondition {
    /// Always.
    #[default]
    Always,
    /// If there is no such item (an expired one is none).
    IfAbsent,
    /// If the item has this version.
    IfVersion(String),
}

/// A range of the sort key; values as they stand in items.
#[derive(Clone, Debug, PartialEq)]
pub enum SortCondition {
    /// Equal.
    Eq(Json),
    /// Less.
    Lt(Json),
    /// Less or equal.
    Lte(Json),
    /// Greater.
    Gt(Json),
    /// Greater or equal.
    Gte(Json),
    /// Both included.
    Between(Json, Json),
    /// A string that begins so.
    Prefix(String),
}

/// Items of one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The partition.
    pub partition: Json,
    /// Which of it.
    pub sort: Option<SortCondition>,
    /// From the end.
    pub reverse: bool,
    /// At most so many, 1 to 1,000.
    pub limit: usize,
    /// Where an earlier page ended.
    pub cursor: Option<String>,
}

/// A page of items: at most 1 MB of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemPage {
    /// The items.
    pub items: Vec<Item>,
    /// Where the next page begins; `None` at the end.
    pub cursor: Option<String>,
}

impl Data {
    /// Makes a table, or changes its `ttl`. With another key it is another table: the old one's items are gone.
    pub async fn define_table(
        &self,
        app: &AppId,
        name: &str,
        definition: TableDefinition,
    ) -> Result<(), DataError> {
        unimplemented!()
    }

    /// Deletes a table with its items. Nothing if there is none.
    pub async fn drop_table(&self, app: &AppId, name: &str) -> Result<(), DataError> {
        unimplemented!()
    }

    /// The item of a key (an object with exactly the key's attributes).
    pub async fn get_item(&self, app: &AppId, table: &str, key: &Json) -> Result<Option<Item>, DataError> {
        unimplemented!()
    }

    /// Writes an item; gives its version.
    pub async fn put_item(
        &self,
        app: &AppId,
        table: &str,
        item: Map<String, Json>,
        condition: PutCondition,
    ) -> Result<String, DataError> {
        unimplemented!()
    }

    /// Deletes an item; says whether it was there.
    pub async fn delete_item(
        &self,
        app: &AppId,
        table: &str,
        key: &Json,
        if_version: Option<String>,
    ) -> Result<bool, DataError> {
        unimplemented!()
    }

    /// A page of one partition, by sort key.
    pub async fn query_items(&self, app: &AppId, table: &str, query: Query) -> Result<ItemPage, DataError> {
        unimplemented!()
    }

    /// A page of everything.
    pub async fn scan_items(
        &self,
        app: &AppId,
        table: &str,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<ItemPage, DataError> {
        unimplemented!()
    }
}
