//! Secrets, encrypted at rest (AES-256-GCM, a key of the folder's own that only its owner can read).

mod seal;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use zeroize::Zeroizing;

pub(crate) use seal::Sealer;

use crate::store::{Tx, resource};
use crate::{AppId, Data, DataError};

/// Bytes of a value.
const LARGEST: usize = 64 * 1024;

/// A secret's value. Its `Debug` form shows nothing of it, and its memory is overwritten when it is dropped.
pub struct SecretValue {
    value: Zeroizing<Vec<u8>>,
}

impl SecretValue {
    /// The value.
    pub fn as_bytes(&self) -> &[u8] {
        &self.value
    }
}

impl From<Vec<u8>> for SecretValue {
    fn from(value: Vec<u8>) -> Self {
        Self { value: Zeroizing::new(value) }
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretValue(..)")
    }
}

/// A secret without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretEntry {
    /// Its name.
    pub name: String,
    /// When it was set: milliseconds since the Unix epoch.
    pub updated_ms: u64,
}

impl Data {
    /// Sets a secret, whether or not the app is there yet. At most 64 KiB.
    pub async fn set_secret(&self, app: &AppId, name: &str, value: SecretValue) -> Result<(), DataError> {
        if name.is_empty() {
            return Err(DataError::bad_request("a secret's name is not empty"));
        }
        let bytes = value.as_bytes();
        if bytes.len() > LARGEST {
            let length = bytes.len();
            let message = format!("the secret `{name}` has {length} bytes, the limit is 64 KiB");
            return Err(DataError::too_large(message));
        }
        let sealed = self.sealer().seal(app, name, bytes)?;
        let (app, name) = (app.clone(), name.to_owned());
        let set = move |tx: &mut Tx<'_>| {
            let app = resource::ensure_app(tx, &app)?;
            tx.db.execute(
                "INSERT INTO secrets (app, name, sealed, updated_ms) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (app, name) DO UPDATE SET sealed = ?3, updated_ms = ?4",
                params![app, name, sealed, tx.now_ms],
            )?;
            Ok(())
        };
        self.write("set secret", set).await
    }

    /// A secret's value.
    pub async fn secret(&self, app: &AppId, name: &str) -> Result<Option<SecretValue>, DataError> {
        let (app, name, sealer) = (app.clone(), name.to_owned(), Arc::clone(self.sealer()));
        let read = move |db: &Connection| {
            let Some(id) = resource::app(db, &app)? else { return Ok(None) };
            let mut query = db.prepare_cached("SELECT sealed FROM secrets WHERE app = ?1 AND name = ?2")?;
            let sealed: Option<Vec<u8>> = query.query_row(params![id, name], |row| row.get(0)).optional()?;
            sealed.map(|sealed| Ok(SecretValue { value: sealer.unseal(&app, &name, &sealed)? })).transpose()
        };
        self.read("read secret", read).await
    }

    /// All secrets of an app, by name.
    pub async fn secrets(&self, app: &AppId) -> Result<Vec<SecretEntry>, DataError> {
        let app = app.clone();
        let read = move |db: &Connection| {
            let Some(id) = resource::app(db, &app)? else { return Ok(Vec::new()) };
            let mut query =
                db.prepare_cached("SELECT name, updated_ms FROM secrets WHERE app = ?1 ORDER BY name")?;
            let entries = query.query_map([id], |row| {
                let updated_ms = u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default();
                Ok(SecretEntry { name: row.get(0)?, updated_ms })
            })?;
            Ok(entries.collect::<Result<_, _>>()?)
        };
        self.read("list secrets", read).await
    }

    /// Deletes a secret; says whether it was there.
    pub async fn remove_secret(&self, app: &AppId, name: &str) -> Result<bool, DataError> {
        let (app, name) = (app.clone(), name.to_owned());
        let remove = move |tx: &mut Tx<'_>| {
            let Some(id) = resource::app(tx.db, &app)? else { return Ok(false) };
            let removed =
                tx.db.execute("DELETE FROM secrets WHERE app = ?1 AND name = ?2", params![id, name])?;
            Ok(removed > 0)
        };
        self.write("remove secret", remove).await
    }
}
