//! CloudWatch Logs' `FilterLogEvents`:
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>

use serde::{Deserialize, Serialize};

use super::{ApiError, Client, Service};

/// One line.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogEvent {
    pub(crate) event_id: String,
    pub(crate) timestamp: u64,
    pub(crate) message: String,
}

/// The lines of a group since then (milliseconds since the Unix epoch), oldest first; none if there is no such group.
pub(crate) async fn filter_log_events(
    client: &Client,
    group: &str,
    since_ms: u64,
) -> Result<Vec<LogEvent>, ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Input<'a> {
        log_group_name: &'a str,
        start_time: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_token: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Page {
        #[serde(default)]
        events: Vec<LogEvent>,
        next_token: Option<String>,
    }
    let operation = Service::Logs.operation("FilterLogEvents");
    let mut events = Vec::new();
    let mut token = None;
    loop {
        let input = Input { log_group_name: group, start_time: since_ms, next_token: token };
        let page: Page = match client.json(operation, &input).await {
            Ok(page) => page,
            Err(error) if error.is_missing() => return Ok(events),
            Err(error) => return Err(error),
        };
        events.extend(page.events);
        token = page.next_token;
        if token.is_none() {
            events.sort_by_key(|event: &LogEvent| event.timestamp);
            return Ok(events);
        }
    }
}
