//! Functions that call each other in a circle: a request could go round for ever, and bill for it.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::app::{Access, Function};
use crate::diagnostic::Diagnostic;

/// Reports each circle once, at the `uses` that closes it, with its path.
pub(super) fn check_cycles(functions: &BTreeMap<String, Function>, check: &mut Check<'_>) {
    let mut done = BTreeSet::new();
    for start in functions.keys() {
        // Depth first with a stack of its own, for a chain of calls may be long.
        let mut path: Vec<(&str, Vec<&str>)> = Vec::new();
        if done.insert(start.as_str()) {
            path.push((start, callees(functions, start)));
        }
        while let Some((caller, rest)) = path.last_mut() {
            let caller = *caller;
            let Some(callee) = rest.pop() else {
                path.pop();
                continue;
            };
            if let Some(from) = path.iter().position(|(name, _)| *name == callee) {
                let names = path.iter().skip(from).map(|(name, _)| *name).chain([callee]);
                report(functions, caller, callee, &names.collect::<Vec<_>>(), check);
            } else if done.insert(callee) {
                path.push((callee, callees(functions, callee)));
            }
        }
    }
}

/// In reverse order, since they are taken from the end.
fn callees<'a>(functions: &'a BTreeMap<String, Function>, caller: &str) -> Vec<&'a str> {
    let Some(function) = functions.get(caller) else {
        return Vec::new();
    };
    let calls = function
        .uses
        .iter()
        .filter(|(name, used)| used.access == Access::Call && functions.contains_key(*name));
    calls.map(|(name, _)| name.as_str()).rev().collect()
}

fn report(
    functions: &BTreeMap<String, Function>,
    caller: &str,
    callee: &str,
    path: &[&str],
    check: &mut Check<'_>,
) {
    let function = functions.get(caller);
    let span = function.and_then(|function| function.uses.get(callee)).map(|used| used.span);
    let message = format!("functions call each other in a circle: {}", path.join(" -> "));
    let error = Diagnostic::error("call-cycle", span.unwrap_or_default(), message);
    check.problems.push(error.hint("break it with a queue: one sends, the other is called with the message"));
}
