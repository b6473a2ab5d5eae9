//! What a backend's tests bring along.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use sf_model::{App, Diagnostic, Lookup, Selection, Source};
use sf_plan::{Digest, Kind};

use crate::{ArtifactSource, Artifacts, Backend, BuiltArtifact, Driver, Scope};

/// A backend under test.
#[async_trait]
pub trait Bench: Send + Sync {
    /// Its pure half.
    fn backend(&self) -> &dyn Backend;

    /// Versions of one project, deployed one after the other. Together they should create, update, replace and delete each kind.
    fn samples(&self) -> Vec<Sample>;

    /// A connection to an account in which the project of the samples has nothing yet, in any stage.
    async fn connect(&self) -> Connection;

    /// Whether an object of this kind can say which generation it is. One that cannot (it has no tags) is found as its own successor, which
    /// is never made of the very same inputs.
    fn tells_generations(&self, _: &Kind) -> bool {
        true
    }

    /// The process dies at each call of each deploy, unless calls take so long that less has to do.
    fn crashes(&self) -> Crashes {
        Crashes::AtEach
    }
}

/// At which calls of the deploys from sample to sample, and of the removal, the process dies in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crashes {
    /// At each.
    AtEach,
    /// At one of so many, not always the same ones.
    AtEvery(NonZeroUsize),
    /// At none: the samples are there for the other trials.
    Never,
}

/// A connected driver.
#[derive(Clone)]
pub struct Connection {
    /// The driver.
    pub driver: Arc<dyn Driver>,
    /// Where it finds the samples' artifacts.
    pub artifacts: Arc<dyn ArtifactSource>,
}

/// One version of a project.
#[derive(Clone, Debug)]
pub struct Sample {
    /// For messages.
    pub name: String,
    /// The project.
    pub app: App,
    /// Its functions' code.
    pub artifacts: Artifacts,
}

/// A rule that a backend breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{during}: {broken}")]
pub struct Violation {
    /// During which trial.
    pub during: String,
    /// What was expected, and what came.
    pub broken: String,
}

/// For those whose driver never reads an artifact.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoArtifacts;

impl ArtifactSource for NoArtifacts {
    fn path(&self, _: &Digest) -> Option<PathBuf> {
        None
    }
}

impl Sample {
    /// A sample from a manifest's text, in a world without environment, files and git. The code of each function is stood for by
    /// a digest made from `code` and the function's name.
    ///
    /// # Errors
    /// What is wrong with the manifest.
    pub fn from_manifest(name: &str, text: &str, code: &str) -> Result<Self, Vec<Diagnostic>> {
        let source = Source { name: name.to_owned(), text: text.to_owned() };
        let loaded = sf_model::load(&source, &Selection::default(), &Nowhere);
        let Some(app) = loaded.app else { return Err(loaded.diagnostics) };
        let built = app.functions.values().map(|function| {
            let digest = digest_for(&format!("{code} {}", function.name));
            let entry = function.handler.as_ref().map_or("main", |handler| handler.file.as_str()).to_owned();
            (function.name.clone(), BuiltArtifact { digest, size: 1, entry })
        });
        Ok(Self { name: name.to_owned(), artifacts: built.collect(), app })
    }

    /// Who owns it in a stage.
    pub(super) fn scope(&self, stage: &str) -> Scope {
        Scope { project: self.app.project.clone(), stage: stage.to_owned() }
    }
}

/// 64 hexadecimal digits that stand for a text: no hash, but different texts of the first 32 bytes give different ones.
fn digest_for(text: &str) -> Digest {
    let digits = hex::encode(text.as_bytes().get(..32).unwrap_or(text.as_bytes()));
    Digest(format!("{digits:0<64}"))
}

/// A world without anything.
struct Nowhere;

impl Lookup for Nowhere {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("there is no {path}"))
    }

    fn git_sha(&self) -> Result<String, String> {
        Err("there is no repository".to_owned())
    }
}
