//! One function.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::code::{self, CodeKeys};
use super::{Check, env, http, uses};
use crate::app::{Event, Function, Package, Rollout};
use crate::decode::Spanned;
use crate::diagnostic::{Diagnostic, Span};
use crate::item::ItemKind;
use crate::manifest::{
    DefaultsSection, EventEntry, FunctionSection, PackageSection, RolloutSection, or_default,
};
use crate::units::ByteSize;

const DEFAULT_MEMORY: ByteSize = ByteSize(256 << 20);
const LEAST_MEMORY: ByteSize = ByteSize(16 << 20);
const MOST_MEMORY: ByteSize = ByteSize(64 << 30);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_STEP: Duration = Duration::from_secs(300);

/// The function with the defaults applied. Providers' own limits are theirs to check: here is only what makes no sense
/// anywhere.
pub(super) fn lower(
    name: &str,
    span: Span,
    section: FunctionSection,
    defaults: &DefaultsSection,
    authorizers: &BTreeSet<String>,
    check: &mut Check<'_>,
) -> Option<Function> {
    let default_env = defaults.env.as_ref().map(|env| &env.value);
    let env = env::lower(or_default(section.env), default_env, check);
    let uses = uses::lower(or_default(section.uses), check);
    let secrets = secrets(section.secrets, check);
    let on = events(section.on.map(|on| on.value.0).unwrap_or_default(), check);
    let memory = memory(section.memory.or_else(|| defaults.memory.clone()), check);
    let timeout = section.timeout.or_else(|| defaults.timeout.clone());
    let timeout = check.period_in_range("`timeout`", timeout, "100ms", "1d");
    let http = or_default(section.http);
    let url = http.url;
    let routes = http::lower(http, authorizers, check);
    let warm = section.warm.map(|warm| {
        let span = warm.span;
        (check.in_range("`warm`", Some(warm), 0..=1_000, 0), span)
    });
    let rollout = section.rollout.and_then(|section| rollout(section, check));
    if ["handler", "interface", "payload", "build", "runtime"]
        .iter()
        .any(|key| section.unread.iter().any(|unread| unread == key))
    {
        return None;
    }
    let code = code::lower(
        CodeKeys {
            name: name.to_owned(),
            span,
            interface: section.interface,
            payload: section.payload,
            handler: section.handler,
            build: section.build,
            runtime: section.runtime,
            default_runtime: defaults.runtime.clone(),
        },
        check,
    )?;
    Some(Function {
        name: name.to_owned(),
        span,
        interface: code.interface,
        interface_span: code.interface_span,
        payload: code.payload,
        handler: code.handler,
        build: code.build,
        runtime: code.runtime,
        memory,
        timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
        env,
        http: routes,
        url,
        on,
        uses,
        secrets,
        warm,
        rollout,
        package: package(or_default(section.package)),
    })
}

fn memory(field: Option<Spanned<ByteSize>>, check: &mut Check<'_>) -> u64 {
    let Some(memory) = field else {
        return DEFAULT_MEMORY.0;
    };
    if !(LEAST_MEMORY..=MOST_MEMORY).contains(&memory.value) {
        let message = format!("`memory` is out of range: {}", memory.value);
        let error = Diagnostic::error("out-of-range", memory.span, message);
        check.problems.push(error.hint(format!("write a size from {LEAST_MEMORY} to {MOST_MEMORY}")));
    }
    memory.value.0
}

fn secrets(field: Option<Spanned<Vec<Spanned<String>>>>, check: &mut Check<'_>) -> BTreeMap<String, String> {
    let names = or_default(field).into_iter().filter_map(|secret| check.refer(ItemKind::Secret, secret));
    names.map(|name| (name.clone(), name)).collect()
}

/// In an order of their own, so that the order in the file is of no consequence.
fn events(entries: Vec<Spanned<EventEntry>>, check: &mut Check<'_>) -> Vec<Event> {
    let mut events: Vec<Event> = entries
        .into_iter()
        .filter_map(|entry| {
            let kind = match entry.value {
                EventEntry::Schedule(event) => event.lower(),
                EventEntry::Queue(event) => event.lower(check),
                EventEntry::Topic(event) => event.lower(check),
                EventEntry::Bucket(event) => event.lower(check),
                EventEntry::Table(event) => event.lower(check),
            };
            let span = entry.span;
            kind.map(|kind| Event { kind, span })
        })
        .collect();
    events.sort_by(|a, b| a.kind.cmp(&b.kind));
    for pair in events.windows(2) {
        if let [first, second] = pair
            && first.kind == second.kind
        {
            let span = first.span.max(second.span);
            let error = Diagnostic::error("duplicate-event", span, "this event stands twice in `on`");
            check.problems.push(error.hint("leave one out: the function would be called twice"));
        }
    }
    events
}

fn rollout(section: Spanned<RolloutSection>, check: &mut Check<'_>) -> Option<Rollout> {
    let Spanned { value: section, span } = section;
    let kind = section.kind?.value.0;
    let steps: Vec<u8> = match &section.steps {
        Some(steps) => steps.value.iter().map(|step| step.value.0).collect(),
        None => Vec::new(),
    };
    if let Some(field) = section.steps.as_ref().filter(|_| !steps.is_sorted_by(|a, b| a < b)) {
        let error = Diagnostic::error("bad-value", field.span, "the steps of a rollout must ascend");
        check.problems.push(error.hint("write them like `[\"10%\", \"50%\"]`; 100% follows by itself"));
    }
    if kind != "all-at-once" && steps.is_empty() && section.unread.is_empty() {
        let error = Diagnostic::error("missing-key", span, format!("a {kind} rollout has no `steps`"));
        check.problems.push(error.hint("add `steps = [\"10%\", \"50%\"]`"));
    }
    let every = check.period_in_range("`every`", section.every, "1s", "7d");
    Some(Rollout { kind: kind.into(), steps, every: every.unwrap_or(DEFAULT_STEP), span })
}

fn package(section: PackageSection) -> Package {
    let globs = |field: Option<Spanned<Vec<Spanned<String>>>>| {
        let mut globs: Vec<String> = or_default(field).into_iter().map(|glob| glob.value).collect();
        globs.sort();
        globs
    };
    Package { include: globs(section.include), exclude: globs(section.exclude) }
}
