//! `sf logs`: what CloudWatch has of each function's group, merged by time.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use sf_plan::Failure;
use sf_provider::{Cx, LogLine, LogQuery, LogStream};
use tokio::sync::mpsc;

use crate::api::Client;
use crate::api::log_events::{LogEvent, filter_log_events};
use crate::kinds::Inventory;
use crate::names;

/// Groups that are asked at once.
const AT_ONCE: usize = 8;
/// How often CloudWatch is asked for what is new.
const EVERY: Duration = Duration::from_secs(1);
/// Lines come into CloudWatch late and out of order by about so much.
const LATE_MS: u64 = 10_000;
/// How far back is looked, in steps, for as many lines as are asked for.
const WINDOWS: [Duration; 5] = [
    Duration::from_secs(10 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(24 * 3600),
    Duration::from_secs(7 * 24 * 3600),
    Duration::from_secs(400 * 24 * 3600),
];

/// Functions and their log groups.
type Groups = BTreeMap<String, String>;

pub(super) async fn run(api: &Client, cx: &Cx, query: &LogQuery) -> Result<LogStream, Failure> {
    let groups = groups(api, cx, query.function.as_deref()).await?;
    let now = now_ms();
    let lines = match query.since_ms {
        Some(since) => read(api, &groups, since).await?,
        None => newest(api, &groups, now, query.tail.unwrap_or(usize::MAX)).await?,
    };
    let skip = lines.len().saturating_sub(query.tail.unwrap_or(usize::MAX));
    let (sender, receiver) = mpsc::channel(256);
    let (api, follow) = (api.clone(), query.follow);
    tokio::spawn(async move {
        let known: HashSet<String> = lines.iter().map(|line| line.id.clone()).collect();
        for line in lines.into_iter().skip(skip) {
            if sender.send(Ok(line.line)).await.is_err() {
                return;
            }
        }
        if follow {
            follow_on(&api, &groups, known, now, &sender).await;
        }
    });
    Ok(receiver)
}

struct Line {
    id: String,
    line: LogLine,
}

async fn groups(api: &Client, cx: &Cx, function: Option<&str>) -> Result<Groups, Failure> {
    let group =
        |function: &str| names::log_group(&names::physical(&cx.scope, function, names::longest::FUNCTION));
    if let Some(function) = function {
        return Ok(Groups::from([(function.to_owned(), group(function))]));
    }
    let inventory = Inventory::take(api, &cx.scope).await?;
    let functions = inventory.of("log-group").iter().map(|(key, _)| key.addr.name.clone());
    Ok(functions.map(|function| (function.clone(), group(&function))).collect())
}

/// The lines of all groups since then, by time.
async fn read(api: &Client, groups: &Groups, since_ms: u64) -> Result<Vec<Line>, Failure> {
    let mut questions: Vec<BoxFuture<'_, Result<Vec<Line>, Failure>>> = Vec::new();
    for (function, group) in groups {
        questions.push(read_group(api, function, group, since_ms).boxed());
    }
    let read: Vec<Vec<Line>> = stream::iter(questions).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut lines: Vec<Line> = read.into_iter().flatten().collect();
    lines.sort_by(|a, b| (a.line.time_ms, &a.line.function).cmp(&(b.line.time_ms, &b.line.function)));
    Ok(lines)
}

async fn read_group(api: &Client, function: &str, group: &str, since_ms: u64) -> Result<Vec<Line>, Failure> {
    let events = filter_log_events(api, group, since_ms).await;
    let events = events.map_err(|error| error.failure(&format!("read the log of {function}")))?;
    let line = |event: LogEvent| {
        let (id, message) = (event.id(), event.message.trim_end().to_owned());
        let stream = stream(&message).to_owned();
        let line = LogLine { time_ms: event.timestamp, function: function.to_owned(), stream, message };
        Line { id, line }
    };
    Ok(events.into_iter().map(line).collect())
}

async fn newest(api: &Client, groups: &Groups, now_ms: u64, wanted: usize) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for window in WINDOWS {
        let since = now_ms.saturating_sub(u64::try_from(window.as_millis()).unwrap_or(u64::MAX));
        lines = read(api, groups, since).await?;
        if lines.len() >= wanted {
            break;
        }
    }
    Ok(lines)
}

/// Goes on with new lines until nobody listens.
async fn follow_on(
    api: &Client,
    groups: &Groups,
    mut known: HashSet<String>,
    from_ms: u64,
    sender: &mpsc::Sender<Result<LogLine, Failure>>,
) {
    let mut newest = from_ms;
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = sender.closed() => return,
        }
        let lines = match read(api, groups, newest.saturating_sub(LATE_MS)).await {
            Ok(lines) => lines,
            Err(failure) => {
                let _ = sender.send(Err(failure)).await;
                return;
            }
        };
        // What can come again is what is in this window: what is older need not be known any more.
        let now_known: HashSet<String> = lines.iter().map(|line| line.id.clone()).collect();
        for line in lines {
            newest = newest.max(line.line.time_ms);
            if !known.contains(&line.id) && sender.send(Ok(line.line)).await.is_err() {
                return;
            }
        }
        known.extend(now_known);
    }
}

/// Whose line it is: the platform's own begin so.
/// <https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html>
pub(super) fn stream(line: &str) -> &'static str {
    const OF_PLATFORM: [&str; 7] = [
        "END RequestId",
        "EXTENSION\t",
        "INIT_REPORT ",
        "INIT_START ",
        "REPORT RequestId",
        "START RequestId",
        "XRAY TraceId",
    ];
    if OF_PLATFORM.iter().any(|begin| line.starts_with(begin)) { "system" } else { "stdout" }
}

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
