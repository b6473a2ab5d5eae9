//! `uses` and `secrets` of a function -> its `grants`, the only access that its token gives it, and its `names`.

use std::collections::BTreeMap;

use sf_model::{App, EventKind, Function, ItemKind, Socket, Use};
use sf_plan::Value;

use super::{Inputs, text};

/// Each use under the kind of what it names, by what the code calls it. `None` where nothing is granted.
pub(super) fn compile(function: &Function) -> Option<Value> {
    let mut uses: BTreeMap<String, Value> = BTreeMap::new();
    for (called, Use { kind, access, .. }) in &function.uses {
        let granted = uses.entry(kind.word().to_owned()).or_insert_with(|| Value::Map(Inputs::new()));
        if let Value::Map(granted) = granted {
            granted.insert(called.clone(), text(access.as_str()));
        }
    }
    let secrets: Vec<&String> = function.secrets.keys().collect();
    let mut grants = Inputs::new();
    if !uses.is_empty() {
        grants.insert("uses".into(), Value::Map(uses));
    }
    if !secrets.is_empty() {
        grants.insert("secrets".into(), Value::List(secrets.into_iter().map(text).collect()));
    }
    (!grants.is_empty()).then_some(Value::Map(grants))
}

/// What the code calls otherwise than the host, which knows all by its first name: by kind and the code's name, the host's. `None` where nothing is.
pub(super) fn names(app: &App, function: &Function) -> Option<Value> {
    let mut names: BTreeMap<ItemKind, Inputs> = BTreeMap::new();
    let mut add = |kind: ItemKind, called: &str, known: &str| {
        if called != known {
            names.entry(kind).or_default().insert(called.to_owned(), text(known));
        }
    };
    let called = |kind, known| app.renames.now(kind, known);
    add(ItemKind::Function, called(ItemKind::Function, &function.name), &function.name);
    for (called, used) in &function.uses {
        add(used.kind, called, &used.name);
    }
    for (called, secret) in &function.secrets {
        add(ItemKind::Secret, called, secret);
    }
    for event in &function.on {
        let (kind, source) = match &event.kind {
            EventKind::Queue { queue, .. } => (ItemKind::Queue, queue),
            EventKind::Topic { topic, .. } => (ItemKind::Topic, topic),
            EventKind::Bucket { bucket, .. } => (ItemKind::Bucket, bucket),
            EventKind::Table { table } => (ItemKind::Table, table),
            EventKind::Schedule(_) => continue,
        };
        add(kind, called(kind, source), source);
    }
    for (socket, Socket { connect, message, disconnect, .. }) in &app.sockets {
        let mut handlers = [connect, message, disconnect].into_iter().flatten();
        if handlers.any(|handler| *handler == function.name) {
            add(ItemKind::Socket, called(ItemKind::Socket, socket), socket);
        }
    }
    let names = names.into_iter().map(|(kind, names)| (kind.word().to_owned(), Value::Map(names)));
    let names: Inputs = names.collect();
    (!names.is_empty()).then_some(Value::Map(names))
}
