//! EventBridge Scheduler: <https://docs.aws.amazon.com/scheduler/latest/APIReference/Welcome.html>

use http::Method;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::tagging::Tag;
use super::{ApiError, Client, Request, Service, encoded, found};

/// A schedule, as far as this backend makes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Schedule {
    #[serde(skip_serializing)]
    pub(crate) name: String,
    #[serde(default, skip_serializing)]
    pub(crate) arn: String,
    pub(crate) group_name: String,
    pub(crate) schedule_expression: String,
    #[serde(default = "utc")]
    pub(crate) schedule_expression_timezone: String,
    pub(crate) flexible_time_window: FlexibleTimeWindow,
    pub(crate) target: Target,
}

/// `FlexibleTimeWindow`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FlexibleTimeWindow {
    pub(crate) mode: String,
}

/// `Target`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Target {
    pub(crate) arn: String,
    pub(crate) role_arn: String,
    #[serde(default)]
    pub(crate) input: String,
}

fn utc() -> String {
    "UTC".into()
}

/// A schedule's name within its group, as `ListSchedules` has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    name: String,
}

fn request(operation: &'static str, method: Method, path: String) -> Request {
    Request::new(Service::Scheduler.operation(operation), method, path)
}

fn schedule_path(name: &str) -> String {
    format!("/schedules/{}", encoded(name))
}

fn group_path(name: &str) -> String {
    format!("/schedule-groups/{}", encoded(name))
}

/// `CreateSchedule`
pub(crate) async fn create_schedule(client: &Client, schedule: &Schedule) -> Result<String, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Response {
        schedule_arn: String,
    }
    let request = request("CreateSchedule", Method::POST, schedule_path(&schedule.name));
    client.rest::<Response>(request, schedule).await.map(|response| response.schedule_arn)
}

/// `UpdateSchedule`: everything, since what is left out is set back.
pub(crate) async fn update_schedule(client: &Client, schedule: &Schedule) -> Result<(), ApiError> {
    let request = request("UpdateSchedule", Method::PUT, schedule_path(&schedule.name));
    client.rest::<IgnoredAny>(request, schedule).await.map(drop)
}

/// `GetSchedule`
pub(crate) async fn get_schedule(
    client: &Client,
    group: &str,
    name: &str,
) -> Result<Option<Schedule>, ApiError> {
    let request = request("GetSchedule", Method::GET, schedule_path(name)).query("groupName", group);
    found(client.rest_bare(request).await)
}

/// `DeleteSchedule`; it may be gone already.
pub(crate) async fn delete_schedule(client: &Client, group: &str, name: &str) -> Result<(), ApiError> {
    let request = request("DeleteSchedule", Method::DELETE, schedule_path(name)).query("groupName", group);
    gone(client.rest_bare::<IgnoredAny>(request).await)
}

/// `ListSchedules`: the names in a group; none if there is no such group.
pub(crate) async fn list_schedules(client: &Client, group: &str) -> Result<Vec<String>, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Page {
        #[serde(default)]
        schedules: Vec<Summary>,
        next_token: Option<String>,
    }
    let mut names = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let mut request = request("ListSchedules", Method::GET, "/schedules".into())
            .query("ScheduleGroup", group)
            .query("MaxResults", "100");
        if let Some(token) = token {
            request = request.query("NextToken", token);
        }
        let page: Page = match client.rest_bare(request).await {
            Ok(page) => page,
            Err(error) if error.is_missing() => return Ok(names),
            Err(error) => return Err(error),
        };
        names.extend(page.schedules.into_iter().map(|schedule| schedule.name));
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(names);
        }
    }
}

/// A group.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Group {
    pub(crate) arn: String,
    /// `ACTIVE` or `DELETING`
    pub(crate) state: String,
}

/// `CreateScheduleGroup`: its ARN.
pub(crate) async fn create_group(client: &Client, name: &str, tags: Vec<Tag>) -> Result<String, ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        tags: Vec<Tag>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Response {
        schedule_group_arn: String,
    }
    let request = request("CreateScheduleGroup", Method::POST, group_path(name));
    client.rest::<Response>(request, &Input { tags }).await.map(|response| response.schedule_group_arn)
}

/// `GetScheduleGroup`
pub(crate) async fn get_group(client: &Client, name: &str) -> Result<Option<Group>, ApiError> {
    found(client.rest_bare(request("GetScheduleGroup", Method::GET, group_path(name))).await)
}

/// `DeleteScheduleGroup`; it may be gone already.
pub(crate) async fn delete_group(client: &Client, name: &str) -> Result<(), ApiError> {
    gone(
        client
            .rest_bare::<IgnoredAny>(request("DeleteScheduleGroup", Method::DELETE, group_path(name)))
            .await,
    )
}

/// `ListTagsForResource`
pub(crate) async fn tags_of(client: &Client, arn: &str) -> Result<Vec<Tag>, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Response {
        #[serde(default)]
        tags: Vec<Tag>,
    }
    let request = request("ListTagsForResource", Method::GET, format!("/tags/{}", encoded(arn)));
    client.rest_bare::<Response>(request).await.map(|response| response.tags)
}

/// `TagResource`
pub(crate) async fn tag(client: &Client, arn: &str, tags: Vec<Tag>) -> Result<(), ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        tags: Vec<Tag>,
    }
    let request = request("TagResource", Method::POST, format!("/tags/{}", encoded(arn)));
    client.rest::<IgnoredAny>(request, &Input { tags }).await.map(drop)
}

/// `UntagResource`
pub(crate) async fn untag(client: &Client, arn: &str, keys: &[String]) -> Result<(), ApiError> {
    let mut request = request("UntagResource", Method::DELETE, format!("/tags/{}", encoded(arn)));
    for key in keys {
        request = request.query("TagKeys", key);
    }
    client.rest_bare::<IgnoredAny>(request).await.map(drop)
}

fn gone(result: Result<IgnoredAny, ApiError>) -> Result<(), ApiError> {
    match result {
        Err(error) if !error.is_missing() => Err(error),
        _ => Ok(()),
    }
}
