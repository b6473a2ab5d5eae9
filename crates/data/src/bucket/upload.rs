//! Uploads in parts.

use std::io;

use bytes::Bytes;
use futures_util::Stream;
use rusqlite::{Connection, OptionalExtension, params};

use super::content::{self, Content, Piece};
use super::object::{Bucket, check_key, check_options, key_text, signed, unsigned};
use super::{MultipartUpload, ObjectInfo, PutObject, UploadedPart};
use crate::store::{Tx, new_id};
use crate::{AppId, Data, DataError};

/// An upload that was begun so long ago was given up.
const GIVEN_UP_AFTER_MS: i64 = 7 * 24 * 3600 * 1000;

/// Uploads that one transaction of maintenance removes.
const PORTION: i64 = 64;

const MOST_PARTS: u32 = 10_000;

/// What an upload will be.
struct Upload {
    key: String,
    options: PutObject,
}

fn require(db: &Connection, bucket: &Bucket, id: &str) -> Result<Upload, DataError> {
    let mut query = db.prepare_cached("SELECT key, options FROM uploads WHERE id = ?1 AND resource = ?2")?;
    let found = query
        .query_row(params![id, bucket.id], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    let (key, options) = found.ok_or_else(|| DataError::not_found(format!("there is no upload `{id}`")))?;
    Ok(Upload { key: key_text(key)?, options: serde_json::from_str(&options)? })
}

fn create(tx: &Tx<'_>, bucket: &Bucket, key: &str, options: &PutObject) -> Result<String, DataError> {
    let id = new_id();
    let options = serde_json::to_string(options)?;
    tx.db.execute(
        "INSERT INTO uploads (id, resource, key, options, started_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![id, bucket.id, key.as_bytes(), options, tx.now_ms],
    )?;
    Ok(id)
}

fn put_part(tx: &mut Tx<'_>, upload: &str, number: u32, content: Content) -> Result<UploadedPart, DataError> {
    let mut replaced = tx.db.prepare_cached("SELECT file FROM parts WHERE upload = ?1 AND number = ?2")?;
    let before: Option<String> = replaced.query_row(params![upload, number], |row| row.get(0)).optional()?;
    drop(replaced);
    tx.db.execute(
        "INSERT INTO parts (upload, number, size, etag, modified_ms, file) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (upload, number) DO UPDATE SET size = ?3, etag = ?4, modified_ms = ?5, file = ?6",
        params![upload, number, signed(content.size), content.etag, tx.now_ms, content.file.name()],
    )?;
    tx.refer_to(content.file);
    if let Some(file) = before {
        tx.obsolete(file);
    }
    Ok(UploadedPart { number, etag: content.etag, size: content.size, modified_ms: unsigned(tx.now_ms) })
}

/// The parts of an upload and their files.
fn parts(db: &Connection, upload: &str) -> Result<Vec<(UploadedPart, String)>, DataError> {
    let mut query = db.prepare_cached(
        "SELECT number, etag, size, modified_ms, file FROM parts WHERE upload = ?1 ORDER BY number",
    )?;
    let parts = query.query_map([upload], |row| {
        let (number, etag) = (row.get(0)?, row.get(1)?);
        let (size, modified_ms) = (unsigned(row.get(2)?), unsigned(row.get(3)?));
        Ok((UploadedPart { number, etag, size, modified_ms }, row.get(4)?))
    })?;
    Ok(parts.collect::<Result<_, _>>()?)
}

/// The named parts, if they are there as they are named.
fn chosen(db: &Connection, upload: &str, wanted: &[(u32, String)]) -> Result<Vec<Piece>, DataError> {
    if wanted.is_empty() {
        return Err(DataError::bad_request("an object has at least one part"));
    }
    if !wanted.is_sorted_by(|(one, _), (next, _)| one < next) {
        return Err(DataError::bad_request("the parts are not in ascending order"));
    }
    let there = parts(db, upload)?;
    let find = |(number, etag): &(u32, String)| {
        let place = there.binary_search_by_key(number, |(part, _)| part.number).ok();
        let found = place.and_then(|place| there.get(place)).filter(|(part, _)| part.etag == *etag);
        let (part, file) = found.ok_or_else(|| {
            DataError::bad_request(format!("there is no part {number} with the etag {etag}"))
        })?;
        Ok(Piece { file: file.clone(), size: part.size, etag: part.etag.clone() })
    };
    wanted.iter().map(find).collect()
}

/// Deletes an upload with its parts.
fn remove(tx: &mut Tx<'_>, upload: &str) -> Result<(), DataError> {
    for (_, file) in parts(tx.db, upload)? {
        tx.obsolete(file);
    }
    tx.db.execute("DELETE FROM uploads WHERE id = ?1", [upload])?;
    Ok(())
}

/// Removes a portion of the uploads that were given up; gives how many.
pub(crate) fn expire(tx: &mut Tx<'_>) -> Result<u64, DataError> {
    let mut query = tx.db.prepare_cached("SELECT id FROM uploads WHERE started_ms <= ?1 LIMIT ?2")?;
    let before = tx.now_ms.saturating_sub(GIVEN_UP_AFTER_MS);
    let uploads =
        query.query_map([before, PORTION], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    drop(query);
    for upload in &uploads {
        remove(tx, upload)?;
    }
    Ok(uploads.len() as u64)
}

impl Data {
    /// Begins an upload in parts; gives its id.
    pub async fn create_upload(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        options: PutObject,
    ) -> Result<String, DataError> {
        check_key(key)?;
        check_options(&options)?;
        let (app, bucket, key) = (app.clone(), bucket.to_owned(), key.to_owned());
        let begin = move |tx: &mut Tx<'_>| create(tx, &Bucket::find(tx.db, &app, &bucket)?, &key, &options);
        self.write("begin upload", begin).await
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
        S: Stream<Item = io::Result<Bytes>> + Send + Unpin,
    {
        if !(1..=MOST_PARTS).contains(&number) {
            return Err(DataError::bad_request(format!("the part's number is {number}, not 1 to 10,000")));
        }
        let (app, bucket, upload) = (app.clone(), bucket.to_owned(), upload.to_owned());
        let check = move |db: &Connection| {
            require(db, &Bucket::find(db, &app, &bucket)?, &upload)?;
            Ok(upload.clone())
        };
        // Before bytes are taken for one that is not there.
        self.read("upload part", check.clone()).await?;
        let content =
            content::receive(self.files(), bytes).await.map_err(|error| error.during("upload part"))?;
        let put = move |tx: &mut Tx<'_>| put_part(tx, &check(tx.db)?, number, content);
        self.write("upload part", put).await
    }

    /// The parts that came, by number.
    pub async fn list_parts(
        &self,
        app: &AppId,
        bucket: &str,
        upload: &str,
    ) -> Result<Vec<UploadedPart>, DataError> {
        let (app, bucket, upload) = (app.clone(), bucket.to_owned(), upload.to_owned());
        let read = move |db: &Connection| {
            require(db, &Bucket::find(db, &app, &bucket)?, &upload)?;
            Ok(parts(db, &upload)?.into_iter().map(|(part, _)| part).collect())
        };
        self.read("list parts", read).await
    }

    /// Makes an object of these parts, in this order, each with the etag that it must have. Repeating it after it succeeded is [`crate::ErrorKind::NotFound`].
    pub async fn complete_upload(
        &self,
        app: &AppId,
        bucket: &str,
        upload: &str,
        parts: Vec<(u32, String)>,
    ) -> Result<ObjectInfo, DataError> {
        const WHAT: &str = "complete upload";
        let (app, bucket, upload) = (app.clone(), bucket.to_owned(), upload.to_owned());
        let find = move |db: &Connection| {
            let bucket = Bucket::find(db, &app, &bucket)?;
            let found = require(db, &bucket, &upload)?;
            Ok((bucket, upload.clone(), found, chosen(db, &upload, &parts)?))
        };
        let (.., pieces) = self.read(WHAT, find.clone()).await?;
        let content = match content::concatenate(self.files(), pieces).await {
            Ok(content) => content,
            Err(error) => {
                // If somebody else has completed it meanwhile, this is what there is to say.
                self.read(WHAT, find).await?;
                return Err(error.during(WHAT));
            }
        };
        let complete = move |tx: &mut Tx<'_>| {
            // Parts may have been replaced meanwhile; those with the same etags have the same bytes.
            let (bucket, upload, Upload { key, options }, _) = find(tx.db)?;
            remove(tx, &upload)?;
            bucket.put(tx, &key, options, content)
        };
        self.write(WHAT, complete).await
    }

    /// Gives an upload up; its parts are deleted.
    pub async fn abort_upload(&self, app: &AppId, bucket: &str, upload: &str) -> Result<(), DataError> {
        let (app, bucket, upload) = (app.clone(), bucket.to_owned(), upload.to_owned());
        let abort = move |tx: &mut Tx<'_>| {
            require(tx.db, &Bucket::find(tx.db, &app, &bucket)?, &upload)?;
            remove(tx, &upload)
        };
        self.write("abort upload", abort).await
    }

    /// Uploads under way, by key.
    pub async fn list_uploads(&self, app: &AppId, bucket: &str) -> Result<Vec<MultipartUpload>, DataError> {
        let (app, bucket) = (app.clone(), bucket.to_owned());
        let read = move |db: &Connection| {
            let bucket = Bucket::find(db, &app, &bucket)?;
            let mut query = db.prepare_cached(
                "SELECT id, key, started_ms FROM uploads WHERE resource = ?1 ORDER BY key, started_ms, id",
            )?;
            let mut rows = query.query([bucket.id])?;
            let mut uploads = Vec::new();
            while let Some(row) = rows.next()? {
                let (id, key) = (row.get(0)?, key_text(row.get(1)?)?);
                uploads.push(MultipartUpload { id, key, started_ms: unsigned(row.get(2)?) });
            }
            Ok(uploads)
        };
        self.read("list uploads", read).await
    }
}
