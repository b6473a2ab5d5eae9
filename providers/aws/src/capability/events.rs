//! What calls functions besides HTTP.

use std::collections::BTreeMap;

use sf_model::{App, Diagnostic, Event, EventKind, Function, Period};

use super::unsupported;
use crate::compile::bucket::Change;
use crate::compile::queue;
use crate::cron;

/// SetSubscriptionAttributes: attributes in a filter, and combinations of their values.
const MOST_ATTRIBUTES: usize = 5;
const MOST_COMBINATIONS: usize = 150;
/// SetQueueAttributes.
const MOST_DELIVERIES: u32 = 1_000;
/// Readers of a stream that do not slow each other down.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.Lambda.html>
const STREAM_READERS: usize = 2;

pub(super) fn check(app: &App) -> Vec<Diagnostic> {
    let mut found = queues(app);
    for function in app.functions.values() {
        found.extend(function.on.iter().filter_map(schedule));
        found.extend(subscriptions(function));
    }
    found.extend(overlaps(app));
    found.extend(streams(app));
    found
}

fn schedule(event: &Event) -> Option<Diagnostic> {
    let EventKind::Schedule(schedule) = &event.kind else { return None };
    let cause = cron::translate(&schedule.expr).err()?;
    Some(unsupported(event.span, &format!("{cause}: `{}`", schedule.expr), cause.hint()))
}

fn queues(app: &App) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, queue) in &app.queues {
        if queue.retries > MOST_DELIVERIES {
            let feature = format!("{} deliveries of a message (queue `{name}`)", queue.retries);
            found.push(unsupported(
                queue.span,
                &feature,
                &format!("write `retries = {MOST_DELIVERIES}` at most"),
            ));
        }
        let hidden = queue::visibility(app, name, queue);
        if hidden > queue::MOST_VISIBILITY {
            let feature = format!("hiding a message for {hidden}s (queue `{name}`)");
            found.push(unsupported(queue.span, &feature, "write `visibility = \"12h\"` at most"));
        }
        if let (Some(said), Some((timeout, _))) = (queue.visibility, queue::worker(app, name))
            && said < timeout
        {
            let feature = format!(
                "a message of `{name}` that is hidden for {}, less than the {} its function may take",
                Period(said),
                Period(timeout)
            );
            let hint = "leave `visibility` out: it is six times the function's timeout then";
            found.push(unsupported(queue.span, &feature, hint));
        }
    }
    found
}

/// A topic knows a function once, by its ARN.
fn subscriptions(function: &Function) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut seen: BTreeMap<&str, &Event> = BTreeMap::new();
    let mut topics: Vec<&Event> = function.on.iter().collect();
    topics.sort_by_key(|event| event.span);
    for event in topics {
        let EventKind::Topic { topic, filter } = &event.kind else { continue };
        if seen.insert(topic, event).is_some() {
            let feature = format!("two subscriptions of `{}` to the topic `{topic}`", function.name);
            let hint = "write one with all values in its filter, or give the other to a function of its own";
            found.push(unsupported(event.span, &feature, hint));
        }
        let combinations = filter.values().map(Vec::len).fold(1, usize::saturating_mul);
        if filter.len() > MOST_ATTRIBUTES || combinations > MOST_COMBINATIONS {
            let feature = format!("a filter of {} attributes and {combinations} combinations", filter.len());
            let hint = format!(
                "SNS takes {MOST_ATTRIBUTES} and {MOST_COMBINATIONS}: filter the rest in the function"
            );
            found.push(unsupported(event.span, &feature, &hint));
        }
    }
    found
}

/// Two that S3 would have to tell of the same change. The later one in the file is pointed at.
fn overlaps(app: &App) -> Vec<Diagnostic> {
    let functions = app.functions.values();
    let events = functions.flat_map(|function| function.on.iter().map(move |event| (event, function)));
    let mut changes: Vec<_> =
        events.filter_map(|(event, function)| Some((Change::of(&event.kind)?, event, function))).collect();
    changes.sort_by_key(|(_, event, _)| event.span);
    let mut found = Vec::new();
    for (index, (change, event, _)) in changes.iter().enumerate() {
        let mut before = changes.iter().take(index);
        if let Some((_, _, other)) = before.find(|(earlier, _, _)| earlier.overlaps(change)) {
            let feature = format!(
                "two functions for one change of the bucket `{}`: `{}` is told of it too",
                change.bucket, other.name
            );
            let hint = "make the prefixes or suffixes differ, or have one function publish to a topic that tells all";
            found.push(unsupported(event.span, &feature, hint));
        }
    }
    found
}

fn streams(app: &App) -> Vec<Diagnostic> {
    let mut listeners: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in app.functions.values().flat_map(|function| &function.on) {
        if let EventKind::Table { table } = &event.kind {
            listeners.entry(table).or_default().push(event);
        }
    }
    let mut found = Vec::new();
    for (table, mut events) in listeners {
        events.sort_by_key(|event| event.span);
        if let Some(event) = events.get(STREAM_READERS) {
            let message = format!("more than {STREAM_READERS} functions read the stream of table `{table}`");
            let warning = Diagnostic::warning("slow", event.span, message);
            found.push(
                warning.hint("DynamoDB slows them down: have one of them publish to a topic that tells all"),
            );
        }
    }
    found
}
