//! The event logs of a [`crate::LocalStore`]: `<stage>.runs/<id>.ndjson`, beside the state.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::local::failed;
use crate::audit::RunId;

/// The folder of one stage's logs; it is made with the first one.
#[derive(Debug)]
pub(crate) struct RunFiles {
    folder: PathBuf,
}

impl RunFiles {
    pub(crate) fn new(folder: &Path, stage: &str) -> Self {
        Self { folder: folder.join(format!("{stage}.runs")) }
    }

    fn path(&self, id: &RunId) -> PathBuf {
        self.folder.join(format!("{id}.ndjson"))
    }

    /// Writes what is not written yet. It is not synced: a log is there to be read after the process was killed, and need not survive the machine.
    pub(crate) fn write(&self, id: &RunId, log: &[u8], written: usize) -> Result<(), StoreError> {
        let path = self.path(id);
        let write = || -> io::Result<()> {
            fs::create_dir_all(&self.folder)?;
            let mut file = File::options().create(true).truncate(false).write(true).open(&path)?;
            // An attempt before may have written a part of it.
            file.seek(SeekFrom::Start(written as u64))?;
            file.write_all(log.get(written..).unwrap_or_default())
        };
        write().map_err(|cause| failed("write the event log", &path, cause))
    }

    /// Oldest first. Files with other names are nobody's concern.
    pub(crate) fn ids(&self) -> Result<Vec<RunId>, StoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            result => result.map_err(|cause| failed("list event logs", &self.folder, cause))?,
        };
        let id = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".ndjson")?.parse().ok();
        let mut ids: Vec<RunId> = entries.flatten().filter_map(id).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    pub(crate) fn read(&self, id: &RunId) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(id);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            result => result.map(Some).map_err(|cause| failed("read the event log", &path, cause)),
        }
    }

    pub(crate) fn forget(&self, id: &RunId) -> Result<(), StoreError> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(failed("forget the event log", &path, cause))
            }
            _ => Ok(()),
        }
    }
}
