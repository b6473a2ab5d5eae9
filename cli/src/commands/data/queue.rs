//! `sf queue`

use serde::Serialize;
use sf_provider::{Body, Inbox, InboxId, Message, Messages};

use super::{Deployed, absent, declared, deployed, input, supported};
use crate::args::{Listed, MessageBody, Queue, QueuePeek, QueuePurge, QueueRedrive, QueueSend};
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::settings::Settings;
use crate::ui::{columns, counted, time};

/// The JSON of `sf queue list`.
#[derive(Serialize)]
struct Shown<'a> {
    command: &'static str,
    inboxes: &'a [Inbox],
}

/// The JSON of `sf queue peek`.
#[derive(Serialize)]
struct Peeked<'a> {
    command: &'static str,
    #[serde(flatten)]
    inbox: &'a InboxId,
    dead: bool,
    messages: &'a [Message],
}

/// The JSON of `sf queue redrive` and `sf queue purge`.
#[derive(Serialize)]
struct Moved<'a> {
    command: &'static str,
    #[serde(flatten)]
    inbox: &'a InboxId,
    messages: u64,
}

pub(crate) async fn run(settings: &Settings, command: &Queue) -> Result<Exit, Error> {
    match command {
        Queue::List(args) => list(settings, args).await,
        Queue::Peek(args) => peek(settings, args).await,
        Queue::Send(args) => send(settings, args).await,
        Queue::Redrive(args) => redrive(settings, args).await,
        Queue::Purge(args) => purge(settings, args).await,
    }
}

async fn list(settings: &Settings, args: &Listed) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let at = deployed(settings, &project).await?;
    let inboxes = messages(&at, &project)?.inboxes(&at.cx).await?;
    let row = |inbox: &Inbox| {
        let source = if inbox.source.is_empty() { inbox.id.kind.clone() } else { inbox.source.clone() };
        let function = inbox.function.as_ref().map_or_else(|| "-".to_owned(), |name| format!("-> {name}"));
        let mut row = vec![inbox.id.name.clone(), source, function];
        let counts = [
            (inbox.ready, "ready"),
            (inbox.delayed, "delayed"),
            (inbox.in_flight, "in flight"),
            (inbox.dead, "dead"),
        ];
        row.extend(counts.map(|(count, what)| format!("{count} {what}")));
        row
    };
    if inboxes.is_empty() {
        settings.ui.info("nothing is deployed that messages could wait in");
    } else {
        settings.ui.result(columns(&inboxes.iter().map(row).collect::<Vec<_>>()));
    }
    settings.ui.json_result(&Shown { command: "queue list", inboxes: &inboxes })?;
    Ok(Exit::Ok)
}

async fn peek(settings: &Settings, args: &QueuePeek) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let at = deployed(settings, &project).await?;
    let inbox = find(&at, &project, &args.name).await?;
    let listed = messages(&at, &project)?.peek(&at.cx, &inbox, args.dead, args.limit).await;
    let listed = listed.map_err(absent)?;
    for message in &listed {
        let Message { id, body, attempts, sent_ms, last_error, attributes } = message;
        let deliveries = counted(usize::try_from(*attempts).unwrap_or(usize::MAX), "attempt");
        settings.ui.result(format_args!("{id}  {}  {deliveries}", time(*sent_ms)));
        if !attributes.is_empty() {
            settings.ui.result(format_args!("  attributes  {}", serde_json::json!(attributes)));
        }
        settings.ui.result(format_args!("  {body}"));
        if let Some(error) = last_error {
            settings.ui.result(format_args!("  failed: {error}"));
        }
    }
    if listed.is_empty() {
        let what = if args.dead { "dead letters" } else { "messages" };
        settings.ui.info(format_args!("there are no {what} in `{}`", args.name));
    }
    let peeked = Peeked { command: "queue peek", inbox: &inbox, dead: args.dead, messages: &listed };
    settings.ui.json_result(&peeked)?;
    Ok(Exit::Ok)
}

async fn send(settings: &Settings, args: &QueueSend) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    declared("queue", &args.name, &project.app.queues)?;
    let body = body(&args.body)?;
    let at = deployed(settings, &project).await?;
    let sent = messages(&at, &project)?.send(&at.cx, &args.name, body, args.delay).await;
    said(settings, "queue send", &sent.map_err(absent)?)
}

async fn redrive(settings: &Settings, args: &QueueRedrive) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let at = deployed(settings, &project).await?;
    let inbox = find(&at, &project, &args.name).await?;
    let moved = messages(&at, &project)?.redrive(&at.cx, &inbox).await.map_err(absent)?;
    settings.ui.result(format_args!("{} of `{}` will be delivered again", letters(moved, true), args.name));
    settings.ui.json_result(&Moved { command: "queue redrive", inbox: &inbox, messages: moved })?;
    Ok(Exit::Ok)
}

async fn purge(settings: &Settings, args: &QueuePurge) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let at = deployed(settings, &project).await?;
    let inbox = find(&at, &project, &args.name).await?;
    consent(settings, args)?;
    let moved = messages(&at, &project)?.purge(&at.cx, &inbox, args.dead).await.map_err(absent)?;
    settings.ui.result(format_args!("deleted {} of `{}`", letters(moved, args.dead), args.name));
    settings.ui.json_result(&Moved { command: "queue purge", inbox: &inbox, messages: moved })?;
    Ok(Exit::Ok)
}

fn consent(settings: &Settings, args: &QueuePurge) -> Result<(), Error> {
    let what = if args.dead { "dead letters" } else { "messages" };
    if args.yes {
        return Ok(());
    }
    if !settings.ui.interactive() {
        let message = format!("purge `{}`: it deletes all {what}", args.name);
        return Err(Error::new(Exit::Consent, "consent-needed", message)
            .hint("`--yes` consents to it where nobody can be asked"));
    }
    if settings.ui.confirm(&format!("Delete all {what} of `{}`?", args.name))? {
        return Ok(());
    }
    Err(Error::new(Exit::Consent, "consent-refused", "purge: nothing was deleted"))
}

/// What is sent: JSON, or with `--raw` whatever it is.
pub(super) fn body(args: &MessageBody) -> Result<Body, Error> {
    if args.raw {
        return Ok(Body::Bytes(input::bytes(&args.body, "the message")?.0));
    }
    input::json(&args.body, "the message").map(Body::Json).map_err(|error| {
        error.hint("it is to be JSON: text needs its quotes, '\"text\"'; `--raw` sends the bytes as they are")
    })
}

/// The id of a message that was taken.
pub(super) fn said(settings: &Settings, command: &'static str, id: &str) -> Result<Exit, Error> {
    settings.ui.result(format_args!("sent {id}"));
    settings.ui.json_result(&serde_json::json!({ "command": command, "id": id }))?;
    Ok(Exit::Ok)
}

/// A queue of the manifest, or else a deployed inbox of that name.
async fn find(at: &Deployed, project: &Project, name: &str) -> Result<InboxId, Error> {
    if project.app.queues.contains_key(name) {
        return Ok(InboxId { kind: "queue".to_owned(), name: name.to_owned() });
    }
    let inboxes = messages(at, project)?.inboxes(&at.cx).await?;
    if let Some(inbox) = inboxes.iter().find(|inbox| inbox.id.name == name) {
        return Ok(inbox.id.clone());
    }
    let subscriptions = inboxes.iter().map(|inbox| inbox.id.name.as_str());
    let queues = project.app.queues.keys().map(String::as_str);
    let known: std::collections::BTreeSet<&str> = queues.chain(subscriptions).collect();
    let known: Vec<_> = known.into_iter().map(|name| format!("`{name}`")).collect();
    let error = Error::usage(
        "unknown-queue",
        format!("use queue `{name}`: there is no queue or subscription of that name"),
    );
    Err(match known.as_slice() {
        [] => error.hint(format!("the manifest declares no queue: add `[queues.{name}]` and deploy")),
        _ => error.hint(format!("there are {}", known.join(", "))),
    })
}

pub(super) fn messages<'a>(at: &'a Deployed, project: &Project) -> Result<&'a dyn Messages, Error> {
    supported(at.operate.messages(), project, "queues and topics")
}

fn letters(count: u64, dead: bool) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), if dead { "dead letter" } else { "message" })
}
