//! The releases of a [`crate::LocalStore`]: `<stage>.releases/<number>.json`, beside the state.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::local::{failed, write_atomically};
use crate::release::{KEPT_RELEASES, Release};

/// The folder of one stage's releases; it is made with the first one.
#[derive(Debug)]
pub(crate) struct ReleaseFiles {
    folder: PathBuf,
    kept: usize,
}

impl ReleaseFiles {
    pub(crate) fn new(folder: &Path, stage: &str) -> Self {
        Self { folder: folder.join(format!("{stage}.releases")), kept: KEPT_RELEASES }
    }

    /// At least the newest one is kept.
    pub(crate) fn keeping(self, releases: usize) -> Self {
        Self { kept: releases.max(1), ..self }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.json"))
    }

    /// Oldest first. Files with other names are nobody's concern.
    pub(crate) fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            result => result.map_err(|cause| failed("list releases", &self.folder, cause))?,
        };
        let number = |entry: fs::DirEntry| {
            let name = entry.file_name();
            name.to_str()?.strip_suffix(".json")?.parse::<u64>().ok()
        };
        let mut numbers: Vec<_> = entries.flatten().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(crate) fn read(&self, number: u64) -> Result<Option<Release>, StoreError> {
        let path = self.path(number);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(|cause| failed("read release", &path, cause))?,
        };
        parse(&bytes, &path.display().to_string()).map(Some)
    }

    /// Writes it, and forgets the oldest ones that are more than are kept.
    pub(crate) fn write(&self, release: &Release) -> Result<(), StoreError> {
        let path = self.path(release.about.number);
        let refused = |cause| failed("record release", &path, cause);
        let mut bytes = serde_json::to_vec_pretty(release).map_err(|error| refused(error.into()))?;
        bytes.push(b'\n');
        fs::create_dir_all(&self.folder).map_err(refused)?;
        write_atomically(&path, &bytes).map_err(refused)?;
        let numbers = self.numbers()?;
        for number in &numbers[..numbers.len().saturating_sub(self.kept)] {
            let path = self.path(*number);
            fs::remove_file(&path).map_err(|cause| failed("forget release", &path, cause))?;
        }
        Ok(())
    }
}

/// The release in a file or object; `at` is its path or URL.
pub(super) fn parse(bytes: &[u8], at: &str) -> Result<Release, StoreError> {
    let damaged = |error: serde_json::Error| StoreError::BadRelease {
        at: at.to_owned(),
        cause: format!("it is damaged: {error}"),
    };
    let json: serde_json::Value = serde_json::from_slice(bytes).map_err(damaged)?;
    let found = json.get("version").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if found > u64::from(Release::VERSION) {
        return Err(StoreError::Newer { at: at.to_owned(), found, known: Release::VERSION });
    }
    serde_json::from_value(json).map_err(damaged)
}
