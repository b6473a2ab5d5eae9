//! `sf remove`: a deploy of nothing.

use crate::apply::Run;
use crate::args::Remove;
use crate::errors::{Error, Exit};
use crate::pipeline::{Artifacts, Zips};
use crate::project::Project;
use crate::registry::{self, Reach};
use crate::settings::Settings;

pub(crate) async fn run(settings: &Settings, args: &Remove) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let connection =
        registry::connect(settings, &project.app, Reach::Start).await?.ok_or_else(registry::not_running)?;
    Run {
        settings,
        project: &project,
        connection: &connection,
        verb: "remove",
        desired: Vec::new(),
        zips: Zips::new(&Artifacts::new()),
        consent: args.consent,
        refresh: false,
    }
    .run()
    .await
}
