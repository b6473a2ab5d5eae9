//! `sf deploy`

use std::sync::Arc;

use sf_engine::Draft;
use sf_plan::Desired;

use crate::apply::{Goal, Run};
use crate::args::Deploy;
use crate::ends::{self, Ends};
use crate::errors::{Error, Exit};
use crate::pipeline::{self, Artifacts};
use crate::project::Project;
use crate::registry::{self, Connection, Reach};
use crate::settings::Settings;

pub(crate) async fn run(settings: &Settings, args: &Deploy) -> Result<Exit, Error> {
    let mut ends = Ends::listen(settings.started, args.within.timeout)?;
    let project = Arc::new(Project::open(settings, &args.target)?);
    let ready = ends.or(ready(settings, &project)).await;
    let (artifacts, desired, connection) =
        ready.map_err(|cause| cause.error("deploy", &project, "nothing was changed", "sf deploy"))??;
    let artifacts = artifacts.into_iter().map(|(function, built)| (function, built.digest)).collect();
    let goal = Goal::Draft(Draft { desired, artifacts, ..Draft::default() });
    Run::new(settings, &project, &connection, "deploy", goal)
        .consent(args.consent)
        .wait(args.wait)
        .refresh(args.refresh)
        .run(ends)
        .await
}

/// Everything that can fail without the provider does so before it is touched, or started.
async fn ready(
    settings: &Settings,
    project: &Arc<Project>,
) -> Result<(Artifacts, Vec<Desired>, Connection), Error> {
    let (ui, of) = (Arc::clone(&settings.ui), Arc::clone(project));
    let build = move || {
        let artifacts = pipeline::build(&ui, &of, None)?;
        let desired = pipeline::compile(&ui, &of, &artifacts)?;
        Ok((artifacts, desired))
    };
    let (artifacts, desired) = ends::aside(build).await?;
    let connection =
        registry::connect(settings, &project.app, Reach::Start).await?.ok_or_else(registry::not_running)?;
    Ok((artifacts, desired, connection))
}
