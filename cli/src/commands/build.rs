//! `sf build`

use std::collections::BTreeMap;

use serde::Serialize;
use sf_build::Artifact;

use crate::args::Build;
use crate::errors::{Error, Exit};
use crate::pipeline;
use crate::project::Project;
use crate::settings::Settings;
use crate::ui::size;

/// The JSON of `sf build`. Files are listed only for the function that `--explain` names.
#[derive(Serialize)]
struct Built<'a> {
    command: &'static str,
    project: &'a str,
    functions: BTreeMap<&'a str, Function<'a>>,
}

#[derive(Serialize)]
struct Function<'a> {
    digest: &'a sf_plan::Digest,
    zip: String,
    size: u64,
    entry: &'a str,
    cached: bool,
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<&'a [sf_build::Entry]>,
}

pub(crate) fn run(settings: &Settings, args: &Build) -> Result<Exit, Error> {
    let ui = &settings.ui;
    let project = Project::open(settings, &args.target)?;
    let named: Vec<String> = args.functions.iter().chain(&args.explain).cloned().collect();
    for name in &named {
        known(&project, name)?;
    }
    let artifacts = pipeline::build(ui, &project, (!named.is_empty()).then_some(&named))?;
    match args.explain.as_ref().and_then(|name| artifacts.get(name)) {
        Some(artifact) => explain(settings, artifact),
        None => {
            let line = |(function, artifact): (&String, &Artifact)| {
                let digest: String = artifact.digest.0.chars().take(12).collect();
                format!("{function}  {digest}  {}", size(artifact.size))
            };
            // One write, however many functions.
            ui.result(artifacts.iter().map(line).collect::<Vec<_>>().join("\n"));
        }
    }
    let function = |artifact: &'_ Artifact| artifact.zip.display().to_string();
    let functions = artifacts.iter().map(|(name, artifact)| {
        let files = args.explain.is_some().then_some(artifact.files.as_slice());
        let Artifact { digest, size, entry, cached, warnings, .. } = artifact;
        let built = Function {
            digest,
            zip: function(artifact),
            size: *size,
            entry,
            cached: *cached,
            warnings,
            files,
        };
        (name.as_str(), built)
    });
    ui.json_result(&Built {
        command: "build",
        project: &project.app.project,
        functions: functions.collect(),
    })?;
    Ok(Exit::Ok)
}

/// A function of the project, or the error that names those there are.
pub(crate) fn known(project: &Project, name: &str) -> Result<(), Error> {
    if project.app.functions.contains_key(name) {
        return Ok(());
    }
    let names: Vec<_> = project.app.functions.keys().map(|name| format!("`{name}`")).collect();
    let error = Error::usage(
        "unknown-function",
        format!("use function `{name}`: the manifest has none of that name"),
    );
    Err(error.hint(format!("it has {}", names.join(", "))))
}

fn explain(settings: &Settings, artifact: &Artifact) {
    let width = artifact.files.iter().map(|file| file.path.chars().count()).max().unwrap_or(0);
    let line = |file: &sf_build::Entry| {
        let executable = if file.executable { "x" } else { "-" };
        format!("{:width$}  {:>10}  {executable}  {}", file.path, size(file.size), file.why)
    };
    settings.ui.result(artifact.files.iter().map(line).collect::<Vec<_>>().join("\n"));
}
