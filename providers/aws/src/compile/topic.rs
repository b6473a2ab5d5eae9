//! `[topics.NAME]` -> a topic; a `topic` of `on` -> a subscription and the permission to call.

use std::collections::BTreeMap;

use sf_model::{EventKind, Function};
use sf_plan::Value;

use super::permission::Caller;
use super::text::Text;
use super::{Cx, Object, live, output, sorted, text};
use crate::names::{self, addr, arn};

pub(super) fn compile(cx: &Cx<'_>, name: &str) -> Object {
    Object::new(addr::topic(name), [("Name", text(names::topic(&cx.scope, name)))])
}

pub(super) fn listeners(cx: &Cx<'_>, function: &Function) -> Vec<Object> {
    let mut objects = Vec::new();
    for event in &function.on {
        let EventKind::Topic { topic, filter } = &event.kind else { continue };
        let what = addr::topic(topic).to_string();
        let source = Text::plain(arn::topic(&names::topic(&cx.scope, topic)));
        let caller = Caller { function: &function.name, what: &what, service: "sns.amazonaws.com", source };
        let subscription = Object::new(
            addr::subscription(&function.name, topic),
            [("Topic", output(addr::topic(topic), "arn")), ("Alias", live(&function.name))],
        );
        // What is published before the permission is there would be lost.
        objects.push(subscription.with_some("FilterPolicy", policy(filter)).after([caller.addr()]));
        objects.push(caller.object());
    }
    objects
}

/// `None`: every message.
fn policy(filter: &BTreeMap<String, Vec<String>>) -> Option<Value> {
    let conditions = filter.iter().map(|(attribute, values)| (attribute.clone(), sorted(values)));
    (!filter.is_empty()).then(|| Value::Map(conditions.collect()))
}
