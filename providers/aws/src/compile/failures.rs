//! What a function could not handle, of events that nobody waits for: tried again, then kept in a queue of its own.

use sf_model::{EventKind, Function};

use super::{Cx, Object, live, number, output, queue, text};
use crate::names::{self, addr};

/// Lambda tries again at most so often (PutFunctionEventInvokeConfig); other providers do up to four times.
const MOST_RETRIES: u64 = 2;

pub(super) fn compile(cx: &Cx<'_>, function: &Function) -> Vec<Object> {
    let Some(queue) = queue_name(cx, function) else { return Vec::new() };
    let name = &function.name;
    let mut objects = vec![Object::new(
        addr::failure_queue(name),
        [("QueueName", text(queue)), ("MessageRetentionPeriod", number(queue::LONGEST_RETENTION))],
    )];
    if function.on.iter().any(|event| is_asynchronous(&event.kind)) {
        objects.push(Object::new(
            addr::invoke_config(name),
            [
                ("Alias", live(name)),
                ("MaximumRetryAttempts", number(MOST_RETRIES)),
                ("OnFailure", output(addr::failure_queue(name), "arn")),
            ],
        ));
    }
    objects
}

/// The queue's physical name; `None` where every caller learns of a failure, or keeps what failed itself.
pub(super) fn queue_name(cx: &Cx<'_>, function: &Function) -> Option<String> {
    let wanted = |kind: &EventKind| is_asynchronous(kind) || matches!(kind, EventKind::Table { .. });
    let listens = function.on.iter().any(|event| wanted(&event.kind));
    listens.then(|| names::queue(&cx.scope, &names::failures_of(&function.name)))
}

/// Whether Lambda itself keeps the event until the function has handled it.
fn is_asynchronous(kind: &EventKind) -> bool {
    match kind {
        EventKind::Schedule(_) | EventKind::Topic { .. } | EventKind::Bucket { .. } => true,
        EventKind::Queue { .. } | EventKind::Table { .. } => false,
    }
}
