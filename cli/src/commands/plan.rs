//! `sf plan`

use serde::Serialize;
use sf_engine::{LockInfo, Observed, observe};
use sf_plan::{Change, Plan};
use sf_provider::Cx;

use crate::args::{self, Target};
use crate::errors::{Error, Exit};
use crate::observed;
use crate::pipeline::{self, Zips};
use crate::project::Project;
use crate::registry::{self, Reach};
use crate::renames;
use crate::settings::{self, Settings};
use crate::stores;
use crate::ui::{Counts, plan_text};

/// The JSON of `sf plan`.
#[derive(Serialize)]
struct Planned<'a> {
    command: &'static str,
    project: &'a str,
    stage: &'a str,
    provider: &'a str,
    changes: Vec<&'a Change>,
    steps: &'a [sf_plan::Step],
    summary: Counts,
}

pub(crate) async fn run(settings: &Settings, args: &args::Plan) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let plan = plan(settings, &project, args.refresh).await?;
    let counts = Counts::of(&plan.changes);
    if counts.changes() == 0 {
        settings.ui.result("nothing to change");
    } else {
        settings.ui.result(plan_text(&plan, settings.ui.verbose()));
        renames::say(&settings.ui, &project, &plan);
        settings.ui.result(counts.future());
    }
    settings.ui.json_result(&Planned {
        command: "plan",
        project: &project.app.project,
        stage: &project.app.stage,
        provider: &project.app.provider,
        changes: plan.actual_changes().collect(),
        steps: &plan.steps,
        summary: counts,
    })?;
    Ok(Exit::Ok)
}

/// What a deploy would do now. Nothing is changed, and nothing is started to find out.
pub(crate) async fn plan(settings: &Settings, project: &Project, refresh: bool) -> Result<Plan, Error> {
    let artifacts = pipeline::build(&settings.ui, project, None)?;
    let desired = pipeline::compile(&settings.ui, project, &artifacts)?;
    let store = stores::open(project).await?;
    let connection = registry::connect(settings, &project.app, Reach::IfRunning).await?;
    let zips = Zips::of(project);
    let provider = connection.map(|connection| pipeline::provider(project, &connection, &zips));
    let who = LockInfo::of_this_process("sf plan");
    let mut observed: Observed = observe(store.as_ref(), provider.as_ref(), &who).await?;
    let outdated = settings::witness().and_then(|witness| witness.check(&store.location(), &observed.state));
    if let (Some(outdated), Some(provider)) = (outdated, &provider) {
        observed::say_outdated(&settings.ui, outdated);
        observed::say_news(&settings.ui, &observed.rediscover(provider, &who).await?);
    }
    if let (true, Some(provider)) = (refresh, &provider) {
        let drift = observed.refresh(provider).await?;
        observed::say_refreshed(&settings.ui, &drift, &observed.adopt(provider).await?);
    }
    let plan = observed.plan(desired, project.backend.schemas())?;
    Ok(plan)
}

/// A provider's context where nothing is uploaded.
pub(crate) fn context(project: &Project) -> Cx {
    Cx::new(project.scope(), Zips::of(project))
}

/// What is deployed for a project, if there is somebody to ask.
pub(crate) async fn deployed(
    settings: &Settings,
    target: &Target,
) -> Result<(Project, registry::Connection, Cx), Error> {
    let project = Project::open(settings, target)?;
    let connection =
        registry::connect(settings, &project.app, Reach::Running).await?.ok_or_else(registry::not_running)?;
    let cx = context(&project);
    Ok((project, connection, cx))
}
