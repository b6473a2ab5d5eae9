//! DynamoDB: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html>. Tables here; what is in
//! them in [`items`].

pub(crate) mod items;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sf_plan::Json;

use super::tagging::{Tag, tag_list, tag_map};
use super::{ApiError, Client, Service};

type Tags = BTreeMap<String, String>;

async fn call<O: DeserializeOwned>(
    client: &Client,
    operation: &'static str,
    input: &Json,
) -> Result<O, ApiError> {
    client.json(Service::DynamoDb.operation(operation), input).await
}

/// An operation whose answer says nothing new.
async fn tell(client: &Client, operation: &'static str, input: &Json) -> Result<(), ApiError> {
    call::<Json>(client, operation, input).await.map(drop)
}

/// A part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct KeyPart {
    pub(crate) attribute_name: String,
    /// `HASH` or `RANGE`.
    pub(crate) key_type: String,
}

/// The type of an attribute that is in a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AttributeDefinition {
    pub(crate) attribute_name: String,
    /// `S`, `N` or `B`.
    pub(crate) attribute_type: String,
}

/// A table that is to be made; it is paid for by the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewTable<'a> {
    pub(crate) name: &'a str,
    pub(crate) key_schema: &'a [KeyPart],
    pub(crate) attribute_definitions: &'a [AttributeDefinition],
    pub(crate) stream_view_type: Option<&'a str>,
    pub(crate) deletion_protection: bool,
    pub(crate) tags: &'a Tags,
}

/// A table as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Table {
    pub(crate) table_name: String,
    pub(crate) table_arn: String,
    pub(crate) table_status: String,
    #[serde(default)]
    pub(crate) key_schema: Vec<KeyPart>,
    #[serde(default)]
    pub(crate) attribute_definitions: Vec<AttributeDefinition>,
    #[serde(default)]
    pub(crate) deletion_protection_enabled: bool,
    stream_specification: Option<StreamSpecification>,
    latest_stream_arn: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamSpecification {
    #[serde(default)]
    stream_enabled: bool,
    stream_view_type: Option<String>,
}

impl Table {
    /// What its stream says of each change, and the stream's ARN; `None` when it has no stream now, though it may have had one.
    pub(crate) fn stream(&self) -> Option<(&str, &str)> {
        let specification = self.stream_specification.as_ref().filter(|stream| stream.stream_enabled)?;
        Some((specification.stream_view_type.as_deref()?, self.latest_stream_arn.as_deref()?))
    }
}

/// Begins to make a table.
pub(crate) async fn create_table(client: &Client, table: NewTable<'_>) -> Result<(), ApiError> {
    let mut input = json!({
        "TableName": table.name,
        "KeySchema": table.key_schema,
        "AttributeDefinitions": table.attribute_definitions,
        "BillingMode": "PAY_PER_REQUEST",
        "Tags": tag_list(table.tags),
    });
    if let Some(view) = table.stream_view_type {
        input["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": view });
    }
    if table.deletion_protection {
        input["DeletionProtectionEnabled"] = Json::Bool(true);
    }
    tell(client, "CreateTable", &input).await
}

/// A table by name or ARN; `None`: there is no such table.
pub(crate) async fn describe_table(client: &Client, table: &str) -> Result<Option<Table>, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "Table")]
        table: Table,
    }
    match call::<Response>(client, "DescribeTable", &json!({ "TableName": table })).await {
        Ok(response) => Ok(Some(response.table)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Begins to give a table a stream, or to take it away.
pub(crate) async fn update_stream(client: &Client, table: &str, view: Option<&str>) -> Result<(), ApiError> {
    let stream = match view {
        Some(view) => json!({ "StreamEnabled": true, "StreamViewType": view }),
        None => json!({ "StreamEnabled": false }),
    };
    tell(client, "UpdateTable", &json!({ "TableName": table, "StreamSpecification": stream })).await
}

/// Begins to let a table be deleted, or not.
pub(crate) async fn update_protection(client: &Client, table: &str, enabled: bool) -> Result<(), ApiError> {
    tell(client, "UpdateTable", &json!({ "TableName": table, "DeletionProtectionEnabled": enabled })).await
}

/// Begins to delete a table.
pub(crate) async fn delete_table(client: &Client, table: &str) -> Result<(), ApiError> {
    tell(client, "DeleteTable", &json!({ "TableName": table })).await
}

/// By which attribute items expire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TimeToLive {
    /// `ENABLED`, `ENABLING`, `DISABLED`, `DISABLING`.
    #[serde(default, rename = "TimeToLiveStatus")]
    pub(crate) status: String,
    pub(crate) attribute_name: Option<String>,
}

/// Asks for it.
pub(crate) async fn describe_time_to_live(client: &Client, table: &str) -> Result<TimeToLive, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(default, rename = "TimeToLiveDescription")]
        description: TimeToLive,
    }
    let response: Response = call(client, "DescribeTimeToLive", &json!({ "TableName": table })).await?;
    Ok(response.description)
}

/// Turns it on or off.
pub(crate) async fn update_time_to_live(
    client: &Client,
    table: &str,
    attribute: &str,
    enabled: bool,
) -> Result<(), ApiError> {
    let specification = json!({ "AttributeName": attribute, "Enabled": enabled });
    let input = json!({ "TableName": table, "TimeToLiveSpecification": specification });
    tell(client, "UpdateTimeToLive", &input).await
}

/// A table's tags.
pub(crate) async fn list_tags(client: &Client, arn: &str) -> Result<Tags, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Page {
        #[serde(default)]
        tags: Vec<Tag>,
        next_token: Option<String>,
    }
    let mut found = Tags::new();
    let mut token = None;
    loop {
        let mut input = json!({ "ResourceArn": arn });
        if let Some(token) = token {
            input["NextToken"] = Json::String(token);
        }
        let page: Page = call(client, "ListTagsOfResource", &input).await?;
        found.extend(tag_map(page.tags));
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Sets tags.
pub(crate) async fn tag_resource(client: &Client, arn: &str, tags: &Tags) -> Result<(), ApiError> {
    tell(client, "TagResource", &json!({ "ResourceArn": arn, "Tags": tag_list(tags) })).await
}

/// Takes tags away.
pub(crate) async fn untag_resource(client: &Client, arn: &str, keys: &[String]) -> Result<(), ApiError> {
    tell(client, "UntagResource", &json!({ "ResourceArn": arn, "TagKeys": keys })).await
}
