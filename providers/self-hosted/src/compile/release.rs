//! All other objects -> `release/current`: what answers once all of them are there.

use sf_model::{App, Rollout};
use sf_plan::{Addr, Value};

use super::{Inputs, milliseconds, number, text};
use crate::names;

/// Refers to everyone's revision, so the planner puts it last and deletes what it no longer names after it. How functions take over is said here
/// and not with them: other steps make no other revision.
pub(super) fn compile<'a>(app: &App, others: impl Iterator<Item = &'a Addr>) -> (Addr, Inputs) {
    let revisions = others.map(|addr| {
        let revision = Value::Ref { of: addr.clone(), output: "revision".into() };
        (addr.to_string(), revision)
    });
    let resources = Value::Map(revisions.collect());
    let mut inputs = Inputs::from([("resources".into(), resources)]);
    let rollouts = app.functions.values().filter_map(|function| {
        let rollout = function.rollout.as_ref().filter(|rollout| rollout.kind != "all-at-once")?;
        Some((function.name.clone(), steps(rollout)))
    });
    let rollouts: Inputs = rollouts.collect();
    if !rollouts.is_empty() {
        inputs.insert("rollouts".into(), Value::Map(rollouts));
    }
    (names::release(), inputs)
}

fn steps(rollout: &Rollout) -> Value {
    Value::Map(Inputs::from([
        ("kind".into(), text(&rollout.kind)),
        ("steps".into(), Value::List(rollout.steps.iter().map(|step| number((*step).into())).collect())),
        ("every-ms".into(), number(milliseconds(rollout.every))),
    ]))
}
