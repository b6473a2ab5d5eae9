//! `sf state move`: another name in the record.

use serde_json::json;
use sf_engine::{Edit, LockInfo, RenameError, Store};

use crate::args::StateMove;
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::settings::{self, Settings};
use crate::stores;
use crate::ui::counted;

pub(crate) async fn run(settings: &Settings, args: &StateMove) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    stores::with_signals(settings, &project, async |store| rename(settings, args, store).await).await
}

async fn rename(settings: &Settings, args: &StateMove, store: &dyn Store) -> Result<Exit, Error> {
    let StateMove { from, to, .. } = args;
    let edit = Edit::begin(store, LockInfo::of_this_process("sf state move")).await?;
    let dependents = edit.rename(from, to, settings::witness().as_ref()).await?.map_err(|cause| {
        let code = match cause {
            RenameError::Unknown => "unknown-object",
            RenameError::Taken(_) | RenameError::OtherKind(_) => "bad-name",
        };
        Error::usage(code, format!("move `{from}` to `{to}`: {cause}"))
            .hint("`sf state list` shows the objects that are recorded")
    })?;
    let ui = &settings.ui;
    ui.result(format_args!("{from} is recorded as {to} now"));
    if !dependents.is_empty() {
        ui.info(format_args!(
            "known by that name to {} that depend on it",
            counted(dependents.len(), "object")
        ));
    }
    ui.info("the name that it has at the provider is the same as before");
    ui.json_result(&json!({ "command": "state move", "from": from, "to": to, "dependents": dependents }))?;
    Ok(Exit::Ok)
}
