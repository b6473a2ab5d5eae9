//! Tables: items by key.

mod cursor;
mod key;
mod read;
#[cfg(test)]
mod tests;
mod write;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

pub(crate) use key::after_all_that_begin_with;
pub(crate) use write::expire;

/// A key attribute's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Ordered by UTF-8 bytes.
    String,
    /// Ordered by value.
    Number,
    /// `{"$bytes": "base64"}`, ordered by its bytes.
    Bytes,
}

/// A key attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyDefinition {
    /// The attribute.
    pub name: String,
    /// Its type.
    pub kind: KeyKind,
}

/// What a table is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
