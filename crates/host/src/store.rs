//! The data folder: everything that survives the process.
//!
//! | path | what |
//! | --- | --- |
//! | `lock` | held by the running host |
//! | `token` | the control API's token, readable by the owner only |
//! | `id` | identifies this folder |
//! | `s3-secret` | the secret key to the buckets, readable by the owner only |
//! | `s3-port` | where buckets answered last time |
//! | `host.json` | URL and process of the running host; removed at a clean stop |
//! | `data/` | what functions keep: `sf_data` |
//! | `apps.db` | each app's resources and active release: `records` |
//! | `artifacts/DIGEST.zip` | uploaded code |
//! | `unpacked/DIGEST/` | the same, unpacked when first used |
//! | `logs/PROJECT.STAGE/FUNCTION.ndjson` | log lines; `.1` is the older half |
//! | `requests.log` | mutating calls of the control API, one JSON object a line |
//!
//! Files are replaced by writing a temporary one, syncing it and renaming it: a killed host leaves the old or the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::HostError;
use crate::records::{AppRecord, Records};

/// An artifact's folder, which stays as long as somebody holds this.
pub(crate) struct Unpacked(PathBuf);

impl std::ops::Deref for Unpacked {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

pub(crate) struct Store {
    root: PathBuf,
    records: Records,
    /// Folders that workers may still read, by digest: those of releases that were replaced finish what they have.
    held: Mutex<BTreeMap<String, Weak<Unpacked>>>,
    token: String,
    id: String,
    _lock: File,
}

impl Store {
    pub(crate) fn open(root: &Path) -> Result<Self, HostError> {
        for folder in ["artifacts", "unpacked", "logs"] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(|cause| HostError::io("create folder", &path, cause))?;
        }
        restrict(root).map_err(|cause| HostError::io("restrict", root, cause))?;
        let path = root.join("lock");
        let lock = File::create(&path).map_err(|cause| HostError::io("open", &path, cause))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(HostError::InUse(root.to_owned())),
            Err(fs::TryLockError::Error(cause)) => return Err(HostError::io("lock", &path, cause)),
        }
        let token = read_or_make(&root.join("token"), 32)?;
        let id = read_or_make(&root.join("id"), 8)?;
        let records = Records::open(&root.join("apps.db"))?;
        Ok(Self { root: root.to_owned(), records, held: Mutex::default(), token, id, _lock: lock })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The secret key to the buckets, made once.
    pub(crate) fn s3_secret(&self) -> Result<String, HostError> {
        read_or_make(&self.root.join("s3-secret"), 20)
    }

    /// Where buckets answered last time.
    pub(crate) fn s3_port(&self) -> Option<u16> {
        fs::read_to_string(self.root.join("s3-port")).ok()?.trim().parse().ok()
    }

    pub(crate) fn remember_s3_port(&self, port: u16) -> Result<(), HostError> {
        if self.s3_port() == Some(port) {
            return Ok(());
        }
        let path = self.root.join("s3-port");
        replace(&path, port.to_string().as_bytes()).map_err(|cause| HostError::io("write", &path, cause))
    }

    /// Says where the host is, for the command line.
    pub(crate) fn announce(&self, url: &str) -> Result<(), HostError> {
        let path = self.root.join("host.json");
        let about = serde_json::json!({ "url": url, "pid": std::process::id(), "host_id": self.id });
        replace(&path, about.to_string().as_bytes()).map_err(|cause| HostError::io("write", &path, cause))
    }

    pub(crate) fn withdraw(&self) {
        let _ = fs::remove_file(self.root.join("host.json"));
    }

    pub(crate) fn load_apps(&self) -> Result<Vec<AppRecord>, HostError> {
        self.records.load()
    }

    /// Makes a change durable; `before` is the record as it was loaded or saved last.
    pub(crate) fn save_app(&self, before: &AppRecord, after: &AppRecord) -> io::Result<()> {
        self.records.save(before, after).map_err(io::Error::other)
    }

    pub(crate) fn remove_app(&self, project: &str, stage: &str) -> io::Result<()> {
        self.records.remove(project, stage).map_err(io::Error::other)?;
        match fs::remove_dir_all(self.logs(project, stage)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) fn logs(&self, project: &str, stage: &str) -> PathBuf {
        self.root.join("logs").join(format!("{project}.{stage}"))
    }

    pub(crate) fn artifact(&self, digest: &str) -> PathBuf {
        self.root.join("artifacts").join(format!("{digest}.zip"))
    }

    pub(crate) fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    /// The artifact's folder, unpacked if it was not.
    pub(crate) fn unpacked(&self, digest: &str) -> io::Result<Arc<Unpacked>> {
        // Held before it is looked at, so that it is not collected in between.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = held.get(digest).and_then(Weak::upgrade) {
            return Ok(folder);
        }
        let folder = Arc::new(Unpacked(self.unpack(digest)?));
        held.insert(digest.to_owned(), Arc::downgrade(&folder));
        Ok(folder)
    }

    fn unpack(&self, digest: &str) -> io::Result<PathBuf> {
        let target = self.root.join("unpacked").join(digest);
        if target.is_dir() {
            return Ok(target);
        }
        let temporary = tempfile::Builder::new().prefix(".unpack-").tempdir_in(self.root.join("unpacked"))?;
        let mut zip = zip::ZipArchive::new(File::open(self.artifact(digest))?).map_err(io::Error::other)?;
        unpack(&mut zip, temporary.path())?;
        match fs::rename(temporary.path(), &target) {
            // Somebody else was faster; theirs is the same.
            Err(error) if !target.is_dir() => Err(error),
            _ => Ok(target),
        }
    }

    /// Forgets artifacts that no app refers to and no worker uses. Of those in `kept`, the zip stays.
    pub(crate) fn collect(&self, used: &BTreeSet<String>, kept: &BTreeSet<String>) -> io::Result<()> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, folder| folder.strong_count() > 0);
        for folder in ["artifacts", "unpacked"] {
            for entry in fs::read_dir(self.root.join(folder))? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let zip = name.strip_suffix(".zip");
                let digest = zip.unwrap_or(&name);
                if zip.is_some() && kept.contains(digest) {
                    continue;
                }
                if digest.starts_with('.') || used.contains(digest) || held.contains_key(digest) {
                    continue;
                }
                if entry.file_type()?.is_dir() {
                    fs::remove_dir_all(entry.path())?;
                } else {
                    fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }
}

/// Writes an archive's files. One with a name that leads out of the folder, or with a link, is refused: `sf` makes none such.
fn unpack(zip: &mut zip::ZipArchive<File>, folder: &Path) -> io::Result<()> {
    for index in 0..zip.len() {
        let entry = zip.by_index(index).map_err(io::Error::other)?;
        if entry.is_symlink() || entry.enclosed_name().is_none() {
            let name = entry.name().unwrap_or_default().escape_debug().to_string();
            return Err(io::Error::other(format!("the archive's entry `{name}` leads out of it")));
        }
    }
    zip.extract(folder).map_err(io::Error::other)
}

/// Durable and all or nothing.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Hexadecimal text that is made once. A temporary file is readable by its owner only, and so is what it is renamed to.
fn read_or_make(path: &Path, bytes: usize) -> Result<String, HostError> {
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            return Err(HostError::io("read", path, cause));
        }
        _ => {}
    }
    let text = random_hex(bytes).map_err(|cause| HostError::io("make", path, cause))?;
    replace(path, text.as_bytes()).map_err(|cause| HostError::io("write", path, cause))?;
    Ok(text)
}

/// The id of an invocation: 128 bits that differ from all others, but that somebody could guess. No system call, since every request
/// has one.
pub(crate) fn invocation_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// Unguessable text, from the system's random source.
pub(crate) fn random_hex(bytes: usize) -> io::Result<String> {
    let mut buffer = vec![0u8; bytes];
    getrandom::fill(&mut buffer).map_err(io::Error::other)?;
    Ok(hex::encode(buffer))
}

#[cfg(unix)]
fn restrict(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(path: &Path, write: impl Fn(&mut zip::ZipWriter<File>)) -> zip::ZipArchive<File> {
        let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
        write(&mut zip);
        zip.finish().unwrap();
        zip::ZipArchive::new(File::open(path).unwrap()).unwrap()
    }

    #[test]
    fn what_leads_out_of_an_archive_is_refused() {
        let folder = tempfile::TempDir::new().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        for name in ["../evil", "a/../../evil", "/tmp/evil"] {
            let mut zip = archive(&folder.path().join("a.zip"), |zip| {
                zip.start_file(name, SimpleFileOptions::default()).unwrap();
            });
            // A rooted name may also be taken as relative to the folder; it never leads out of it.
            let refused = unpack(&mut zip, &inner).is_err();
            assert!(refused || name.starts_with('/'), "{name}");
            assert!(!folder.path().join("evil").exists() && !Path::new("/tmp/evil").exists());
        }
        let mut zip = archive(&folder.path().join("b.zip"), |zip| {
            zip.add_symlink("link", "/etc", SimpleFileOptions::default()).unwrap();
        });
        assert!(unpack(&mut zip, &inner).is_err());
    }

    #[test]
    fn a_folder_in_use_is_kept_though_nothing_refers_to_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Store::open(folder.path()).unwrap();
        drop(archive(&store.artifact("d"), |zip| zip.start_file("a", SimpleFileOptions::default()).unwrap()));
        let held = store.unpacked("d").unwrap();
        store.collect(&BTreeSet::new(), &BTreeSet::new()).unwrap();
        assert!(held.join("a").is_file());
        drop(held);
        store.collect(&BTreeSet::new(), &BTreeSet::new()).unwrap();
        assert!(!folder.path().join("unpacked/d").exists());
    }

    #[test]
    fn what_may_be_gone_back_to_is_kept_as_a_zip_alone() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Store::open(folder.path()).unwrap();
        drop(archive(&store.artifact("d"), |zip| zip.start_file("a", SimpleFileOptions::default()).unwrap()));
        drop(store.unpacked("d").unwrap());
        store.collect(&BTreeSet::new(), &BTreeSet::from(["d".to_owned()])).unwrap();
        assert!(!folder.path().join("unpacked/d").exists() && store.artifact("d").is_file());
        assert!(store.unpacked("d").unwrap().join("a").is_file());
        store.collect(&BTreeSet::new(), &BTreeSet::new()).unwrap();
        assert!(!store.artifact("d").exists());
    }
}
