//! Hashes of files, through a stat cache: what has the size, times and inode it had is not read again.
//!
//! As in git's index, a file that was changed about when it was hashed is not trusted: a second change within the clock's grain
//! would not show. Such an entry is hashed again until it is older.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// File systems' clocks tick at least this often.
const GRAIN: Duration = Duration::from_millis(50);

/// What tells that a file is still the same: size, modification and change times in nanoseconds, inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stat(u64, u64, u64, u64);

/// What is known of a file: how it was, when it was hashed (nanoseconds since the Unix epoch), and its SHA-256. Without names, since
/// there are thousands of them to read at every build.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known(Stat, u64, String);

/// A file that was looked at.
#[derive(Clone, Debug)]
pub(crate) struct Hashed {
    pub(crate) sha256: String,
    pub(crate) size: u64,
    pub(crate) executable: bool,
    /// Whether its path is that of a link to it.
    pub(crate) is_link: bool,
}

/// The stat cache. Keys are texts: comparing paths part by part takes longer than the `stat`.
pub(crate) struct Files {
    path: PathBuf,
    known: RwLock<FxHashMap<String, Known>>,
    learnt: AtomicBool,
    /// Files of this build: looked at once, however many functions have them.
    seen: RwLock<FxHashMap<OsString, Arc<Hashed>>>,
    root: PathBuf,
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

fn nanoseconds(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

impl Files {
    /// A cache that is missing or damaged is an empty one.
    pub(crate) fn open(cache: &Path, root: &Path) -> Self {
        let path = cache.join("files.json");
        let known =
            fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let (known, seen) = (RwLock::new(known), RwLock::default());
        Self { path, known, learnt: AtomicBool::new(false), seen, root: root.to_owned() }
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.hash(path).is_ok()
    }

    /// A file's hash. `path` is absolute.
    pub(crate) fn hash(&self, path: &Path) -> io::Result<Arc<Hashed>> {
        if let Some(hashed) = read(&self.seen).get(path.as_os_str()) {
            return Ok(hashed.clone());
        }
        let mut metadata = fs::symlink_metadata(path)?;
        let is_link = metadata.is_symlink();
        if is_link {
            metadata = fs::metadata(path)?;
        }
        if !metadata.is_file() {
            return Err(io::Error::other("it is no ordinary file"));
        }
        let sha256 = self.sha256(path, stat(&metadata))?;
        let hashed =
            Arc::new(Hashed { sha256, size: metadata.len(), executable: is_executable(&metadata), is_link });
        write(&self.seen).insert(path.as_os_str().to_owned(), hashed.clone());
        Ok(hashed)
    }

    fn sha256(&self, path: &Path, stat: Stat) -> io::Result<String> {
        // Relative, so that a moved project keeps its cache.
        let key = path.strip_prefix(&self.root).unwrap_or(path).to_str().unwrap_or_default();
        let grain = u64::try_from(GRAIN.as_nanos()).unwrap_or(u64::MAX);
        let is_same = |Known(was, hashed_ns, _): &&Known| {
            *was == stat && stat.1.max(stat.2).saturating_add(grain) < *hashed_ns
        };
        if let Some(known) = read(&self.known).get(key).filter(is_same) {
            return Ok(known.2.clone());
        }
        let hashed_ns = nanoseconds(SystemTime::now());
        let sha256 = sha256_of(File::open(path)?)?;
        write(&self.known).insert(key.to_owned(), Known(stat, hashed_ns, sha256.clone()));
        self.learnt.store(true, Ordering::Relaxed);
        Ok(sha256)
    }

    /// Keeps what was learnt. That it fails costs time at the next build, nothing else.
    pub(crate) fn save(&self) {
        if !self.learnt.load(Ordering::Relaxed) {
            return;
        }
        let seen = read(&self.seen);
        let mut known = write(&self.known);
        // Files that are gone are forgotten; those of functions that were not built this time are kept.
        known.retain(|path, _| {
            let path = self.root.join(path);
            seen.contains_key(path.as_os_str()) || path.exists()
        });
        if let Ok(bytes) = serde_json::to_vec(&known.iter().collect::<BTreeMap<_, _>>()) {
            save_if_changed(&self.path, &bytes);
        }
    }
}

/// Writes a cache file, all or nothing, unless it is as it was. That it fails costs time at the next build, nothing else.
pub(crate) fn save_if_changed(path: &Path, bytes: &[u8]) {
    drop(write_if_changed(path, bytes));
}

/// Writes a file, all or nothing, unless it is as it was.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn sha256_of(mut file: File) -> io::Result<String> {
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 128 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        }
    }
}

#[cfg(unix)]
fn stat(metadata: &Metadata) -> Stat {
    use std::os::unix::fs::MetadataExt;
    let at = |seconds: i64, nanoseconds: i64| {
        u64::try_from(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)).unwrap_or(0)
    };
    let (mtime, ctime) =
        (at(metadata.mtime(), metadata.mtime_nsec()), at(metadata.ctime(), metadata.ctime_nsec()));
    Stat(metadata.len(), mtime, ctime, metadata.ino())
}

#[cfg(not(unix))]
fn stat(metadata: &Metadata) -> Stat {
    let time = |time: io::Result<SystemTime>| time.map_or(0, nanoseconds);
    Stat(metadata.len(), time(metadata.modified()), time(metadata.created()), 0)
}

#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

/// Windows keeps no such bit: programs are executable there.
#[cfg(not(unix))]
fn is_executable(_: &Metadata) -> bool {
    false
}
