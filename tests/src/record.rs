//! The files of a project's record, to be spoilt as disks, editors and people with backups do it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::project::Project;

/// The files of one provider's stage `dev`.
#[derive(Clone, Debug)]
pub struct Record {
    /// `.sf/state/PROVIDER`
    pub folder: PathBuf,
    /// The state as it was last written whole.
    pub state: PathBuf,
    /// The changes since; there only if a run was killed.
    pub journal: PathBuf,
}

impl Record {
    /// Of a project that was deployed to a provider.
    pub fn of(project: &Project<'_>, provider: &str) -> Self {
        let folder = project.dir.join(".sf/state").join(provider);
        Self { state: folder.join("dev.json"), journal: folder.join("dev.journal"), folder }
    }

    /// A copy of everything, as a backup has it.
    ///
    /// # Panics
    /// If it cannot be copied.
    #[must_use]
    pub fn backup(&self) -> Backup {
        let mut files = Vec::new();
        collect(&self.folder, &mut files);
        Backup { folder: self.folder.clone(), files }
    }

    /// Somebody deleted it all.
    ///
    /// # Panics
    /// If it cannot be deleted.
    pub fn delete(&self) {
        fs::remove_dir_all(&self.folder).expect("a folder of one's own");
    }
}

/// What a backup holds of a record.
#[derive(Clone, Debug)]
pub struct Backup {
    folder: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Backup {
    /// Brings back the whole folder: nothing that came since stays.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn restore(&self) {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).expect("a folder of one's own");
        }
        for (path, bytes) in &self.files {
            fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder of one's own");
            fs::write(path, bytes).expect("a file of one's own");
        }
    }

    /// Brings back one file among those there are.
    ///
    /// # Panics
    /// If the backup does not have it.
    pub fn restore_file(&self, path: &Path) {
        let (_, bytes) = self.files.iter().find(|(known, _)| known == path).expect("a file of the backup");
        fs::write(path, bytes).expect("a file of one's own");
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder of one's own").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let bytes = fs::read(&path).expect("a file of one's own");
            files.push((path, bytes));
        }
    }
}

/// Cuts a file off after a part of its bytes.
///
/// # Panics
/// If there is no such file.
pub fn truncate(path: &Path, percent: usize) {
    let mut bytes = fs::read(path).expect("a file to cut off");
    bytes.truncate(bytes.len() * percent / 100);
    fs::write(path, bytes).expect("a file of one's own");
}

/// Flips the lowest bit of the byte after the first occurrence of a text.
///
/// # Panics
/// If the file does not hold the text.
pub fn flip_after(path: &Path, text: &str) {
    let mut bytes = fs::read(path).expect("a file to spoil");
    let found = bytes.windows(text.len()).position(|window| window == text.as_bytes());
    let at = found.unwrap_or_else(|| panic!("{} does not hold {text:?}", path.display())) + text.len();
    bytes[at] ^= 1;
    fs::write(path, bytes).expect("a file of one's own");
}
