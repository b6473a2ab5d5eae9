//! `sf invoke`: the alias, with who calls in the client context, and the end of the log.

use std::time::Instant;

use sf_plan::{Failure, Json};
use sf_provider::{Cx, Invocation, InvokeResult, LogLine};

use super::logs::{now_ms, stream};
use crate::api::Client;
use crate::api::invoke::invoke;
use crate::names::{self, LIVE};

/// What tells a portable function that the command line calls it.
const CLIENT_CONTEXT: &str = r#"{"custom":{"sf-invoke":"1"}}"#;

pub(super) async fn run(api: &Client, cx: &Cx, invocation: &Invocation) -> Result<InvokeResult, Failure> {
    let function = &invocation.function;
    let physical = names::physical(&cx.scope, function, names::longest::FUNCTION);
    let payload = invocation.payload.to_string().into_bytes();
    let begin = Instant::now();
    let invoked = invoke(api, &physical, LIVE, CLIENT_CONTEXT, payload).await.map_err(|error| {
        let mut failure = error.failure(&format!("invoke {function}"));
        if error.is_missing() {
            failure.hint = Some("is it deployed? `sf info` lists the functions that are".into());
        }
        failure
    })?;
    let duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    let payload = serde_json::from_slice(&invoked.payload)
        .unwrap_or_else(|_| Json::String(String::from_utf8_lossy(&invoked.payload).into_owned()));
    Ok(InvokeResult {
        ok: invoked.error.is_none(),
        payload,
        logs: lines(function, &invoked.log, now_ms()),
        duration_ms: reported(&invoked.log).unwrap_or(duration_ms),
    })
}

/// What the function itself wrote: the tail has no times, so that it is the time of the answer; and the platform's lines are in `sf logs`.
fn lines(function: &str, log: &str, now_ms: u64) -> Vec<LogLine> {
    let own = log.lines().filter(|line| !line.trim().is_empty() && stream(line) != "system");
    own.map(|line| LogLine {
        time_ms: now_ms,
        function: function.to_owned(),
        stream: "stdout".into(),
        message: line.to_owned(),
    })
    .collect()
}

/// How long it took by AWS's own watch, in whole milliseconds.
fn reported(log: &str) -> Option<u64> {
    let report = log.lines().find(|line| line.starts_with("REPORT "))?;
    let duration = report.split("Duration: ").nth(1)?.split(' ').next()?;
    duration.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "START RequestId: 1 Version: 3\nhello\n\nEND RequestId: 1\nREPORT RequestId: 1\tDuration: 12.43 ms\tBilled Duration: 13 ms\n";

    #[test]
    fn the_functions_own_lines_are_told_from_the_platforms() {
        let messages: Vec<_> = lines("f", LOG, 0).into_iter().map(|line| line.message).collect();
        assert_eq!(messages, ["hello"]);
        assert_eq!(reported(LOG), Some(12));
        assert_eq!(reported("nothing"), None);
    }
}
