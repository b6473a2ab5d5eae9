//! `sf info`

use serde::Serialize;
use sf_provider::Info;

use crate::args;
use crate::commands::plan;
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::registry::{self, Reach};
use crate::settings::Settings;

/// The JSON of `sf info`.
#[derive(Serialize)]
struct Shown<'a> {
    command: &'static str,
    project: &'a str,
    stage: &'a str,
    provider: &'a str,
    deployed: bool,
    #[serde(flatten)]
    info: &'a Info,
}

pub(crate) async fn run(settings: &Settings, args: &args::Info) -> Result<Exit, Error> {
    let ui = &settings.ui;
    let project = Project::open(settings, &args.target)?;
    let connection = registry::connect(settings, &project.app, Reach::IfRunning).await?;
    let info = match &connection {
        Some(connection) => connection.operate.info(&plan::context(&project)).await?,
        None => None,
    };
    let deployed = info.is_some();
    let info = info.unwrap_or_default();
    for problem in &info.problems {
        ui.warn(problem);
    }
    let app = &project.app;
    ui.result(format_args!("{}, stage {}, provider {}", app.project, app.stage, app.provider));
    match (&connection, deployed) {
        (None, _) => ui.result("not deployed: the embedded host does not run"),
        (_, false) => ui.result("not deployed"),
        _ => show(settings, &info),
    }
    let shown = Shown {
        command: "info",
        project: &app.project,
        stage: &app.stage,
        provider: &app.provider,
        deployed,
        info: &info,
    };
    ui.json_result(&shown)?;
    Ok(Exit::Ok)
}

fn show(settings: &Settings, info: &Info) {
    let ui = &settings.ui;
    if let Some(release) = &info.release {
        ui.result(format_args!("release  {release}"));
    }
    for endpoint in &info.endpoints {
        ui.endpoint(endpoint);
    }
    ui.result(format_args!("functions  {}", info.functions.join(", ")));
    for (title, lines) in [
        ("routes", &info.routes),
        ("schedules", &info.schedules),
        ("events", &info.events),
        ("rollouts", &info.rollouts),
    ] {
        if !lines.is_empty() {
            ui.result(title);
            for line in lines {
                ui.result(format_args!("  {line}"));
            }
        }
    }
}
