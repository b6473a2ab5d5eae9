//! A state in a directory: `<directory>/<provider>/<stage>.json`, with its lock ([`crate::lock`]) and the state before the last
//! deploy (`<stage>.json.backup`) and its releases ([`crate::release_files`]) beside it.
//!
//! A save writes a temporary file, syncs it and renames it: a reader, or a killed writer's successor, finds the old state or the
//! new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use sf_plan::{Save, State};

use crate::lock::LockFiles;
use crate::release::Release;
use crate::release_files::ReleaseFiles;
use crate::store::{Holder, Lock, LockInfo, Store, StoreError};

/// The store of a single machine.
#[derive(Debug)]
pub struct LocalStore {
    state: PathBuf,
    lock: LockFiles,
    releases: ReleaseFiles,
    known: Mutex<Known>,
}

/// What was last seen of the file: a save need not read all of it again to know that nobody else wrote it.
#[derive(Debug, Default)]
struct Known {
    stamp: Option<Stamp>,
    serial: u64,
    has_backup: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

impl LocalStore {
    /// The store of one provider's stage under `directory`. Nothing is created before the first lock.
    pub fn new(directory: &Path, provider: &str, stage: &str) -> Self {
        let folder = directory.join(provider);
        let state = folder.join(format!("{stage}.json"));
        Self {
            state,
            lock: LockFiles::new(&folder, stage),
            releases: ReleaseFiles::new(&folder, stage),
            known: Mutex::default(),
        }
    }

    /// Where the state is.
    pub fn path(&self) -> &Path {
        &self.state
    }

    fn read(&self) -> Result<Option<State>, StoreError> {
        let bytes = match fs::read(&self.state) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(|cause| failed("read state", &self.state, cause))?,
        };
        let corrupt = |error: serde_json::Error| StoreError::Corrupt {
            path: self.state.clone(),
            cause: format!("it is damaged: {error}"),
        };
        // The version first: a later format may have any shape besides.
        let json: serde_json::Value = serde_json::from_slice(&bytes).map_err(corrupt)?;
        let found = json.get("version").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if found > u64::from(State::VERSION) {
            return Err(StoreError::Newer { path: self.state.clone(), found, known: State::VERSION });
        }
        serde_json::from_value(json).map(Some).map_err(corrupt)
    }

    /// Whether the file is as we left it; otherwise somebody wrote it, and its serial is read again.
    fn serial(&self, known: &mut Known) -> Result<u64, StoreError> {
        let stamp = self.stamp();
        if stamp != known.stamp {
            known.serial = self.read()?.map_or(0, |state| state.serial.0);
            known.stamp = stamp;
        }
        Ok(known.serial)
    }

    fn stamp(&self) -> Option<Stamp> {
        let metadata = fs::metadata(&self.state).ok()?;
        Some(Stamp { size: metadata.len(), modified: metadata.modified().ok() })
    }

    /// Once for each lock, so that it is the state before the deploy and not before its last call.
    fn back_up(&self) -> io::Result<()> {
        match fs::copy(&self.state, self.state.with_extension("json.backup")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

pub(crate) fn failed(operation: &'static str, path: &Path, cause: io::Error) -> StoreError {
    StoreError::Io { operation, path: path.to_owned(), cause }
}

/// Replaces a file as a whole, durably.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // Makes the rename itself durable; Windows has no such call for folders.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[async_trait]
impl Store for LocalStore {
    async fn lock(&self, info: LockInfo) -> Result<Box<dyn Lock>, StoreError> {
        let lock = self.lock.take(info)?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).has_backup = false;
        Ok(lock)
    }

    async fn load(&self) -> Result<Option<State>, StoreError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the content: what is written in between then counts as written by somebody else.
        known.stamp = self.stamp();
        let state = self.read()?;
        known.serial = state.as_ref().map_or(0, |state| state.serial.0);
        Ok(state)
    }

    async fn save(&self, _lock: &dyn Lock, what: &Save<'_>) -> Result<(), StoreError> {
        let state = what.state;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, expected) = (self.serial(&mut known)?, state.serial.0.saturating_sub(1));
        if found != expected {
            return Err(StoreError::Conflict { path: self.state.clone(), found, expected });
        }
        let mut bytes = serde_json::to_vec_pretty(state)
            .map_err(|error| failed("encode state", &self.state, error.into()))?;
        bytes.push(b'\n');
        if !known.has_backup {
            self.back_up().map_err(|cause| failed("back up state", &self.state, cause))?;
            known.has_backup = true;
        }
        write_atomically(&self.state, &bytes).map_err(|cause| failed("save state", &self.state, cause))?;
        *known = Known { stamp: self.stamp(), serial: state.serial.0, has_backup: true };
        Ok(())
    }

    async fn set_aside(&self, _lock: &dyn Lock) -> Result<Option<String>, StoreError> {
        let aside = self.state.with_extension(format!("json.unreadable-{}", crate::lock::now_ms()));
        match fs::rename(&self.state, &aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(failed("set aside state", &self.state, cause)),
            Ok(()) => Ok(Some(aside.display().to_string())),
        }
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        Ok(self.lock.holder())
    }

    async fn unlock(&self) -> Result<Option<Holder>, StoreError> {
        self.lock.clear()
    }

    async fn releases(&self) -> Result<Vec<u64>, StoreError> {
        self.releases.numbers()
    }

    async fn release(&self, number: u64) -> Result<Option<Release>, StoreError> {
        self.releases.read(number)
    }

    async fn record(&self, _lock: &dyn Lock, release: &Release) -> Result<(), StoreError> {
        self.releases.write(release)
    }

    fn location(&self) -> String {
        self.state.display().to_string()
    }
}
