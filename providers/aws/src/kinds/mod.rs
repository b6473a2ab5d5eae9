//! What each remote kind is: what a change of it means, and its calls. One file each, or one for a few that are the same thing.
//!
//! A kind is a [`RemoteKind`] with its inputs as a type of its own, named and shaped as in AWS's API. Account and region are in them as they
//! are (the driver has put them in). Every method may be called again after it took effect though its answer was lost.

mod alias;
mod api;
mod bucket;
mod domain;
mod event_source;
mod function;
mod gateway;
mod inputs;
mod inventory;
mod invoke_config;
pub(crate) mod log_group;
mod notification;
mod of_alias;
mod permission;
mod queue;
mod role;
mod schedule;
pub(crate) mod secret;
mod subscription;
mod table;
mod tags;
mod topic;
mod url;
mod wait;
mod warm;

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sf_plan::{Effect, Failure, Inputs, Json, Kind, ObjectKey, Outputs, Path, Schemas, Value};
use sf_provider::Cx;

use crate::api::{ApiError, Client};
use crate::names::Place;
use crate::names::addr::kind;
pub(crate) use function::is_kept;
pub(crate) use inputs::{Artifact, TAGS, Text, merged, to_spec};
pub(crate) use inventory::{Inventory, all_found};
pub(crate) use tags::{PROTECTED, TagChange, Tags, owner};
pub(crate) use wait::{Patience, retry, until};

/// What every call of a kind is given.
pub(crate) struct At<'a> {
    pub(crate) api: &'a Client,
    pub(crate) cx: &'a Cx,
    pub(crate) place: &'a Place,
    /// The object that it is about.
    pub(crate) key: &'a ObjectKey,
}

/// An object that a call made or changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Made {
    /// What [`RemoteKind::look`] finds it by: its ARN where it has one.
    pub(crate) id: String,
    pub(crate) outputs: BTreeMap<String, Json>,
}

/// An object as it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen<S> {
    pub(crate) made: Made,
    pub(crate) spec: S,
    /// Which of this scope's objects it is, by its tag; `None` for kinds that cannot be tagged.
    pub(crate) key: Option<ObjectKey>,
}

/// Why a create did not end well.
#[derive(Debug)]
pub(crate) enum Undone {
    /// There is something of that name: ours, after a crash or a lost answer, or somebody else's.
    Exists,
    /// It failed; what was made all the same, if anything was.
    Failed(Option<Made>, Failure),
}

impl From<Failure> for Undone {
    fn from(failure: Failure) -> Self {
        Self::Failed(None, failure)
    }
}

/// One remote kind.
#[async_trait]
pub(crate) trait RemoteKind: Send + Sync + 'static {
    /// Its inputs.
    type Spec: Serialize + DeserializeOwned + Clone + Send + Sync;

    /// Whether the `sf:object` tag says whose it is. What has no tags belongs to whoever owns what it is in.
    const TAGGED: bool = true;
    /// Whether what it holds is gone with it.
    const HOLDS_DATA: bool = false;
    /// The input that is true of what is protected; without one, there is a tag for it.
    const PROTECTED_BY: Option<&'static str> = None;
    /// Whether a successor can come only when it is gone.
    const DELETE_FIRST: bool = false;
    /// Outputs that a change in place may change; all others are stable.
    const UNSTABLE: &'static [&'static str] = &[];
    /// Inputs whose change in place changes those; none named: any may.
    const DISTURBED_BY: &'static [&'static str] = &[];
    /// Inputs that are the manifest's own words: an account or region in them stands as somebody wrote it.
    const VERBATIM: &'static [&'static str] = &[];
    /// Inputs whose change makes it another object.
    const REPLACED_BY: &'static [&'static str] = &[];
    /// Kinds whose deletion takes along, at once, what of this kind lies in them. AWS documents it of a function's aliases
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html>) and of a topic's subscriptions
    /// (<https://docs.aws.amazon.com/sns/latest/api/API_DeleteTopic.html>). A group's schedules go at some time, and run until then
    /// (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_DeleteScheduleGroup.html>); a bucket's notifications must go before it is
    /// emptied, which they would tell; event sources stay, and of addresses, settings of events and provisioned concurrency AWS says nothing.
    const GOES_WITH: &'static [&'static str] = &[];

    /// Makes it. [`Undone::Exists`] when there is something of that name.
    async fn create(&self, at: &At<'_>, spec: &Self::Spec) -> Result<Made, Undone>;

    /// Changes it from `prior` to `spec`, with calls for what differs only. Tags included: also `sf:object` where the prior key was
    /// another generation's.
    async fn update(&self, at: &At<'_>, prior: &Seen<Self::Spec>, spec: &Self::Spec)
    -> Result<Made, Failure>;

    /// Deletes it; that it is gone already is success.
    async fn delete(&self, at: &At<'_>, prior: &Seen<Self::Spec>) -> Result<(), Failure>;

    /// The object of that id as it is.
    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Self::Spec>>, Failure>;

    /// The object that `create` would make of these inputs, found by its name or in what it belongs to.
    async fn locate(&self, at: &At<'_>, spec: &Self::Spec) -> Result<Option<Seen<Self::Spec>>, Failure>;

    /// Everything of this kind that the scope owns. `at.key` is meaningless here.
    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Self::Spec>>, Failure>;
}

impl At<'_> {
    /// The failure that an API's error is, while doing that to the object: `create function/profile`.
    pub(crate) fn failed(&self, doing: &str, error: &ApiError) -> Failure {
        error.failure(&format!("{doing} {}", self.key))
    }

    /// A failure of our own finding.
    pub(crate) fn failure(&self, code: &str, doing: &str, cause: &str, hint: &str) -> Failure {
        Failure {
            message: format!("{doing} {}: {cause}", self.key),
            code: Some(code.to_owned()),
            request_id: None,
            hint: Some(hint.to_owned()),
            transient: false,
        }
    }

    /// The tags that the object has: the manifest's, and whose it is.
    pub(crate) fn tags(&self, of_manifest: &Tags) -> Tags {
        tags::all(&self.cx.scope, self.key, of_manifest)
    }

    /// What to do about the tags of something: `of_prior` and `wanted` are the manifest's.
    pub(crate) fn tag_change(&self, prior: Option<&ObjectKey>, of_prior: &Tags, wanted: &Tags) -> TagChange {
        let prior = prior.map_or_else(|| of_prior.clone(), |key| tags::all(&self.cx.scope, key, of_prior));
        TagChange::between(&prior, &self.tags(wanted))
    }

    /// An ARN in this account and region.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        let Place { partition, region, account } = self.place;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

impl Made {
    /// Of an id and outputs.
    pub(crate) fn new<const N: usize>(id: impl Into<String>, outputs: [(&str, &str); N]) -> Self {
        let outputs = outputs.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        Self { id: id.into(), outputs }
    }

    /// An output's text.
    pub(crate) fn output(&self, name: &str) -> &str {
        self.outputs.get(name).and_then(Json::as_str).unwrap_or_default()
    }
}

/// A kind without its type of inputs, for the driver.
#[async_trait]
pub(crate) trait AnyKind: Send + Sync {
    fn tagged(&self) -> bool;
    fn holds_data(&self) -> bool;
    fn guards(&self, inputs: &Inputs) -> bool;
    fn delete_first(&self) -> bool;
    fn goes_with(&self, container: &str) -> bool;
    fn stable(&self, output: &str) -> bool;
    fn disturbs(&self, path: &Path, output: &str) -> bool;
    fn effect(&self, path: &Path) -> Effect;
    async fn create(&self, at: &At<'_>, inputs: &Inputs) -> Result<Made, Undone>;
    async fn update(&self, at: &At<'_>, prior: &Recorded<'_>, inputs: &Inputs) -> Result<Made, Failure>;
    async fn delete(&self, at: &At<'_>, prior: &Recorded<'_>) -> Result<(), Failure>;
    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Inputs>>, Failure>;
    async fn locate(&self, at: &At<'_>, inputs: &Inputs) -> Result<Option<Seen<Inputs>>, Failure>;
    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Inputs>>, Failure>;
    /// The inputs, read and written again.
    #[cfg(test)]
    fn reread(&self, inputs: Json) -> serde_json::Result<Json>;
}

/// An object as it is recorded, or as it was seen: in general form (see [`Place::general`]).
pub(crate) struct Recorded<'a> {
    pub(crate) id: &'a str,
    pub(crate) inputs: &'a Inputs,
    pub(crate) outputs: &'a Outputs,
    /// Its key by its tag, where that is known.
    pub(crate) key: Option<ObjectKey>,
}

#[async_trait]
impl<K: RemoteKind> AnyKind for K {
    fn tagged(&self) -> bool {
        K::TAGGED
    }

    fn holds_data(&self) -> bool {
        K::HOLDS_DATA
    }

    fn guards(&self, inputs: &Inputs) -> bool {
        let Value::Map(inputs) = inputs else { return false };
        match K::PROTECTED_BY {
            Some(name) => inputs.get(name) == Some(&Value::Lit(true.into())),
            None => inputs.get(TAGS).is_some_and(tags::protect),
        }
    }

    fn delete_first(&self) -> bool {
        K::DELETE_FIRST
    }

    fn goes_with(&self, container: &str) -> bool {
        K::GOES_WITH.contains(&container)
    }

    fn stable(&self, output: &str) -> bool {
        !K::UNSTABLE.contains(&output)
    }

    fn disturbs(&self, path: &Path, output: &str) -> bool {
        let named = |field: &String| K::DISTURBED_BY.contains(&field.as_str());
        !self.stable(output) && (K::DISTURBED_BY.is_empty() || path.0.first().is_some_and(named))
    }

    fn effect(&self, path: &Path) -> Effect {
        match path.0.first() {
            Some(field) if K::REPLACED_BY.contains(&field.as_str()) => Effect::NewObject,
            _ => Effect::InPlace,
        }
    }

    async fn create(&self, at: &At<'_>, inputs: &Inputs) -> Result<Made, Undone> {
        let made = RemoteKind::create(self, at, &to_spec(at, inputs)?).await;
        match made {
            Ok(made) => Ok(inputs::general_made(at.place, made)),
            Err(Undone::Failed(made, failure)) => {
                Err(Undone::Failed(made.map(|made| inputs::general_made(at.place, made)), failure))
            }
            Err(Undone::Exists) => Err(Undone::Exists),
        }
    }

    async fn update(&self, at: &At<'_>, prior: &Recorded<'_>, inputs: &Inputs) -> Result<Made, Failure> {
        let made = RemoteKind::update(self, at, &inputs::seen(at, prior)?, &to_spec(at, inputs)?).await?;
        Ok(inputs::general_made(at.place, made))
    }

    async fn delete(&self, at: &At<'_>, prior: &Recorded<'_>) -> Result<(), Failure> {
        RemoteKind::delete(self, at, &inputs::seen(at, prior)?).await
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Inputs>>, Failure> {
        let seen = RemoteKind::look(self, at, &at.place.concrete(id)).await?;
        seen.map(|seen| inputs::general_seen(at, seen, K::VERBATIM)).transpose()
    }

    async fn locate(&self, at: &At<'_>, inputs: &Inputs) -> Result<Option<Seen<Inputs>>, Failure> {
        let seen = RemoteKind::locate(self, at, &to_spec(at, inputs)?).await?;
        seen.map(|seen| inputs::general_seen(at, seen, K::VERBATIM)).transpose()
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Inputs>>, Failure> {
        let seen = RemoteKind::list(self, at, inventory).await?;
        seen.into_iter().map(|seen| inputs::general_seen(at, seen, K::VERBATIM)).collect()
    }

    #[cfg(test)]
    fn reread(&self, inputs: Json) -> serde_json::Result<Json> {
        serde_json::to_value(serde_json::from_value::<K::Spec>(inputs)?)
    }
}

/// What the tags say there is of a kind, looked at.
async fn look_at_all<K: RemoteKind>(
    kind: &K,
    at: &At<'_>,
    inventory: &Inventory,
) -> Result<Vec<Seen<K::Spec>>, Failure> {
    all_found(inventory.of(&at.key.addr.kind.0).iter().map(|(_, arn)| kind.look(at, arn)).collect()).await
}

/// The last part of an ARN: the name of what it is of.
pub(crate) fn name_in(arn: &str) -> &str {
    arn.rsplit([':', '/']).next().unwrap_or_default()
}

/// The kind of that name; `None` if this backend has none such.
pub(crate) fn kind_of(name: &Kind) -> Option<&'static dyn AnyKind> {
    KINDS.iter().find(|(known, _)| *known == name.0).map(|(_, kind)| *kind)
}

/// Every kind, in the order in which [`crate::driver`] discovers them: what others are found in before those.
pub(crate) const KINDS: &[(&str, &dyn AnyKind)] = &[
    (kind::HTTP_API, &api::HttpApi),
    (kind::WEBSOCKET_API, &api::WebSocketApi),
    (kind::AUTHORIZER, &gateway::Authorizer),
    (kind::INTEGRATION, &gateway::Integration),
    (kind::ROUTE, &gateway::Route),
    (kind::STAGE, &gateway::Stage),
    (kind::DOMAIN, &domain::Domain),
    (kind::DOMAIN_MAPPING, &domain::DomainMapping),
    (kind::SCHEDULE_GROUP, &schedule::ScheduleGroup),
    (kind::SCHEDULE, &schedule::Schedule),
    (kind::ROLE, &role::Role),
    (kind::LOG_GROUP, &log_group::LogGroup),
    (kind::ARTIFACTS, &bucket::Bucket::<true>),
    (kind::BUCKET, &bucket::Bucket::<false>),
    (kind::DEAD_LETTERS, &queue::Queue),
    (kind::FAILURE_QUEUE, &queue::Queue),
    (kind::QUEUE, &queue::Queue),
    (kind::SECRET, &secret::Secret),
    (kind::TABLE, &table::Table),
    (kind::TOPIC, &topic::Topic),
    (kind::FUNCTION, &function::Function),
    (kind::ALIAS, &alias::Alias),
    (kind::WARM, &warm::Warm),
    (kind::INVOKE_CONFIG, &invoke_config::InvokeConfig),
    (kind::URL, &url::Url),
    (kind::PERMISSION, &permission::Permission),
    (kind::EVENT_SOURCE, &event_source::EventSource),
    (kind::NOTIFICATION, &notification::Notification),
    (kind::SUBSCRIPTION, &subscription::Subscription),
];

/// What the planner asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AwsSchemas;

impl Schemas for AwsSchemas {
    fn effect(&self, name: &Kind, path: &Path) -> Effect {
        kind_of(name).map_or(Effect::InPlace, |kind| kind.effect(path))
    }

    fn delete_first(&self, name: &Kind) -> bool {
        kind_of(name).is_some_and(AnyKind::delete_first)
    }

    fn stable(&self, name: &Kind, output: &str) -> bool {
        kind_of(name).is_some_and(|kind| kind.stable(output))
    }

    fn disturbs(&self, name: &Kind, path: &Path, output: &str) -> bool {
        kind_of(name).is_none_or(|kind| kind.disturbs(path, output))
    }

    fn guards(&self, name: &Kind, inputs: &Inputs) -> bool {
        kind_of(name).is_some_and(|kind| kind.guards(inputs))
    }

    fn goes_with(&self, name: &Kind, container: &Kind) -> bool {
        kind_of(name).is_some_and(|kind| kind.goes_with(&container.0))
    }
}
