//! An entry of `on` for a queue, topic, bucket or table -> `subscription/FUNCTION-HASH`

use std::collections::BTreeMap;

use sf_model::{EventKind, Function};
use sf_plan::{Addr, Value};

use super::{Inputs, number, text, texts};
use crate::names;

/// The messages that wait belong to a subscription's name, so what it is named after is what will hardly change: the function, the resource and,
/// where a function has several at one resource, which of them. Another filter or batch is then a change in place that loses nothing.
pub(super) fn compile(function: &Function) -> Vec<(Addr, Inputs)> {
    let mut events: Vec<&EventKind> = function.on.iter().map(|event| &event.kind).collect();
    events.sort();
    let mut seen: BTreeMap<Addr, u32> = BTreeMap::new();
    let mut compiled = Vec::new();
    for event in events {
        let Some((resource, source)) = source(event) else { continue };
        let nth = seen.entry(resource.clone()).or_default();
        let addr = names::subscription(&function.name, &resource, *nth);
        *nth += 1;
        let inputs =
            Inputs::from([("function".into(), text(&function.name)), ("source".into(), Value::Map(source))]);
        compiled.push((addr, inputs));
    }
    compiled
}

/// What is subscribed to, and how; `None` for the clock (see `schedule`).
fn source(event: &EventKind) -> Option<(Addr, Inputs)> {
    let (kind, name, more) = match event {
        EventKind::Schedule(_) => return None,
        EventKind::Queue { queue, batch } => {
            (names::QUEUE, queue, Inputs::from([("batch".into(), number((*batch).into()))]))
        }
        EventKind::Topic { topic, filter } => (names::TOPIC, topic, conditions(filter)),
        EventKind::Bucket { bucket, event, prefix, suffix } => {
            (names::BUCKET, bucket, changes(event, prefix.as_deref(), suffix.as_deref()))
        }
        EventKind::Table { table } => (names::TABLE, table, Inputs::new()),
    };
    let mut source = more;
    source.insert("kind".into(), text(kind));
    source.insert(kind.into(), text(name));
    Some((Addr::new(kind, name), source))
}

fn conditions(filter: &BTreeMap<String, Vec<String>>) -> Inputs {
    if filter.is_empty() {
        return Inputs::new();
    }
    let filter = filter.iter().map(|(attribute, values)| (attribute.clone(), texts(values)));
    Inputs::from([("filter".into(), Value::Map(filter.collect()))])
}

fn changes(event: &str, prefix: Option<&str>, suffix: Option<&str>) -> Inputs {
    let mut inputs = Inputs::from([("event".into(), text(event))]);
    for (end, wanted) in [("prefix", prefix), ("suffix", suffix)] {
        if let Some(wanted) = wanted {
            inputs.insert(end.into(), text(wanted));
        }
    }
    inputs
}
