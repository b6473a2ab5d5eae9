//! What a kit is told in `SF_KIT`, as JSON: which code to call, and what things are called here. See `docs/providers/aws.md`.

use std::collections::BTreeMap;

use sf_model::{EventKind, Function, Interface, ItemKind, KeyType, Table, TableKey};
use sf_plan::Json;

use super::grants::{self, Used};
use super::text::{JsonObject, Text};
use super::{Cx, socket};
use crate::names::{self, addr};

pub(super) fn compile(cx: &Cx<'_>, function: &Function, entry: &str) -> Text {
    let identity = JsonObject::default()
        .with("project", cx.scope.project.as_str())
        .with("stage", cx.scope.stage.as_str())
        .with("function", cx.app.renames.now(ItemKind::Function, &function.name));
    let code = match (function.interface, &function.handler) {
        (Interface::Web, _) | (_, None) => identity.with("command", entry),
        (_, Some(handler)) => {
            let loaded = JsonObject::default().with("file", entry).with("export", handler.export.as_str());
            identity.with("handler", loaded)
        }
    };
    code.with_some("uses", uses(cx, function))
        .with_some("secrets", secrets(cx, function))
        .with_some("from", from(cx, function))
        .with_some("schedules", schedules(function))
        .text()
}

fn uses(cx: &Cx<'_>, function: &Function) -> JsonObject {
    let mut uses = JsonObject::default();
    for (called, use_) in &function.uses {
        let Some(used) = grants::used(cx.app, use_) else { continue };
        let (scope, name) = (&cx.scope, &use_.name);
        let (kind, physical) = match used {
            Used::Bucket => ("bucket", Text::plain(names::bucket(scope, name))),
            Used::Table(_) => ("table", Text::plain(names::table(scope, name))),
            Used::Queue => ("queue", Text::plain(names::queue(scope, name))),
            Used::Topic => ("topic", Text::plain(names::topic(scope, name))),
            Used::Socket => ("socket", Text::output(addr::websocket_api(name), "management")),
            Used::Function(_) => ("function", Text::plain(names::function(scope, name))),
        };
        let mut told = JsonObject::default().with(kind, physical).with("access", use_.access.as_str());
        match used {
            Used::Table(table) => {
                told = told.with("key", key(table));
                if let Some(ttl) = &table.ttl {
                    told = told.with("ttl", ttl.as_str());
                }
            }
            Used::Function(callee) => told = told.with("interface", interface(callee)),
            Used::Bucket | Used::Queue | Used::Topic | Used::Socket => {}
        }
        uses.insert(Text::plain(called), told);
    }
    uses
}

/// Whether a kit takes the callee's payload out of its envelope.
fn interface(callee: &Function) -> &'static str {
    match callee.interface {
        Interface::Portable => "portable",
        Interface::Web => "web",
        Interface::Lambda => "lambda",
    }
}

/// `[["id", "string"]]`, the partition key first.
fn key(table: &Table) -> Json {
    let key = |key: &TableKey| {
        let kind = match key.kind {
            KeyType::String => "string",
            KeyType::Number => "number",
            KeyType::Bytes => "bytes",
        };
        Json::from(vec![key.name.as_str(), kind])
    };
    [&table.partition].into_iter().chain(&table.sort).map(key).collect()
}

fn secrets(cx: &Cx<'_>, function: &Function) -> JsonObject {
    let mut secrets = JsonObject::default();
    for (called, name) in &function.secrets {
        secrets.insert(Text::plain(called), names::secret(&cx.scope, name));
    }
    secrets
}

/// The names in events, translated to those of the manifest.
fn from(cx: &Cx<'_>, function: &Function) -> JsonObject {
    let mut names: BTreeMap<&str, BTreeMap<Text, &str>> = BTreeMap::new();
    let mut translate = |kind: ItemKind, physical, name| {
        let called = cx.app.renames.now(kind, name);
        names.entry(kind.word()).or_default().insert(physical, called);
    };
    let scope = &cx.scope;
    for event in &function.on {
        match &event.kind {
            EventKind::Queue { queue, .. } => {
                translate(ItemKind::Queue, Text::plain(names::queue(scope, queue)), queue.as_str());
            }
            EventKind::Topic { topic, .. } => {
                translate(ItemKind::Topic, Text::plain(names::topic(scope, topic)), topic.as_str());
            }
            EventKind::Bucket { bucket, .. } => {
                translate(ItemKind::Bucket, Text::plain(names::bucket(scope, bucket)), bucket.as_str());
            }
            EventKind::Table { table } => {
                translate(ItemKind::Table, Text::plain(names::table(scope, table)), table.as_str());
            }
            EventKind::Schedule(_) => {}
        }
    }
    for (name, socket) in &cx.app.sockets {
        if socket::routes(socket).any(|(_, called)| called == function.name) {
            translate(ItemKind::Socket, Text::output(addr::websocket_api(name), "id"), name.as_str());
        }
    }
    let mut from = JsonObject::default();
    for (kind, names) in names {
        let mut translated = JsonObject::default();
        for (physical, name) in names {
            translated.insert(physical, name);
        }
        from.insert(Text::plain(kind), translated);
    }
    from
}

fn schedules(function: &Function) -> JsonObject {
    let mut schedules = JsonObject::default();
    for event in &function.on {
        if let EventKind::Schedule(schedule) = &event.kind {
            let told = JsonObject::default()
                .with("expression", names::expression(&schedule.expr))
                .with("timezone", schedule.timezone.as_str());
            schedules.insert(Text::plain(names::schedule(&function.name, schedule)), told);
        }
    }
    schedules
}
