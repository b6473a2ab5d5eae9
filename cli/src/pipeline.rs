//! The one way from a manifest to a plan, for `plan`, `deploy`, `build` and `debug` alike.
//!
//! ```text
//! Project ─ build ─> artifacts ─ compile ─> desired objects ─ observe ─> plan
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sf_build::{Artifact, BuildError, ExtraFile, Extras, Layout, PythonTarget};
use sf_engine::Provider;
use sf_model::{Diagnostic, ItemKind, Severity};
use sf_plan::{Desired, Digest};
use sf_provider::{ArtifactSource, BuiltArtifact, Cx, KitFile};

use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::registry::Connection;
use crate::ui::{Progress, Ui, counted, size};

/// Where states are, relative to the manifest, unless it says otherwise.
const STATE_FOLDER: &str = ".sf/state";

/// Built code by function.
pub(crate) type Artifacts = BTreeMap<String, Artifact>;

/// Builds the functions, or those that are named. Warnings and failures are shown.
pub(crate) fn build(ui: &Ui, project: &Project, only: Option<&[String]>) -> Result<Artifacts, Error> {
    let total = only.map_or(project.app.functions.len(), <[String]>::len);
    let progress = Building { ui, progress: ui.progress("building", total) };
    write_types(ui, project);
    let built = sf_build::build(&project.app, &layout(project), only, &extras(project, only), &progress);
    drop(progress);
    let artifacts = built.map_err(|failures| failed(ui, project, total, &failures))?;
    for (function, artifact) in &artifacts {
        for warning in &artifact.warnings {
            ui.warn(format_args!("build function `{function}`: {warning}"));
        }
    }
    Ok(artifacts)
}

/// Where the project is and what was built of it.
pub(crate) fn layout(project: &Project) -> Layout {
    let root = project.manifest.root.clone();
    Layout { cache: root.join(".sf").join("cache"), root }
}

/// What the provider needs beside the code of the functions that are built.
fn extras(project: &Project, only: Option<&[String]>) -> Extras {
    let wanted = |name: &String| only.is_none_or(|names| names.contains(name));
    let files = |function: &sf_model::Function| -> Vec<ExtraFile> {
        let kit = project.backend.kit(&project.app, function).into_iter();
        kit.map(|KitFile { path, bytes, executable }| ExtraFile { path, bytes, executable }).collect()
    };
    let python = |function: &sf_model::Function| {
        let target = project.backend.python(&project.app, function)?;
        let sf_provider::PythonTarget { version, architecture, glibc } = target;
        Some(PythonTarget { version, architecture, glibc })
    };
    let functions = || project.app.functions.iter().filter(|(name, _)| wanted(name));
    Extras {
        of: format!("kit of {}", project.backend.name()),
        files: functions().map(|(name, function)| (name.clone(), files(function))).collect(),
        python: functions().filter_map(|(name, function)| Some((name.clone(), python(function)?))).collect(),
    }
}

/// Writes what editors want to know of the kits. That it fails is no reason not to build.
pub(crate) fn write_types(ui: &Ui, project: &Project) {
    if let Err(error) = sf_build::types::write(&project.app, &project.manifest.root) {
        ui.warn(error);
    }
}

/// Shows each failure, at its place in the manifest where it has one, and sums up.
fn failed(ui: &Ui, project: &Project, total: usize, failures: &[BuildError]) -> Error {
    let diagnostic = |failure: &BuildError| Diagnostic {
        severity: Severity::Error,
        code: "build-failed".into(),
        message: failure.to_string(),
        span: failure.span,
        label: None,
        hint: failure.hint.clone(),
    };
    let diagnostics: Vec<_> = failures.iter().map(diagnostic).collect();
    project.manifest.show(ui, &diagnostics);
    let message = format!("build `{}`: {} of {total} functions failed", project.app.project, failures.len());
    Error::new(Exit::Build, "build-failed", message)
        .diagnostics(sf_model::to_json(&project.manifest.source, &diagnostics))
}

/// What the provider makes of the project and its artifacts.
pub(crate) fn compile(ui: &Ui, project: &Project, artifacts: &Artifacts) -> Result<Vec<Desired>, Error> {
    let built = |artifact: &Artifact| BuiltArtifact {
        digest: artifact.digest.clone(),
        size: artifact.size,
        entry: artifact.entry.clone(),
    };
    let first = |function: &String| project.app.renames.first(ItemKind::Function, function).to_owned();
    let built = artifacts.iter().map(|(function, artifact)| (first(function), built(artifact))).collect();
    project.backend.compile(&project.deployed, &built).map_err(|diagnostics| {
        project.manifest.show(ui, &diagnostics);
        project.manifest.invalid(&diagnostics)
    })
}

/// The folder of the states of all stages; `None` if they are not in a folder.
pub(crate) fn state_folder(project: &Project) -> Option<PathBuf> {
    let place = project.app.state_store.as_deref().unwrap_or(STATE_FOLDER);
    (!place.contains("://")).then(|| project.manifest.root.join(place))
}

/// How many releases are kept, and how many logs of runs that made none.
pub(crate) fn kept_releases(project: &Project) -> usize {
    project.app.kept_releases
}

/// The provider as the engine wants it, and the count of what is uploaded.
pub(crate) fn provider(project: &Project, connection: &Connection, zips: &Arc<Zips>) -> Provider {
    let cx = Cx::new(project.scope(), zips.clone());
    Provider { driver: connection.driver.clone(), cx }
}

/// The zips of the build cache. A driver asks for one only to upload it, so that the questions count the uploads.
pub(crate) struct Zips {
    layout: Layout,
    uploads: AtomicUsize,
}

impl Zips {
    /// Those of a project: all that it was built to, now and earlier.
    pub(crate) fn of(project: &Project) -> Arc<Self> {
        Arc::new(Self { layout: layout(project), uploads: AtomicUsize::new(0) })
    }

    /// Where an artifact's zip is or should be.
    pub(crate) fn place(&self, digest: &Digest) -> PathBuf {
        self.layout.zip(digest)
    }

    /// How many were asked for.
    pub(crate) fn uploads(&self) -> usize {
        self.uploads.load(Ordering::Relaxed)
    }
}

impl ArtifactSource for Zips {
    fn path(&self, digest: &Digest) -> Option<PathBuf> {
        let path = Some(self.place(digest)).filter(|path| path.is_file());
        self.uploads.fetch_add(usize::from(path.is_some()), Ordering::Relaxed);
        path
    }
}

/// Tells what the builder does.
struct Building<'ui> {
    ui: &'ui Ui,
    progress: Progress<'ui>,
}

impl sf_build::Progress for Building<'_> {
    fn started(&self, function: &str) {
        self.progress.working_on(function);
    }

    fn finished(&self, function: &str, artifact: &Artifact) {
        self.progress.advance();
        let line =
            format!("built {function} ({}, {})", size(artifact.size), counted(artifact.files.len(), "file"));
        if artifact.cached {
            self.ui.detail(format_args!("{line}, from the cache"));
        } else {
            self.ui.info(line);
        }
    }

    fn output(&self, function: &str, line: &str) {
        self.ui.info(format_args!("{function} | {line}"));
    }
}

/// Where a run that cannot save its state puts it.
pub(crate) fn rescue(root: &Path) -> PathBuf {
    root.join("sf-state.rescue.json")
}
