//! Why an operation failed.

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
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DataError {
    /// What kind.
    pub kind: ErrorKind,
    /// What happened to what.
    pub message: String,
}
