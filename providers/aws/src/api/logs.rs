//! CloudWatch Logs: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_Operations.html>.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sf_plan::Json;

use super::{ApiError, Client, Operation, Service, found};

/// A log group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogGroup {
    #[serde(rename = "logGroupName")]
    pub(crate) name: String,
    #[serde(rename = "retentionInDays")]
    pub(crate) retention: Option<u32>,
    /// Milliseconds since 1970.
    #[serde(default)]
    pub(crate) creation_time: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfGroup<'a> {
    log_group_name: &'a str,
}

fn operation(name: &'static str) -> Operation {
    Service::Logs.operation(name)
}

/// Makes a log group that keeps what it has for ever.
pub(crate) async fn create_log_group(
    client: &Client,
    name: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Input<'a> {
        log_group_name: &'a str,
        tags: &'a BTreeMap<String, String>,
    }
    let input = Input { log_group_name: name, tags };
    client.json::<Json>(operation("CreateLogGroup"), &input).await.map(drop)
}

/// Sets for how many days a group keeps what it has; `None`: for ever.
pub(crate) async fn set_retention(client: &Client, name: &str, days: Option<u32>) -> Result<(), ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Input<'a> {
        log_group_name: &'a str,
        retention_in_days: u32,
    }
    let answer = match days {
        Some(retention_in_days) => {
            let input = Input { log_group_name: name, retention_in_days };
            client.json::<Json>(operation("PutRetentionPolicy"), &input).await
        }
        None => {
            let input = OfGroup { log_group_name: name };
            client.json::<Json>(operation("DeleteRetentionPolicy"), &input).await
        }
    };
    answer.map(drop)
}

/// The log groups whose names begin so.
pub(crate) async fn list_log_groups(client: &Client, prefix: &str) -> Result<Vec<LogGroup>, ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Input<'a> {
        log_group_name_prefix: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_token: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Page {
        #[serde(default)]
        log_groups: Vec<LogGroup>,
        next_token: Option<String>,
    }
    let (mut groups, mut next_token) = (Vec::new(), None);
    loop {
        let input = Input { log_group_name_prefix: prefix, next_token };
        let page: Page = client.json(operation("DescribeLogGroups"), &input).await?;
        groups.extend(page.log_groups);
        next_token = page.next_token;
        if next_token.is_none() {
            return Ok(groups);
        }
    }
}

/// Deletes a log group; also one that is not there.
pub(crate) async fn delete_log_group(client: &Client, name: &str) -> Result<(), ApiError> {
    let input = OfGroup { log_group_name: name };
    found(client.json::<Json>(operation("DeleteLogGroup"), &input).await).map(drop)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfResource<'a> {
    /// Of a group, without `:*`.
    resource_arn: &'a str,
}

/// A log group's tags, by its ARN; `None`: there is no such group.
pub(crate) async fn list_tags(
    client: &Client,
    arn: &str,
) -> Result<Option<BTreeMap<String, String>>, ApiError> {
    #[derive(Deserialize)]
    struct Output {
        #[serde(default)]
        tags: BTreeMap<String, String>,
    }
    let input = OfResource { resource_arn: arn };
    let output: Option<Output> = found(client.json(operation("ListTagsForResource"), &input).await)?;
    Ok(output.map(|output| output.tags))
}

/// Sets tags.
pub(crate) async fn tag_resource(
    client: &Client,
    arn: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Input<'a> {
        resource_arn: &'a str,
        tags: &'a BTreeMap<String, String>,
    }
    let input = Input { resource_arn: arn, tags };
    client.json::<Json>(operation("TagResource"), &input).await.map(drop)
}

/// Removes tags.
pub(crate) async fn untag_resource(client: &Client, arn: &str, keys: &[String]) -> Result<(), ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Input<'a> {
        resource_arn: &'a str,
        tag_keys: &'a [String],
    }
    let input = Input { resource_arn: arn, tag_keys: keys };
    client.json::<Json>(operation("UntagResource"), &input).await.map(drop)
}

/// What to search for in a log group.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Filter<'a> {
    #[serde(rename = "logGroupName")]
    pub(crate) group: &'a str,
    /// A pattern of CloudWatch Logs: `"a phrase"`.
    #[serde(rename = "filterPattern", skip_serializing_if = "Option::is_none")]
    pub(crate) pattern: Option<&'a str>,
    /// Milliseconds since 1970, from when; inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_time: Option<u64>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_time: Option<u64>,
    /// The page's beginning, as the page before says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogEvent {
    /// `2026/11/25/[7]0123456789abcdef`: the version of the function is in it.
    #[serde(rename = "logStreamName")]
    pub(crate) stream: String,
    /// Milliseconds since 1970.
    pub(crate) timestamp: u64,
    pub(crate) message: String,
    /// Unique in its group. The model does not promise one.
    pub(crate) event_id: Option<String>,
}

/// A page of lines, in the order of their times. It may be empty though others follow.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogPage {
    #[serde(default)]
    pub(crate) events: Vec<LogEvent>,
    pub(crate) next_token: Option<String>,
}

/// One page of what a log group has; none where there is no such group.
async fn filter_log_events(client: &Client, filter: &Filter<'_>) -> Result<LogPage, ApiError> {
    found(client.json(operation("FilterLogEvents"), filter).await).map(Option::unwrap_or_default)
}

/// All pages of what a log group has, in the order of their times.
pub(crate) async fn all_log_events(
    client: &Client,
    mut filter: Filter<'_>,
) -> Result<Vec<LogEvent>, ApiError> {
    let mut events = Vec::new();
    loop {
        let page = filter_log_events(client, &filter).await?;
        events.extend(page.events);
        filter.next_token = page.next_token;
        if filter.next_token.is_none() {
            return Ok(events);
        }
    }
}
