//! From the current folder to a validated project: find `sf.toml`, read it, say everything that is wrong with it.

use std::path::{Path, PathBuf};
use std::process::Command;

use sf_model::{App, Diagnostic, Lookup, Selection, Severity, Source};
use sf_provider::{Backend, Scope};

use crate::args::Target;
use crate::errors::{Error, Exit};
use crate::registry;
use crate::settings::Settings;
use crate::ui::Ui;

/// The manifest's file name.
pub(crate) const MANIFEST: &str = "sf.toml";

/// A manifest's text and where it stands.
pub(crate) struct Manifest {
    /// The folder that every path in it is relative to.
    pub(crate) root: PathBuf,
    /// Its text.
    pub(crate) source: Source,
}

/// A project that its provider accepts.
pub(crate) struct Project {
    /// Where it came from.
    pub(crate) manifest: Manifest,
    /// The project itself, in the manifest's words.
    pub(crate) app: App,
    /// The same [by first names](App::by_first_names), as its provider and all records know it.
    pub(crate) deployed: App,
    /// The backend that compiles it.
    pub(crate) backend: &'static dyn Backend,
    /// Warnings and notes, already shown.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Manifest {
    /// Reads the manifest that `--manifest` names, or the nearest one upward.
    pub(crate) fn find(settings: &Settings) -> Result<Self, Error> {
        let current =
            std::env::current_dir().map_err(|cause| Error::io("find", "the current folder", &cause))?;
        let path = match &settings.manifest {
            Some(path) => current.join(path),
            None => nearest(&current)?,
        };
        Self::read(&current, &path)
    }

    /// Reads the manifest of a folder.
    pub(crate) fn within(folder: &Path) -> Result<Self, Error> {
        Self::read(Path::new(""), &folder.join(MANIFEST))
    }

    /// `current`: what paths are shown relative to.
    fn read(current: &Path, path: &Path) -> Result<Self, Error> {
        let name = path.strip_prefix(current).unwrap_or(path).display().to_string();
        let text =
            std::fs::read(path).map_err(|cause| Error::io("read", &name, &cause).kind(Exit::Manifest))?;
        let text = String::from_utf8(text).map_err(|cause| {
            let at = cause.utf8_error().valid_up_to();
            Error::new(Exit::Manifest, "not-utf8", format!("read `{name}`: byte {at} is not UTF-8"))
        })?;
        let root = path.parent().map_or_else(|| current.to_owned(), Path::to_path_buf);
        Ok(Self { root, source: Source { name, text } })
    }

    /// Parses and validates it for a stage and provider, asks the provider, and shows what there is to say.
    pub(crate) fn load(self, ui: &Ui, target: &Target) -> Result<Project, Error> {
        if let Some(provider) = &target.provider {
            registry::backend(provider)?;
        }
        let selection = Selection { stage: target.stage.clone(), provider: target.provider.clone() };
        let mut loaded = sf_model::load(&self.source, &selection, &Outside { root: &self.root });
        let backend = loaded.app.as_ref().map(|app| registry::backend(&app.provider));
        let deployed = loaded.app.as_ref().map(App::by_first_names);
        if let (Some(deployed), Some(Ok(backend))) = (&deployed, &backend) {
            loaded.diagnostics.extend(backend.check(deployed));
            loaded.diagnostics.sort_by_key(|diagnostic| (diagnostic.span, diagnostic.severity));
        }
        self.show(ui, &loaded.diagnostics);
        match (loaded.app.zip(deployed), backend) {
            (Some((app, deployed)), Some(Ok(backend))) if !has_errors(&loaded.diagnostics) => {
                Ok(Project { manifest: self, app, deployed, backend, diagnostics: loaded.diagnostics })
            }
            (_, Some(Err(unknown))) => Err(unknown.kind(Exit::Manifest)),
            _ => Err(self.invalid(&loaded.diagnostics)),
        }
    }

    /// Shows diagnostics under their lines, on stderr.
    pub(crate) fn show(&self, ui: &Ui, diagnostics: &[Diagnostic]) {
        if !diagnostics.is_empty() {
            ui.rendered(&sf_model::render(&self.source, diagnostics, ui.colors()));
        }
    }

    /// The error that sums up diagnostics already shown.
    pub(crate) fn invalid(&self, diagnostics: &[Diagnostic]) -> Error {
        let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
        let count = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
        Error::new(Exit::Manifest, "invalid-manifest", format!("check `{}`: {count}", self.source.name))
            .diagnostics(sf_model::to_json(&self.source, diagnostics))
    }
}

impl Project {
    /// Finds and loads the project for a command.
    pub(crate) fn open(settings: &Settings, target: &Target) -> Result<Self, Error> {
        Manifest::find(settings)?.load(&settings.ui, target)
    }

    /// Whose objects its deploys make.
    pub(crate) fn scope(&self) -> Scope {
        Scope { project: self.app.project.clone(), stage: self.app.stage.clone() }
    }
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// The manifest in this folder or the nearest one above it.
fn nearest(from: &Path) -> Result<PathBuf, Error> {
    from.ancestors().map(|folder| folder.join(MANIFEST)).find(|path| path.is_file()).ok_or_else(|| {
        Error::new(
            Exit::Manifest,
            "no-manifest",
            format!("find `{MANIFEST}`: neither `{}` nor a folder above it has one", from.display()),
        )
        .hint("`sf new` starts a project; `-C DIR` or `--manifest PATH` says where one is")
    })
}

/// What `${env:…}`, `${file:…}` and `${git:sha}` ask for.
struct Outside<'a> {
    root: &'a Path,
}

impl Lookup for Outside<'_> {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(self.root.join(path)).map_err(|cause| cause.to_string())
    }

    fn git_sha(&self) -> Result<String, String> {
        git_sha(self.root)
    }
}

/// The commit that a folder's repository is at.
pub(crate) fn git_sha(folder: &Path) -> Result<String, String> {
    let output = Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(folder)
        .output()
        .map_err(|cause| format!("git could not be run: {cause}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(stderr.lines().next().unwrap_or("git failed").trim_start_matches("fatal: ").to_owned())
    }
}
