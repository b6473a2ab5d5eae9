//! Why an operation failed.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

/// What kind of failure it is; the data API gives each a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No such resource, object or upload.
    NotFound,
    /// A condition did not hold.
    Conflict,
    /// The request is not one that can be answered.
    BadRequest,
    /// Over a limit.
    TooLarge,
    /// The disk is full.
    StorageFull,
    /// The database or the file system failed.
    Storage,
}

/// A failed operation: one lower-case sentence.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct DataError {
    /// What kind.
    pub kind: ErrorKind,
    /// What happened to what.
    pub message: String,
}

impl DataError {
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::NotFound, message: message.into() }
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Conflict, message: message.into() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::BadRequest, message: message.into() }
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::TooLarge, message: message.into() }
    }

    pub(crate) fn storage(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Storage, message: message.into() }
    }

    /// What the file system refused.
    pub(crate) fn io(doing: &str, path: &Path, cause: &io::Error) -> Self {
        let kind = match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
            _ => ErrorKind::Storage,
        };
        Self { kind, message: format!("{doing} {}: {cause}", path.display()) }
    }

    /// Says which operation met a failure of the store; the other kinds say it themselves.
    pub(crate) fn during(mut self, operation: &str) -> Self {
        if matches!(self.kind, ErrorKind::Storage | ErrorKind::StorageFull) {
            self.message = format!("{operation}: {}", self.message);
        }
        self
    }
}

impl From<rusqlite::Error> for DataError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => {
                Self { kind: ErrorKind::StorageFull, message: "the disk of the host's data is full".into() }
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::storage(format!("the host's database is damaged: {error}"))
            }
            _ => Self::storage(format!("the host's database failed: {error}")),
        }
    }
}

/// For JSON that this crate wrote itself.
impl From<serde_json::Error> for DataError {
    fn from(error: serde_json::Error) -> Self {
        Self::storage(format!("the host's database holds JSON that cannot be read: {error}"))
    }
}
