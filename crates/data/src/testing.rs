//! What the tests of all files need: a folder and a clock that they move.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value as Json};
use tempfile::TempDir;

use crate::{AppId, Body, Clock, Data};

/// When the tests' clock starts.
pub(crate) const START_MS: u64 = 1_800_000_000_000;

pub(crate) struct World {
    pub(crate) folder: TempDir,
    now_ms: Arc<AtomicU64>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), now_ms: Arc::new(AtomicU64::new(START_MS)) }
    }

    pub(crate) fn open(&self) -> Data {
        Data::open(self.folder.path(), self.clock()).unwrap()
    }

    pub(crate) fn clock(&self) -> Clock {
        let now_ms = Arc::clone(&self.now_ms);
        Arc::new(move || now_ms.load(Ordering::SeqCst))
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.now_ms.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

pub(crate) fn app() -> AppId {
    AppId { project: "shop".into(), stage: "dev".into() }
}

pub(crate) fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

pub(crate) fn json_body(value: &Json) -> Body {
    Body::Json(value.to_string().into())
}

pub(crate) fn body_json(body: &Body) -> Json {
    match body {
        Body::Json(text) => serde_json::from_slice(text).unwrap(),
        Body::Bytes(bytes) => panic!("{bytes:?} is no JSON"),
    }
}

/// The files of objects and parts.
pub(crate) fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let mut files: Vec<_> =
        entries(&folder.join("objects")).iter().flat_map(|folder| entries(folder)).collect();
    files.sort();
    files
}
