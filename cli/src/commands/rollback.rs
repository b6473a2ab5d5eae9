//! `sf rollback`: a deploy of what was deployed before.

use crate::apply::{Goal, Run};
use crate::args::Rollback;
use crate::ends::Ends;
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::registry::{self, Reach};
use crate::settings::Settings;

pub(crate) async fn run(settings: &Settings, args: &Rollback) -> Result<Exit, Error> {
    let mut ends = Ends::listen(settings.started, args.within.timeout)?;
    let project = Project::open(settings, &args.target)?;
    let connected = ends.or(registry::connect(settings, &project.app, Reach::Start)).await;
    let connection = connected
        .map_err(|cause| cause.error("rollback", &project, "nothing was changed", "sf rollback"))??
        .ok_or_else(registry::not_running)?;
    let goal = Goal::Release(args.number);
    Run::new(settings, &project, &connection, "rollback", goal)
        .consent(args.consent)
        .wait(args.wait)
        .refresh(args.refresh)
        .run(ends)
        .await
}
