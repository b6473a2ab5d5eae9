//! `uses` and `secrets` of a function -> its `grants`, the only access that its token gives it.

use std::collections::BTreeMap;

use sf_model::{App, Function};
use sf_plan::Value;

use super::{Inputs, text};
use crate::names;

/// Each use under the kind of what it names. `None` where nothing is granted.
pub(super) fn compile(app: &App, function: &Function) -> Option<Value> {
    let mut uses: BTreeMap<String, Value> = BTreeMap::new();
    for (name, access) in &function.uses {
        let Some(kind) = kind(app, name) else { continue };
        let granted = uses.entry(kind.to_owned()).or_insert_with(|| Value::Map(Inputs::new()));
        if let Value::Map(granted) = granted {
            granted.insert(name.clone(), text(access.as_str()));
        }
    }
    let mut secrets: Vec<&String> = function.secrets.iter().map(|(name, _)| name).collect();
    secrets.sort();
    let mut grants = Inputs::new();
    if !uses.is_empty() {
        grants.insert("uses".into(), Value::Map(uses));
    }
    if !secrets.is_empty() {
        grants.insert("secrets".into(), Value::List(secrets.into_iter().map(text).collect()));
    }
    (!grants.is_empty()).then_some(Value::Map(grants))
}

/// The model saw to it that a name in `uses` is the name of one thing only. `None`: a workflow, which `check` refuses.
pub(crate) fn kind(app: &App, name: &str) -> Option<&'static str> {
    let kinds = [
        (names::BUCKET, app.buckets.contains_key(name)),
        (names::TABLE, app.tables.contains_key(name)),
        (names::QUEUE, app.queues.contains_key(name)),
        (names::TOPIC, app.topics.contains_key(name)),
        (names::SOCKET, app.sockets.contains_key(name)),
        (names::FUNCTION, app.functions.contains_key(name)),
    ];
    kinds.into_iter().find(|(_, has)| *has).map(|(kind, _)| kind)
}
