//! `sf drift`: what was changed outside of `sf`.

use serde::Serialize;
use sf_engine::{LockInfo, observe};
use sf_plan::ObjectKey;

use crate::args;
use crate::errors::{Error, Exit};
use crate::observed;
use crate::pipeline::{self, Zips};
use crate::project::Project;
use crate::registry::{self, Reach};
use crate::settings::{self, Settings};
use crate::stores;
use crate::ui::{Ui, counted, drift_text};

/// The JSON of `sf drift`.
#[derive(Serialize)]
struct Drifted<'a> {
    command: &'static str,
    project: &'a str,
    stage: &'a str,
    provider: &'a str,
    /// How many were looked at.
    objects: usize,
    drift: &'a [sf_plan::Drift],
    /// What is there and nobody recorded: of a newer state than this one, as a rule.
    unrecorded: &'a [ObjectKey],
}

/// Looks at every recorded object. Nothing is changed, not even the record: `sf deploy --refresh` does that.
pub(crate) async fn run(settings: &Settings, args: &args::Drift) -> Result<Exit, Error> {
    let ui = &settings.ui;
    let project = Project::open(settings, &args.target)?;
    let store = stores::open(&project).await?;
    let connection =
        registry::connect(settings, &project.app, Reach::Running).await?.ok_or_else(registry::not_running)?;
    let provider = pipeline::provider(&project, &connection, &Zips::of(&project));
    let who = LockInfo::of_this_process("sf drift");
    let mut observed = observe(store.as_ref(), Some(&provider), &who).await?;
    if observed.adopted > 0 {
        let found = counted(observed.adopted, "deployed object");
        ui.warn(format_args!("no state is recorded here: found {found} by their tags"));
        ui.hint("`sf state rebuild` records them");
    }
    if let Some(outdated) =
        settings::witness().and_then(|witness| witness.check(&store.location(), &observed.state))
    {
        observed::say_outdated(ui, outdated);
    }
    let objects = observed.state.objects.len();
    let drift = observed.refresh(&provider).await?;
    let unrecorded = observed.adopt(&provider).await?;
    say(ui, objects, &drift, &unrecorded);
    ui.json_result(&Drifted {
        command: "drift",
        project: &project.app.project,
        stage: &project.app.stage,
        provider: &project.app.provider,
        objects,
        drift: &drift,
        unrecorded: &unrecorded,
    })?;
    let is_any = !drift.is_empty() || !unrecorded.is_empty();
    Ok(if args.exit_code && is_any { Exit::Drift } else { Exit::Ok })
}

fn say(ui: &Ui, objects: usize, drift: &[sf_plan::Drift], unrecorded: &[ObjectKey]) {
    if drift.is_empty() && unrecorded.is_empty() {
        return ui.result(format_args!("no drift: {} as recorded", counted(objects, "object")));
    }
    if !drift.is_empty() {
        ui.result(drift_text(drift, ui.verbose()));
        ui.result(format_args!("{} of {} changed outside of sf", drift.len(), counted(objects, "object")));
    }
    for key in unrecorded {
        ui.result(format_args!("+ {key}  found, was not recorded"));
    }
    ui.hint("`sf deploy --refresh` makes everything as the manifest says");
}
