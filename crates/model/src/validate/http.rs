//! Routes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, api};
use crate::app::{Function, HttpRoute};
use crate::decode::Spanned;
use crate::diagnostic::{Diagnostic, Span};
use crate::manifest::{HttpField, HttpSection};
use crate::names;
use crate::render::LineIndex;

/// A function's routes, in the order of the routes.
pub(super) fn lower(
    field: HttpField,
    authorizers: &BTreeSet<String>,
    check: &mut Check<'_>,
) -> Vec<HttpRoute> {
    let mut routes: Vec<HttpRoute> =
        field.routes.into_iter().filter_map(|entry| route(entry, authorizers, check)).collect();
    routes.sort_by(|a, b| a.route.cmp(&b.route));
    routes
}

fn route(
    entry: Spanned<HttpSection>,
    authorizers: &BTreeSet<String>,
    check: &mut Check<'_>,
) -> Option<HttpRoute> {
    let section = entry.value;
    let auth = section.auth.map(|auth| {
        if !authorizers.contains(&auth.value) {
            let message = format!("there is no authorizer `{}`", auth.value);
            let error = Diagnostic::error("unknown-auth", auth.span, message);
            check.problems.push(if authorizers.is_empty() {
                error.hint(format!(
                    "declare it: `[api] auth.{} = {{ issuer = …, audience = […] }}`",
                    auth.value
                ))
            } else {
                error.hint(names::choose(&auth.value, authorizers.iter().map(String::as_str)))
            });
        }
        auth.value
    });
    Some(HttpRoute {
        route: section.route?.value,
        auth,
        throttle: section.throttle.and_then(|throttle| api::throttle(throttle, check)),
        span: entry.span,
    })
}

/// No two routes may match the same requests. Both places are named: the later one is pointed at, the other told by
/// its line.
pub(super) fn check_duplicates(functions: &BTreeMap<String, Function>, text: &str, check: &mut Check<'_>) {
    let mut routes: Vec<(&HttpRoute, &str)> = functions
        .values()
        .flat_map(|function| function.http.iter().map(|route| (route, function.name.as_str())))
        .collect();
    routes.sort_by_key(|(route, _)| route.span);
    let lines = LineIndex::new(text);
    let mut first: BTreeMap<String, (&HttpRoute, &str)> = BTreeMap::new();
    for (route, function) in routes {
        let Some((taken, owner)) = first.get(&route.route.shape()) else {
            first.insert(route.route.shape(), (route, function));
            continue;
        };
        let line = line_of(&lines, taken.span);
        let message = format!(
            "the route `{}` of `{function}` is taken: `{owner}` has `{}` on line {line}",
            route.route, taken.route
        );
        let error = Diagnostic::error("duplicate-route", route.span, message);
        check.problems.push(error.hint("give one of them another path or method"));
    }
}

fn line_of(lines: &LineIndex<'_>, span: Span) -> usize {
    lines.position(span.start).line
}
