//! Lambda's event source mappings: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sf_plan::Json;

use super::request::encoded;
use super::{ApiError, Client, Request, Service};

const MAPPINGS: &str = "/2015-03-31/event-source-mappings";

type Tags = BTreeMap<String, String>;

/// What a mapping is asked to be; what is not said stays, or is AWS's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Mapping<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event_source_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) function_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) starting_position: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) maximum_batching_window_in_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) maximum_retry_attempts: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) destination_config: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scaling_config: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) function_response_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bisect_batch_on_function_error: Option<bool>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: Tags,
}

/// A mapping as it is.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Configuration {
    #[serde(rename = "UUID")]
    pub(crate) uuid: String,
    #[serde(default, rename = "EventSourceArn")]
    pub(crate) event_source_arn: String,
    #[serde(default, rename = "FunctionArn")]
    pub(crate) function_arn: String,
    #[serde(default, rename = "State")]
    pub(crate) state: String,
    #[serde(rename = "StartingPosition")]
    pub(crate) starting_position: Option<String>,
    #[serde(rename = "BatchSize")]
    pub(crate) batch_size: Option<u32>,
    #[serde(rename = "MaximumBatchingWindowInSeconds")]
    pub(crate) maximum_batching_window_in_seconds: Option<u32>,
    #[serde(rename = "MaximumRetryAttempts")]
    pub(crate) maximum_retry_attempts: Option<i32>,
    #[serde(rename = "DestinationConfig")]
    pub(crate) destination_config: Option<Json>,
    #[serde(rename = "ScalingConfig")]
    pub(crate) scaling_config: Option<Json>,
    #[serde(rename = "FunctionResponseTypes")]
    pub(crate) function_response_types: Option<Vec<String>>,
    #[serde(rename = "BisectBatchOnFunctionError")]
    pub(crate) bisect_batch_on_function_error: Option<bool>,
}

fn request(operation: &'static str, method: Method, path: String) -> Request {
    Request::new(Service::Lambda.operation(operation), method, path)
}

fn one(operation: &'static str, method: Method, uuid: &str) -> Request {
    request(operation, method, format!("{MAPPINGS}/{}", encoded(uuid)))
}

/// Makes one.
pub(crate) async fn create(client: &Client, mapping: &Mapping<'_>) -> Result<Configuration, ApiError> {
    let request = request("CreateEventSourceMapping", Method::POST, format!("{MAPPINGS}/"));
    client.rest(request, mapping).await
}

/// Changes one.
pub(crate) async fn update(
    client: &Client,
    uuid: &str,
    mapping: &Mapping<'_>,
) -> Result<Configuration, ApiError> {
    client.rest(one("UpdateEventSourceMapping", Method::PUT, uuid), mapping).await
}

/// Begins to delete one.
pub(crate) async fn delete(client: &Client, uuid: &str) -> Result<(), ApiError> {
    client.send(one("DeleteEventSourceMapping", Method::DELETE, uuid)).await.map(drop)
}

/// One as it is; `None`: there is no such mapping.
pub(crate) async fn get(client: &Client, uuid: &str) -> Result<Option<Configuration>, ApiError> {
    match client.rest_bare(one("GetEventSourceMapping", Method::GET, uuid)).await {
        Ok(configuration) => Ok(Some(configuration)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The mappings in the region, or those of one source or function.
pub(crate) async fn list(
    client: &Client,
    source: Option<&str>,
    function: Option<&str>,
) -> Result<Vec<Configuration>, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Page {
        #[serde(default)]
        event_source_mappings: Vec<Configuration>,
        next_marker: Option<String>,
    }
    let mut found = Vec::new();
    let mut marker: Option<String> = None;
    loop {
        let mut request = request("ListEventSourceMappings", Method::GET, format!("{MAPPINGS}/"));
        let parameters =
            [("EventSourceArn", source), ("FunctionName", function), ("Marker", marker.as_deref())];
        for (name, value) in parameters {
            if let Some(value) = value {
                request = request.query(name, value);
            }
        }
        let page: Page = client.rest_bare(request).await?;
        found.extend(page.event_source_mappings);
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(found);
        }
    }
}

fn tags_of(operation: &'static str, method: Method, arn: &str) -> Request {
    request(operation, method, format!("/2017-03-31/tags/{}", encoded(arn)))
}

/// A mapping's tags.
pub(crate) async fn list_tags(client: &Client, arn: &str) -> Result<Tags, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(default, rename = "Tags")]
        tags: Tags,
    }
    let response: Response = client.rest_bare(tags_of("ListTags", Method::GET, arn)).await?;
    Ok(response.tags)
}

/// Sets tags.
pub(crate) async fn tag_resource(client: &Client, arn: &str, tags: &Tags) -> Result<(), ApiError> {
    let request = tags_of("TagResource", Method::POST, arn);
    client.rest::<Json>(request, &json!({ "Tags": tags })).await.map(drop)
}

/// Takes tags away.
pub(crate) async fn untag_resource(client: &Client, arn: &str, keys: &[String]) -> Result<(), ApiError> {
    let request = tags_of("UntagResource", Method::DELETE, arn);
    let request = keys.iter().fold(request, |request, key| request.query("tagKeys", key.as_str()));
    client.send(request).await.map(drop)
}
