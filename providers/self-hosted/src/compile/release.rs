//! All other objects -> `release/current`: what answers once all of them are there.

use sf_plan::{Addr, Value};

use super::Inputs;
use crate::names;

/// Refers to everyone's revision, so the planner puts it last and deletes what it no longer names after it.
pub(super) fn compile<'a>(others: impl Iterator<Item = &'a Addr>) -> (Addr, Inputs) {
    let revisions = others.map(|addr| {
        let revision = Value::Ref { of: addr.clone(), output: "revision".into() };
        (addr.to_string(), revision)
    });
    let resources = Value::Map(revisions.collect());
    (names::release(), Inputs::from([("resources".into(), resources)]))
}
