//! Defining, putting, deleting and expiring. Each change is a message for the table's subscribers, in the same transaction.

use rusqlite::{OptionalExtension, params};
use serde_json::{Map, Value as Json};

use super::key::Key;
use super::read::find;
use super::{PutCondition, TableDefinition};
use crate::inbox::{self, Body, NewMessage};
use crate::store::resource::{self, Kind};
use crate::store::{Tx, new_id};
use crate::{AppId, Data, DataError};

/// Bytes of an item as JSON.
const LARGEST: usize = 400 * 1024;

/// Rows that one transaction of maintenance handles.
const PORTION: i64 = 256;

/// A table, its name and its app, as changes need them.
struct Table {
    id: i64,
    app: i64,
    name: String,
    definition: TableDefinition,
}

impl Table {
    fn find(tx: &Tx<'_>, app: &AppId, name: &str) -> Result<Self, DataError> {
        let found = resource::require(tx.db, app, Kind::Table, name)?;
        let definition = found.definition()?;
        Ok(Self { id: found.id, app: found.app, name: name.to_owned(), definition })
    }

    /// What is stored under a key. An expired item is removed first, so nothing is.
    fn current(&self, tx: &mut Tx<'_>, key: &Key) -> Result<Option<Stored>, DataError> {
        let mut query = tx.db.prepare_cached(
            "SELECT id, version, item, expires_ms FROM items WHERE resource = ?1 AND partition = ?2 AND sort = ?3",
        )?;
        let found = query
            .query_row(params![self.id, key.partition, key.sort], |row| {
                let stored = Stored { id: row.get(0)?, version: row.get(1)?, text: row.get(2)? };
                Ok((stored, row.get::<_, Option<i64>>(3)?))
            })
            .optional()?;
        drop(query);
        match found {
            Some((stored, Some(expires_ms))) if expires_ms <= tx.now_ms => {
                self.remove(tx, &stored)?;
                Ok(None)
            }
            found => Ok(found.map(|(stored, _)| stored)),
        }
    }

    fn remove(&self, tx: &mut Tx<'_>, stored: &Stored) -> Result<(), DataError> {
        tx.db.prepare_cached("DELETE FROM items WHERE id = ?1")?.execute([stored.id])?;
        self.announce(tx, "remove", Some(&stored.text), None)
    }

    fn put(&self, tx: &mut Tx<'_>, item: &NewItem, condition: &PutCondition) -> Result<i64, DataError> {
        let key = self.definition.key_of(&item.attributes)?;
        let before = self.current(tx, &key)?;
        match condition {
            PutCondition::Always => {}
            PutCondition::IfAbsent if before.is_none() => {}
            PutCondition::IfAbsent => return Err(DataError::conflict("there is such an item already")),
            PutCondition::IfVersion(version) => check_version(before.as_ref(), version)?,
        }
        let version = tx.next_number();
        let expires_ms = self.definition.expiry(&item.attributes);
        let mut put = tx.db.prepare_cached(
            "INSERT INTO items (resource, partition, sort, version, expires_ms, item) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (resource, partition, sort) DO UPDATE SET version = ?4, expires_ms = ?5, item = ?6",
        )?;
        put.execute(params![self.id, key.partition, key.sort, version, expires_ms, item.text])?;
        drop(put);
        let before = before.as_ref().map(|stored| stored.text.as_str());
        let change = if before.is_some() { "update" } else { "insert" };
        self.announce(tx, change, before, Some(&item.text))?;
        Ok(version)
    }

    /// Tells the subscribers. Items are text in messages as they are in the table, so nothing is parsed but the key.
    fn announce(
        &self,
        tx: &mut Tx<'_>,
        change: &str,
        before: Option<&str>,
        after: Option<&str>,
    ) -> Result<(), DataError> {
        let inboxes = inbox::subscribers(tx.db, self.app, Kind::Table, &self.name, |_| true)?;
        if inboxes.is_empty() {
            return Ok(());
        }
        let item: Map<String, Json> = serde_json::from_str(after.or(before).unwrap_or("{}"))?;
        let key = self.definition.key_text(&item);
        let (before, after) = (before.unwrap_or("null"), after.unwrap_or("null"));
        let data = format!(r#"{{"change":"{change}","key":{key},"before":{before},"after":{after}}}"#);
        let (id, body) = (new_id(), Body::Json(data.into()));
        let (event, subject) = ("sf.table", Some(key.as_str()));
        inbox::deliver(
            tx,
            &inboxes,
            &NewMessage { id: &id, event, subject, body: &body, attributes: None, delay_ms: 0 },
        )
    }
}

/// An item as the table has it.
struct Stored {
    id: i64,
    version: i64,
    text: String,
}

/// An item that is to be put.
struct NewItem {
    attributes: Map<String, Json>,
    text: String,
}

impl NewItem {
    fn new(attributes: Map<String, Json>) -> Result<Self, DataError> {
        let text = serde_json::to_string(&attributes)?;
        if text.len() > LARGEST {
            let message = format!("the item has {} bytes as JSON, the limit is 400 KB", text.len());
            return Err(DataError::too_large(message));
        }
        Ok(Self { attributes, text })
    }
}

impl TableDefinition {
    /// When an item expires, in milliseconds. One whose attribute is missing or no number never does.
    fn expiry(&self, item: &Map<String, Json>) -> Option<i64> {
        let seconds = item.get(self.ttl.as_ref()?)?.as_f64()?;
        // Times out of all reach become the first or the last one.
        Some((seconds * 1000.0) as i64)
    }
}

fn check_version(stored: Option<&Stored>, wanted: &str) -> Result<(), DataError> {
    match stored {
        Some(stored) if stored.version.to_string() == wanted => Ok(()),
        Some(_) => Err(DataError::conflict("the item has another version")),
        None => Err(DataError::conflict("there is no such item any more")),
    }
}

fn define(tx: &mut Tx<'_>, app: &AppId, name: &str, definition: &TableDefinition) -> Result<(), DataError> {
    let before = resource::find(tx.db, app, Kind::Table, name)?;
    let before = before.map(|found| found.definition::<TableDefinition>()).transpose()?;
    let same_key =
        |old: &TableDefinition| old.partition == definition.partition && old.sort == definition.sort;
    if before.as_ref().is_some_and(|old| !same_key(old)) {
        resource::remove(tx, app, Kind::Table, name)?;
    }
    resource::define(tx, app, Kind::Table, name, definition, None)?;
    if before.is_some_and(|old| same_key(&old) && old.ttl != definition.ttl) {
        let (id, definition) = find(tx.db, app, name)?;
        set_expiries(tx, id, &definition)?;
    }
    Ok(())
}

/// Another `ttl` attribute holds for items that are there, too.
fn set_expiries(tx: &Tx<'_>, table: i64, definition: &TableDefinition) -> Result<(), DataError> {
    let mut items = tx.db.prepare("SELECT id, item, expires_ms FROM items WHERE resource = ?1")?;
    let mut update = tx.db.prepare("UPDATE items SET expires_ms = ?2 WHERE id = ?1")?;
    let mut changed = Vec::new();
    let mut rows = items.query([table])?;
    while let Some(row) = rows.next()? {
        let item = serde_json::from_str(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
        let expires_ms = definition.expiry(&item);
        if expires_ms != row.get(2)? {
            changed.push((row.get::<_, i64>(0)?, expires_ms));
        }
    }
    for (id, expires_ms) in changed {
        update.execute(params![id, expires_ms])?;
    }
    Ok(())
}

/// Removes a portion of the expired items; gives how many.
pub(crate) fn expire(tx: &mut Tx<'_>) -> Result<u64, DataError> {
    let mut query = tx.db.prepare_cached(
        "SELECT i.id, i.version, i.item, r.id, r.app, r.name, r.definition FROM items i JOIN resources r ON r.id = i.resource
         WHERE i.expires_ms <= ?1 ORDER BY i.expires_ms LIMIT ?2",
    )?;
    let mut rows = query.query([tx.now_ms, PORTION])?;
    let mut expired = Vec::new();
    while let Some(row) = rows.next()? {
        let stored = Stored { id: row.get(0)?, version: row.get(1)?, text: row.get(2)? };
        let definition = serde_json::from_str(&row.get::<_, String>(6)?)?;
        expired.push((Table { id: row.get(3)?, app: row.get(4)?, name: row.get(5)?, definition }, stored));
    }
    drop(rows);
    drop(query);
    for (table, stored) in &expired {
        table.remove(tx, stored)?;
    }
    Ok(expired.len() as u64)
}

impl Data {
    /// Makes a table, or changes its `ttl`. With another key it is another table: the old one's items are gone.
    pub async fn define_table(
        &self,
        app: &AppId,
        name: &str,
        definition: TableDefinition,
    ) -> Result<(), DataError> {
        let (app, name) = (app.clone(), name.to_owned());
        self.write("define table", move |tx| define(tx, &app, &name, &definition)).await
    }

    /// Deletes a table with its items. Nothing if there is none.
    pub async fn drop_table(&self, app: &AppId, name: &str) -> Result<(), DataError> {
        let (app, name) = (app.clone(), name.to_owned());
        self.write("drop table", move |tx| resource::remove(tx, &app, Kind::Table, &name)).await
    }

    /// Writes an item; gives its version.
    pub async fn put_item(
        &self,
        app: &AppId,
        table: &str,
        item: Map<String, Json>,
        condition: PutCondition,
    ) -> Result<String, DataError> {
        let (app, table, item) = (app.clone(), table.to_owned(), NewItem::new(item)?);
        let put = move |tx: &mut Tx<'_>| {
            let version = Table::find(tx, &app, &table)?.put(tx, &item, &condition)?;
            Ok(version.to_string())
        };
        self.write("put item", put).await
    }

    /// Deletes an item; says whether it was there.
    pub async fn delete_item(
        &self,
        app: &AppId,
        table: &str,
        key: &Json,
        if_version: Option<String>,
    ) -> Result<bool, DataError> {
        let (app, table, key) = (app.clone(), table.to_owned(), key.clone());
        let delete = move |tx: &mut Tx<'_>| {
            let table = Table::find(tx, &app, &table)?;
            let key = table.definition.key(&key)?;
            let stored = table.current(tx, &key)?;
            if let Some(version) = &if_version {
                check_version(stored.as_ref(), version)?;
            }
            match stored {
                Some(stored) => table.remove(tx, &stored).map(|()| true),
                None => Ok(false),
            }
        };
        self.write("delete item", delete).await
    }
}
