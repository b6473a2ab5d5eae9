//! `sf deploy`

use sf_engine::Draft;

use crate::apply::{Goal, Run};
use crate::args::Deploy;
use crate::errors::{Error, Exit};
use crate::pipeline;
use crate::project::Project;
use crate::registry::{self, Reach};
use crate::settings::Settings;

pub(crate) async fn run(settings: &Settings, args: &Deploy) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    // Everything that can fail without the provider does so before it is touched, or started.
    let artifacts = pipeline::build(&settings.ui, &project, None)?;
    let desired = pipeline::compile(&settings.ui, &project, &artifacts)?;
    let connection =
        registry::connect(settings, &project.app, Reach::Start).await?.ok_or_else(registry::not_running)?;
    let artifacts = artifacts.into_iter().map(|(function, built)| (function, built.digest)).collect();
    let goal = Goal::Draft(Draft { desired, artifacts, ..Draft::default() });
    Run::new(settings, &project, &connection, "deploy", goal)
        .consent(args.consent)
        .wait(args.wait)
        .refresh(args.refresh)
        .within(args.within)
        .run()
        .await
}
