//! Getting, querying and scanning.

use std::ops::Bound;

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde_json::Value as Json;

use super::key::{Key, Range};
use super::{Item, ItemPage, Query, TableDefinition, cursor};
use crate::store::resource::{self, Kind};
use crate::{AppId, Data, DataError};

/// Bytes of JSON in a page.
const PAGE: usize = 1024 * 1024;

pub(super) fn find(db: &Connection, app: &AppId, table: &str) -> Result<(i64, TableDefinition), DataError> {
    let found = resource::require(db, app, Kind::Table, table)?;
    Ok((found.id, found.definition()?))
}

fn get(db: &Connection, table: i64, key: &Key, now_ms: i64) -> Result<Option<Item>, DataError> {
    let mut query = db.prepare_cached(
        "SELECT version, item FROM items WHERE resource = ?1 AND partition = ?2 AND sort = ?3
         AND (expires_ms IS NULL OR expires_ms > ?4)",
    )?;
    let row = query
        .query_row(params![table, key.partition, key.sort, now_ms], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    row.map(|(version, text)| Ok(Item { item: serde_json::from_str(&text)?, version: version.to_string() }))
        .transpose()
}

/// Rows up to a page's limits. They have version, item, partition, sort; the statement gives one more than the limit, if there is one.
struct PageReader {
    limit: usize,
    page: ItemPage,
    bytes: usize,
    last: Option<Key>,
}

impl PageReader {
    fn new(limit: usize) -> Self {
        Self { limit, page: ItemPage::default(), bytes: 0, last: None }
    }

    /// Takes a row; `false` when the page is full and ends before it.
    fn add(&mut self, row: &Row<'_>) -> Result<bool, DataError> {
        let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        self.bytes += text.len();
        if self.page.items.len() == self.limit || (self.bytes > PAGE && !self.page.items.is_empty()) {
            self.page.cursor = self.last.as_ref().map(cursor::write);
            return Ok(false);
        }
        let version: i64 = row.get(0)?;
        self.page.items.push(Item { item: serde_json::from_str(text)?, version: version.to_string() });
        self.last = Some(Key { partition: row.get(2)?, sort: row.get(3)? });
        Ok(true)
    }
}

fn read_page(
    db: &Connection,
    sql: &str,
    parameters: &[&dyn ToSql],
    limit: usize,
) -> Result<ItemPage, DataError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut reader = PageReader::new(limit);
    while let Some(row) = rows.next()? {
        if !reader.add(row)? {
            break;
        }
    }
    Ok(reader.page)
}

fn check_limit(limit: usize) -> Result<i64, DataError> {
    if !(1..=1000).contains(&limit) {
        return Err(DataError::bad_request(format!("the limit is {limit}, not 1 to 1,000")));
    }
    Ok(i64::try_from(limit).unwrap_or(i64::MAX))
}

fn query(
    db: &Connection,
    (table, definition): (i64, TableDefinition),
    query: &Query,
    now_ms: i64,
) -> Result<ItemPage, DataError> {
    let limit = check_limit(query.limit)?;
    let partition = definition.partition(&query.partition)?;
    let mut range = match &query.sort {
        Some(condition) => definition.range(condition)?,
        None => Range { lower: Bound::Unbounded, upper: Bound::Unbounded },
    };
    if let Some(cursor) = &query.cursor {
        let after = cursor::read(cursor)?;
        if after.partition != partition {
            return Err(DataError::bad_request("the cursor is of another partition"));
        }
        range.continue_after(after.sort, query.reverse);
    }
    let none = Vec::new();
    let (lower_op, lower) = match &range.lower {
        Bound::Included(bytes) => (">=", bytes),
        Bound::Excluded(bytes) => (">", bytes),
        Bound::Unbounded => (">=", &none),
    };
    let (upper_op, upper) = match &range.upper {
        Bound::Included(bytes) => ("sort <=", bytes),
        Bound::Excluded(bytes) => ("sort <", bytes),
        Bound::Unbounded => ("x'' =", &none),
    };
    let order = if query.reverse { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT version, item, partition, sort FROM items
         WHERE resource = ?1 AND partition = ?2 AND sort {lower_op} ?3 AND {upper_op} ?4
         AND (expires_ms IS NULL OR expires_ms > ?5) ORDER BY sort {order} LIMIT ?6 + 1"
    );
    read_page(db, &sql, &[&table, &partition, lower, upper, &now_ms, &limit], query.limit)
}

fn scan(
    db: &Connection,
    table: i64,
    limit: usize,
    cursor: Option<&str>,
    now_ms: i64,
) -> Result<ItemPage, DataError> {
    let most = check_limit(limit)?;
    let after = match cursor {
        Some(cursor) => cursor::read(cursor)?,
        None => Key { partition: Vec::new(), sort: Vec::new() },
    };
    let sql = "SELECT version, item, partition, sort FROM items
         WHERE resource = ?1 AND (partition, sort) > (?2, ?3) AND (expires_ms IS NULL OR expires_ms > ?4)
         ORDER BY partition, sort LIMIT ?5 + 1";
    read_page(db, sql, &[&table, &after.partition, &after.sort, &now_ms, &most], limit)
}

impl Data {
    /// The item of a key (an object with exactly the key's attributes).
    pub async fn get_item(&self, app: &AppId, table: &str, key: &Json) -> Result<Option<Item>, DataError> {
        let (app, table, key, now_ms) = (app.clone(), table.to_owned(), key.clone(), self.now_ms());
        let get = move |db: &Connection| {
            let (id, definition) = find(db, &app, &table)?;
            get(db, id, &definition.key(&key)?, now_ms)
        };
        self.read("get item", get).await
    }

    /// A page of one partition, by sort key.
    pub async fn query_items(&self, app: &AppId, table: &str, page: Query) -> Result<ItemPage, DataError> {
        let (app, table, now_ms) = (app.clone(), table.to_owned(), self.now_ms());
        let read = move |db: &Connection| query(db, find(db, &app, &table)?, &page, now_ms);
        self.read("query items", read).await
    }

    /// A page of everything, in no promised order. Over all pages, an item that is there all the time comes once.
    pub async fn scan_items(
        &self,
        app: &AppId,
        table: &str,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<ItemPage, DataError> {
        let (app, table, now_ms) = (app.clone(), table.to_owned(), self.now_ms());
        let read =
            move |db: &Connection| scan(db, find(db, &app, &table)?.0, limit, cursor.as_deref(), now_ms);
        self.read("scan items", read).await
    }
}
