//! `sf new`

use std::path::Path;

use serde::Serialize;
use sf_scaffold::{ScaffoldError, Template};

use crate::args::{New, Target};
use crate::errors::{Error, Exit};
use crate::pipeline;
use crate::project::Manifest;
use crate::settings::Settings;

/// What a new project starts from if nothing is said.
const DEFAULT_TEMPLATE: &str = "node-http";
const DEFAULT_NAME: &str = "hello";

/// The JSON of `sf new`.
#[derive(Serialize)]
struct Made<'a> {
    command: &'static str,
    project: &'a str,
    template: &'a str,
    directory: &'a str,
    files: Vec<&'a String>,
}

/// The JSON of `sf new --list`.
#[derive(Serialize)]
struct Listed {
    command: &'static str,
    templates: Vec<Template>,
}

pub(crate) fn run(settings: &Settings, args: &New) -> Result<Exit, Error> {
    let ui = &settings.ui;
    if args.list {
        let templates = sf_scaffold::list();
        let width = templates.iter().map(|template| template.name.len()).max().unwrap_or(0);
        for Template { name, summary } in &templates {
            ui.result(format_args!("{name:width$}  {summary}"));
        }
        ui.json_result(&Listed { command: "new", templates })?;
        return Ok(Exit::Ok);
    }
    let (name, template) = (name(settings, args)?, template(settings, args)?);
    let files = sf_scaffold::render(&template, &name).map_err(|error| failed(&error))?;
    sf_scaffold::write(Path::new(&name), &files).map_err(|error| failed(&error))?;
    pipeline::write_types(ui, &Manifest::within(Path::new(&name))?.load(ui, &Target::default())?);
    ui.result(format_args!("made {name} from {template}: {} files", files.len()));
    ui.info(format_args!("next: cd {name} && sf deploy"));
    let files = files.keys().collect();
    ui.json_result(&Made { command: "new", project: &name, template: &template, directory: &name, files })?;
    Ok(Exit::Ok)
}

fn name(settings: &Settings, args: &New) -> Result<String, Error> {
    let valid = |text: &str| sf_scaffold::check_name(text).map_err(|error| error.to_string());
    match &args.name {
        Some(name) => Ok(name.clone()),
        None if args.yes => Ok(DEFAULT_NAME.into()),
        None if settings.ui.interactive() => settings.ui.ask("Name of the project", DEFAULT_NAME, valid),
        None => Err(unanswered("a name", "sf new NAME")),
    }
}

fn template(settings: &Settings, args: &New) -> Result<String, Error> {
    match &args.template {
        Some(template) => Ok(template.clone()),
        None if args.yes => Ok(DEFAULT_TEMPLATE.into()),
        None if settings.ui.interactive() => {
            let templates = sf_scaffold::list();
            let items: Vec<_> =
                templates.iter().map(|one| format!("{}: {}", one.name, one.summary)).collect();
            let chosen = settings.ui.choose("Start from", &items)?;
            templates
                .get(chosen)
                .map(|one| one.name.to_owned())
                .ok_or_else(|| Error::internal("no such answer"))
        }
        None => Err(unanswered("a template", "--template NAME")),
    }
}

fn unanswered(what: &str, flag: &str) -> Error {
    Error::usage("unanswered", format!("start a project: it needs {what}, and there is nobody to ask"))
        .hint(format!("`{flag}`, or `--yes` for the defaults"))
}

fn failed(error: &ScaffoldError) -> Error {
    let hint = error.hint();
    let exit = if error.is_usage() { Exit::Usage } else { Exit::Failed };
    let made = Error::new(exit, "new-failed", error.to_string());
    match hint {
        Some(hint) => made.hint(hint),
        None => made,
    }
}
