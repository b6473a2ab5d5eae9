//! What is in tables. Items are as DynamoDB writes them: `{"id": {"S": "a"}}`.

use serde::Deserialize;
use serde_json::json;
use sf_plan::Json;

use super::{call, tell};
use crate::api::{ApiError, Client};

/// A condition, or a key condition: an expression, and the names and values that stand in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Expression {
    pub(crate) text: String,
    /// `{"#p": "id"}`
    pub(crate) names: serde_json::Map<String, Json>,
    /// `{":p": {"S": "a"}}`
    pub(crate) values: serde_json::Map<String, Json>,
}

impl Expression {
    fn insert_into(&self, input: &mut Json, member: &str) {
        input[member] = self.text.clone().into();
        if !self.names.is_empty() {
            input["ExpressionAttributeNames"] = Json::Object(self.names.clone());
        }
        if !self.values.is_empty() {
            input["ExpressionAttributeValues"] = Json::Object(self.values.clone());
        }
    }
}

/// One page of items.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Page {
    #[serde(default)]
    pub(crate) items: Vec<Json>,
    pub(crate) last_evaluated_key: Option<Json>,
}

/// The item of a key as it is now; `None`: there is none.
pub(crate) async fn get_item(client: &Client, table: &str, key: &Json) -> Result<Option<Json>, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "Item")]
        item: Option<Json>,
    }
    let input = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
    Ok(call::<Response>(client, "GetItem", &input).await?.item)
}

/// Puts an item if the condition holds; else the error is `ConditionalCheckFailedException` and has what is there as `Item`.
pub(crate) async fn put_item(
    client: &Client,
    table: &str,
    item: &Json,
    condition: Option<&Expression>,
) -> Result<(), ApiError> {
    let mut input = json!({ "TableName": table, "Item": item });
    if let Some(condition) = condition {
        condition.insert_into(&mut input, "ConditionExpression");
        input["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD".into();
    }
    tell(client, "PutItem", &input).await
}

/// Deletes the item of a key; `false`: there was none.
pub(crate) async fn delete_item(client: &Client, table: &str, key: &Json) -> Result<bool, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "Attributes")]
        attributes: Option<Json>,
    }
    let input = json!({ "TableName": table, "Key": key, "ReturnValues": "ALL_OLD" });
    let response: Response = call(client, "DeleteItem", &input).await?;
    Ok(response.attributes.is_some_and(|old| old.as_object().is_some_and(|old| !old.is_empty())))
}

/// What to read of a partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a> {
    pub(crate) condition: &'a Expression,
    pub(crate) reverse: bool,
    pub(crate) limit: usize,
    /// `LastEvaluatedKey` of the page before.
    pub(crate) start: Option<&'a Json>,
}

/// One page of a partition, as it is now.
pub(crate) async fn query(client: &Client, table: &str, query: Query<'_>) -> Result<Page, ApiError> {
    let mut input = json!({
        "TableName": table,
        "ConsistentRead": true,
        "ScanIndexForward": !query.reverse,
        "Limit": query.limit,
    });
    query.condition.insert_into(&mut input, "KeyConditionExpression");
    if let Some(start) = query.start {
        input["ExclusiveStartKey"] = start.clone();
    }
    call(client, "Query", &input).await
}

/// One page of all.
pub(crate) async fn scan(
    client: &Client,
    table: &str,
    limit: usize,
    start: Option<&Json>,
) -> Result<Page, ApiError> {
    let mut input = json!({ "TableName": table, "ConsistentRead": true, "Limit": limit });
    if let Some(start) = start {
        input["ExclusiveStartKey"] = start.clone();
    }
    call(client, "Scan", &input).await
}
