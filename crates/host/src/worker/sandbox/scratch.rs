//! The host's folder for its workers' temp folders, outside of its data.
//!
//! A host that was killed leaves its folder behind; the next one removes it. It knows that nobody uses it by its lock.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

const PREFIX: &str = "sf-host-";
const LOCK: &str = "lock";

pub(super) struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes the folder in the system's temp folder; only its owner can enter it.
    pub(super) fn open(temp: &Path) -> io::Result<Self> {
        // A link in the path would make it another one for the worker.
        let temp = temp.canonicalize()?;
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&temp)?;
        // Named when it is locked: in between, another host would take it for one that nobody uses.
        let unlocked = folder.path().join("unlocked");
        let lock = File::create(&unlocked)?;
        lock.lock()?;
        fs::rename(unlocked, folder.path().join(LOCK))?;
        for left in left_behind(&temp) {
            let _ = fs::remove_dir_all(left);
        }
        Ok(Self { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A folder for one worker.
    pub(super) fn folder(&self) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix("worker-").tempdir_in(self.folder.path())
    }
}

/// Folders of this user's hosts that are gone.
fn left_behind(temp: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(temp).into_iter().flatten().flatten();
    let is_ours = |entry: &fs::DirEntry| {
        entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.metadata().is_ok_and(|metadata| metadata.is_dir() && is_own(&metadata))
    };
    let is_unused = |path: &PathBuf| File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
    entries.filter(is_ours).map(|entry| entry.path()).filter(is_unused).collect()
}

#[cfg(unix)]
fn is_own(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.uid() == rustix::process::geteuid().as_raw()
}

/// Temp folders are each user's own there.
#[cfg(not(unix))]
fn is_own(_: &fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_host_left_is_removed_and_what_one_uses_is_not() {
        let temp = TempDir::new().unwrap();
        let alive = Scratch::open(temp.path()).unwrap();
        let dead = temp.path().join("sf-host-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        let other = temp.path().join("sf-host-of-somebody");
        fs::create_dir(&other).unwrap();
        let second = Scratch::open(temp.path()).unwrap();
        assert!(!dead.exists(), "nobody holds its lock");
        assert!(other.exists(), "it has no lock: it is no host's");
        assert!(alive.path().exists() && second.folder().unwrap().path().exists());
    }
}
