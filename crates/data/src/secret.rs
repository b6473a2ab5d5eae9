//! Secrets, encrypted at rest (AES-256-GCM, a key of the folder's own that only its owner can read).

use crate::{AppId, Data, DataError};

/// A secret's value. Its `Debug` form shows nothing of it, and its memory is overwritten when it is dropped.
pub struct SecretValue {}

impl SecretValue {
    /// The value.
    pub fn as_bytes(&self) -> &[u8] {
        unimplemented!()
    }
}

impl From<Vec<u8>> for SecretValue {
    fn from(value: Vec<u8>) -> Self {
        unimplemented!()
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
        unimplemented!()
    }

    /// A secret's value.
    pub async fn secret(&self, app: &AppId, name: &str) -> Result<Option<SecretValue>, DataError> {
        unimplemented!()
    }

    /// All secrets of an app, by name.
    pub async fn secrets(&self, app: &AppId) -> Result<Vec<SecretEntry>, DataError> {
        unimplemented!()
    }

    /// Deletes a secret; says whether it was there.
    pub async fn remove_secret(&self, app: &AppId, name: &str) -> Result<bool, DataError> {
        unimplemented!()
    }
}
