//! Which artifacts stay in the build cache: those of the current build, and of every release that is kept of any stage and provider.

use std::fs;
use std::path::Path;

use sf_engine::{Draft, LocalStore};

use crate::errors::Error;
use crate::pipeline;
use crate::project::Project;
use crate::settings::Settings;
use crate::ui::counted;

/// Keeps another stage's deploy from pruning what this one is about to deploy.
pub(crate) fn keep_artifacts(settings: &Settings, project: &Project, draft: &Draft) {
    if let Err(cause) = sf_build::prune::touch(&pipeline::layout(project), draft.artifacts.values()) {
        settings.ui.detail(format_args!("the build cache cannot be written: {cause}"));
    }
}

/// Prunes what no release needs any more. Where states are not all in one folder, nobody here knows of all stages, and nothing is pruned; that it
/// fails is no reason for a deploy to fail.
pub(crate) async fn forget_artifacts(settings: &Settings, project: &Project, draft: &Draft) {
    let Some(folder) = pipeline::state_folder(project).filter(|_| project.app.one_store) else { return };
    match forget(project, &folder, draft).await {
        Ok(0) => {}
        Ok(pruned) => settings.ui.detail(format_args!(
            "{} of forgotten releases left the build cache",
            counted(pruned, "artifact")
        )),
        Err(error) => {
            settings.ui.detail(format_args!("the build cache was not pruned: {}", error.body().message));
        }
    }
}

async fn forget(project: &Project, folder: &Path, draft: &Draft) -> Result<usize, Error> {
    let layout = pipeline::layout(project);
    let refused = |cause: std::io::Error| Error::io("prune", layout.cache.display(), &cause);
    let mut idle = sf_build::prune::idle(&layout).map_err(refused)?;
    for digest in draft.artifacts.values() {
        idle.remove(digest);
    }
    if idle.is_empty() {
        return Ok(0);
    }
    for (provider, stage) in stages(folder)? {
        for release in sf_engine::releases(&LocalStore::new(folder, &provider, &stage)).await? {
            for digest in release.about.artifacts.values() {
                idle.remove(digest);
            }
        }
    }
    sf_build::prune::forget(&layout, &idle).map_err(refused)?;
    Ok(idle.len())
}

/// Every `<provider>/<stage>.releases`.
fn stages(folder: &Path) -> Result<Vec<(String, String)>, Error> {
    let mut found = Vec::new();
    for provider in list(folder)? {
        if !provider.path().is_dir() {
            continue;
        }
        for stage in list(&provider.path())? {
            if let (Some(provider), Some(stage)) = (
                provider.file_name().to_str(),
                stage.file_name().to_str().and_then(|name| name.strip_suffix(".releases")),
            ) {
                found.push((provider.to_owned(), stage.to_owned()));
            }
        }
    }
    Ok(found)
}

/// What is in a folder; nothing if there is none.
fn list(folder: &Path) -> Result<Vec<fs::DirEntry>, Error> {
    let refused = |cause: std::io::Error| Error::io("list", folder.display(), &cause);
    match fs::read_dir(folder) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(cause) => Err(refused(cause)),
        Ok(entries) => entries.collect::<std::io::Result<Vec<_>>>().map_err(refused),
    }
}
