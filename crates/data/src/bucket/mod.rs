//! Buckets: objects whose bytes are files.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use futures_util::Stream;

use crate::{AppId, Data, DataError};

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

impl Data {
    /// Makes a bucket.
    pub async fn define_bucket(&self, app: &AppId, name: &str) -> Result<(), DataError> {
        unimplemented!()
    }

    /// Deletes a bucket with its objects. Nothing if there is none.
    pub async fn drop_bucket(&self, app: &AppId, name: &str) -> Result<(), DataError> {
        unimplemented!()
    }

    /// Writes an object. All or nothing: a stream that fails leaves what was there before.
    pub async fn put_object<S>(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        options: PutObject,
        bytes: S,
    ) -> Result<ObjectInfo, DataError>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
    {
        unimplemented!()
    }

    /// An object without its bytes.
    pub async fn object(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
    ) -> Result<Option<ObjectInfo>, DataError> {
        unimplemented!()
    }

    /// An object and its bytes, or a range of them (within its size: ask [`Self::object`] first, or take what there is).
    pub async fn read_object(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<Option<(ObjectInfo, ObjectReader)>, DataError> {
        unimplemented!()
    }

    /// Deletes an object; says whether it was there.
    pub async fn delete_object(&self, app: &AppId, bucket: &str, key: &str) -> Result<bool, DataError> {
        unimplemented!()
    }

    /// A page of keys.
    pub async fn list_objects(&self, app: &AppId, bucket: &str, listing: Listing) -> Result<Page, DataError> {
        unimplemented!()
    }

    /// Begins an upload in parts; gives its id.
    pub async fn create_upload(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        options: PutObject,
    ) -> Result<String, DataError> {
        unimplemented!()
    }

    /// Writes a part; a second one of the same number replaces it.
    pub async fn upload_part<S>(
        &self,
        app: &AppId,
        bucket: &str,
        upload: &str,
        number: u32,
        bytes: S,
    ) -> Result<UploadedPart, DataError>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
    {
        unimplemented!()
    }

    /// The parts that came, by number.
    pub async fn list_parts(
        &self,
        app: &AppId,
        bucket: &str,
        upload: &str,
    ) -> Result<Vec<UploadedPart>, DataError> {
        unimplemented!()
    }

    /// Makes an object of these parts, in this order, each with the etag that it must have. Repeating it after it succeeded is [`crate::ErrorKind::NotFound`].
    pub async fn complete_upload(
        &self,
        app: &AppId,
        bucket: &str,
        upload: &str,
        parts: Vec<(u32, String)>,
    ) -> Result<ObjectInfo, DataError> {
        unimplemented!()
    }

    /// Gives an upload up; its parts are deleted.
    pub async fn abort_upload(&self, app: &AppId, bucket: &str, upload: &str) -> Result<(), DataError> {
        unimplemented!()
    }

    /// Uploads under way, by key.
    pub async fn list_uploads(&self, app: &AppId, bucket: &str) -> Result<Vec<MultipartUpload>, DataError> {
        unimplemented!()
    }
}
pub(crate) fn expire(_: &mut crate::store::Tx<'_>) -> Result<u64, DataError> {
    Ok(0)
}
