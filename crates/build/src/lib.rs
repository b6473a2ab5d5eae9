//! Source tree -> artifact: which files belong to a function and why, their hashes, and a deterministic zip, content-addressed.
//!
//! ```text
//! App ─ collect (node: imports or esbuild | python: imports | web: command; kit; extras) ─> Picked files ─ hash (stat cache) ─> digest ─ zip
//! ```
//!
//! What enters a digest is listed in [`digest`]. Nothing is zipped when the cache has the digest's zip already.

mod archive;
mod collect;
pub mod digest;
mod extra;
mod files;
mod kit;
mod node;
pub mod prune;
mod python;
mod scan_cache;
mod tree;
pub mod types;
mod web;

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;
use serde::Serialize;
use sf_model::{App, Function};
use sf_plan::Digest;

pub use crate::extra::{ExtraFile, Extras, PythonTarget};

/// Where things are.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The folder of `sf.toml`.
    pub root: PathBuf,
    /// `.sf/cache` within it: the stat cache and, under `artifacts/`, the zips by digest.
    pub cache: PathBuf,
}

impl Layout {
    /// Where the zip of an artifact is, if it was built or fetched once.
    pub fn zip(&self, digest: &Digest) -> PathBuf {
        self.cache.join("artifacts").join(format!("{digest}.zip"))
    }
}

/// One function's artifact.
#[derive(Clone, Debug, Serialize)]
pub struct Artifact {
    /// What names it everywhere: see [`digest`].
    pub digest: Digest,
    /// The zip.
    pub zip: PathBuf,
    /// Its size.
    pub size: u64,
    /// The file that the runtime loads (portable: after bundling, `src/a.ts` is `src/a.mjs`) or runs (web), in the artifact.
    pub entry: String,
    /// Whether the zip was in the cache already.
    pub cached: bool,
    /// What is in it, sorted by path.
    pub files: Vec<Entry>,
    /// Anything worth saying: a dynamic import that could not be followed, a file left out.
    pub warnings: Vec<String>,
}

/// A file of an artifact.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its path in the artifact, `/` between parts.
    pub path: String,
    /// Whether it is executable.
    pub executable: bool,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Why it is there: `handler`, `imported by src/a.mjs`, `package.include "x/**"`, `kit`, `kit of aws`,
    /// `build output`, `bundled by esbuild 0.28.2`.
    pub why: String,
}

/// What a build reports as it goes.
pub trait Progress: Sync {
    /// A function's build began.
    fn started(&self, function: &str);
    /// It ended.
    fn finished(&self, function: &str, artifact: &Artifact);
    /// A line that a build command printed.
    fn output(&self, function: &str, line: &str);
}

/// Why a function could not be built.
#[derive(Clone, Debug, thiserror::Error)]
#[error("build function `{function}`: {cause}")]
pub struct BuildError {
    /// Which.
    pub function: String,
    /// One lower-case sentence.
    pub cause: String,
    /// What to do.
    pub hint: Option<String>,
    /// The place in the manifest that it concerns.
    pub span: Option<sf_model::Span>,
}

/// A cause without its function, which the caller adds.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    text: String,
    hint: Option<String>,
    span: Option<sf_model::Span>,
}

impl Cause {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), hint: None, span: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn at(mut self, span: sf_model::Span) -> Self {
        self.span = Some(span);
        self
    }

    fn io(operation: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(format!("{operation} `{}`: {error}", path.display()))
    }

    fn of(self, function: &Function) -> BuildError {
        // What concerns no other place concerns the handler that led to it.
        let span = self
            .span
            .or_else(|| function.handler.as_ref().map(|handler| handler.span))
            .or(Some(function.span));
        BuildError { function: function.name.clone(), cause: self.text, hint: self.hint, span }
    }
}

/// Builds all functions of the App (or those named in `only`), in parallel, each with its `extras`. All errors at once.
///
/// # Errors
/// Each function that could not be built, with the reason.
pub fn build(
    app: &App,
    layout: &Layout,
    only: Option<&[String]>,
    extras: &Extras,
    progress: &dyn Progress,
) -> Result<BTreeMap<String, Artifact>, Vec<BuildError>> {
    let shared = collect::Shared::open(layout, extras, progress);
    let wanted = |function: &&Function| only.is_none_or(|names| names.contains(&function.name));
    let functions: Vec<&Function> = app.functions.values().filter(wanted).collect();
    let results: Vec<_> = functions
        .par_iter()
        .map(|function| {
            progress.started(&function.name);
            let built = collect::collect(function, &shared)
                .and_then(|picked| archive::assemble(function, picked, &shared));
            built
                .inspect(|artifact| progress.finished(&function.name, artifact))
                .map_err(|cause| cause.of(function))
        })
        .collect();
    shared.save();
    let (mut artifacts, mut errors) = (BTreeMap::new(), Vec::new());
    for (function, result) in functions.iter().zip(results) {
        match result {
            Ok(artifact) => drop(artifacts.insert(function.name.clone(), artifact)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(artifacts) } else { Err(errors) }
}
