//! A `schedule` of `on` -> `schedule/FUNCTION-HASH`

use sf_model::{EventKind, Function};
use sf_plan::Addr;

use super::{Inputs, text};
use crate::names;

pub(super) fn compile(function: &Function) -> impl Iterator<Item = (Addr, Inputs)> {
    function.on.iter().filter_map(|event| match &event.kind {
        EventKind::Schedule(schedule) => {
            let inputs = Inputs::from([
                ("expression".into(), text(names::expression(&schedule.expr))),
                ("timezone".into(), text(&schedule.timezone)),
                ("function".into(), text(&function.name)),
            ]);
            Some((names::schedule(&function.name, schedule), inputs))
        }
        // See `subscription`.
        EventKind::Queue { .. }
        | EventKind::Topic { .. }
        | EventKind::Bucket { .. }
        | EventKind::Table { .. } => None,
    })
}
