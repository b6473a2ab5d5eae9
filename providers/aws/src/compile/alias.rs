//! What everything calls: the alias `live`, how it moves to a new version, and how many instances wait behind it.

use sf_model::{Function, Rollout};
use sf_plan::Value;

use super::{Object, live, map, number, output, text};
use crate::names::{LIVE, addr};

pub(super) fn compile(function: &Function) -> Vec<Object> {
    let name = &function.name;
    let alias = Object::new(
        addr::alias(name),
        [
            ("FunctionName", output(addr::function(name), "name")),
            ("Name", text(LIVE)),
            ("FunctionVersion", output(addr::function(name), "version")),
        ],
    );
    let mut objects = vec![alias.with_some("Rollout", function.rollout.as_ref().and_then(rollout))];
    if let Some((instances, _)) = function.warm
        && instances > 0
    {
        objects.push(Object::new(
            addr::warm(name),
            [("Alias", live(name)), ("ProvisionedConcurrentExecutions", number(instances))],
        ));
    }
    objects
}

/// `None` for all at once, which is how an alias moves by itself.
fn rollout(rollout: &Rollout) -> Option<Value> {
    (rollout.kind != "all-at-once").then(|| {
        map([
            ("Kind", text(&rollout.kind)),
            ("Steps", Value::List(rollout.steps.iter().map(|step| number(*step)).collect())),
            ("EverySeconds", number(super::function::seconds(rollout.every))),
        ])
    })
}
