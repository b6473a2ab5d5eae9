//! Messages that wait: looked at, redriven, purged.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use sf_data::{AppId, Body, Inbox, Message};
use sf_host_api::{EventSource, InboxStatus, MessageView, Moved};

use super::{AppPath, Host, Refusal, no_app};
use crate::apps::{App, Shared, data_fault, fault};
use crate::deliver::{as_json, source_of};

/// Messages that are shown when nothing is said.
const SHOWN: usize = 100;
/// Messages that are shown at most.
const MAX_SHOWN: usize = 1000;

type InboxPath = Path<(String, String, String, String)>;

pub(super) async fn list(
    State(shared): Host,
    Path((project, stage)): AppPath,
) -> Result<Json<Vec<InboxStatus>>, Refusal> {
    let app = shared.app(&project, &stage).ok_or_else(|| no_app(&project, &stage))?;
    let mut statuses = Vec::new();
    for inbox in inboxes(&app) {
        statuses.push(status(&shared, &app, &inbox).await?);
    }
    Ok(Json(statuses))
}

pub(super) async fn one(
    State(shared): Host,
    Path((project, stage, kind, name)): InboxPath,
) -> Result<Json<InboxStatus>, Refusal> {
    let app = shared.app(&project, &stage).ok_or_else(|| no_app(&project, &stage))?;
    Ok(Json(status(&shared, &app, &parse(&kind, name)?).await?))
}

#[derive(Deserialize)]
pub(super) struct MessagesQuery {
    #[serde(default)]
    dead: bool,
    limit: Option<usize>,
}

pub(super) async fn messages(
    State(shared): Host,
    Path((project, stage, kind, name)): InboxPath,
    Query(query): Query<MessagesQuery>,
) -> Result<Json<Vec<MessageView>>, Refusal> {
    let (inbox, app) = (parse(&kind, name)?, AppId { project, stage });
    let limit = query.limit.unwrap_or(SHOWN).clamp(1, MAX_SHOWN);
    let messages = shared.data.peek(&app, &inbox, query.dead, limit).await.map_err(data_fault)?;
    Ok(Json(messages.into_iter().map(view).collect()))
}

pub(super) async fn redrive(
    State(shared): Host,
    Path((project, stage, kind, name)): InboxPath,
) -> Result<Json<Moved>, Refusal> {
    let (inbox, app) = (parse(&kind, name)?, AppId { project, stage });
    let messages = shared.data.redrive(&app, &inbox).await.map_err(data_fault)?;
    Ok(Json(Moved { messages }))
}

#[derive(Deserialize)]
pub(super) struct PurgeQuery {
    #[serde(default)]
    dead: bool,
}

pub(super) async fn purge(
    State(shared): Host,
    Path((project, stage, kind, name)): InboxPath,
    Query(query): Query<PurgeQuery>,
) -> Result<Json<Moved>, Refusal> {
    let (inbox, app) = (parse(&kind, name)?, AppId { project, stage });
    let messages = shared.data.purge(&app, &inbox, query.dead).await.map_err(data_fault)?;
    Ok(Json(Moved { messages }))
}

fn parse(kind: &str, name: String) -> Result<Inbox, Refusal> {
    match kind {
        "queue" => Ok(Inbox::Queue(name)),
        "subscription" => Ok(Inbox::Subscription(name)),
        other => Err(Refusal(fault(
            "not-found",
            format!("an inbox is of a `queue` or of a `subscription`, not of a `{other}`"),
        ))),
    }
}

/// Queues, and what the active release has subscribed to anything else.
fn inboxes(app: &App) -> Vec<Inbox> {
    let resources = app.record().resources;
    let queues = resources.into_values().filter(|stored| stored.newest.kind == "queue");
    let mut inboxes: Vec<Inbox> = queues.map(|stored| Inbox::Queue(stored.newest.name)).collect();
    let release = app.release();
    let subscriptions = release.iter().flat_map(|release| &release.subscriptions);
    let own = subscriptions.filter(|(_, spec)| !matches!(spec.source, EventSource::Queue { .. }));
    inboxes.extend(own.map(|(name, _)| Inbox::Subscription(name.clone())));
    inboxes
}

async fn status(shared: &Shared, app: &App, inbox: &Inbox) -> Result<InboxStatus, Refusal> {
    let counts = shared.data.counts(&app.id, inbox).await.map_err(data_fault)?;
    let release = app.release();
    let subscriptions = release.as_ref().map(|release| &release.subscriptions);
    let (kind, name, source, subscription) = match inbox {
        Inbox::Queue(queue) => {
            let reads = |spec: &&sf_host_api::SubscriptionSpec| source_of(&spec.source) == ("queue", queue);
            ("queue", queue, String::new(), subscriptions.and_then(|all| all.values().find(reads)))
        }
        Inbox::Subscription(name) => {
            let spec = subscriptions.and_then(|all| all.get(name));
            let source = spec.map(|spec| source_of(&spec.source));
            let source = source.map(|(kind, name)| format!("{kind} {name}")).unwrap_or_default();
            ("subscription", name, source, spec)
        }
    };
    Ok(InboxStatus {
        kind: kind.into(),
        name: name.clone(),
        source,
        function: subscription.map(|spec| spec.function.clone()),
        ready: counts.ready,
        delayed: counts.delayed,
        in_flight: counts.in_flight,
        dead: counts.dead,
    })
}

fn view(message: Message) -> MessageView {
    let body = match &message.body {
        // JSON that no number of ours can hold is shown as text.
        Body::Json(json) => {
            serde_json::from_slice(json).unwrap_or_else(|_| String::from_utf8_lossy(json).into())
        }
        Body::Bytes(_) => serde_json::from_slice(&as_json(&message.body)).unwrap_or_default(),
    };
    MessageView {
        id: message.id,
        body,
        attributes: message.attributes,
        attempts: message.attempts,
        sent_ms: message.sent_ms,
        last_error: message.last_error,
    }
}
