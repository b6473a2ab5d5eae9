//! `queue`, `dead-letters`, `failure-queue`: SQS queues.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sf_plan::{Failure, Json};

use super::{At, Inventory, Made, Patience, RemoteKind, Seen, Tags, Undone, name_in, owner, retry};
use crate::api::ApiError;
use crate::api::sqs::{self, Texts};
use crate::names::addr::kind;

/// What SQS makes of a queue of which nothing is said.
const VISIBILITY: u64 = 30;
const RETENTION: u64 = 345_600;

pub(super) struct Queue;

/// See `CreateQueue`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Spec {
    queue_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility_timeout: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_retention_period: Option<u64>,
    /// The ARN of the queue that gets what failed too often.
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letters: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_receive_count: Option<u64>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

impl Spec {
    /// All attributes, so that two can be compared.
    fn attributes(&self) -> Texts {
        let redrive = self.dead_letters.as_ref().map(|arn| {
            let count = self.max_receive_count.unwrap_or(1);
            json!({ "deadLetterTargetArn": arn, "maxReceiveCount": count }).to_string()
        });
        BTreeMap::from([
            ("VisibilityTimeout".to_owned(), self.visibility_timeout.unwrap_or(VISIBILITY).to_string()),
            (
                "MessageRetentionPeriod".to_owned(),
                self.message_retention_period.unwrap_or(RETENTION).to_string(),
            ),
            ("RedrivePolicy".to_owned(), redrive.unwrap_or_default()),
        ])
    }

    /// What is read back. Only a queue that functions are called from says for how long a message is hidden.
    fn of(is_listened_to: bool, name: &str, attributes: &Texts, tags: Tags) -> Self {
        let number = |name: &str| attributes.get(name).and_then(|text| text.parse().ok());
        let redrive: Json = attributes
            .get("RedrivePolicy")
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        Self {
            queue_name: name.to_owned(),
            visibility_timeout: number("VisibilityTimeout")
                .filter(|seconds| is_listened_to || *seconds != VISIBILITY),
            message_retention_period: number("MessageRetentionPeriod"),
            dead_letters: redrive["deadLetterTargetArn"].as_str().map(str::to_owned),
            max_receive_count: count(&redrive["maxReceiveCount"]),
            tags,
        }
    }
}

/// SQS gives back a number or a text, as it got it.
fn count(json: &Json) -> Option<u64> {
    json.as_u64().or_else(|| json.as_str()?.parse().ok())
}

impl Queue {
    fn made(at: &At<'_>, name: &str) -> Made {
        let (arn, url) = (at.arn("sqs", name), sqs::queue_url(at.api, at.place, name));
        Made::new(arn.clone(), [("arn", &arn), ("name", name), ("url", &url)])
    }

    async fn named(at: &At<'_>, name: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let url = sqs::queue_url(at.api, at.place, name);
        let seen =
            tokio::try_join!(sqs::get_queue_attributes(at.api, &url), sqs::list_queue_tags(at.api, &url));
        let (attributes, tags) = match seen {
            Ok(seen) => seen,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(at.failed("read", &error)),
        };
        let Some((key, tags)) = owner(&at.cx.scope, tags) else { return Ok(None) };
        let is_listened_to = at.key.addr.kind.0 == kind::QUEUE;
        let spec = Spec::of(is_listened_to, name, &attributes, tags);
        Ok(Some(Seen { made: Self::made(at, name), spec, key: Some(key) }))
    }

    /// SQS takes a name that has all the wanted attributes for the wanted queue, whosever it is; its tags say whose.
    async fn claim(at: &At<'_>, url: &str, wanted: &Tags) -> Result<(), Undone> {
        // A queue is there some time after it was made.
        let tags = retry(Patience::USUAL, ApiError::is_missing, || sqs::list_queue_tags(at.api, url))
            .await
            .map_err(|error| at.failed("create", &error))?;
        if tags.is_empty() {
            return Ok(sqs::tag_queue(at.api, url, wanted)
                .await
                .map_err(|error| at.failed("tag", &error))?);
        }
        match owner(&at.cx.scope, tags) {
            Some((key, _)) if key == *at.key => Ok(()),
            _ => Err(Undone::Exists),
        }
    }
}

#[async_trait]
impl RemoteKind for Queue {
    type Spec = Spec;

    const REPLACED_BY: &'static [&'static str] = &["QueueName"];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        let mut attributes = spec.attributes();
        attributes.retain(|_, value| !value.is_empty());
        let tags = at.tags(&spec.tags);
        let created = retry(
            Patience::USUAL,
            |error| {
                error.is(&["QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently"])
                    || error.message.contains("Dead letter target does not exist")
            },
            || sqs::create_queue(at.api, &spec.queue_name, &attributes, &tags),
        );
        match created.await {
            Ok(()) => {}
            Err(error) if error.is(&["QueueNameExists", "QueueAlreadyExists"]) => return Err(Undone::Exists),
            Err(error) => return Err(at.failed("create", &error).into()),
        }
        let url = sqs::queue_url(at.api, at.place, &spec.queue_name);
        Self::claim(at, &url, &tags).await?;
        Ok(Self::made(at, &spec.queue_name))
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        let url = sqs::queue_url(at.api, at.place, &spec.queue_name);
        let before = prior.spec.attributes();
        let mut attributes = spec.attributes();
        attributes.retain(|name, value| before.get(name) != Some(value));
        let failed = |error| at.failed("update", &error);
        if !attributes.is_empty() {
            sqs::set_queue_attributes(at.api, &url, &attributes).await.map_err(failed)?;
        }
        let change = at.tag_change(prior.key.as_ref(), &prior.spec.tags, &spec.tags);
        if !change.set.is_empty() {
            sqs::tag_queue(at.api, &url, &change.set).await.map_err(failed)?;
        }
        if !change.remove.is_empty() {
            sqs::untag_queue(at.api, &url, &change.remove).await.map_err(failed)?;
        }
        Ok(Self::made(at, &spec.queue_name))
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        let url = sqs::queue_url(at.api, at.place, name_in(&prior.made.id));
        match sqs::delete_queue(at.api, &url).await {
            Err(error) if !error.is_missing() => Err(at.failed("delete", &error)),
            _ => Ok(()),
        }
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        Self::named(at, name_in(id)).await
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        Self::named(at, &spec.queue_name).await
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        super::look_at_all(self, at, inventory).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_back_is_what_was_asked_for() {
        let spec = Spec {
            queue_name: "shop-dev-mail".into(),
            visibility_timeout: Some(30),
            message_retention_period: Some(RETENTION),
            dead_letters: Some("arn:aws:sqs:eu-west-1:123456789012:shop-dev-mail-dead".into()),
            max_receive_count: Some(5),
            tags: Tags::new(),
        };
        assert_eq!(Spec::of(true, "shop-dev-mail", &spec.attributes(), Tags::new()), spec);
        let text = r#"{"deadLetterTargetArn":"a","maxReceiveCount":"7"}"#.to_owned();
        let attributes = BTreeMap::from([("RedrivePolicy".to_owned(), text)]);
        assert_eq!(Spec::of(true, "q", &attributes, Tags::new()).max_receive_count, Some(7));
    }
}
