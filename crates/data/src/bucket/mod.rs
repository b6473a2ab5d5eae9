//! Buckets: objects whose bytes are files.
//!
//! The order of a put: the bytes are in a file and synced, then a row that names the file is committed (with the messages for subscribers), then the file of the
//! row that it replaced is removed. So what a row names is always whole, and a crash leaves at most files without a row.

mod content;
mod list;
mod object;
#[cfg(test)]
mod tests;
mod upload;

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::Stream;
use serde::{Deserialize, Serialize};

pub(crate) use upload::expire;

/// An object without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The MD5 of its bytes in hexadecimal, or of its parts' and `-COUNT`, as S3 has it. Without quotes.
    pub etag: String,
    /// Of the bytes; `application/octet-stream` if nothing was said.
    pub content_type: String,
    /// Names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// When it was put: milliseconds since the Unix epoch.
    pub modified_ms: u64,
}

/// When a put takes effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Always.
    #[default]
    Always,
    /// If there is no such object.
    IfAbsent,
    /// If the object has this etag.
    IfMatch(String),
}

/// What is said of an object when it is put.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutObject {
    /// Of the bytes.
    pub content_type: Option<String>,
    /// Names in lower case; at most 2 KB in all.
    pub metadata: BTreeMap<String, String>,
    /// When it takes effect.
    pub condition: Condition,
}

/// Which keys to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Only keys that begin so.
    pub prefix: String,
    /// Keys that have it behind the prefix are folded into one common prefix.
    pub delimiter: Option<String>,
    /// Only keys (and common prefixes) behind this one.
    pub after: Option<String>,
    /// At most so many keys and prefixes together, 1 to 1,000.
    pub limit: usize,
}

/// A page of keys, in the order of their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Objects.
    pub objects: Vec<ObjectInfo>,
    /// Common prefixes.
    pub prefixes: Vec<String>,
    /// What to give as `after` for the next page; `None` at the end.
    pub next: Option<String>,
}

/// A part of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedPart {
    /// 1 to 10,000.
    pub number: u32,
    /// Its MD5 in hexadecimal.
    pub etag: String,
    /// Bytes.
    pub size: u64,
    /// When it came: milliseconds since the Unix epoch.
    pub modified_ms: u64,
}

/// An upload in parts that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultipartUpload {
    /// Its id.
    pub id: String,
    /// The key that it will be.
    pub key: String,
    /// When it began: milliseconds since the Unix epoch.
    pub started_ms: u64,
}

/// An object's bytes, in pieces of bounded size. What is being read stays, even when the object is overwritten or deleted meanwhile.
pub type ObjectReader = std::pin::Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;
