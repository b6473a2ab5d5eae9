//! Searching files for what must not be in them.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file below a folder that holds the text.
///
/// # Panics
/// If the folder cannot be read.
#[must_use]
pub fn holding(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder that can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if let Ok(bytes) = fs::read(&path)
            && bytes.windows(text.len()).any(|window| window == text.as_bytes())
        {
            found.push(path);
        }
    }
    found
}
