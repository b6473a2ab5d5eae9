//! `[queues.NAME]` -> `queue/NAME`

use sf_model::Queue;
use sf_plan::Addr;

use super::{Inputs, milliseconds, number};
use crate::names;

pub(super) fn compile(name: &str, queue: &Queue) -> (Addr, Inputs) {
    let mut inputs = Inputs::from([("retries".into(), number(queue.retries.into()))]);
    if let Some(visibility) = queue.visibility {
        inputs.insert("visibility-ms".into(), number(milliseconds(visibility)));
    }
    (Addr::new(names::QUEUE, name), inputs)
}
