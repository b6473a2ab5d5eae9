//! `event-source`: what Lambda reads from a queue or a table's stream for a function.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sf_plan::{Failure, Json};

use super::{At, Inventory, Made, Patience, RemoteKind, Seen, Tags, Undone, name_in, owner, retry, until};
use crate::api::ApiError;
use crate::api::event_source::{self as api, Configuration, Mapping};

/// Lambda tries again until the record expires.
const FOR_EVER: i32 = -1;

pub(super) struct EventSource;

/// See `CreateEventSourceMapping`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Spec {
    /// An ARN.
    alias: String,
    event_source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_batching_window_in_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starting_position: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<i32>,
    /// The ARN of the queue that is told of records that were given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scaling_config: Option<Json>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    function_response_types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bisect_batch_on_function_error: Option<bool>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

impl Spec {
    /// What is read back. What was not said is AWS's default, and is not said again: all but a queue's batching window, which has to be
    /// said for large batches and is said for all.
    fn of(seen: Configuration, tags: Tags) -> Self {
        let is_queue = seen.event_source_arn.contains(":sqs:");
        let destination = seen.destination_config.unwrap_or_default();
        Self {
            alias: seen.function_arn,
            batch_size: seen.batch_size,
            maximum_batching_window_in_seconds: seen
                .maximum_batching_window_in_seconds
                .or(is_queue.then_some(0))
                .filter(|seconds| is_queue || *seconds > 0),
            starting_position: seen.starting_position.filter(|_| !is_queue),
            maximum_retry_attempts: seen
                .maximum_retry_attempts
                .filter(|attempts| !is_queue && *attempts != FOR_EVER),
            on_failure: destination["OnFailure"]["Destination"].as_str().map(str::to_owned),
            scaling_config: seen
                .scaling_config
                .filter(|scaling| scaling.as_object().is_some_and(|scaling| !scaling.is_empty())),
            function_response_types: seen.function_response_types.unwrap_or_default(),
            bisect_batch_on_function_error: seen.bisect_batch_on_function_error.filter(|bisect| *bisect),
            event_source_arn: seen.event_source_arn,
            tags,
        }
    }

    fn mapping<'a>(&'a self, tags: Tags) -> Mapping<'a> {
        Mapping {
            event_source_arn: Some(&self.event_source_arn),
            function_name: Some(&self.alias),
            starting_position: self.starting_position.as_deref(),
            batch_size: self.batch_size,
            maximum_batching_window_in_seconds: self.maximum_batching_window_in_seconds,
            maximum_retry_attempts: self.maximum_retry_attempts,
            destination_config: self.on_failure.as_deref().map(destination),
            scaling_config: self.scaling_config.clone(),
            function_response_types: (!self.function_response_types.is_empty())
                .then(|| self.function_response_types.clone()),
            bisect_batch_on_function_error: self.bisect_batch_on_function_error,
            tags,
        }
    }

    /// What to say to make `prior` this: what is not said any more must be said to be the default. `None`: nothing.
    fn change_from<'a>(&'a self, prior: &Self) -> Option<Mapping<'a>> {
        let mut change = Mapping::default();
        if self.alias != prior.alias {
            change.function_name = Some(&self.alias);
        }
        if self.batch_size != prior.batch_size {
            change.batch_size = self.batch_size;
        }
        if self.maximum_batching_window_in_seconds != prior.maximum_batching_window_in_seconds {
            change.maximum_batching_window_in_seconds =
                Some(self.maximum_batching_window_in_seconds.unwrap_or(0));
        }
        if self.maximum_retry_attempts != prior.maximum_retry_attempts {
            change.maximum_retry_attempts = Some(self.maximum_retry_attempts.unwrap_or(FOR_EVER));
        }
        if self.on_failure != prior.on_failure {
            let none = || json!({ "OnFailure": {} });
            change.destination_config = Some(self.on_failure.as_deref().map_or_else(none, destination));
        }
        if self.scaling_config != prior.scaling_config {
            change.scaling_config = Some(self.scaling_config.clone().unwrap_or_else(|| json!({})));
        }
        if self.function_response_types != prior.function_response_types {
            change.function_response_types = Some(self.function_response_types.clone());
        }
        if self.bisect_batch_on_function_error != prior.bisect_batch_on_function_error {
            change.bisect_batch_on_function_error =
                Some(self.bisect_batch_on_function_error.unwrap_or(false));
        }
        (change != Mapping::default()).then_some(change)
    }
}

fn destination(arn: &str) -> Json {
    json!({ "OnFailure": { "Destination": arn } })
}

/// The role has its rights, but not yet everywhere.
fn lacks_rights(error: &ApiError) -> bool {
    error.is(&["InvalidParameterValueException"]) && error.message.contains("role")
}

fn is_busy(error: &ApiError) -> bool {
    error.is(&["ResourceInUseException"])
}

impl EventSource {
    fn arn(at: &At<'_>, uuid: &str) -> String {
        at.arn("lambda", &format!("event-source-mapping:{uuid}"))
    }

    fn made(at: &At<'_>, uuid: &str) -> Made {
        Made::new(Self::arn(at, uuid), [("id", uuid)])
    }

    async fn create_new(at: &At<'_>, spec: &Spec) -> Result<Configuration, ApiError> {
        let mapping = spec.mapping(at.tags(&spec.tags));
        retry(Patience::USUAL, lacks_rights, || api::create(at.api, &mapping)).await
    }

    /// The function's mapping of the source. One that is being deleted is not it, but in its way.
    async fn existing(at: &At<'_>, spec: &Spec) -> Result<Option<Configuration>, ApiError> {
        let found = api::list(at.api, Some(&spec.event_source_arn), Some(&spec.alias)).await?;
        Ok(found.into_iter().find(|mapping| mapping.function_arn == spec.alias))
    }

    async fn seen(at: &At<'_>, configuration: Configuration) -> Result<Option<Seen<Spec>>, Failure> {
        if configuration.state == "Deleting" {
            return Ok(None);
        }
        let uuid = configuration.uuid.clone();
        let tags = match api::list_tags(at.api, &Self::arn(at, &uuid)).await {
            Ok(tags) => tags,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(at.failed("read the tags of", &error)),
        };
        let Some((key, tags)) = owner(&at.cx.scope, tags) else { return Ok(None) };
        Ok(Some(Seen { made: Self::made(at, &uuid), spec: Spec::of(configuration, tags), key: Some(key) }))
    }

    async fn settled(at: &At<'_>, uuid: &str) -> Result<(), Failure> {
        let settled = until(Patience::USUAL, || async {
            let mapping = api::get(at.api, uuid).await?;
            let is_changing = |mapping: &Configuration| {
                matches!(mapping.state.as_str(), "Creating" | "Enabling" | "Updating" | "Disabling")
            };
            Ok(mapping.filter(|mapping| !is_changing(mapping)))
        });
        settled.await.map_err(|error| at.failed("wait for", &error))?.map(drop).ok_or_else(|| {
            let cause = "Lambda has not begun to read from it after five minutes";
            at.failure(
                "timeout",
                "wait for",
                cause,
                "look at the trigger in AWS's console, then deploy again",
            )
        })
    }
}

#[async_trait]
impl RemoteKind for EventSource {
    type Spec = Spec;

    /// A function can have one mapping of a source.
    const DELETE_FIRST: bool = true;
    const REPLACED_BY: &'static [&'static str] = &["EventSourceArn", "StartingPosition"];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        let failed = |error: ApiError| at.failed("create", &error);
        let mut created = Self::create_new(at, spec).await;
        if matches!(&created, Err(error) if error.is(&["ResourceConflictException"])) {
            let gone = until(Patience::USUAL, || async {
                let existing = Self::existing(at, spec).await?;
                let is_leaving = existing.as_ref().is_some_and(|mapping| mapping.state == "Deleting");
                Ok((!is_leaving).then_some(existing.is_none()))
            });
            if gone.await.map_err(failed)? != Some(true) {
                return Err(Undone::Exists);
            }
            created = Self::create_new(at, spec).await;
        }
        let configuration = created.map_err(failed)?;
        let made = Self::made(at, &configuration.uuid);
        match Self::settled(at, &configuration.uuid).await {
            Ok(()) => Ok(made),
            Err(failure) => Err(Undone::Failed(Some(made), failure)),
        }
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        let arn = &prior.made.id;
        let uuid = name_in(arn);
        if let Some(change) = spec.change_from(&prior.spec) {
            let passing = |error: &ApiError| is_busy(error) || lacks_rights(error);
            retry(Patience::USUAL, passing, || api::update(at.api, uuid, &change))
                .await
                .map_err(|error| at.failed("update", &error))?;
            Self::settled(at, uuid).await?;
        }
        let change = at.tag_change(prior.key.as_ref(), &prior.spec.tags, &spec.tags);
        let failed = |error| at.failed("tag", &error);
        if !change.set.is_empty() {
            api::tag_resource(at.api, arn, &change.set).await.map_err(failed)?;
        }
        if !change.remove.is_empty() {
            api::untag_resource(at.api, arn, &change.remove).await.map_err(failed)?;
        }
        Ok(Self::made(at, uuid))
    }

    /// Lambda goes on with it; what would be in its way waits for that.
    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        let uuid = name_in(&prior.made.id);
        match retry(Patience::USUAL, is_busy, || Self::begin_deletion(at, uuid)).await {
            Err(error) if !error.is_missing() => Err(at.failed("delete", &error)),
            _ => Ok(()),
        }
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let found = api::get(at.api, name_in(id)).await.map_err(|error| at.failed("read", &error))?;
        match found {
            Some(configuration) => Self::seen(at, configuration).await,
            None => Ok(None),
        }
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        let found = Self::existing(at, spec).await.map_err(|error| at.failed("look for", &error))?;
        match found {
            Some(configuration) => Self::seen(at, configuration).await,
            None => Ok(None),
        }
    }

    /// Among those in the region: not everything that answers as AWS does knows their tags.
    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        let all = api::list(at.api, None, None).await;
        let all = all.map_err(|error| at.failed("list the event sources for", &error))?;
        let mut found = Vec::new();
        for mapping in all {
            if inventory.function(&mapping.function_arn).is_some() {
                found.extend(Self::seen(at, mapping).await?);
            }
        }
        Ok(found)
    }
}

impl EventSource {
    /// One that is being deleted is in use, too; that is no reason to wait.
    async fn begin_deletion(at: &At<'_>, uuid: &str) -> Result<(), ApiError> {
        match api::delete(at.api, uuid).await {
            Err(error) if is_busy(&error) => match api::get(at.api, uuid).await? {
                Some(mapping) if mapping.state != "Deleting" => Err(error),
                _ => Ok(()),
            },
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(more: &Json) -> Spec {
        let mut spec = json!({ "Alias": "f:live", "EventSourceArn": "arn:aws:sqs:r:a:q", "BatchSize": 10 });
        for (name, value) in more.as_object().unwrap() {
            spec[name] = value.clone();
        }
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn nothing_is_said_where_nothing_differs() {
        let same = spec(&json!({ "FunctionResponseTypes": ["ReportBatchItemFailures"] }));
        assert_eq!(same.change_from(&same), None);
    }

    #[test]
    fn what_is_not_wanted_any_more_is_said_to_be_the_default() {
        let prior =
            spec(&json!({ "OnFailure": "q", "BisectBatchOnFunctionError": true, "MaximumRetryAttempts": 4 }));
        let wanted = spec(&json!({}));
        let change = serde_json::to_value(wanted.change_from(&prior).unwrap()).unwrap();
        assert_eq!(
            change,
            json!({
                "DestinationConfig": { "OnFailure": {} },
                "BisectBatchOnFunctionError": false,
                "MaximumRetryAttempts": -1,
            })
        );
    }
}
