//! `sf check`

use serde::Serialize;

use crate::args::Check;
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::settings::Settings;

/// The JSON of `sf check`; one with errors is an error object instead.
#[derive(Serialize)]
struct Checked<'a> {
    command: &'static str,
    project: &'a str,
    stage: &'a str,
    provider: &'a str,
    functions: usize,
    diagnostics: serde_json::Value,
}

pub(crate) fn run(settings: &Settings, args: &Check) -> Result<Exit, Error> {
    let Project { manifest, app, diagnostics, .. } = Project::open(settings, &args.target)?;
    let said = if diagnostics.is_empty() { "" } else { ", with what is said above" };
    settings.ui.result(format_args!(
        "{}: ok{said} ({}, stage {}, provider {}, {} functions)",
        manifest.source.name,
        app.project,
        app.stage,
        app.provider,
        app.functions.len()
    ));
    settings.ui.json_result(&Checked {
        command: "check",
        project: &app.project,
        stage: &app.stage,
        provider: &app.provider,
        functions: app.functions.len(),
        diagnostics: sf_model::to_json(&manifest.source, &diagnostics),
    })?;
    Ok(Exit::Ok)
}
