//! `sf state`: the record of what is deployed.

mod rename;
mod transfer;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;
use sf_engine::{Holder, LockInfo, Rebuild, Store};
use sf_plan::{Object, ObjectKey, Status};

use crate::args::{self, Listed, StateChange, StateShow};
use crate::errors::{Error, Exit};
use crate::observed;
use crate::pipeline::{self, Zips};
use crate::project::Project;
use crate::registry::{self, Reach};
use crate::settings::{self, Settings};
use crate::stores;
use crate::ui::{columns, counted};

pub(crate) async fn run(settings: &Settings, command: &args::State) -> Result<Exit, Error> {
    match command {
        args::State::List(args) => list(settings, args).await,
        args::State::Show(args) => show(settings, args).await,
        args::State::Rebuild(args) => rebuild(settings, args).await,
        args::State::Unlock(args) => unlock(settings, args).await,
        args::State::Pull(args) => transfer::pull(settings, args).await,
        args::State::Push(args) => transfer::push(settings, args).await,
        args::State::Move(args) => rename::run(settings, args).await,
    }
}

/// The JSON of `sf state list`.
#[derive(Serialize)]
struct Shown<'a> {
    command: &'static str,
    project: &'a str,
    stage: &'a str,
    provider: &'a str,
    serial: u64,
    objects: Vec<Entry<'a>>,
    /// Objects of calls whose end is not recorded.
    pending: Vec<&'a ObjectKey>,
}

#[derive(Serialize)]
struct Entry<'a> {
    key: &'a ObjectKey,
    id: &'a str,
    status: Status,
    protect: bool,
}

async fn list(settings: &Settings, args: &Listed) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let state = stores::open(&project).await?.load().await?;
    let objects = state.as_ref().map(|state| &state.objects);
    let entries: Vec<_> = objects.into_iter().flatten().map(entry).collect();
    if entries.is_empty() {
        settings.ui.result("no objects recorded");
    } else {
        settings.ui.result(columns(&entries.iter().map(row).collect::<Vec<_>>()));
    }
    let pending: Vec<_> =
        state.iter().flat_map(|state| state.pending.values()).map(|intent| &intent.key).collect();
    for key in &pending {
        settings
            .ui
            .info(format_args!("a call of {key} was cut short: the next deploy looks what became of it"));
    }
    settings.ui.json_result(&Shown {
        command: "state list",
        project: &project.app.project,
        stage: &project.app.stage,
        provider: &project.app.provider,
        serial: state.as_ref().map_or(0, |state| state.serial.0),
        objects: entries,
        pending,
    })?;
    Ok(Exit::Ok)
}

fn entry<'a>((key, object): (&'a ObjectKey, &'a Object)) -> Entry<'a> {
    Entry { key, id: &object.id.0, status: object.status, protect: object.protect }
}

/// `table/users  ready  arn:…  holds data`
fn row(entry: &Entry<'_>) -> Vec<String> {
    let status = match entry.status {
        Status::Ready => "ready",
        Status::Tainted => "half made",
        Status::Deposed => "replaced, to be deleted",
        Status::Missing => "deleted behind sf's back",
    };
    let note = if entry.protect { "holds data" } else { "" };
    vec![entry.key.to_string(), status.to_owned(), entry.id.to_owned(), note.to_owned()]
}

async fn show(settings: &Settings, args: &StateShow) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let state = stores::open(&project).await?.load().await?;
    let objects = state.map(|state| state.objects).unwrap_or_default();
    let (key, object) = find(&objects, &args.key)?;
    let text = serde_json::to_string_pretty(object).map_err(Error::internal)?;
    settings.ui.result(format_args!("{key}\n{text}"));
    settings.ui.json_result(&json!({ "command": "state show", "key": key, "object": object }))?;
    Ok(Exit::Ok)
}

/// The object of that key; without a generation the newest one of that address.
fn find<'a>(
    objects: &'a BTreeMap<ObjectKey, Object>,
    text: &str,
) -> Result<(&'a ObjectKey, &'a Object), Error> {
    let exact = |(key, _): &(&ObjectKey, &Object)| key.to_string() == text;
    let newest = || objects.iter().rfind(|(key, _)| key.addr.to_string() == text);
    objects.iter().find(exact).or_else(newest).ok_or_else(|| {
        let message = format!("show object `{text}`: none of that name is recorded");
        Error::usage("unknown-object", message).hint("`sf state list` shows those there are")
    })
}

async fn rebuild(settings: &Settings, args: &StateChange) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    stores::with_signals(settings, &project, async |store| {
        rebuild_with(settings, args, &project, store).await
    })
    .await
}

async fn rebuild_with(
    settings: &Settings,
    args: &StateChange,
    project: &Project,
    store: &dyn Store,
) -> Result<Exit, Error> {
    let connection =
        registry::connect(settings, &project.app, Reach::Start).await?.ok_or_else(registry::not_running)?;
    let provider = pipeline::provider(project, &connection, &Zips::of(project));
    let who = LockInfo::of_this_process("sf state rebuild");
    let rebuild = Rebuild::begin(store, &provider, who).await?;
    observed::say_news(&settings.ui, rebuild.news());
    let news = rebuild.news();
    if news.forgets() && !args.yes {
        let what =
            format!("rebuild the state of `{}`: it takes the place of what is recorded", project.app.project);
        consent(settings, &what, "Replace what is recorded with what was found?")?;
    }
    let objects: Vec<_> = rebuild.state().objects.keys().cloned().collect();
    let done = json!({
        "command": "state rebuild",
        "project": project.app.project,
        "stage": project.app.stage,
        "provider": project.app.provider,
        "objects": objects,
        "added": news.added,
        "gone": news.gone,
        "changed": news.changed,
        "unreadable": news.unreadable.as_ref().map(ToString::to_string),
    });
    let (is_none, found) = (news.is_none(), counted(news.found, "object"));
    let aside = if is_none { None } else { rebuild.save(settings::witness().as_ref()).await? };
    match is_none {
        true => settings.ui.result(format_args!("{found} found, as recorded: nothing to rebuild")),
        false => settings.ui.result(format_args!("rebuilt with {found}")),
    }
    if let Some(aside) = &aside {
        settings.ui.info(format_args!("what could not be read is kept as `{aside}`"));
    }
    let mut done = done;
    done["kept_as"] = json!(aside);
    settings.ui.json_result(&done)?;
    Ok(Exit::Ok)
}

async fn unlock(settings: &Settings, args: &StateChange) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let store = stores::open(&project).await?;
    if let Some(holder) = store.holder().await?.filter(|holder| store.is_heard_of(holder))
        && !args.yes
    {
        let LockInfo { who, host, command, .. } = &holder.info;
        let what = format!(
            "unlock `{}`: {who} on {host} (`{command}`) was heard of a moment ago",
            project.app.project
        );
        consent(settings, &what, &format!("{who} on {host} was heard of a moment ago. Remove the lock?"))?;
    }
    let removed = store.unlock().await?;
    match &removed {
        Some(Holder { info, .. }) => settings.ui.result(format_args!(
            "removed the lock of {} on {} (process {}, `{}`)",
            info.who, info.host, info.pid, info.command
        )),
        None => settings.ui.result("nobody holds the lock"),
    }
    let holder = removed.map(|holder| holder.info);
    settings.ui.json_result(&json!({ "command": "state unlock", "removed": holder }))?;
    Ok(Exit::Ok)
}

/// `what`: the operation, its object, and why it is to be agreed to.
fn consent(settings: &Settings, what: &str, question: &str) -> Result<(), Error> {
    if !settings.ui.interactive() {
        return Err(Error::new(Exit::Consent, "consent-needed", what)
            .hint("`--yes` consents to it where nobody can be asked"));
    }
    if settings.ui.confirm(question)? {
        return Ok(());
    }
    Err(Error::new(Exit::Consent, "consent-refused", "nothing was changed"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sf_plan::{Addr, Outputs, RemoteId, Value};

    use super::*;

    #[test]
    fn an_object_is_found_by_its_key_or_by_its_address() {
        let object = |id: &str| Object {
            id: RemoteId(id.into()),
            inputs: Value::Map(BTreeMap::new()),
            outputs: Outputs::new(),
            deps: BTreeSet::new(),
            status: Status::Ready,
            protect: false,
        };
        let key = |name: &str, generation| ObjectKey { addr: Addr::new("route", name), generation };
        let objects: BTreeMap<_, _> = [
            (key("GET /a", 0), object("old")),
            (key("GET /a", 1), object("new")),
            (key("GET /a@2", 0), object("odd")),
        ]
        .into();
        let id = |text: &str| find(&objects, text).map(|(_, object)| object.id.0.clone()).ok();
        assert_eq!(id("route/GET /a").as_deref(), Some("old"), "the key of the first generation is exact");
        assert_eq!(id("route/GET /a@1").as_deref(), Some("new"));
        assert_eq!(id("route/GET /a@2").as_deref(), Some("odd"));
        assert_eq!(id("route/GET /b"), None);
    }
}
