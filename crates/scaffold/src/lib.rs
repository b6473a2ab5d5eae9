//! `sf new`: a template and a name -> the files of a project.
//!
//! Templates are folders of `templates/`; files that end in `.hbs` are rendered with Handlebars and lose that ending, all others are
//! copied. Two more come from `examples/`, so that what `sf new` makes is what the tests deploy.

mod sources;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use handlebars::Handlebars;
use serde::Serialize;

/// Files by their paths, `/` between parts.
pub type Files = BTreeMap<String, FileContent>;

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContent {
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Something to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Template {
    /// As in `sf new --template NAME`.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
}

/// Why there is no new project.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// There is no such template.
    #[error("start from template `{name}`: there is none of that name")]
    UnknownTemplate {
        /// What was asked for.
        name: String,
        /// The one that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A project may not be called that.
    #[error(
        "name the project `{0}`: a name is a lower-case letter, then up to 30 letters, digits and hyphens"
    )]
    BadName(String),
    /// Something is there already.
    #[error("make `{}`: it exists and is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The system refused.
    #[error("make `{}`: {cause}", path.display())]
    Io {
        /// What was made.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// A template is broken: a fault of `sf`.
    #[error("render template `{template}`: {cause}")]
    Broken {
        /// Which.
        template: String,
        /// Why.
        cause: String,
    },
}

impl ScaffoldError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownTemplate { nearest: Some(nearest), .. } => {
                Some(format!("did you mean `{nearest}`?"))
            }
            Self::UnknownTemplate { .. } => {
                let names: Vec<_> = list().iter().map(|template| format!("`{}`", template.name)).collect();
                Some(format!("there are {}", names.join(", ")))
            }
            Self::NotEmpty(_) => Some("choose another name, or move the folder away".into()),
            Self::BadName(_) | Self::Io { .. } | Self::Broken { .. } => None,
        }
    }

    /// Whether the command line asked for what cannot be.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::UnknownTemplate { .. } | Self::BadName(_) | Self::NotEmpty(_))
    }
}

/// Every template, in the order in which they are offered.
pub fn list() -> Vec<Template> {
    sources::TEMPLATES.iter().map(|source| source.template).collect()
}

/// Checks a project's name.
///
/// # Errors
/// It is not `[a-z][a-z0-9-]{0,30}`.
pub fn check_name(name: &str) -> Result<(), ScaffoldError> {
    let lower = |c: char| c.is_ascii_lowercase();
    let rest = |c: char| lower(c) || c.is_ascii_digit() || c == '-';
    match name.starts_with(lower) && name.len() <= 31 && name.chars().all(rest) {
        true => Ok(()),
        false => Err(ScaffoldError::BadName(name.to_owned())),
    }
}

/// The files of a new project.
///
/// # Errors
/// There is no such template, or the name is not one for a project.
pub fn render(template: &str, project: &str) -> Result<Files, ScaffoldError> {
    let source =
        sources::TEMPLATES.iter().find(|source| source.template.name == template).ok_or_else(|| {
            let names = sources::TEMPLATES.iter().map(|source| source.template.name);
            let nearest = names.max_by(|a, b| {
                strsim::jaro_winkler(template, a).total_cmp(&strsim::jaro_winkler(template, b))
            });
            let nearest = nearest.filter(|name| strsim::jaro_winkler(template, name) > 0.7);
            ScaffoldError::UnknownTemplate { name: template.to_owned(), nearest }
        })?;
    check_name(project)?;
    let broken = |cause: String| ScaffoldError::Broken { template: template.to_owned(), cause };
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true);
    engine.register_escape_fn(handlebars::no_escape);
    let mut files = Files::new();
    for (path, bytes) in source.files() {
        let bytes = match path.strip_suffix(".hbs") {
            Some(_) => {
                let text = std::str::from_utf8(bytes).map_err(|cause| broken(cause.to_string()))?;
                let values = serde_json::json!({ "project": project });
                engine.render_template(text, &values).map_err(|cause| broken(cause.to_string()))?.into_bytes()
            }
            None => bytes.to_vec(),
        };
        let bytes = if path == "sf.toml" { renamed(&bytes, project).map_err(broken)? } else { bytes };
        let path = path.strip_suffix(".hbs").unwrap_or(&path).to_owned();
        files.insert(path, FileContent { bytes });
    }
    Ok(files)
}

/// An example's manifest under another name, and without the path to the schema of this repository.
fn renamed(bytes: &[u8], project: &str) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(bytes).map_err(|cause| cause.to_string())?;
    let text: String = text.split_inclusive('\n').filter(|line| !line.starts_with("#:schema")).collect();
    let mut document: toml_edit::DocumentMut =
        text.parse().map_err(|cause: toml_edit::TomlError| cause.to_string())?;
    if let Some(name) = document.get_mut("project").and_then(|project| project.get_mut("name")) {
        *name = toml_edit::value(project);
    }
    Ok(document.to_string().into_bytes())
}

/// Writes them, all or nothing: they are made beside the target and moved there.
///
/// # Errors
/// The target is not an empty folder, or the system refuses.
pub fn write(target: &Path, files: &Files) -> Result<(), ScaffoldError> {
    let failed = |path: &Path, cause: io::Error| ScaffoldError::Io { path: path.to_owned(), cause };
    match fs::read_dir(target).map(|mut entries| entries.next().is_some()) {
        Ok(false) => {}
        Ok(true) => return Err(ScaffoldError::NotEmpty(target.to_owned())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Err(_) if target.exists() => return Err(ScaffoldError::NotEmpty(target.to_owned())),
        Err(cause) => return Err(failed(target, cause)),
    }
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unfinished = tempfile::Builder::new()
        .prefix(".sf-new-")
        .tempdir_in(parent)
        .map_err(|cause| failed(target, cause))?;
    let inner = unfinished.path().join("project");
    for (path, content) in files {
        let path = inner.join(path);
        let folder = path.parent().unwrap_or(&inner);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, &content.bytes))
            .map_err(|cause| failed(&path, cause))?;
    }
    // An empty folder may be there: it is replaced.
    if target.exists() {
        fs::remove_dir(target).map_err(|cause| failed(target, cause))?;
    }
    fs::rename(&inner, target).map_err(|cause| failed(target, cause))
}

#[cfg(test)]
mod tests;
