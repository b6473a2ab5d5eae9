//! The lock of a [`crate::LocalStore`]: two files beside the state.
//!
//! `<stage>.lock` is locked by the operating system, so it ends with the process that holds it, however that dies: on one machine
//! there is no stale lock, and no process id that was given to somebody else. `<stage>.holder.json` says who it is. On a folder
//! that machines share, whose locks may not reach from one to the other, that file also keeps others out, for as long as the
//! holder renews its heartbeat.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::JoinHandle;

use super::local::{failed, write_atomically};
use super::{Holder, Lock, LockInfo, StoreError};

/// How often a holder says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// A holder on another machine that was silent for so long is dead.
const EXPIRY: Duration = Duration::from_secs(60);

/// The two files.
#[derive(Clone, Debug)]
pub(crate) struct LockFiles {
    lock: PathBuf,
    holder: PathBuf,
}

/// A held lock.
struct LocalLock {
    info: LockInfo,
    holder: PathBuf,
    heartbeat: JoinHandle<()>,
    // Fields are dropped after `drop`: the operating system's lock is the last to go.
    _file: File,
}

impl Lock for LocalLock {
    fn info(&self) -> &LockInfo {
        &self.info
    }
}

impl Drop for LocalLock {
    fn drop(&mut self) {
        self.heartbeat.abort();
        // Left behind it does no harm: whoever gets the lock on this machine overwrites it.
        let _ = fs::remove_file(&self.holder);
    }
}

impl LockFiles {
    pub(crate) fn new(folder: &Path, stage: &str) -> Self {
        Self {
            lock: folder.join(format!("{stage}.lock")),
            holder: folder.join(format!("{stage}.holder.json")),
        }
    }

    /// Must be called within a tokio runtime, which keeps the heartbeat.
    pub(crate) fn take(&self, info: LockInfo) -> Result<Box<dyn Lock>, StoreError> {
        let file = self.lock_file()?;
        if let Some(holder) = self.holder().filter(|holder| is_alive(holder, &info.host, now_ms())) {
            return Err(StoreError::Locked(Some(Box::new(holder))));
        }
        self.say(&info).map_err(|cause| failed("write lock", &self.holder, cause))?;
        let (files, heart) = (self.clone(), info.clone());
        let heartbeat = tokio::spawn(async move {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                if let Err(error) = files.say(&heart) {
                    tracing::warn!(%error, "the lock's heartbeat could not be written");
                }
            }
        });
        Ok(Box::new(LocalLock { info, holder: self.holder.clone(), heartbeat, _file: file }))
    }

    /// Removes what a dead holder left; `None` if there is nothing.
    pub(crate) fn clear(&self) -> Result<Option<Holder>, StoreError> {
        if !self.lock.exists() {
            return Ok(None);
        }
        let _file = self.lock_file()?;
        let holder = self.holder();
        match fs::remove_file(&self.holder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove lock", &self.holder, error))
            }
            _ => Ok(holder),
        }
    }

    fn lock_file(&self) -> Result<File, StoreError> {
        let folder = self.lock.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|cause| failed("create folder", folder, cause))?;
        let open = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&self.lock);
        let file = open.map_err(|cause| failed("open lock", &self.lock, cause))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(self.holder().map(Box::new))),
            Err(TryLockError::Error(cause)) => Err(failed("lock", &self.lock, cause)),
        }
    }

    pub(crate) fn holder(&self) -> Option<Holder> {
        serde_json::from_slice(&fs::read(&self.holder).ok()?).ok()
    }

    fn say(&self, info: &LockInfo) -> io::Result<()> {
        let holder = Holder { info: info.clone(), heartbeat_ms: now_ms() };
        write_atomically(&self.holder, &serde_json::to_vec(&holder)?)
    }
}

/// Whether a holder may still work though we have the operating system's lock: only another machine's may.
pub(crate) fn is_alive(holder: &Holder, this_host: &str, now_ms: u64) -> bool {
    let silent = now_ms.saturating_sub(holder.heartbeat_ms);
    holder.info.host != this_host && u128::from(silent) < EXPIRY.as_millis()
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
