//! What everything calls: the alias `live`, how it moves to a new version, and how many instances wait behind it.

use sf_model::{EventKind, Function, ItemKind, Rollout, Use};
use sf_plan::{Addr, Value};

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
    let alias = alias.with_some("Rollout", function.rollout.as_ref().and_then(rollout));
    let mut objects = vec![alias.after(reached(function))];
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

/// What the function reaches by its name. Nothing of it is in the inputs, since a role and `SF_KIT` name what need not exist yet; but it must be
/// there when calls begin, and what is no longer used must not go before they have moved to the code that does not use it.
fn reached(function: &Function) -> Vec<Addr> {
    let used = function.uses.values().filter_map(|Use { kind, name, .. }| match kind {
        ItemKind::Bucket => Some(addr::bucket(name)),
        ItemKind::Table => Some(addr::table(name)),
        ItemKind::Queue => Some(addr::queue(name)),
        ItemKind::Topic => Some(addr::topic(name)),
        ItemKind::Socket | ItemKind::Function | ItemKind::Workflow | ItemKind::Secret => None,
    });
    let secrets = function.secrets.values().map(|name| addr::secret(name));
    let sources = function.on.iter().filter_map(|event| match &event.kind {
        EventKind::Queue { queue, .. } => Some(addr::queue(queue)),
        EventKind::Table { table } => Some(addr::table(table)),
        EventKind::Schedule(_) | EventKind::Topic { .. } | EventKind::Bucket { .. } => None,
    });
    used.chain(secrets).chain(sources).collect()
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
