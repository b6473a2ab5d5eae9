//! SQS: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sf_plan::Json;

use super::{ApiError, Client, Service};
use crate::names::Place;

/// What a queue's attributes and tags are.
pub(crate) type Texts = BTreeMap<String, String>;

/// Where a queue of that name is, as SQS itself makes it up.
pub(crate) fn queue_url(client: &Client, place: &Place, name: &str) -> String {
    format!("{}/{}/{name}", client.endpoint(Service::Sqs), place.account)
}

async fn call<O: serde::de::DeserializeOwned>(
    client: &Client,
    operation: &'static str,
    input: &Json,
) -> Result<O, ApiError> {
    client.json(Service::Sqs.operation(operation), input).await
}

/// An operation whose answer says nothing.
async fn tell(client: &Client, operation: &'static str, input: &Json) -> Result<(), ApiError> {
    call::<Json>(client, operation, input).await.map(drop)
}

/// Makes a queue; the same queue again is no error, but one of that name with other attributes is.
pub(crate) async fn create_queue(
    client: &Client,
    name: &str,
    attributes: &Texts,
    tags: &Texts,
) -> Result<(), ApiError> {
    let input = json!({ "QueueName": name, "Attributes": attributes, "tags": tags });
    tell(client, "CreateQueue", &input).await
}

/// All attributes.
pub(crate) async fn get_queue_attributes(client: &Client, url: &str) -> Result<Texts, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(default, rename = "Attributes")]
        attributes: Texts,
    }
    let input = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
    Ok(call::<Response>(client, "GetQueueAttributes", &input).await?.attributes)
}

/// Changes some attributes; an empty text takes one away.
pub(crate) async fn set_queue_attributes(
    client: &Client,
    url: &str,
    attributes: &Texts,
) -> Result<(), ApiError> {
    tell(client, "SetQueueAttributes", &json!({ "QueueUrl": url, "Attributes": attributes })).await
}

/// A queue's tags.
pub(crate) async fn list_queue_tags(client: &Client, url: &str) -> Result<Texts, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(default, rename = "Tags")]
        tags: Texts,
    }
    Ok(call::<Response>(client, "ListQueueTags", &json!({ "QueueUrl": url })).await?.tags)
}

/// Sets tags.
pub(crate) async fn tag_queue(client: &Client, url: &str, tags: &Texts) -> Result<(), ApiError> {
    tell(client, "TagQueue", &json!({ "QueueUrl": url, "Tags": tags })).await
}

/// Takes tags away.
pub(crate) async fn untag_queue(client: &Client, url: &str, keys: &[String]) -> Result<(), ApiError> {
    tell(client, "UntagQueue", &json!({ "QueueUrl": url, "TagKeys": keys })).await
}

/// Deletes a queue and what waits in it.
pub(crate) async fn delete_queue(client: &Client, url: &str) -> Result<(), ApiError> {
    tell(client, "DeleteQueue", &json!({ "QueueUrl": url })).await
}

/// An attribute of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attribute {
    pub(crate) data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) string_value: Option<String>,
}

impl Attribute {
    /// A text.
    pub(crate) fn text(value: impl Into<String>) -> Self {
        Self { data_type: "String".into(), string_value: Some(value.into()) }
    }
}

/// Attributes of a message by their names.
pub(crate) type Attributes = BTreeMap<String, Attribute>;

/// A message as it is sent.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Sending<'a> {
    pub(crate) queue_url: &'a str,
    pub(crate) message_body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delay_seconds: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) message_attributes: Attributes,
}

/// Sends a message; its id.
pub(crate) async fn send_message(client: &Client, message: &Sending<'_>) -> Result<String, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Response {
        message_id: String,
    }
    let response: Response = client.json(Service::Sqs.operation("SendMessage"), message).await?;
    Ok(response.message_id)
}

/// A message as it is received.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Received {
    pub(crate) message_id: String,
    pub(crate) receipt_handle: String,
    pub(crate) body: String,
    /// `SentTimestamp`, `ApproximateReceiveCount`, … .
    #[serde(default)]
    pub(crate) attributes: Texts,
    #[serde(default)]
    pub(crate) message_attributes: Attributes,
}

/// Takes up to ten messages, which nobody else gets for so many seconds; does not wait for any.
pub(crate) async fn receive_message(
    client: &Client,
    url: &str,
    at_most: usize,
    hidden_seconds: u32,
) -> Result<Vec<Received>, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(default, rename = "Messages")]
        messages: Vec<Received>,
    }
    let input = json!({
        "QueueUrl": url,
        "MaxNumberOfMessages": at_most.clamp(1, 10),
        "VisibilityTimeout": hidden_seconds,
        // Asks every server of the queue, which asking for what is there at once does not.
        "WaitTimeSeconds": 1,
        "MessageSystemAttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    });
    Ok(call::<Response>(client, "ReceiveMessage", &input).await?.messages)
}

/// Deletes a message that was received.
pub(crate) async fn delete_message(client: &Client, url: &str, receipt: &str) -> Result<(), ApiError> {
    tell(client, "DeleteMessage", &json!({ "QueueUrl": url, "ReceiptHandle": receipt })).await
}

/// Deletes all messages.
pub(crate) async fn purge_queue(client: &Client, url: &str) -> Result<(), ApiError> {
    tell(client, "PurgeQueue", &json!({ "QueueUrl": url })).await
}
