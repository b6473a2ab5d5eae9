//! `sf debug`: each value between the layers, as JSON.

use serde_json::{Value, json};
use sf_plan::Desired;

use crate::args::{Debug, DebugWhat};
use crate::commands::plan;
use crate::errors::{Error, Exit};
use crate::pipeline;
use crate::project::Project;
use crate::settings::Settings;

pub(crate) async fn run(settings: &Settings, args: &Debug) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let value = match args.what {
        DebugWhat::Desired => {
            let artifacts = pipeline::build(&settings.ui, &project, None)?;
            pipeline::compile(&settings.ui, &project, &artifacts)?.iter().map(object).collect()
        }
        DebugWhat::Plan => {
            let plan = plan::plan(settings, &project, false).await?;
            serde_json::to_value(plan).map_err(Error::internal)?
        }
    };
    settings.ui.raw(&format!("{value:#}\n"));
    Ok(Exit::Ok)
}

fn object(desired: &Desired) -> Value {
    let Desired { addr, inputs, after, protect } = desired;
    let after: Vec<_> = after.iter().map(ToString::to_string).collect();
    json!({ "addr": addr.to_string(), "inputs": inputs.to_json(), "after": after, "protect": protect })
}
