//! A run's event log as text: who did what, then line by line what happened, with the time since the run's beginning.

use std::collections::BTreeMap;
use std::fmt::Write;

use sf_engine::{ApiCall, Ended, Record, RunOutcome, Started, What};

use super::changes::changes_text;
use super::{counted, style, time};

/// The whole log; no newline at the end. Calls that were made for no object are shown with `-v` only.
pub(crate) fn replay(events: &[Record], verbose: bool) -> String {
    let mut text = String::new();
    let began = events.first().map_or(0, |record| record.time_ms);
    let mut begun: BTreeMap<usize, u64> = BTreeMap::new();
    for record in events {
        if let What::Started { step, .. } = &record.what {
            begun.insert(*step, record.time_ms);
        }
        let Some(said) = say(record, &begun, verbose) else { continue };
        let since = record.time_ms.saturating_sub(began);
        let _ = writeln!(text, "{0}{1:>5}.{2:03} s{0:#}  {said}", style::DIM, since / 1000, since % 1000);
    }
    if !events.iter().any(|record| matches!(record.what, What::RunEnded(_))) {
        text.push_str("there is no end: the run was killed, or goes on");
    }
    text.truncate(text.trim_end().len());
    text
}

fn say(record: &Record, begun: &BTreeMap<usize, u64>, verbose: bool) -> Option<String> {
    Some(match &record.what {
        What::RunStarted(started) => say_started(started, record.time_ms),
        What::Observed(found) => {
            let recovered = found.recovered.iter().map(|(key, exists)| {
                format!(
                    "; an earlier run was cut short at {key}, which {}",
                    if *exists { "exists" } else { "does not exist" }
                )
            });
            let adopted = if found.adopted > 0 { ", found by their tags" } else { "" };
            format!("{} recorded{adopted}{}", counted(found.objects, "object"), recovered.collect::<String>())
        }
        What::Planned { changes, keep } => {
            let plan = changes_text(changes.iter(), verbose);
            let indented: String = plan.lines().map(|line| format!("\n             {line}")).collect();
            format!("plan: {}, {keep} unchanged{indented}", counted(changes.len(), "change"))
        }
        What::Started { key, .. } => format!("{key}  begun"),
        What::Progress { key, message, .. } => format!("{key}  {message}"),
        What::Finished { step, key } => {
            let took = begun.get(step).map(|begun| record.time_ms.saturating_sub(*begun));
            format!("{key}  done{}", took.map_or_else(String::new, |ms| format!(" in {ms} ms")))
        }
        What::Unchanged { key, .. } => format!("{key}  as it should be"),
        What::Failed { key, error, .. } => format!("{0}{key}  failed{0:#}: {error}", style::ERROR),
        What::Skipped { key, .. } => format!("{key}  skipped"),
        What::Retried { key, attempt, cause, .. } => {
            format!("{key}  attempt {attempt} failed: {cause}; again")
        }
        What::ApiCall(call) if call.object.is_none() && !verbose => return None,
        What::ApiCall(call) => say_call(call),
        What::StateSaved { .. } if !verbose => return None,
        What::StateSaved { serial, duration_ms } => {
            format!("state saved: serial {serial}, in {duration_ms} ms")
        }
        What::Stopping { cause } => format!("{0}stopping{0:#}: {cause}", style::WARNING),
        What::RunEnded(ended) => say_ended(ended),
    })
}

fn say_started(started: &Started, time_ms: u64) -> String {
    let Started { sf, run, command, who, host, project, stage, provider, base_serial, git_commit, .. } =
        started;
    let commit = git_commit
        .as_deref()
        .map_or_else(String::new, |sha| format!(", commit {}", sha.chars().take(12).collect::<String>()));
    format!(
        "{command} of {project}, stage {stage}, on {provider}: {who}@{host}, {}, sf {sf}{commit}, state {base_serial}, run {run}",
        time(time_ms)
    )
}

fn say_call(call: &ApiCall) -> String {
    let ApiCall {
        service, operation, object, attempt, status, duration_ms, request_id, error, again, ..
    } = call;
    let whose = object.as_deref().map_or_else(String::new, |key| format!("{key}  "));
    let status = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let error = error.as_deref().map_or_else(String::new, |error| format!(" {error}"));
    let attempt = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
    let again = if *again { "; again" } else { "" };
    let id = request_id.as_deref().map_or_else(String::new, |id| format!(", request {id}"));
    format!(
        "{whose}{0}{service} {operation}: {status}{error} in {duration_ms} ms{attempt}{id}{again}{0:#}",
        style::DIM
    )
}

fn say_ended(ended: &Ended) -> String {
    let outcome = match ended.outcome {
        RunOutcome::Done => "done",
        RunOutcome::Failed => "failed",
        RunOutcome::Refused => "refused",
        RunOutcome::Interrupted => "interrupted",
        RunOutcome::TimedOut => "timed out",
    };
    let Ended { done, unchanged, failed, skipped, release, error, .. } = ended;
    let release = release.map_or_else(String::new, |number| format!(", release {number}"));
    let error = error.as_deref().map_or_else(String::new, |error| format!(": {error}"));
    format!(
        "{outcome}: {done} done, {unchanged} unchanged, {failed} failed, {skipped} skipped{release}{error}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_log_is_told_as_it_went() {
        let lines = [
            json!({ "event": "run-started", "time_ms": 1_764_057_600_000_u64, "version": 1, "sf": "0.1.0", "run": "1764057600000-1a2b3c4d",
                "command": "sf deploy", "who": "ada", "host": "lovelace", "pid": 7, "project": "shop", "stage": "dev", "provider": "aws",
                "state": "s.json", "lineage": "l", "base_serial": 12, "git_commit": "c0ffee1234567890" }),
            json!({ "event": "observed", "time_ms": 1_764_057_600_010_u64, "objects": 2, "adopted": 0, "recovered": { "queue/q": true } }),
            json!({ "event": "planned", "time_ms": 1_764_057_600_020_u64, "keep": 1, "changes": [
                { "key": "function/hello", "action": "create", "why": [{ "reason": "new" }], "protect": false } ] }),
            json!({ "event": "api-call", "time_ms": 1_764_057_600_025_u64, "service": "sts", "operation": "GetCallerIdentity", "attempt": 1, "status": 200,
                "duration_ms": 5 }),
            json!({ "event": "started", "time_ms": 1_764_057_600_030_u64, "step": 0, "key": "function/hello" }),
            json!({ "event": "api-call", "time_ms": 1_764_057_600_040_u64, "service": "lambda", "operation": "CreateFunction", "object": "function/hello",
                "step": 0, "attempt": 2, "status": 429, "duration_ms": 8, "error": "TooManyRequestsException", "request_id": "r-1", "again": true }),
            json!({ "event": "retried", "time_ms": 1_764_057_600_050_u64, "step": 0, "key": "function/hello", "attempt": 1, "cause": "busy" }),
            json!({ "event": "finished", "time_ms": 1_764_057_601_030_u64, "step": 0, "key": "function/hello" }),
            json!({ "event": "state-saved", "time_ms": 1_764_057_601_031_u64, "serial": 13, "duration_ms": 1 }),
            json!({ "event": "stopping", "time_ms": 1_764_057_601_032_u64, "cause": "timed-out" }),
            json!({ "event": "run-ended", "time_ms": 1_764_057_601_040_u64, "outcome": "timed-out", "error": "out of time", "done": 1, "unchanged": 0,
                "failed": 0, "skipped": 3, "release": null }),
        ];
        let events: Vec<Record> =
            lines.into_iter().map(|line| serde_json::from_value(line).unwrap()).collect();
        insta::assert_snapshot!(anstream::adapter::strip_str(&replay(&events, false)).to_string());
        assert!(replay(&events, true).contains("serial 13"));
        assert!(replay(&events[..3], false).ends_with("was killed, or goes on"));
    }
}
