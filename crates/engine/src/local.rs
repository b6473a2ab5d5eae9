//! A state in a directory: `<directory>/<provider>/<stage>.json`, with `<stage>.lock` beside it.
//!
//! The lock is the operating system's (`File::lock`), so it ends with the process that holds it, however that dies: there is no
//! stale lock. A save writes a temporary file, syncs it and renames it: a reader, or a killed writer's successor, finds the old
//! state or the new one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use sf_plan::State;

use crate::STATE_VERSION;
use crate::store::{Lock, LockInfo, Store, StoreError};

/// The store of a single machine.
pub struct LocalStore {
    state: PathBuf,
    lock: PathBuf,
    /// The serial last seen in the file, which only the lock's holder changes.
    serial: AtomicU64,
}

impl LocalStore {
    /// The store of one provider's stage under `directory`. Nothing is created before the first lock.
    pub fn new(directory: &Path, provider: &str, stage: &str) -> Self {
        let folder = directory.join(provider);
        let state = folder.join(format!("{stage}.json"));
        Self { state, lock: folder.join(format!("{stage}.lock")), serial: AtomicU64::new(0) }
    }

    /// Where the state is.
    pub fn path(&self) -> &Path {
        &self.state
    }

    fn read(&self) -> Result<Option<State>, StoreError> {
        let bytes = match fs::read(&self.state) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(|cause| failed("read", &self.state, cause))?,
        };
        let corrupt = |error: serde_json::Error| StoreError::Corrupt {
            path: self.state.clone(),
            cause: format!("it is damaged: {error}"),
        };
        // The version first: a later format may have any shape besides.
        let json: serde_json::Value = serde_json::from_slice(&bytes).map_err(corrupt)?;
        let found = json.get("version").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if found > u64::from(STATE_VERSION) {
            return Err(StoreError::Newer { path: self.state.clone(), found, known: STATE_VERSION });
        }
        serde_json::from_value(json).map(Some).map_err(corrupt)
    }

    fn write(&self, state: &State) -> io::Result<()> {
        let folder = self.state.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, state)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(&self.state).map_err(|error| error.error)?;
        // Makes the rename itself durable; Windows has no such call for folders.
        if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
    }
}

fn failed(operation: &'static str, path: &Path, cause: io::Error) -> StoreError {
    StoreError::Io { operation, path: path.to_owned(), cause }
}

struct LocalLock {
    info: LockInfo,
    _file: File,
}

impl Lock for LocalLock {
    fn info(&self) -> &LockInfo {
        &self.info
    }
}

#[async_trait]
impl Store for LocalStore {
    async fn lock(&self, info: LockInfo) -> Result<Box<dyn Lock>, StoreError> {
        let folder = self.lock.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|cause| failed("create folder", folder, cause))?;
        let open = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&self.lock);
        let mut file = open.map_err(|cause| failed("open lock", &self.lock, cause))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                return Err(StoreError::Locked(serde_json::from_str(&text).ok().map(Box::new)));
            }
            Err(TryLockError::Error(cause)) => return Err(failed("lock", &self.lock, cause)),
        }
        let text = serde_json::to_string(&info).unwrap_or_default();
        let said =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
        said.map_err(|cause| failed("write lock", &self.lock, cause))?;
        Ok(Box::new(LocalLock { info, _file: file }))
    }

    async fn load(&self) -> Result<Option<State>, StoreError> {
        let state = self.read()?;
        self.serial.store(state.as_ref().map_or(0, |state| state.serial.0), Ordering::SeqCst);
        Ok(state)
    }

    async fn save(&self, _lock: &dyn Lock, state: &State) -> Result<(), StoreError> {
        let found = self.serial.load(Ordering::SeqCst);
        if state.serial.0 <= found {
            let expected = state.serial.0.saturating_sub(1);
            return Err(StoreError::Conflict { path: self.state.clone(), found, expected });
        }
        self.write(state).map_err(|cause| failed("save state", &self.state, cause))?;
        self.serial.store(state.serial.0, Ordering::SeqCst);
        Ok(())
    }
}
