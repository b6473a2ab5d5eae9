//! Putting, reading and deleting objects.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;

use super::content::{self, Content};
use super::{Condition, ObjectInfo, ObjectReader, PutObject};
use crate::inbox::{self, Body, NewMessage, Source};
use crate::store::resource::{self, Kind};
use crate::store::{Tx, new_id};
use crate::{AppId, Data, DataError};

const LONGEST_KEY: usize = 1024;

/// Bytes of names and values.
const LARGEST_METADATA: usize = 2048;

const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The columns that [`object`] reads, in its order.
pub(super) const COLUMNS: &str = "key, size, etag, content_type, metadata, modified_ms, file";

pub(super) fn object(row: &Row<'_>) -> Result<ObjectInfo, DataError> {
    Ok(ObjectInfo {
        key: key_text(row.get(0)?)?,
        size: unsigned(row.get(1)?),
        etag: row.get(2)?,
        content_type: row.get(3)?,
        metadata: serde_json::from_str(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)?,
        modified_ms: unsigned(row.get(5)?),
    })
}

pub(super) fn key_text(bytes: Vec<u8>) -> Result<String, DataError> {
    String::from_utf8(bytes).map_err(|_| DataError::storage("the host's database has a key that is no text"))
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn check_key(key: &str) -> Result<(), DataError> {
    if key.is_empty() {
        return Err(DataError::bad_request("the object's key is empty"));
    }
    if key.len() > LONGEST_KEY {
        return Err(DataError::too_large(format!(
            "the object's key has {} bytes, the limit is 1,024",
            key.len()
        )));
    }
    if key.chars().any(char::is_control) {
        return Err(DataError::bad_request(format!("the object's key {key:?} has a control character")));
    }
    Ok(())
}

pub(super) fn check_options(options: &PutObject) -> Result<(), DataError> {
    let size: usize = options.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > LARGEST_METADATA {
        return Err(DataError::too_large(format!("the metadata have {size} bytes, the limit is 2 KB")));
    }
    Ok(())
}

/// A bucket, and its name for messages.
pub(super) struct Bucket {
    pub(super) id: i64,
    app: i64,
    name: String,
}

impl Bucket {
    pub(super) fn find(db: &Connection, app: &AppId, name: &str) -> Result<Self, DataError> {
        let found = resource::require(db, app, Kind::Bucket, name)?;
        Ok(Self { id: found.id, app: found.app, name: name.to_owned() })
    }

    /// An object and its file.
    fn get(&self, db: &Connection, key: &str) -> Result<Option<(ObjectInfo, String)>, DataError> {
        let mut query =
            db.prepare_cached(&format!("SELECT {COLUMNS} FROM objects WHERE resource = ?1 AND key = ?2"))?;
        let mut rows = query.query(params![self.id, key.as_bytes()])?;
        rows.next()?.map(|row| Ok((object(row)?, row.get(6)?))).transpose()
    }

    /// Names a file as the bytes of an object, instead of what it had.
    pub(super) fn put(
        &self,
        tx: &mut Tx<'_>,
        key: &str,
        options: PutObject,
        content: Content,
    ) -> Result<ObjectInfo, DataError> {
        let before = self.get(tx.db, key)?;
        check_condition(&options.condition, key, before.as_ref().map(|(info, _)| info))?;
        let info = ObjectInfo {
            key: key.to_owned(),
            size: content.size,
            etag: content.etag,
            content_type: options.content_type.unwrap_or_else(|| UNKNOWN_TYPE.into()),
            metadata: options.metadata,
            modified_ms: unsigned(tx.now_ms),
        };
        let mut put = tx.db.prepare_cached(
            "INSERT INTO objects (resource, key, size, etag, content_type, metadata, modified_ms, file)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (resource, key) DO UPDATE SET size = ?3, etag = ?4, content_type = ?5, metadata = ?6,
                 modified_ms = ?7, file = ?8",
        )?;
        put.execute(params![
            self.id,
            key.as_bytes(),
            signed(info.size),
            info.etag,
            info.content_type,
            serde_json::to_string(&info.metadata)?,
            tx.now_ms,
            content.file.name(),
        ])?;
        drop(put);
        tx.refer_to(content.file);
        if let Some((_, file)) = before {
            tx.obsolete(file);
        }
        let ObjectInfo { size, etag, content_type, .. } = &info;
        let data =
            json!({"bucket": self.name, "key": key, "size": size, "etag": etag, "contentType": content_type});
        self.announce(tx, key, false, &data)?;
        Ok(info)
    }

    fn delete(&self, tx: &mut Tx<'_>, key: &str) -> Result<bool, DataError> {
        let mut delete =
            tx.db.prepare_cached("DELETE FROM objects WHERE resource = ?1 AND key = ?2 RETURNING file")?;
        let file = delete.query_row(params![self.id, key.as_bytes()], |row| row.get(0)).optional()?;
        drop(delete);
        let Some(file) = file else { return Ok(false) };
        tx.obsolete(file);
        self.announce(tx, key, true, &json!({"bucket": self.name, "key": key}))?;
        Ok(true)
    }

    /// Tells the subscribers.
    fn announce(
        &self,
        tx: &mut Tx<'_>,
        key: &str,
        gone: bool,
        data: &serde_json::Value,
    ) -> Result<(), DataError> {
        let inboxes = inbox::subscribers(tx.db, self.app, Kind::Bucket, &self.name, |source| {
            matches!(source, Source::Bucket { removed, prefix, suffix, .. }
                if *removed == gone && key.starts_with(prefix) && key.ends_with(suffix))
        })?;
        let (id, body) = (new_id(), Body::Json(data.to_string().into()));
        let event = if gone { "sf.bucket.removed" } else { "sf.bucket.created" };
        let subject = Some(key);
        inbox::deliver(
            tx,
            &inboxes,
            &NewMessage { id: &id, event, subject, body: &body, attributes: None, delay_ms: 0 },
        )
    }
}

fn check_condition(condition: &Condition, key: &str, before: Option<&ObjectInfo>) -> Result<(), DataError> {
    match (condition, before) {
        (Condition::Always, _) | (Condition::IfAbsent, None) => Ok(()),
        (Condition::IfAbsent, Some(_)) => {
            Err(DataError::conflict(format!("there is an object `{key}` already")))
        }
        (Condition::IfMatch(etag), Some(before)) if before.etag == *etag => Ok(()),
        (Condition::IfMatch(_), Some(_)) => {
            Err(DataError::conflict(format!("the object `{key}` has another etag")))
        }
        (Condition::IfMatch(_), None) => Err(DataError::conflict(format!("there is no object `{key}`"))),
    }
}

/// What a try to open an object found.
enum Opened {
    NoObject,
    /// Its row named this file, which is gone: the object was replaced in between, or the folder is damaged.
    NoFile(String),
    File(ObjectInfo, File),
}

impl Data {
    /// Makes a bucket.
    pub async fn define_bucket(&self, app: &AppId, name: &str) -> Result<(), DataError> {
        let (app, name) = (app.clone(), name.to_owned());
        let define = move |tx: &mut Tx<'_>| resource::define(tx, &app, Kind::Bucket, &name, &(), None);
        self.write("define bucket", define).await
    }

    /// Deletes a bucket with its objects. Nothing if there is none.
    pub async fn drop_bucket(&self, app: &AppId, name: &str) -> Result<(), DataError> {
        let (app, name) = (app.clone(), name.to_owned());
        self.write("drop bucket", move |tx| resource::remove(tx, &app, Kind::Bucket, &name)).await
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
        S: Stream<Item = io::Result<Bytes>> + Send + Unpin,
    {
        check_key(key)?;
        check_options(&options)?;
        self.require_bucket(app, bucket).await?;
        let content =
            content::receive(self.files(), bytes).await.map_err(|error| error.during("put object"))?;
        let (app, bucket, key) = (app.clone(), bucket.to_owned(), key.to_owned());
        let put = move |tx: &mut Tx<'_>| Bucket::find(tx.db, &app, &bucket)?.put(tx, &key, options, content);
        self.write("put object", put).await
    }

    /// Before bytes are taken for one that is not there.
    async fn require_bucket(&self, app: &AppId, bucket: &str) -> Result<(), DataError> {
        let (app, bucket) = (app.clone(), bucket.to_owned());
        self.read("find bucket", move |db| Bucket::find(db, &app, &bucket).map(|_| ())).await
    }

    /// An object without its bytes.
    pub async fn object(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
    ) -> Result<Option<ObjectInfo>, DataError> {
        let (app, bucket, key) = (app.clone(), bucket.to_owned(), key.to_owned());
        let get =
            move |db: &Connection| Ok(Bucket::find(db, &app, &bucket)?.get(db, &key)?.map(|(info, _)| info));
        self.read("find object", get).await
    }

    /// An object and its bytes, or a range of them (within its size: ask [`Self::object`] first, or take what there is).
    pub async fn read_object(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<Option<(ObjectInfo, ObjectReader)>, DataError> {
        let mut missing = None;
        loop {
            let (info, file) = match self.open_object(app, bucket, key).await? {
                Opened::NoObject => return Ok(None),
                Opened::NoFile(name) if missing.as_ref() == Some(&name) => {
                    return Err(DataError::storage(format!("read object `{key}`: its file {name} is gone")));
                }
                Opened::NoFile(name) => {
                    missing = Some(name);
                    continue;
                }
                Opened::File(info, file) => (info, file),
            };
            let range = range.unwrap_or(0..info.size);
            let stream = content::stream(file, range.start.min(info.size)..range.end.min(info.size));
            let stream =
                stream.map_err(|cause| DataError::storage(format!("read object `{key}`: {cause}")))?;
            return Ok(Some((info, stream)));
        }
    }

    async fn open_object(&self, app: &AppId, bucket: &str, key: &str) -> Result<Opened, DataError> {
        let (app, bucket, key) = (app.clone(), bucket.to_owned(), key.to_owned());
        let files = Arc::clone(self.files());
        let open = move |db: &Connection| {
            let Some((info, file)) = Bucket::find(db, &app, &bucket)?.get(db, &key)? else {
                return Ok(Opened::NoObject);
            };
            match files.read(&file) {
                Ok(file) => Ok(Opened::File(info, file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Opened::NoFile(file)),
                Err(error) => Err(DataError::storage(format!("open its file: {error}"))),
            }
        };
        self.read("read object", open).await
    }

    /// Deletes an object; says whether it was there.
    pub async fn delete_object(&self, app: &AppId, bucket: &str, key: &str) -> Result<bool, DataError> {
        let (app, bucket, key) = (app.clone(), bucket.to_owned(), key.to_owned());
        let delete = move |tx: &mut Tx<'_>| Bucket::find(tx.db, &app, &bucket)?.delete(tx, &key);
        self.write("delete object", delete).await
    }
}
