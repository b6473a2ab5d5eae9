//! The files of objects' bytes.
//!
//! A file is written whole and synced under a name that nothing refers to yet; then a row is committed that does. So a row's file is always complete, and a
//! file without a row is left over from a crash: when the folder is opened, such files are removed.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::runtime::Handle;

use crate::DataError;

/// The folder `objects`.
pub(crate) struct Files {
    root: PathBuf,
    /// Ends the names of files made since the folder was opened: those may wait for their row.
    run: String,
}

impl Files {
    pub(super) fn open(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        let mut run = [0; 8];
        getrandom::fill(&mut run).map_err(io::Error::other)?;
        Ok(Self { root, run: format!("{:016x}", u64::from_le_bytes(run)) })
    }

    /// Names begin with random digits; the first two name the folder.
    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name.get(..2).unwrap_or("00")).join(name)
    }

    /// Makes a file. Blocks.
    pub(crate) fn create(self: &Arc<Self>) -> Result<(NewFile, File), DataError> {
        let name = format!("{:016x}{}", fastrand::u64(..), self.run);
        let path = self.path(&name);
        let opened = match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self
                .make_folder_of(&path)
                .and_then(|()| OpenOptions::new().write(true).create_new(true).open(&path)),
            opened => opened,
        };
        let file = opened.map_err(|cause| DataError::io("create", &path, &cause))?;
        Ok((NewFile { files: Arc::clone(self), name, kept: false }, file))
    }

    fn make_folder_of(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        sync_folder(&self.root)
    }

    /// Opens a file to read it. Blocks.
    pub(crate) fn read(&self, name: &str) -> io::Result<File> {
        File::open(self.path(name))
    }

    /// Removes a file. One that cannot be removed now is collected when the folder is opened again.
    pub(crate) fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.path(name));
    }

    /// Removes files of earlier runs that no row refers to.
    fn collect(&self, database: &Connection, stop: &AtomicBool) -> Result<(), DataError> {
        let failed = |cause: io::Error| DataError::io("read", &self.root, &cause);
        let mut referred = database.prepare(
            "SELECT EXISTS (SELECT 1 FROM objects WHERE file = ?1) OR EXISTS (SELECT 1 FROM parts WHERE file = ?1)",
        )?;
        for folder in fs::read_dir(&self.root).map_err(failed)? {
            for file in fs::read_dir(folder.map_err(failed)?.path()).map_err(failed)? {
                if stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let file = file.map_err(failed)?;
                let name = file.file_name().to_string_lossy().into_owned();
                if !name.ends_with(&self.run) && !referred.query_row([&name], |row| row.get::<_, bool>(0))? {
                    let _ = fs::remove_file(file.path());
                }
            }
        }
        Ok(())
    }
}

/// Makes names in a folder durable. Windows has no such call, and journals them.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// A file that no row refers to yet: it is removed when this is dropped.
pub(crate) struct NewFile {
    files: Arc<Files>,
    name: String,
    kept: bool,
}

impl NewFile {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.files.path(&self.name)
    }

    /// Makes the bytes and the name durable. Blocks.
    pub(crate) fn sync(&self, file: &File) -> Result<(), DataError> {
        let path = self.path();
        let failed = |cause: io::Error| DataError::io("sync", &path, &cause);
        file.sync_all().map_err(failed)?;
        sync_folder(path.parent().unwrap_or(&self.files.root)).map_err(failed)
    }

    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // Removing a large file takes a while, and a sender that is gone leaves it to a thread of tokio's.
        match Handle::try_current() {
            Ok(runtime) => {
                let (files, name) = (Arc::clone(&self.files), std::mem::take(&mut self.name));
                runtime.spawn_blocking(move || files.remove(&name));
            }
            Err(_) => self.files.remove(&self.name),
        }
    }
}

/// The thread that removes what was left over. Dropping it stops it.
pub(super) struct Collector {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    pub(super) fn start(files: Arc<Files>, database: Connection) -> Result<Self, DataError> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("sf-data-collect".into())
            .spawn(move || {
                // What it could not look at stays until the next time.
                let _ = files.collect(&database, &stopped);
            })
            .map_err(|cause| DataError::storage(format!("start a thread: {cause}")))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
