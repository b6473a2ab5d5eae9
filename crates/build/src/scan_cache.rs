//! What a source file imports, by the hash of its content: an unchanged file is never read again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// Part of the file's name: another scanner finds other things.
const VERSION: u32 = 2;

/// What a scanner found in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Scan {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) imports: Vec<Import>,
    /// Whether something is imported whose name only the running program knows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) dynamic: bool,
    /// Names that can be called from outside, sorted.
    pub(crate) exports: Vec<String>,
    /// Whether `exports` may lack some.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) more_exports: bool,
    /// Where it is not the language it claims to be, and what is wrong: `3:5: unexpected token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

/// Something that a file asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Import {
    /// A module specifier (JavaScript), or a dotted name, with leading dots where it is relative (Python).
    pub(crate) name: String,
    pub(crate) kind: ImportKind,
}

/// How it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum ImportKind {
    /// When it is loaded: without it nothing runs.
    Static,
    /// `import(…)`: when it gets there, and it may have taken care that it is missing.
    Dynamic,
    /// `require(…)`: as dynamic, but by CommonJS's rules.
    Require,
    /// `new URL(…, import.meta.url)`: a file to read.
    Asset,
}

impl Scan {
    /// Sorts what was found, so that equal files have equal scans.
    pub(crate) fn sorted(mut self) -> Self {
        self.imports.sort();
        self.imports.dedup();
        self.exports.sort();
        self.exports.dedup();
        self
    }
}

/// `3:5` of a byte offset, both from 1.
pub(crate) fn line_and_column(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("{line}:{column}")
}

/// The cache.
pub(crate) struct Scans {
    path: PathBuf,
    /// By the file's extension, then by its hash.
    known: RwLock<FxHashMap<String, FxHashMap<String, Arc<Scan>>>>,
    learnt: AtomicBool,
}

impl Scans {
    pub(crate) fn open(cache: &Path) -> Self {
        let path = cache.join(format!("scans-{VERSION}.json"));
        let known =
            fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { path, known: RwLock::new(known), learnt: AtomicBool::new(false) }
    }

    /// The scan of a file with this hash; by its extension it is read as one language or another.
    pub(crate) fn get(
        &self,
        extension: &str,
        sha256: &str,
        file: &Path,
        scan: impl Fn(&str) -> Scan,
    ) -> std::io::Result<Arc<Scan>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(extension).and_then(|known| known.get(sha256)) {
            return Ok(found.clone());
        }
        drop(known);
        let text = String::from_utf8_lossy(&fs::read(file)?).into_owned();
        let found = Arc::new(scan(&text));
        self.learnt.store(true, Ordering::Relaxed);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(extension.to_owned()).or_default().insert(sha256.to_owned(), found.clone());
        Ok(found)
    }

    pub(crate) fn save(&self) {
        if !self.learnt.load(Ordering::Relaxed) {
            return;
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let sorted: BTreeMap<_, BTreeMap<_, _>> =
            known.iter().map(|(key, known)| (key, known.iter().collect())).collect();
        if let Ok(bytes) = serde_json::to_vec(&sorted) {
            crate::files::save_if_changed(&self.path, &bytes);
        }
    }
}
