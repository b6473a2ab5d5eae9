//! What goes wrong below, in S3's words.

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode};
use sf_data::{DataError, ErrorKind};

/// What it means that something is not there, or that a condition does not hold, depends on the operation.
#[derive(Clone, Copy)]
pub(crate) enum Concerning {
    /// A bucket, or an object in it.
    Objects,
    /// An upload in parts.
    Upload,
}

/// A failed operation of the data's.
pub(crate) fn refused(concerning: Concerning, error: DataError) -> S3Error {
    let code = match (error.kind, concerning) {
        (ErrorKind::NotFound, Concerning::Objects) => S3ErrorCode::NoSuchBucket,
        (ErrorKind::NotFound, Concerning::Upload) => S3ErrorCode::NoSuchUpload,
        (ErrorKind::Conflict, Concerning::Objects) => S3ErrorCode::PreconditionFailed,
        (ErrorKind::BadRequest, Concerning::Objects) => S3ErrorCode::InvalidArgument,
        (ErrorKind::Conflict | ErrorKind::BadRequest, Concerning::Upload) => S3ErrorCode::InvalidPart,
        (ErrorKind::TooLarge, _) => S3ErrorCode::EntityTooLarge,
        (ErrorKind::StorageFull, _) => return storage_full(error.message),
        (ErrorKind::Storage, _) => S3ErrorCode::InternalError,
    };
    S3Error::with_message(code, error.message)
}

/// S3 never says that; what it should say is what WebDAV says.
fn storage_full(message: String) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom("InsufficientStorage".into()), message);
    error.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
    error
}

/// A request that asks for something that is not done here. Better refused than half-done.
pub(crate) fn not_here(what: &'static str) -> S3Error {
    S3Error::with_message(S3ErrorCode::NotImplemented, what)
}

/// A wrong argument.
pub(crate) fn bad_argument(what: impl Into<std::borrow::Cow<'static, str>>) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidArgument, what)
}

/// There is no such object.
pub(crate) fn no_such_key(key: &str) -> S3Error {
    S3Error::with_message(S3ErrorCode::NoSuchKey, format!("there is no object `{key}`"))
}
