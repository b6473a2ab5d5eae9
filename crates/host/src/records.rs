//! What is deployed: one database with a row for each resource, so that a put writes what it changed and not the whole app.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use sf_data::AppId;
use sf_host_api::{ApiError, Resource};

use crate::HostError;

/// Of the tables below; a later one is refused.
const VERSION: u32 = 1;
const TABLES: &str = "
    CREATE TABLE apps (project TEXT NOT NULL, stage TEXT NOT NULL, about TEXT NOT NULL, PRIMARY KEY (project, stage)) WITHOUT ROWID;
    CREATE TABLE resources (project TEXT NOT NULL, stage TEXT NOT NULL, address TEXT NOT NULL, stored TEXT NOT NULL,
        PRIMARY KEY (project, stage, address)) WITHOUT ROWID;
";

/// An app as it is stored. Cheap to clone: a change replaces the resources that it concerns.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AppRecord {
    pub(crate) project: String,
    pub(crate) stage: String,
    pub(crate) port: Option<u16>,
    /// By `kind/name`.
    pub(crate) resources: BTreeMap<String, Arc<Stored>>,
    /// Deleted resources (`kind/name`) whose data may still be there.
    pub(crate) dropping: BTreeSet<String>,
    /// The artifacts of earlier releases, newest first: one that is gone back to need not be uploaded again.
    pub(crate) earlier: Vec<BTreeSet<String>>,
    /// A release that takes over in steps, or the last one that was taken back.
    pub(crate) rollout: Option<RolloutRecord>,
}

/// How far a rollout is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RolloutRecord {
    /// Of the release that it leads to, as are the following.
    pub(crate) revision: String,
    pub(crate) spec: serde_json::Value,
    pub(crate) annotations: BTreeMap<String, serde_json::Value>,
    /// Milliseconds from its begin to that of the step that it is at.
    pub(crate) passed_ms: u64,
    /// Why it was taken back, if it was.
    pub(crate) back: Option<ApiError>,
}

/// A resource and the revisions of it that something still needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) newest: Resource,
    pub(crate) revisions: BTreeMap<String, serde_json::Value>,
}

/// What is stored of an app itself.
#[derive(PartialEq, Serialize, Deserialize)]
struct About {
    port: Option<u16>,
    #[serde(default)]
    dropping: BTreeSet<String>,
    #[serde(default)]
    earlier: Vec<BTreeSet<String>>,
    #[serde(default)]
    rollout: Option<RolloutRecord>,
}

impl About {
    fn of(record: &AppRecord) -> Self {
        Self {
            port: record.port,
            dropping: record.dropping.clone(),
            earlier: record.earlier.clone(),
            rollout: record.rollout.clone(),
        }
    }
}

/// How many earlier releases' artifacts are kept: `sf` keeps 20 releases, the active one among them.
const EARLIER: usize = 19;

impl AppRecord {
    /// Of an app that is not there yet.
    pub(crate) fn new(project: &str, stage: &str) -> Self {
        Self { project: project.to_owned(), stage: stage.to_owned(), ..Self::default() }
    }

    /// Whose it is.
    pub(crate) fn id(&self) -> AppId {
        AppId { project: self.project.clone(), stage: self.stage.clone() }
    }

    /// A release with other artifacts takes the place of one.
    pub(crate) fn outdate(&mut self, artifacts: BTreeSet<String>, successor: &BTreeSet<String>) {
        if artifacts.is_empty() || artifacts == *successor {
            return;
        }
        self.earlier.retain(|earlier| *earlier != artifacts && earlier != successor);
        self.earlier.insert(0, artifacts);
        self.earlier.truncate(EARLIER);
    }

    /// Whether nothing is left to be remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.dropping.is_empty()
    }
}

/// The records of all apps.
pub(crate) struct Records {
    db: Mutex<Connection>,
}

impl Records {
    /// Opens the database, made if it is missing.
    pub(crate) fn open(path: &Path) -> Result<Self, HostError> {
        let corrupt = |cause: rusqlite::Error| unreadable(path, &cause);
        let db = Connection::open(path).map_err(corrupt)?;
        // A write is on disk when it is answered: <https://www.sqlite.org/pragma.html#pragma_synchronous>.
        db.pragma_update(None, "journal_mode", "wal").map_err(corrupt)?;
        db.pragma_update(None, "synchronous", "full").map_err(corrupt)?;
        let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(corrupt)?;
        match version {
            0 => {
                let made = format!("BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;");
                db.execute_batch(&made).map_err(corrupt)?;
            }
            VERSION => {}
            later => {
                let cause = format!("it is of version {later}, made by a later sf");
                return Err(HostError::Corrupt { path: path.to_owned(), cause });
            }
        }
        Ok(Self { db: Mutex::new(db) })
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them.
    pub(crate) fn load(&self) -> Result<Vec<AppRecord>, HostError> {
        let db = self.db();
        let path = db.path().map(PathBuf::from).unwrap_or_default();
        read(&db).map_err(|cause| unreadable(&path, &cause))
    }

    /// Writes what differs, all or nothing. `before` is what was loaded or written last.
    pub(crate) fn save(&self, before: &AppRecord, after: &AppRecord) -> rusqlite::Result<()> {
        let mut db = self.db();
        let tx = db.transaction()?;
        let (project, stage) = (&after.project, &after.stage);
        let about = About::of(after);
        if before.is_empty() || About::of(before) != about {
            let about = json(&about)?;
            tx.execute("INSERT OR REPLACE INTO apps VALUES (?1, ?2, ?3)", params![project, stage, about])?;
        }
        for (address, stored) in &after.resources {
            let same = |old: &Arc<Stored>| Arc::ptr_eq(old, stored) || old == stored;
            if !before.resources.get(address).is_some_and(same) {
                let row = params![project, stage, address, json(stored.as_ref())?];
                tx.prepare_cached("INSERT OR REPLACE INTO resources VALUES (?1, ?2, ?3, ?4)")?
                    .execute(row)?;
            }
        }
        for address in before.resources.keys().filter(|address| !after.resources.contains_key(*address)) {
            let row = params![project, stage, address];
            tx.execute("DELETE FROM resources WHERE project = ?1 AND stage = ?2 AND address = ?3", row)?;
        }
        tx.commit()
    }

    /// Forgets an app.
    pub(crate) fn remove(&self, project: &str, stage: &str) -> rusqlite::Result<()> {
        let mut db = self.db();
        let tx = db.transaction()?;
        for table in ["resources", "apps"] {
            tx.execute(
                &format!("DELETE FROM {table} WHERE project = ?1 AND stage = ?2"),
                params![project, stage],
            )?;
        }
        tx.commit()
    }
}

fn unreadable(path: &Path, cause: &rusqlite::Error) -> HostError {
    HostError::Corrupt { path: path.to_owned(), cause: cause.to_string() }
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn parsed<T: serde::de::DeserializeOwned>(column: usize, text: &str) -> rusqlite::Result<T> {
    let bad = |error: serde_json::Error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
    };
    serde_json::from_str(text).map_err(bad)
}

fn read(db: &Connection) -> rusqlite::Result<Vec<AppRecord>> {
    let mut apps = BTreeMap::new();
    let mut query = db.prepare("SELECT project, stage, about FROM apps")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (project, stage): (String, String) = (row.get(0)?, row.get(1)?);
        let About { port, dropping, earlier, rollout } = parsed(2, row.get_ref(2)?.as_str()?)?;
        let record = AppRecord { port, dropping, earlier, rollout, ..AppRecord::new(&project, &stage) };
        apps.insert((project, stage), record);
    }
    let mut query = db.prepare("SELECT project, stage, address, stored FROM resources")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(app) = apps.get_mut(&(row.get(0)?, row.get(1)?)) {
            app.resources.insert(row.get(2)?, Arc::new(parsed(3, row.get_ref(3)?.as_str()?)?));
        }
    }
    Ok(apps.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(name: &str, revision: &str) -> Arc<Stored> {
        let newest = Resource {
            kind: "route".into(),
            name: name.into(),
            revision: revision.into(),
            spec: serde_json::json!({ "grüße": name }),
            annotations: BTreeMap::new(),
            outputs: BTreeMap::new(),
        };
        Arc::new(Stored { newest, revisions: BTreeMap::from([(revision.to_owned(), 7.into())]) })
    }

    #[test]
    fn what_was_saved_is_loaded_after_each_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("apps.db");
        let mut before = AppRecord::new("shop", "dev");
        let mut after = before.clone();
        after.resources.insert("route/a".into(), stored("a", "1"));
        after.resources.insert("route/b".into(), stored("b", "1"));
        let mut steps = vec![after.clone()];
        after.port = Some(7071);
        after.resources.insert("route/a".into(), stored("a", "2"));
        steps.push(after.clone());
        after.resources.remove("route/a");
        after.dropping.insert("table/t".into());
        steps.push(after.clone());
        after.outdate(BTreeSet::from(["aa".into()]), &BTreeSet::new());
        steps.push(after.clone());
        after.rollout = Some(RolloutRecord {
            revision: "r2".into(),
            spec: serde_json::json!({ "resources": {} }),
            annotations: BTreeMap::from([("a".into(), 1.into())]),
            passed_ms: 7,
            back: None,
        });
        steps.push(after.clone());
        for step in steps {
            // Opened anew each time: nothing is kept but on disk.
            let records = Records::open(&path).unwrap();
            records.save(&before, &step).unwrap();
            drop(records);
            assert_eq!(Records::open(&path).unwrap().load().unwrap(), vec![step.clone()]);
            before = step;
        }
        let records = Records::open(&path).unwrap();
        records
            .save(
                &AppRecord::new("other", "dev"),
                &AppRecord { port: Some(1), ..AppRecord::new("other", "dev") },
            )
            .unwrap();
        records.remove("shop", "dev").unwrap();
        let left: Vec<_> = records.load().unwrap().into_iter().map(|app| app.project).collect();
        assert_eq!(left, ["other"]);
    }

    #[test]
    fn the_code_of_the_newest_earlier_releases_is_kept_once() {
        let code = |nth: usize| BTreeSet::from([format!("a{nth}"), "same".to_owned()]);
        let mut record = AppRecord::new("shop", "dev");
        // Forward, back, and forward again.
        for (old, new) in [(1, 2), (2, 1), (1, 2), (2, 2)] {
            record.outdate(code(old), &code(new));
        }
        assert_eq!(record.earlier, [code(1)]);
        for nth in 2..40 {
            record.outdate(code(nth), &code(nth + 1));
        }
        assert_eq!(record.earlier, (21..40).rev().map(code).collect::<Vec<_>>());
    }

    #[test]
    fn a_later_version_and_another_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let later = folder.path().join("later.db");
        drop(Records::open(&later).unwrap());
        Connection::open(&later).unwrap().pragma_update(None, "user_version", 9).unwrap();
        assert!(matches!(Records::open(&later), Err(HostError::Corrupt { .. })));
        let other = folder.path().join("other.db");
        std::fs::write(&other, "this is no database, and long enough to be taken for one".repeat(40))
            .unwrap();
        assert!(matches!(Records::open(&other), Err(HostError::Corrupt { .. })));
    }
}
