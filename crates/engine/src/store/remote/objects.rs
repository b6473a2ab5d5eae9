//! Objects of a bucket as the rest of this module wants them: small, read and written whole, and written only where the writer knows what is
//! there.
//!
//! An answer may be lost after a write took effect, and the client then hears of its own write as if it were somebody else's. So what is
//! there is looked at before a write counts as refused: the same bytes are ours. Whatever two writers could both write therefore names its
//! writer.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};

use crate::store::StoreError;

/// So often a new object is written that is refused though nothing is there: somebody else's write was under way, and came to nothing.
const ATTEMPTS: u32 = 4;

/// What S3 and Google, and Azure, call it that there is no such bucket.
const NO_BUCKET: [&str; 2] = ["NoSuchBucket", "ContainerNotFound"];

/// A bucket, or a part of one.
#[derive(Clone, Debug)]
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    /// What people put before a path: `s3://bucket`.
    url: String,
}

/// An object as it is.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) bytes: Bytes,
    pub(super) tag: UpdateVersion,
    /// Milliseconds since the Unix epoch, by the clock of whoever keeps it.
    pub(super) modified_ms: i64,
}

/// What a writer knows of what is there.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    Nothing,
    This(UpdateVersion),
}

/// What came of a write.
#[derive(Debug)]
pub(super) enum Written {
    Done(UpdateVersion),
    /// Something else is there.
    Refused(Option<Found>),
}

impl Objects {
    pub(super) fn new(store: Arc<dyn ObjectStore>, url: String) -> Self {
        Self { store, url }
    }

    /// An object's URL, for people.
    pub(super) fn url(&self, at: &Path) -> String {
        format!("{}/{at}", self.url)
    }

    pub(super) async fn read(&self, at: &Path) -> Result<Option<Found>, StoreError> {
        self.fetch(at).await.map_err(|error| self.failed("read", at, &error))
    }

    async fn fetch(&self, at: &Path) -> Result<Option<Found>, Error> {
        let result = match self.store.get(at).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            result => result?,
        };
        let meta = result.meta.clone();
        let bytes = result.bytes().await?;
        let tag = UpdateVersion { e_tag: meta.e_tag, version: meta.version };
        Ok(Some(Found { bytes, tag, modified_ms: meta.last_modified.timestamp_millis() }))
    }

    /// The object's version, without its content.
    pub(super) async fn tag(&self, at: &Path) -> Result<Option<UpdateVersion>, StoreError> {
        match self.store.head(at).await {
            Ok(meta) => Ok(Some(UpdateVersion { e_tag: meta.e_tag, version: meta.version })),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("look at", at, &error)),
        }
    }

    /// When it was written: as [`Found::modified_ms`].
    pub(super) async fn modified_ms(&self, at: &Path) -> Result<i64, StoreError> {
        let meta = self.store.head(at).await.map_err(|error| self.failed("look at", at, &error))?;
        Ok(meta.last_modified.timestamp_millis())
    }

    /// Writes an object if what is there is what the writer expects.
    pub(super) async fn write(
        &self,
        at: &Path,
        bytes: Vec<u8>,
        expected: Expected,
    ) -> Result<Written, StoreError> {
        let payload = Bytes::from(bytes);
        let mode = match expected {
            Expected::Nothing => PutMode::Create,
            Expected::This(tag) => PutMode::Update(tag),
        };
        let mut attempt = 1;
        loop {
            let put = self.store.put_opts(at, PutPayload::from(payload.clone()), mode.clone().into());
            let error = match put.await {
                Ok(done) => return Ok(Written::Done(done.into())),
                Err(error) => error,
            };
            let refused = matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. });
            match self.fetch(at).await {
                Ok(Some(found)) if found.bytes == payload => return Ok(Written::Done(found.tag)),
                Ok(None) if refused && matches!(mode, PutMode::Create) && attempt < ATTEMPTS => attempt += 1,
                Ok(found) if refused => return Ok(Written::Refused(found)),
                // What became of the write is not known, and that is what the caller must hear.
                _ => return Err(self.failed("write", at, &error)),
            }
        }
    }

    /// Writes an object whatever is there.
    pub(super) async fn overwrite(&self, at: &Path, bytes: Bytes) -> Result<(), StoreError> {
        let put = self.store.put(at, PutPayload::from(bytes)).await;
        put.map(|_| ()).map_err(|error| self.failed("write", at, &error))
    }

    pub(super) async fn remove(&self, at: &Path) -> Result<(), StoreError> {
        self.remove_all(vec![at.clone()]).await
    }

    /// In as few requests as the store has them. What cannot be deleted does not keep the rest.
    ///
    /// # Errors
    /// That of the first one.
    pub(super) async fn remove_all(&self, all: Vec<Path>) -> Result<(), StoreError> {
        let Some(first) = all.first().cloned() else { return Ok(()) };
        let mut deleted = self.store.delete_stream(stream::iter(all).map(Ok).boxed());
        let mut result = Ok(());
        while let Some(one) = deleted.next().await {
            match one {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => result = result.and(Err(self.failed("delete", &first, &error))),
            }
        }
        result
    }

    /// The names of the objects in a folder, without the folder's, with their sizes; those in folders of it are left out.
    pub(super) async fn listed(&self, folder: &Path) -> Result<Vec<(String, u64)>, StoreError> {
        let listed: Vec<_> = self.store.list(Some(folder)).try_collect().await.map_err(|error| {
            let mut failed = self.failed("list", folder, &error);
            if let StoreError::Remote { cause, hint, .. } = &mut failed
                && NO_BUCKET.iter().any(|code| cause.contains(code))
            {
                *hint = Some(format!("create the bucket or container first: `{}` is not there", self.url));
            }
            failed
        })?;
        let of = |meta: &object_store::ObjectMeta| {
            let name = meta.location.filename()?.to_owned();
            (meta.location == folder.clone().join(name.as_str())).then_some((name, meta.size))
        };
        Ok(listed.iter().filter_map(of).collect())
    }

    /// The objects `<folder>/<number>.json` with their sizes, in the order of their numbers. Others are nobody's concern.
    pub(super) async fn numbered(&self, folder: &Path) -> Result<Vec<(u64, u64)>, StoreError> {
        let listed = self.listed(folder).await?;
        let of = |(name, size): &(String, u64)| {
            let number = name.strip_suffix(".json")?.parse().ok()?;
            (*name == format!("{number}.json")).then_some((number, *size))
        };
        let mut found: Vec<_> = listed.iter().filter_map(of).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Of what cannot be written as JSON: a bug.
    pub(super) fn unwritable(&self, at: String, error: &serde_json::Error) -> StoreError {
        StoreError::Remote { operation: "encode", at, cause: error.to_string(), hint: None }
    }

    fn failed(&self, operation: &'static str, at: &Path, error: &Error) -> StoreError {
        StoreError::Remote { operation, at: self.url(at), cause: cause(error), hint: hint(error) }
    }
}

/// `<folder>/<number>.json`
pub(super) fn numbered(folder: &Path, number: u64) -> Path {
    folder.clone().join(format!("{number}.json"))
}

/// The innermost cause: what stands around it are the client's own words for the request, its retries and its settings.
pub(super) fn cause(error: &Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(content, _)| content.trim().to_owned())
    };
    match (element("Message"), element("Code")) {
        (Some(message), Some(code)) => {
            let message = message.lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
            format!("{message} ({code})")
        }
        (_, Some(code)) => code,
        _ => {
            let line = text.lines().next().unwrap_or_default();
            let line = line.split(" (os error").next().unwrap_or_default();
            line.trim_end_matches([':', ' ']).to_owned()
        }
    }
}

fn hint(error: &Error) -> Option<String> {
    let text = match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            "the credentials must be allowed to list, read, write and delete objects there"
        }
        Error::NotFound { .. } => "the bucket or container must be there before the first deploy",
        Error::NotImplemented { .. } | Error::NotSupported { .. } => {
            "a state needs a store with conditional writes (If-None-Match, If-Match)"
        }
        _ if cause(error).contains("incorrectly configured region") => {
            "the bucket is in another region: add `?region=…` to `[state] store`"
        }
        _ => return None,
    };
    Some(text.to_owned())
}
