//! `subscription`: what calls a function for a topic's messages.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::{Failure, Json, ObjectKey};

use super::{At, Inventory, Made, RemoteKind, Seen, Undone};
use crate::api::sns;
use crate::names::addr::{self, kind};

const FILTER_POLICY: &str = "FilterPolicy";
/// What takes a filter away.
const NO_FILTER: &str = "{}";

pub(super) struct Subscription;

/// See `Subscribe`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Spec {
    /// An ARN.
    topic: String,
    /// An ARN: the endpoint.
    alias: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_policy: Option<Json>,
}

impl Subscription {
    fn made(arn: &str) -> Made {
        Made::new(arn, [("arn", arn)])
    }

    /// All of a topic's subscriptions that call functions, as ARN and function's ARN.
    async fn of_topic(at: &At<'_>, topic: &str) -> Result<Vec<(String, String)>, Failure> {
        let listed = sns::list_subscriptions_by_topic(at.api, topic)
            .await
            .map_err(|error| at.failed("list the subscriptions of the topic of", &error))?;
        let confirmed = listed.into_iter().filter(|listed| listed.subscription_arn.starts_with("arn:"));
        Ok(confirmed.map(|listed| (listed.subscription_arn, listed.endpoint)).collect())
    }
}

#[async_trait]
impl RemoteKind for Subscription {
    type Spec = Spec;

    const TAGGED: bool = false;
    const VERBATIM: &'static [&'static str] = &["FilterPolicy"];
    const REPLACED_BY: &'static [&'static str] = &["Topic", "Alias"];
    const GOES_WITH: &'static [&'static str] = &[kind::TOPIC];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        let filter = spec.filter_policy.as_ref().map(|policy| (FILTER_POLICY, policy.to_string()));
        let attributes: Vec<_> = filter.into_iter().collect();
        match sns::subscribe(at.api, &spec.topic, &spec.alias, &attributes).await {
            Ok(arn) => Ok(Self::made(&arn)),
            Err(error) if error.message.contains("already exists with different attributes") => {
                Err(Undone::Exists)
            }
            Err(error) => Err(at.failed("create", &error).into()),
        }
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        if prior.spec.filter_policy != spec.filter_policy {
            let policy = spec.filter_policy.as_ref().map_or_else(|| NO_FILTER.to_owned(), Json::to_string);
            sns::set_subscription_attribute(at.api, &prior.made.id, FILTER_POLICY, &policy)
                .await
                .map_err(|error| at.failed("update", &error))?;
        }
        Ok(Self::made(&prior.made.id))
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        match sns::unsubscribe(at.api, &prior.made.id).await {
            Err(error) if !error.is_missing() => Err(at.failed("delete", &error)),
            _ => Ok(()),
        }
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let attributes =
            sns::get_subscription_attributes(at.api, id).await.map_err(|error| at.failed("read", &error))?;
        let Some(mut attributes) = attributes else { return Ok(None) };
        let policy = attributes.remove(FILTER_POLICY).filter(|policy| policy != NO_FILTER);
        let mut text = |name: &str| attributes.remove(name).unwrap_or_default();
        let spec = Spec {
            topic: text("TopicArn"),
            alias: text("Endpoint"),
            filter_policy: policy.and_then(|policy| serde_json::from_str(&policy).ok()),
        };
        Ok(Some(Seen { made: Self::made(id), spec, key: None }))
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        let subscriptions = Self::of_topic(at, &spec.topic).await?;
        match subscriptions.into_iter().find(|(_, function)| *function == spec.alias) {
            Some((arn, _)) => self.look(at, &arn).await,
            None => Ok(None),
        }
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        let mut found = Vec::new();
        for (topic, topic_arn) in inventory.of(kind::TOPIC) {
            for (arn, alias) in Self::of_topic(at, topic_arn).await? {
                let Some(function) = inventory.function(&alias) else { continue };
                let addr = addr::subscription(function, &topic.addr.name);
                let seen = self.look(at, &arn).await?;
                found.extend(seen.map(|seen| Seen { key: Some(ObjectKey { addr, generation: 0 }), ..seen }));
            }
        }
        Ok(found)
    }
}
