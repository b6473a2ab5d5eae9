//! `sf state pull` and `sf state push`: a state between a store and a file.

use std::path::Path;

use serde_json::json;
use sf_engine::{Edit, LockInfo, Pushed, Store, read_state, write_state};

use crate::args::{StatePull, StatePush};
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::settings::{self, Settings};
use crate::stores;
use crate::ui::counted;

/// Without a file, the state itself is the result, with `--json` too: it is JSON.
pub(crate) async fn pull(settings: &Settings, args: &StatePull) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let store = stores::open(&project).await?;
    let Some(state) = store.load().await? else {
        let message = format!("pull the state of `{}`: none is recorded", project.app.project);
        return Err(Error::new(Exit::Failed, "no-state", message)
            .hint("`sf deploy` records one; `sf state rebuild` finds what is deployed"));
    };
    let bytes = write_state(&state).map_err(Error::internal)?;
    let ui = &settings.ui;
    let Some(file) = &args.file else {
        ui.bytes(&bytes);
        return Ok(Exit::Ok);
    };
    write(file, &bytes)?;
    let (serial, objects) = (state.serial.0, state.objects.len());
    ui.result(format_args!(
        "{} of serial {serial} written to `{}`",
        counted(objects, "object"),
        file.display()
    ));
    ui.json_result(&json!({
        "command": "state pull",
        "file": file.display().to_string(),
        "lineage": state.lineage,
        "serial": serial,
        "objects": objects,
    }))?;
    Ok(Exit::Ok)
}

/// Whole or not at all.
fn write(file: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = file.with_extension("part");
    std::fs::write(&part, bytes)
        .and_then(|()| std::fs::rename(&part, file))
        .map_err(|cause| Error::io("write", file.display(), &cause))
}

pub(crate) async fn push(settings: &Settings, args: &StatePush) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    stores::with_signals(settings, &project, async |store| push_with(settings, args, &project, store).await)
        .await
}

async fn push_with(
    settings: &Settings,
    args: &StatePush,
    project: &Project,
    store: &dyn Store,
) -> Result<Exit, Error> {
    let name = args.file.display().to_string();
    let bytes = std::fs::read(&args.file).map_err(|cause| Error::io("read", &name, &cause))?;
    // What is wrong with the file is not for `sf state rebuild` to mend.
    let state = read_state(&bytes, &name).map_err(|cause| Error::from(cause).hint("nothing was changed"))?;
    let objects = state.objects.len();
    let edit = Edit::begin(store, LockInfo::of_this_process("sf state push")).await?;
    let pushed = edit.push(state, &project.scope(), args.force, settings::witness().as_ref()).await?;
    let (ui, at) = (&settings.ui, store.location());
    let (serial, aside) = match &pushed {
        Pushed::Same => {
            ui.result(format_args!("`{name}` is what is recorded: nothing to push"));
            (None, None)
        }
        Pushed::Stored { serial, aside } => {
            ui.result(format_args!("{} of serial {} put to `{at}`", counted(objects, "object"), serial.0));
            (Some(serial.0), aside.as_ref())
        }
    };
    if let Some(aside) = aside {
        ui.info(format_args!("the record before is kept as `{aside}`"));
    }
    let done = json!({ "command": "state push", "file": name, "serial": serial, "kept_as": aside });
    ui.json_result(&done)?;
    Ok(Exit::Ok)
}
