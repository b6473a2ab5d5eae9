//! `sf logs`: what CloudWatch has of each function's group, merged by time.

use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use sf_plan::Failure;
use sf_provider::{Cx, LogLine, LogQuery, LogStream};
use tokio::sync::mpsc;

use crate::api::logs::{Filter, LogEvent, LogGroup, all_log_events, list_log_groups, list_tags};
use crate::api::{ApiError, Client};
use crate::kinds::log_group::arn;
use crate::kinds::{all_found, owner};
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

/// The log group of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    function: String,
    name: String,
    /// Milliseconds since 1970: there is nothing from before.
    begun: u64,
}

/// Milliseconds since 1970: from when, and before when.
type Window = std::ops::Range<u64>;

/// All that is still to come, too.
const OPEN_END: u64 = u64::MAX;

pub(super) async fn run(api: &Client, cx: &Cx, query: &LogQuery) -> Result<LogStream, Failure> {
    let groups = groups(api, cx, query.function.as_deref()).await?;
    let now = now_ms();
    let lines = match query.since_ms {
        Some(since) => read(api, &groups, since..OPEN_END).await?,
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

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    id: String,
    line: LogLine,
}

impl Line {
    fn of(function: &str, event: LogEvent) -> Self {
        let message = event.message.trim_end().to_owned();
        // What has no id is told apart by all that is known of it.
        let id = event
            .event_id
            .unwrap_or_else(|| format!("{}\n{}\n{}", event.stream, event.timestamp, event.message));
        let stream = stream(&message).to_owned();
        let line = LogLine { time_ms: event.timestamp, function: function.to_owned(), stream, message };
        Self { id, line }
    }
}

/// Those of the project, or that of a function: by their names, which are known at once; AWS lists what is tagged some time later.
async fn groups(api: &Client, cx: &Cx, function: Option<&str>) -> Result<Vec<Group>, Failure> {
    let failed = |error: ApiError| error.failure("list the project's log groups");
    if let Some(function) = function {
        let name = names::log_group(&names::physical(&cx.scope, function, names::longest::FUNCTION));
        let listed = list_log_groups(api, &name).await.map_err(failed)?;
        let group = listed.into_iter().find(|group| group.name == name);
        let begun = group.map_or(u64::MAX, |group| group.creation_time);
        return Ok(vec![Group { function: function.to_owned(), name, begun }]);
    }
    let (place, scope) = (&api.place().await?, &cx.scope);
    let listed = list_log_groups(api, &names::log_groups(scope)).await.map_err(failed)?;
    // Another project's name may begin as this one's does.
    let owned = listed.into_iter().map(|LogGroup { name, creation_time: begun, .. }| async move {
        let tags = list_tags(api, &arn(place, &name)).await?;
        let function = tags.and_then(|tags| owner(scope, tags)).map(|(key, _)| key.addr.name);
        Ok(function.map(|function| Group { function, name, begun }))
    });
    all_found(owned.collect()).await.map_err(failed)
}

/// The lines of all groups within that time, in its order.
async fn read(api: &Client, groups: &[Group], window: Window) -> Result<Vec<Line>, Failure> {
    let mut questions: Vec<BoxFuture<'_, Result<Vec<Line>, Failure>>> = Vec::new();
    for group in groups {
        questions.push(read_group(api, group, window.clone()).boxed());
    }
    let read: Vec<Vec<Line>> = stream::iter(questions).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut lines: Vec<Line> = read.into_iter().flatten().collect();
    lines.sort_by(|a, b| (a.line.time_ms, &a.line.function).cmp(&(b.line.time_ms, &b.line.function)));
    Ok(lines)
}

async fn read_group(api: &Client, group: &Group, window: Window) -> Result<Vec<Line>, Failure> {
    let Group { function, name, .. } = group;
    // AWS's end is inclusive.
    let end = (window.end != OPEN_END).then(|| window.end.saturating_sub(1));
    let filter = Filter { group: name, start_time: Some(window.start), end_time: end, ..Filter::default() };
    let events = all_log_events(api, filter).await;
    let events = events.map_err(|error| error.failure(&format!("read the log of {function}")))?;
    Ok(events.into_iter().map(|event| Line::of(function, event)).collect())
}

/// As many of the newest lines as are wanted, and maybe some more. CloudWatch tells the oldest first, so that it is asked for longer and longer times.
async fn newest(api: &Client, groups: &[Group], now_ms: u64, wanted: usize) -> Result<Vec<Line>, Failure> {
    let begun = groups.iter().map(|group| group.begun).min().unwrap_or(u64::MAX);
    let (mut lines, mut end) = (Vec::new(), OPEN_END);
    for window in WINDOWS {
        let since = now_ms.saturating_sub(u64::try_from(window.as_millis()).unwrap_or(u64::MAX));
        let earlier = read(api, groups, since..end).await?;
        lines.splice(..0, earlier);
        end = since;
        if lines.len() >= wanted || since <= begun {
            break;
        }
    }
    Ok(lines)
}

/// Goes on with new lines until nobody listens.
async fn follow_on(
    api: &Client,
    groups: &[Group],
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
        let lines = match read(api, groups, newest.saturating_sub(LATE_MS)..OPEN_END).await {
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
