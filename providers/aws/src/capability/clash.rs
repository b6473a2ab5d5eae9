//! Names that this provider needs for things of its own beside those of the manifest.

use sf_model::{App, Diagnostic, EventKind, Function, Span};

use super::unsupported;
use crate::names;

pub(super) fn check(app: &App) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut taken = |span: Span, kind: &str, name: &str, by: String| {
        let hint = format!("choose another name for the {kind}");
        found.push(unsupported(span, &format!("a {kind} called `{name}`: {by} is called so"), &hint));
    };
    for name in app.queues.keys() {
        let dead = names::dead_letters_of(name);
        if let Some(queue) = app.queues.get(&dead) {
            taken(queue.span, "queue", &dead, format!("the dead letters' queue of `{name}`"));
        }
    }
    for function in app.functions.values().filter(|function| keeps_failures(function)) {
        let failed = names::failures_of(&function.name);
        if let Some(queue) = app.queues.get(&failed) {
            let by = format!("the queue of what `{}` could not handle", function.name);
            taken(queue.span, "queue", &failed, by);
        }
    }
    let scheduled = app.functions.values().flat_map(|function| &function.on);
    let scheduled = scheduled.into_iter().any(|event| matches!(event.kind, EventKind::Schedule(_)));
    if let Some(function) = app.functions.get(names::SCHEDULES)
        && scheduled
    {
        taken(function.span, "function", names::SCHEDULES, "the role of all schedules".to_owned());
    }
    if let Some(bucket) = app.buckets.get(names::ARTIFACTS) {
        taken(bucket.span, "bucket", names::ARTIFACTS, "the bucket that keeps the built code".to_owned());
    }
    found
}

fn keeps_failures(function: &Function) -> bool {
    function.on.iter().any(|event| !matches!(event.kind, EventKind::Queue { .. }))
}
