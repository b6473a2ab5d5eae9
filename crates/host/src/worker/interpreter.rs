//! Where an interpreter really is, and what it consists of.
//!
//! What stands on PATH may be a script or a program of a version manager (pyenv, asdf, volta) that looks for the interpreter in the
//! user's folders. A worker sees none of those, and need not wait for that search: the interpreter is asked once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// A program that runs others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interpreter {
    pub(super) path: PathBuf,
    /// Files and folders that it needs, where they are not the system's own.
    pub(super) trees: Vec<PathBuf>,
    /// Whether something else stands on PATH in its place.
    pub(super) is_elsewhere: bool,
}

/// Each answer, by what was found on PATH.
static KNOWN: Mutex<BTreeMap<PathBuf, Interpreter>> = Mutex::new(BTreeMap::new());

/// The interpreter behind a program that was found on PATH.
pub(super) fn behind(found: &Path) -> Interpreter {
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(interpreter) = known().get(found).filter(|interpreter| interpreter.path.is_file()) {
        return interpreter.clone();
    }
    let interpreter = look(found);
    known().insert(found.to_owned(), interpreter.clone());
    interpreter
}

fn look(found: &Path) -> Interpreter {
    let real = found.canonicalize().unwrap_or_else(|_| found.to_owned());
    let name = real.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let as_found = |prefixes: &[&Path]| Interpreter {
        path: found.to_owned(),
        trees: trees(&real, prefixes),
        is_elsewhere: false,
    };
    let own_prefix = prefix(&real);
    let is_program = starts_with(&real, b"\x7fELF");
    let asked = found.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let question: &[&str] = if asked.starts_with("python") {
        &["-I", "-c", "import sys; print(sys.executable, sys.prefix, sys.base_prefix, sep='\\n')"]
    } else if asked.starts_with("node") {
        &["-p", "process.execPath"]
    } else {
        return as_found(own_prefix.as_slice());
    };
    let needs_no_question = is_program && (real.starts_with("/usr") || name.starts_with("node"));
    let answer = if needs_no_question { None } else { ask(found, question) };
    let Some(answer) = answer else { return as_found(own_prefix.as_slice()) };
    let mut lines = answer.lines().map(Path::new);
    let path = lines.next().unwrap_or(found).to_owned();
    let real = path.canonicalize().unwrap_or_else(|_| path.clone());
    let prefixes: Vec<&Path> = lines.chain(prefix(&real)).collect();
    Interpreter { trees: trees(&real, &prefixes), is_elsewhere: path.as_path() != found, path }
}

/// `/opt/node` of `/opt/node/bin/node`.
fn prefix(program: &Path) -> Option<&Path> {
    let folder = program.parent()?;
    if folder.ends_with("bin") { folder.parent() } else { None }
}

/// Not all of a prefix: it may be somebody's home.
fn trees(program: &Path, prefixes: &[&Path]) -> Vec<PathBuf> {
    let parts = prefixes
        .iter()
        .flat_map(|prefix| ["bin", "lib", "lib64", "libexec", "pyvenv.cfg"].map(|part| prefix.join(part)));
    let mut trees: Vec<_> = std::iter::once(program.to_owned())
        .chain(parts)
        .filter(|tree| !tree.starts_with("/usr") && tree.exists())
        .collect();
    trees.sort();
    trees.dedup();
    trees
}

fn ask(program: &Path, question: &[&str]) -> Option<String> {
    let output = Command::new(program).args(question).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn starts_with(path: &Path, magic: &[u8]) -> bool {
    let mut start = Vec::new();
    let file = File::open(path).ok();
    let length = u64::try_from(magic.len()).unwrap_or_default();
    file.and_then(|file| file.take(length).read_to_end(&mut start).ok()).is_some() && start == magic
}

/// What runs a script, by its first line: a path, or a name to be looked for on PATH.
pub(super) fn of_script(script: &Path) -> Option<PathBuf> {
    let mut line = Vec::new();
    BufReader::new(File::open(script).ok()?.take(256)).read_until(b'\n', &mut line).ok()?;
    let line = String::from_utf8(line).ok()?;
    let mut words = line.strip_prefix("#!")?.split_whitespace();
    let first = words.next()?;
    if !first.ends_with("/env") {
        return Some(first.into());
    }
    words.find(|word| !word.starts_with('-') && !word.contains('=')).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scripts_first_line_names_what_runs_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let script = folder.path().join("script");
        for (line, found) in [
            ("#!/bin/sh -e\n", Some("/bin/sh")),
            ("#!/usr/bin/env python3\nprint()", Some("python3")),
            ("#! /usr/bin/env -S A=b node --x", Some("node")),
            ("\x7fELF", None),
            ("", None),
        ] {
            std::fs::write(&script, line).unwrap();
            assert_eq!(of_script(&script).as_deref(), found.map(Path::new), "{line:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn the_interpreter_behind_a_script_is_asked_for() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::TempDir::new().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("v1/bin")).unwrap();
        std::fs::create_dir_all(root.join("v1/lib")).unwrap();
        std::fs::write(root.join("v1/bin/node"), "").unwrap();
        let shim = root.join("node");
        let text = format!("#!/bin/sh\necho {}\n", root.join("v1/bin/node").display());
        std::fs::write(&shim, text).unwrap();
        std::fs::set_permissions(&shim, std::fs::Permissions::from_mode(0o755)).unwrap();
        let found = behind(&shim);
        assert_eq!(found.path, root.join("v1/bin/node"));
        assert!(found.is_elsewhere);
        assert_eq!(found.trees, ["v1/bin", "v1/bin/node", "v1/lib"].map(|tree| root.join(tree)));
    }
}
