//! Files that the caller puts into artifacts: what a provider needs beside the code, which only the provider knows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use rustc_hash::FxHashMap;
use sf_model::{Function, Interface};
use sha2::{Digest as _, Sha256};

use crate::Cause;
use crate::collect::{self, Collected, Picked, Source};

/// What artifacts hold besides code and kit.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Whose files they are, as messages and `why` say it: `kit of aws`.
    pub of: String,
    /// By the function's name.
    pub files: BTreeMap<String, Vec<ExtraFile>>,
    /// What Python functions run on, by the function's name; without: on machines like this one.
    pub python: BTreeMap<String, PythonTarget>,
}

/// What a Python function runs on, which its compiled packages must fit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PythonTarget {
    /// `3.13`
    pub version: String,
    /// As wheels call it: `aarch64`, `x86_64`. The system is Linux.
    pub architecture: String,
    /// The newest glibc that a wheel may want: `2_28`.
    pub glibc: String,
}

/// One such file.
#[derive(Clone, Debug)]
pub struct ExtraFile {
    /// In the artifact: parts with `/` between them.
    pub path: String,
    /// What is in it.
    pub bytes: Cow<'static, [u8]>,
    /// Whether it is a program.
    pub executable: bool,
}

/// An extra file's content, hashed.
pub(crate) struct Extra {
    pub(crate) bytes: Cow<'static, [u8]>,
    pub(crate) executable: bool,
    pub(crate) sha256: Arc<str>,
}

/// What the functions of one build share.
pub(crate) struct Shared<'a> {
    extras: &'a Extras,
    /// Embedded bytes by where they are: they never change, and a thousand functions have the same ones.
    hashes: RwLock<FxHashMap<(usize, usize), Arc<str>>>,
}

impl<'a> Shared<'a> {
    /// What a Python function runs on, if not on this machine.
    pub(crate) fn python(&self, function: &Function) -> Option<&'a PythonTarget> {
        self.extras.python.get(&function.name)
    }

    pub(crate) fn of(extras: &'a Extras) -> Self {
        Self { extras, hashes: RwLock::default() }
    }

    fn sha256(&self, file: &ExtraFile) -> Arc<str> {
        match &file.bytes {
            Cow::Borrowed(embedded) => self.sha256_of_embedded(embedded),
            Cow::Owned(made) => hex::encode(Sha256::digest(made)).into(),
        }
    }

    fn sha256_of_embedded(&self, embedded: &'static [u8]) -> Arc<str> {
        let place = (embedded.as_ptr().addr(), embedded.len());
        if let Some(known) = self.hashes.read().unwrap_or_else(PoisonError::into_inner).get(&place) {
            return known.clone();
        }
        let mut hashes = self.hashes.write().unwrap_or_else(PoisonError::into_inner);
        hashes.entry(place).or_insert_with(|| hex::encode(Sha256::digest(embedded)).into()).clone()
    }
}

/// Adds a function's extra files.
pub(crate) fn add(
    function: &Function,
    collected: &mut Collected,
    shared: &collect::Shared<'_>,
) -> Result<(), Cause> {
    let Extras { of, files, .. } = shared.extras.extras;
    for file in files.get(&function.name).into_iter().flatten() {
        if function.interface == Interface::Web && collected.entry == file.path {
            make_room(collected);
        }
        if let Some(taken) = in_the_way(collected, &file.path) {
            let cause = format!("`{taken}` is in the way of `{}`, which is part of the {of}", file.path);
            return Err(Cause::new(cause).hint("give it another name, or leave it out with package.exclude"));
        }
        let extra = Extra {
            bytes: file.bytes.clone(),
            executable: file.executable,
            sha256: shared.extras.sha256(file),
        };
        let picked = Picked { source: Source::Extra(extra), why: of.clone() };
        collected.files.insert(file.path.clone(), picked);
    }
    Ok(())
}

/// A web program in a folder is called `bootstrap`, and so is what AWS starts: the program gets another name. It stays in its folder, where
/// it may look for what belongs to it.
fn make_room(collected: &mut Collected) {
    let moved = format!("{}.program", collected.entry);
    if !collected.files.contains_key(&moved)
        && let Some(program) = collected.files.remove(&collected.entry)
    {
        collected.files.insert(moved.clone(), program);
        collected.entry = moved;
    }
}

/// The file that has this path already, or is where one of its folders must be, or in a folder where it must be.
fn in_the_way<'c>(collected: &'c Collected, path: &str) -> Option<&'c str> {
    let folders = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
    let same_or_above = folders.chain([path]).find_map(|path| collected.files.get_key_value(path));
    let inside = format!("{path}/");
    let below =
        || collected.files.range(inside.clone()..).next().filter(|(path, _)| path.starts_with(&inside));
    same_or_above.or_else(below).map(|(path, _)| path.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_by_itself_by_a_file_above_and_by_files_below() {
        let mut collected = Collected::default();
        for path in ["a", "b/c", "b/d/e"] {
            collected.add(path.to_owned(), Source::Bytes(Vec::new()), "test");
        }
        let way = |path: &str| in_the_way(&collected, path);
        assert_eq!((way("a"), way("b/c"), way("b/d/e")), (Some("a"), Some("b/c"), Some("b/d/e")));
        assert_eq!((way("a/x"), way("b/c/x/y")), (Some("a"), Some("b/c")));
        assert_eq!((way("b"), way("b/d")), (Some("b/c"), Some("b/d/e")));
        assert_eq!((way("ab"), way("b/cc"), way("c"), way("")), (None, None, None, None));
    }

    #[test]
    fn embedded_bytes_are_hashed_once_and_others_each_time() {
        static EMBEDDED: &[u8] = b"of the kit";
        let extras = Extras::default();
        let shared = Shared::of(&extras);
        let sha256 = |bytes| shared.sha256(&ExtraFile { path: "x".into(), bytes, executable: false });
        let first = sha256(EMBEDDED.into());
        assert!(Arc::ptr_eq(&first, &sha256(EMBEDDED.into())));
        let made = sha256(EMBEDDED.to_vec().into());
        assert_eq!(made, first);
        assert!(!Arc::ptr_eq(&made, &first));
        assert_ne!(sha256(EMBEDDED[1..].into()), first);
    }
}
