//! `[queues.NAME]` -> a queue and its dead letters; a `queue` of `on` -> an event source.

use std::time::Duration;

use sf_model::{App, EventKind, Function, Queue};

use super::function::seconds;
use super::{Cx, Object, live, number, output, text, texts};
use crate::names::{self, addr};

/// Fourteen days, the longest that SQS keeps a message: dead letters wait for somebody to look.
pub(super) const LONGEST_RETENTION: u64 = 1_209_600;
/// Four days. Less than its dead letters are kept: a message's age counts from when it was sent, wherever it is by then.
const RETENTION: u64 = 345_600;
/// A message is hidden at least so long, in seconds.
const LEAST_VISIBILITY: u64 = 30;
/// And at most twelve hours (SetQueueAttributes).
pub(crate) const MOST_VISIBILITY: u64 = 43_200;
/// AWS advises six times the worker's timeout, for what it tries again when the function is throttled.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
const TIMEOUTS: u64 = 6;
/// SQS gives so many messages at once; for more Lambda has to wait for them.
const AT_ONCE: u32 = 10;
/// How long, in seconds.
const WINDOW: u64 = 1;

pub(super) fn compile(cx: &Cx<'_>, name: &str, queue: &Queue) -> [Object; 2] {
    let dead = names::queue(&cx.scope, &names::dead_letters_of(name));
    [
        Object::new(
            addr::dead_letters(name),
            [("QueueName", text(dead)), ("MessageRetentionPeriod", number(LONGEST_RETENTION))],
        ),
        Object::new(
            addr::queue(name),
            [
                ("QueueName", text(names::queue(&cx.scope, name))),
                ("VisibilityTimeout", number(visibility(cx.app, name, queue))),
                ("MessageRetentionPeriod", number(RETENTION)),
                ("DeadLetters", output(addr::dead_letters(name), "arn")),
                ("MaxReceiveCount", number(queue.retries)),
            ],
        ),
    ]
}

/// Seconds for which a message is hidden while it is handled.
pub(crate) fn visibility(app: &App, name: &str, queue: &Queue) -> u64 {
    if let Some(said) = queue.visibility {
        return seconds(said);
    }
    let Some((timeout, batch)) = worker(app, name) else { return LEAST_VISIBILITY };
    (TIMEOUTS * seconds(timeout) + window(batch)).clamp(LEAST_VISIBILITY, MOST_VISIBILITY)
}

/// The timeout and batch of the function that a queue's messages go to: the model saw to it that there is but one.
pub(crate) fn worker(app: &App, name: &str) -> Option<(Duration, u32)> {
    app.functions.values().find_map(|function| {
        of(function).find(|(queue, _)| *queue == name).map(|(_, batch)| (function.timeout, batch))
    })
}

pub(super) fn listeners(function: &Function) -> Vec<Object> {
    let listener = |(queue, batch): (&str, u32)| {
        Object::new(
            addr::event_source(&function.name, &addr::queue(queue)),
            [
                ("Alias", live(&function.name)),
                ("EventSourceArn", output(addr::queue(queue), "arn")),
                ("BatchSize", number(batch)),
                ("MaximumBatchingWindowInSeconds", number(window(batch))),
                ("FunctionResponseTypes", texts(["ReportBatchItemFailures"])),
            ],
        )
    };
    of(function).map(listener).collect()
}

fn window(batch: u32) -> u64 {
    if batch > AT_ONCE { WINDOW } else { 0 }
}

fn of(function: &Function) -> impl Iterator<Item = (&str, u32)> {
    function.on.iter().filter_map(|event| match &event.kind {
        EventKind::Queue { queue, batch } => Some((queue.as_str(), *batch)),
        EventKind::Schedule(_)
        | EventKind::Topic { .. }
        | EventKind::Bucket { .. }
        | EventKind::Table { .. } => None,
    })
}
