//! `sf remove`: a deploy of nothing.

use sf_engine::Draft;

use crate::apply::{Goal, Run};
use crate::args::Remove;
use crate::ends::Ends;
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::registry::{self, Reach};
use crate::settings::Settings;

pub(crate) async fn run(settings: &Settings, args: &Remove) -> Result<Exit, Error> {
    let mut ends = Ends::listen(settings.started, args.within.timeout)?;
    let project = Project::open(settings, &args.target)?;
    let connected = ends.or(registry::connect(settings, &project.app, Reach::Start)).await;
    let connection = connected
        .map_err(|cause| cause.error("remove", &project, "nothing was changed", "sf remove"))??
        .ok_or_else(registry::not_running)?;
    let goal = Goal::Draft(Draft::default());
    Run::new(settings, &project, &connection, "remove", goal)
        .consent(args.consent)
        .wait(args.wait)
        .run(ends)
        .await
}
