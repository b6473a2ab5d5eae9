//! A queue's messages go to one function: two would take them from each other.

use std::collections::BTreeMap;

use super::Check;
use crate::app::{Event, EventKind, Function};
use crate::diagnostic::Diagnostic;
use crate::render::LineIndex;

/// Reports each listener but the first in the file, and names that one by its line.
pub(super) fn check_listeners(functions: &BTreeMap<String, Function>, text: &str, check: &mut Check<'_>) {
    let mut events: Vec<(&Event, &str)> = functions
        .values()
        .flat_map(|function| function.on.iter().map(|event| (event, function.name.as_str())))
        .collect();
    events.sort_by_key(|(event, _)| event.span);
    let lines = LineIndex::new(text);
    let mut first: BTreeMap<&str, (&Event, &str)> = BTreeMap::new();
    for (event, function) in events {
        let EventKind::Queue { queue, .. } = &event.kind else { continue };
        let Some((taken, owner)) = first.get(queue.as_str()) else {
            first.insert(queue, (event, function));
            continue;
        };
        if (&taken.kind, *owner) == (&event.kind, function) {
            // The same event twice: that was said already.
            continue;
        }
        let line = lines.position(taken.span.start).line;
        let message = format!("the queue `{queue}` has a listener already: `{owner}` on line {line}");
        let error = Diagnostic::error("duplicate-listener", event.span, message);
        check.problems.push(error.hint(
            "each message goes to one function: give each its own queue, or publish to a topic, which tells all",
        ));
    }
}
