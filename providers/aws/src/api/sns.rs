//! SNS: <https://docs.aws.amazon.com/sns/latest/api/API_Operations.html>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::tagging::{Tag, tag_map};
use super::{ApiError, Client, Params, Service};

type Tags = BTreeMap<String, String>;

/// An operation whose answer says nothing.
async fn tell(client: &Client, operation: &'static str, params: Params) -> Result<(), ApiError> {
    client.query::<IgnoredAny>(Service::Sns.operation(operation), &params).await.map(drop)
}

/// Makes a topic; its ARN. The same topic again is no error, but one of that name with other tags is.
pub(crate) async fn create_topic(client: &Client, name: &str, tags: &Tags) -> Result<String, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "CreateTopicResult")]
        result: Created,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Created {
        topic_arn: String,
    }
    let params = with_tags(Params::default().with("Name", name), tags);
    let response: Response = client.query(Service::Sns.operation("CreateTopic"), &params).await?;
    Ok(response.result.topic_arn)
}

/// Deletes a topic and its subscriptions; also one that is not there.
pub(crate) async fn delete_topic(client: &Client, arn: &str) -> Result<(), ApiError> {
    tell(client, "DeleteTopic", Params::default().with("TopicArn", arn)).await
}

/// A topic's tags; `None`: there is no such topic.
pub(crate) async fn list_tags(client: &Client, arn: &str) -> Result<Option<Tags>, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "ListTagsForResourceResult")]
        result: Listed,
    }
    #[derive(Deserialize)]
    struct Listed {
        #[serde(rename = "Tags")]
        tags: Option<Members<Tag>>,
    }
    let params = Params::default().with("ResourceArn", arn);
    let response: Response = match client.query(Service::Sns.operation("ListTagsForResource"), &params).await
    {
        Ok(response) => response,
        // As its one operation for tags calls it; the others say `NotFound`.
        Err(error) if error.is(&["ResourceNotFound"]) || error.is_missing() => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(tag_map(response.result.tags.map(|tags| tags.members).unwrap_or_default())))
}

/// Sets tags.
pub(crate) async fn tag_resource(client: &Client, arn: &str, tags: &Tags) -> Result<(), ApiError> {
    tell(client, "TagResource", with_tags(Params::default().with("ResourceArn", arn), tags)).await
}

/// Takes tags away.
pub(crate) async fn untag_resource(client: &Client, arn: &str, keys: &[String]) -> Result<(), ApiError> {
    let params = Params::default().with("ResourceArn", arn).texts("TagKeys.member", keys.to_vec());
    tell(client, "UntagResource", params).await
}

/// Has a function called for each message; the subscription's ARN. The same again is no error, but one with other attributes is.
pub(crate) async fn subscribe(
    client: &Client,
    topic: &str,
    function: &str,
    attributes: &[(&str, String)],
) -> Result<String, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "SubscribeResult")]
        result: Subscribed,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Subscribed {
        subscription_arn: String,
    }
    let params = Params::default()
        .with("TopicArn", topic)
        .with("Protocol", "lambda")
        .with("Endpoint", function)
        .with("ReturnSubscriptionArn", "true")
        .list(
            "Attributes.entry",
            attributes.iter().map(|(name, value)| [("key", (*name).to_owned()), ("value", value.clone())]),
        );
    let response: Response = client.query(Service::Sns.operation("Subscribe"), &params).await?;
    Ok(response.result.subscription_arn)
}

/// Ends a subscription.
pub(crate) async fn unsubscribe(client: &Client, arn: &str) -> Result<(), ApiError> {
    tell(client, "Unsubscribe", Params::default().with("SubscriptionArn", arn)).await
}

/// A subscription's attributes; `None`: there is no such subscription.
pub(crate) async fn get_subscription_attributes(
    client: &Client,
    arn: &str,
) -> Result<Option<BTreeMap<String, String>>, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "GetSubscriptionAttributesResult")]
        result: Got,
    }
    #[derive(Deserialize)]
    struct Got {
        #[serde(rename = "Attributes")]
        attributes: Entries,
    }
    #[derive(Deserialize)]
    struct Entries {
        #[serde(default)]
        entry: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        key: String,
        #[serde(default)]
        value: String,
    }
    let operation = Service::Sns.operation("GetSubscriptionAttributes");
    let params = Params::default().with("SubscriptionArn", arn);
    match client.query::<Response>(operation, &params).await {
        Ok(response) => {
            let entries = response.result.attributes.entry;
            Ok(Some(entries.into_iter().map(|entry| (entry.key, entry.value)).collect()))
        }
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Changes an attribute.
pub(crate) async fn set_subscription_attribute(
    client: &Client,
    arn: &str,
    name: &str,
    value: &str,
) -> Result<(), ApiError> {
    let params = Params::default()
        .with("SubscriptionArn", arn)
        .with("AttributeName", name)
        .with("AttributeValue", value);
    tell(client, "SetSubscriptionAttributes", params).await
}

/// A subscription in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Listed {
    /// `PendingConfirmation` or `Deleted` for some that are none.
    pub(crate) subscription_arn: String,
    #[serde(default)]
    pub(crate) endpoint: String,
}

/// A topic's subscriptions; none where there is no such topic.
pub(crate) async fn list_subscriptions_by_topic(
    client: &Client,
    topic: &str,
) -> Result<Vec<Listed>, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "ListSubscriptionsByTopicResult")]
        result: Page,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Page {
        subscriptions: Option<Members<Listed>>,
        next_token: Option<String>,
    }
    let operation = Service::Sns.operation("ListSubscriptionsByTopic");
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let mut params = Params::default().with("TopicArn", topic);
        if let Some(token) = token {
            params = params.with("NextToken", token);
        }
        let page = match client.query::<Response>(operation, &params).await {
            Ok(response) => response.result,
            Err(error) if error.is_missing() => return Ok(found),
            Err(error) => return Err(error),
        };
        found.extend(page.subscriptions.map(|members| members.members).unwrap_or_default());
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Publishes a message with attributes that are texts; its id.
pub(crate) async fn publish(
    client: &Client,
    topic: &str,
    message: &str,
    attributes: &BTreeMap<String, String>,
) -> Result<String, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "PublishResult")]
        result: Published,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Published {
        message_id: String,
    }
    let attributes = attributes.iter().map(|(name, value)| {
        [
            ("Name", name.clone()),
            ("Value.DataType", "String".to_owned()),
            ("Value.StringValue", value.clone()),
        ]
    });
    let params = Params::default()
        .with("TopicArn", topic)
        .with("Message", message)
        .list("MessageAttributes.entry", attributes);
    let response: Response = client.query(Service::Sns.operation("Publish"), &params).await?;
    Ok(response.result.message_id)
}

/// A list as the query protocol writes it.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Members<T> {
    #[serde(default = "Vec::new", rename = "member")]
    members: Vec<T>,
}

fn with_tags(params: Params, tags: &Tags) -> Params {
    params
        .list("Tags.member", tags.iter().map(|(key, value)| [("Key", key.clone()), ("Value", value.clone())]))
}
