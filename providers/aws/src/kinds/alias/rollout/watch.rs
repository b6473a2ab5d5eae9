//! What a version does while it has a share of the calls: two witnesses, either of which is enough.
//!
//! Lambda's own metrics count what it sees fail, for each version behind a weighted alias. But an HTTP request that failed is a success to Lambda:
//! the kit made an answer of it. So the kit's line in the log is a witness too; the version is in the name of the log's stream.
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html>

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::api::cloudwatch::{Metric, sums};
use crate::api::logs::{Filter, LogEvent, all_log_events};
use crate::api::{ApiError, Client};
use crate::names;

/// What every kit writes when a handler has failed, as a pattern of CloudWatch Logs.
const FAILED: &str = "\"the handler failed\"";

/// Who is watched, since when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch<'a> {
    pub(super) api: &'a Client,
    pub(super) function: &'a str,
    pub(super) alias: &'a str,
    pub(super) version: &'a str,
    /// Since 1970.
    pub(super) begun: Duration,
}

/// What was seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Witnessed {
    pub(super) errors: u64,
    /// 0 where only the log is known.
    calls: u64,
}

impl fmt::Display for Witnessed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        write!(f, "{} error{}", self.errors, plural(self.errors))?;
        if self.calls >= self.errors && self.calls > 0 {
            write!(f, " in {} call{}", self.calls, plural(self.calls))?;
        }
        Ok(())
    }
}

impl Watch<'_> {
    /// Everything since the rollout began.
    pub(super) async fn look(&self) -> Result<Witnessed, ApiError> {
        let (counted, logged) = tokio::try_join!(self.counted(), self.logged())?;
        // The same failure may be in both.
        Ok(Witnessed { errors: counted.errors.max(logged), calls: counted.calls })
    }

    /// What Lambda has counted, which it tells a minute later.
    async fn counted(&self) -> Result<Witnessed, ApiError> {
        let resource = format!("{}:{}", self.function, self.alias);
        let dimensions =
            [("FunctionName", self.function), ("Resource", &resource), ("ExecutedVersion", self.version)];
        let metric = |name| Metric { namespace: "AWS/Lambda", name, dimensions: &dimensions };
        let minute = self.begun.as_secs() / 60 * 60;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let sums = sums(self.api, &[metric("Errors"), metric("Invocations")], minute, now + 60).await?;
        let count = |index: usize| sums.get(index).copied().map_or(0, whole);
        Ok(Witnessed { errors: count(0), calls: count(1) })
    }

    /// How often the kit has said that a handler failed.
    async fn logged(&self) -> Result<u64, ApiError> {
        let group = names::log_group(self.function);
        let begun = u64::try_from(self.begun.as_millis()).unwrap_or_default();
        let filter =
            Filter { group: &group, pattern: Some(FAILED), start_time: Some(begun), ..Filter::default() };
        Ok(of_version(&all_log_events(self.api, filter).await?, self.version))
    }
}

/// A count as CloudWatch tells it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count is whole and not negative; what is too large for one is cut off"
)]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

/// Lines of that version: streams are called `2026/11/25/[7]0123456789abcdef`.
fn of_version(events: &[LogEvent], version: &str) -> u64 {
    let version = format!("[{version}]");
    events.iter().filter(|event| event.stream.contains(&version)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_other_versions_do_not_count() {
        let event = |stream: &str| LogEvent {
            stream: stream.into(),
            timestamp: 0,
            message: String::new(),
            event_id: None,
        };
        let events = [event("2026/11/25/[7]ab"), event("2026/11/25/[17]ab"), event("2026/11/25/[6]7")];
        assert_eq!(of_version(&events, "7"), 1);
    }

    #[test]
    fn what_was_seen_is_told_as_far_as_it_is_known() {
        let written = |errors, calls| Witnessed { errors, calls }.to_string();
        assert_eq!(written(1, 0), "1 error");
        assert_eq!(written(3, 40), "3 errors in 40 calls");
        assert_eq!(written(3, 1), "3 errors");
    }
}
