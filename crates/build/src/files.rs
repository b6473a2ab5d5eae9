//! Hashes of files, through a stat cache: what has the size, times and inode it had is not read again.
//!
//! As in git's index, a file that was changed about when it was hashed is not trusted: a second change within the clock's grain
//! would not show. Such an entry is hashed again until it is older.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// File systems' clocks tick at least this often.
const GRAIN: Duration = Duration::from_millis(50);

/// What tells that a file is still the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stat(u64, u128, u128, u64);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    stat: Stat,
    hashed_ns: u128,
    sha256: String,
}

/// A file that was looked at.
#[derive(Clone, Debug)]
pub(crate) struct Hashed {
    pub(crate) sha256: String,
    pub(crate) size: u64,
    pub(crate) executable: bool,
}

/// The stat cache.
pub(crate) struct Files {
    path: PathBuf,
    known: Mutex<BTreeMap<PathBuf, Known>>,
    /// Files of this build: looked at once, however many functions have them.
    seen: Mutex<BTreeMap<PathBuf, Hashed>>,
    root: PathBuf,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanoseconds(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}

impl Files {
    /// A cache that is missing or damaged is an empty one.
    pub(crate) fn open(cache: &Path, root: &Path) -> Self {
        let path = cache.join("files.json");
        let known =
            fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { path, known: Mutex::new(known), seen: Mutex::default(), root: root.to_owned() }
    }

    /// A file's hash. `path` is absolute.
    pub(crate) fn hash(&self, path: &Path) -> io::Result<Hashed> {
        if let Some(hashed) = lock(&self.seen).get(path) {
            return Ok(hashed.clone());
        }
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no ordinary file"));
        }
        let stat = stat(&metadata);
        // Relative, so that a moved project keeps its cache.
        let key = path.strip_prefix(&self.root).unwrap_or(path).to_owned();
        let known = lock(&self.known).get(&key).cloned();
        let trusted = known
            .filter(|known| known.stat == stat && stat.1.max(stat.2) + GRAIN.as_nanos() < known.hashed_ns);
        let sha256 = match trusted {
            Some(known) => known.sha256,
            None => {
                let hashed_ns = nanoseconds(SystemTime::now());
                let sha256 = sha256_of(File::open(path)?)?;
                lock(&self.known).insert(key, Known { stat, hashed_ns, sha256: sha256.clone() });
                sha256
            }
        };
        let hashed = Hashed { sha256, size: metadata.len(), executable: is_executable(&metadata) };
        lock(&self.seen).insert(path.to_owned(), hashed.clone());
        Ok(hashed)
    }

    /// Keeps what was learnt. That it fails costs time at the next build, nothing else.
    pub(crate) fn save(&self) {
        let seen = lock(&self.seen);
        let mut known = lock(&self.known);
        // Files that are gone are forgotten; those of functions that were not built this time are kept.
        known.retain(|path, _| seen.contains_key(&self.root.join(path)) || self.root.join(path).exists());
        if let Ok(bytes) = serde_json::to_vec(&*known) {
            save_if_changed(&self.path, &bytes);
        }
    }
}

/// Writes a cache file, all or nothing, unless it is as it was.
pub(crate) fn save_if_changed(path: &Path, bytes: &[u8]) {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return;
    }
    let Some(folder) = path.parent() else { return };
    let written = fs::create_dir_all(folder).and_then(|()| tempfile::NamedTempFile::new_in(folder)).and_then(
        |mut file| {
            io::Write::write_all(&mut file, bytes)?;
            file.persist(path).map_err(|error| error.error)
        },
    );
    drop(written);
}

fn sha256_of(mut file: File) -> io::Result<String> {
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 128 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(crate::digest::hex(&hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        }
    }
}

#[cfg(unix)]
fn stat(metadata: &Metadata) -> Stat {
    use std::os::unix::fs::MetadataExt;
    let at = |seconds: i64, nanoseconds: i64| {
        u128::try_from(i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)).unwrap_or(0)
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
