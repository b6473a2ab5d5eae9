//! Apps and what they have, by name.

use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;

use super::Tx;
use crate::{AppId, DataError};

/// What kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Table,
    Bucket,
    Topic,
    Queue,
    Subscription,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Bucket => "bucket",
            Self::Topic => "topic",
            Self::Queue => "queue",
            Self::Subscription => "subscription",
        }
    }
}

/// A resource's row.
pub(crate) struct Resource {
    pub(crate) id: i64,
    pub(crate) app: i64,
    definition: String,
}

impl Resource {
    pub(crate) fn definition<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        Ok(serde_json::from_str(&self.definition)?)
    }
}

/// An app's id, if it has anything.
pub(crate) fn app(db: &Connection, app: &AppId) -> Result<Option<i64>, DataError> {
    let mut query = db.prepare_cached("SELECT id FROM apps WHERE project = ?1 AND stage = ?2")?;
    Ok(query.query_row([&app.project, &app.stage], |row| row.get(0)).optional()?)
}

/// An app's id; it is there afterwards.
pub(crate) fn ensure_app(tx: &Tx<'_>, id: &AppId) -> Result<i64, DataError> {
    if let Some(id) = app(tx.db, id)? {
        return Ok(id);
    }
    tx.db.execute("INSERT INTO apps (project, stage) VALUES (?1, ?2)", [&id.project, &id.stage])?;
    Ok(tx.db.last_insert_rowid())
}

pub(crate) fn find(
    db: &Connection,
    app: &AppId,
    kind: Kind,
    name: &str,
) -> Result<Option<Resource>, DataError> {
    let mut query = db.prepare_cached(
        "SELECT r.id, r.app, r.definition FROM apps a JOIN resources r ON r.app = a.id
         WHERE a.project = ?1 AND a.stage = ?2 AND r.kind = ?3 AND r.name = ?4",
    )?;
    let found = query.query_row([&app.project, &app.stage, kind.word(), name], |row| {
        Ok(Resource { id: row.get(0)?, app: row.get(1)?, definition: row.get(2)? })
    });
    Ok(found.optional()?)
}

/// A resource that must be there.
pub(crate) fn require(db: &Connection, app: &AppId, kind: Kind, name: &str) -> Result<Resource, DataError> {
    find(db, app, kind, name)?.ok_or_else(|| {
        let AppId { project, stage } = app;
        DataError::not_found(format!("there is no {} `{name}` in {project}/{stage}", kind.word()))
    })
}

/// Makes a resource or changes its definition.
pub(crate) fn define(
    tx: &Tx<'_>,
    app: &AppId,
    kind: Kind,
    name: &str,
    definition: &impl serde::Serialize,
    listens_to: Option<&str>,
) -> Result<(), DataError> {
    let app = ensure_app(tx, app)?;
    let definition = serde_json::to_string(definition)?;
    tx.db.execute(
        "INSERT INTO resources (app, kind, name, definition, listens_to) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (app, kind, name) DO UPDATE SET definition = ?4, listens_to = ?5",
        params![app, kind.word(), name, definition, listens_to],
    )?;
    Ok(())
}

/// Deletes a resource with all that belongs to it. Nothing if there is none.
pub(crate) fn remove(tx: &mut Tx<'_>, app: &AppId, kind: Kind, name: &str) -> Result<(), DataError> {
    let Some(found) = find(tx.db, app, kind, name)? else { return Ok(()) };
    drop_files(tx, "resource = ?1", found.id)?;
    tx.db.execute("DELETE FROM resources WHERE id = ?1", [found.id])?;
    Ok(())
}

/// Deletes an app with all that belongs to it. Nothing if there is none.
pub(crate) fn remove_app(tx: &mut Tx<'_>, id: &AppId) -> Result<(), DataError> {
    let Some(app) = app(tx.db, id)? else { return Ok(()) };
    drop_files(tx, "resource IN (SELECT id FROM resources WHERE app = ?1)", app)?;
    tx.db.execute("DELETE FROM apps WHERE id = ?1", [app])?;
    Ok(())
}

fn drop_files(tx: &mut Tx<'_>, of: &str, id: i64) -> Result<(), DataError> {
    let mut query = tx.db.prepare(&format!(
        "SELECT file FROM objects WHERE {of}
         UNION ALL SELECT file FROM parts WHERE upload IN (SELECT id FROM uploads WHERE {of})"
    ))?;
    let files = query.query_map([id], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    for file in files {
        tx.obsolete(file);
    }
    Ok(())
}
