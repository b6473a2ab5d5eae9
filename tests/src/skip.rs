//! Tests that cannot prove anything on this machine say so, each time, and are counted.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::env::repository;

/// Says that a test proved nothing, and why. It counts as passed: a machine without a network, or without a counterpart, is no defect of
/// `sf`. Goes around the test runner, which would show it for failures only; `cargo xtask test` counts the lines in the file that
/// `SF_SKIPPED` names.
pub fn skipped(test: &str, reason: &str) {
    let line = format!("skipped: {test}: {reason}\n");
    // Nobody is there to be told of a closed stderr.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os("SF_SKIPPED") {
        let file = std::fs::File::options().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.unwrap_or_else(|cause| panic!("{}: {cause}", Path::new(&path).display()));
    }
}

/// Cargo's target folder: for what is made once and kept.
pub(crate) fn target() -> PathBuf {
    let repository = repository();
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or(repository.join("target"), |dir| repository.join(Path::new(&dir)))
}
