//! A bucket in memory that loses answers, refuses, and whose locks are as old as one likes.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use sf_engine::{LockTiming, RemoteStore};

/// What becomes of a conditional write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Writes {
    #[default]
    Answered,
    /// Done, and the connection breaks.
    Lost,
    /// Done, and the client asks again since it heard nothing.
    Repeated,
    /// Not done, and the connection breaks.
    Cut,
}

#[derive(Debug, Default)]
struct Faults {
    writes: Writes,
    age: Duration,
    latency: Duration,
}

/// Clones are the same bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bucket {
    objects: Arc<InMemory>,
    faults: Arc<Mutex<Faults>>,
}

impl Bucket {
    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap()
    }

    /// What becomes of conditional writes from now on.
    pub(crate) fn writes(&self, writes: Writes) {
        self.faults().writes = writes;
    }

    /// Locks were written so long before they were.
    pub(crate) fn age_locks(&self, age: Duration) {
        self.faults().age = age;
    }

    /// Writes take so long from now on.
    pub(crate) fn slow(&self, latency: Duration) {
        self.faults().latency = latency;
    }

    /// A store of the model's stage, as another process has it.
    pub(crate) fn store(&self) -> RemoteStore {
        self.store_with(LockTiming::default())
    }

    pub(crate) fn store_with(&self, timing: LockTiming) -> RemoteStore {
        let url = "mem://bucket".to_owned();
        RemoteStore::new(Arc::new(self.clone()), url, &["team/states", "sample", "model"], "dev", timing)
    }

    /// The names of all objects, without what all have before them.
    pub(crate) async fn names(&self) -> Vec<String> {
        let all: Vec<_> = self.objects.list(None).try_collect().await.unwrap();
        let name = |meta: &ObjectMeta| {
            meta.location.as_ref().strip_prefix("team/states/sample/model/").unwrap().to_owned()
        };
        all.iter().map(name).collect()
    }

    pub(crate) async fn read(&self, name: &str) -> Bytes {
        self.objects.get(&path(name)).await.unwrap().bytes().await.unwrap()
    }

    /// Differs from write to write.
    pub(crate) async fn version(&self, name: &str) -> Option<String> {
        self.objects.head(&path(name)).await.unwrap().e_tag
    }

    pub(crate) async fn write(&self, name: &str, bytes: impl Into<Bytes>) {
        self.objects.put(&path(name), PutPayload::from(bytes.into())).await.unwrap();
    }

    pub(crate) async fn remove(&self, name: &str) {
        self.objects.delete(&path(name)).await.unwrap();
    }
}

fn path(name: &str) -> Path {
    Path::from(format!("team/states/sample/model/{name}"))
}

fn broken() -> Error {
    Error::Generic { store: "a bucket of the test", source: "the connection broke".into() }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bucket of the test")
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let latency = self.faults().latency;
        tokio::time::sleep(latency).await;
        let writes = match options.mode {
            PutMode::Overwrite => Writes::Answered,
            PutMode::Create | PutMode::Update(_) => self.faults().writes,
        };
        if writes == Writes::Cut {
            return Err(broken());
        }
        let done = self.objects.put_opts(at, payload.clone(), options.clone()).await?;
        match writes {
            Writes::Answered | Writes::Cut => Ok(done),
            Writes::Lost => Err(broken()),
            Writes::Repeated => self.objects.put_opts(at, payload, options).await,
        }
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let mut got = self.objects.get_opts(at, options).await?;
        if at.as_ref().ends_with(".lock") {
            got.meta.last_modified -= self.faults().age;
        }
        Ok(got)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.objects.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}
