//! `secret`: a secret of Secrets Manager, without its value: that is set past every plan and state (`operate`).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::Failure;

use super::{At, Inventory, Made, Patience, RemoteKind, Seen, Tags, Undone, owner, retry};
use crate::api::ApiError;
use crate::api::secrets::{self, Description};
use crate::api::tagging::tag_map;
use crate::names::{self, PROJECT_TAG, STAGE_TAG};

pub(super) struct Secret;

/// See `CreateSecret`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Spec {
    name: String,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

/// It is being deleted, or waits to be.
pub(crate) fn is_leaving(error: &ApiError) -> bool {
    error.is(&["InvalidRequestException"]) && error.message.contains("deletion")
}

impl Secret {
    /// Known by its name: its ARN is another one once its value was removed (see `operate`).
    fn made(arn: &str, name: &str) -> Made {
        Made::new(name, [("arn", arn), ("name", name)])
    }

    /// By name or ARN.
    async fn describe(at: &At<'_>, id: &str) -> Result<Option<Description>, Failure> {
        let described = secrets::describe_secret(at.api, id).await;
        let described = described.map_err(|error| at.failed("read", &error))?;
        Ok(described.filter(|description| description.deleted_date.is_none()))
    }

    async fn seen(at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        Ok(Self::describe(at, id).await?.and_then(|description| Self::owned(at, description)))
    }

    fn owned(at: &At<'_>, description: Description) -> Option<Seen<Spec>> {
        let Description { arn, name, tags, .. } = description;
        let (key, tags) = owner(&at.cx.scope, tag_map(tags))?;
        Some(Seen { made: Self::made(&arn, &name), spec: Spec { name, tags }, key: Some(key) })
    }

    /// A value may have been set before the first deploy: then the secret is the project's, but no object yet.
    async fn take_over(at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        let Some(description) = Self::describe(at, &spec.name).await? else { return Err(Undone::Exists) };
        let tags = tag_map(description.tags);
        let is = |tag: &str, value: &str| tags.get(tag).is_some_and(|text| text == value);
        let scope = &at.cx.scope;
        let is_waiting = is(PROJECT_TAG, &scope.project)
            && is(STAGE_TAG, &scope.stage)
            && owner(scope, tags.clone()).is_none();
        if !is_waiting {
            return Err(Undone::Exists);
        }
        secrets::tag_resource(at.api, &description.arn, &at.tags(&spec.tags))
            .await
            .map_err(|error| at.failed("tag", &error))?;
        Ok(Self::made(&description.arn, &spec.name))
    }

    async fn create_new(at: &At<'_>, spec: &Spec) -> Result<String, ApiError> {
        let tags = at.tags(&spec.tags);
        match secrets::create_secret(at.api, &spec.name, &tags).await {
            // Somebody had it deleted with a time to think it over: its value is still there.
            Err(error) if is_leaving(&error) => match secrets::restore_secret(at.api, &spec.name).await {
                // What is gone at once cannot be restored, and its name is free a moment later.
                Err(gone) if is_leaving(&gone) || gone.is_missing() => Err(error),
                Err(other) => Err(other),
                Ok(()) => secrets::create_secret(at.api, &spec.name, &tags).await,
            },
            result => result,
        }
    }
}

#[async_trait]
impl RemoteKind for Secret {
    type Spec = Spec;

    const HOLDS_DATA: bool = true;
    const REPLACED_BY: &'static [&'static str] = &["Name"];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        match retry(Patience::USUAL, is_leaving, || Self::create_new(at, spec)).await {
            Ok(arn) => Ok(Self::made(&arn, &spec.name)),
            Err(error) if error.is(&["ResourceExistsException"]) => Self::take_over(at, spec).await,
            Err(error) => Err(at.failed("create", &error).into()),
        }
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        let name = &spec.name;
        let change = at.tag_change(prior.key.as_ref(), &prior.spec.tags, &spec.tags);
        if !change.set.is_empty() {
            secrets::tag_resource(at.api, name, &change.set)
                .await
                .map_err(|error| at.failed("tag", &error))?;
        }
        if !change.remove.is_empty() {
            secrets::untag_resource(at.api, name, &change.remove)
                .await
                .map_err(|error| at.failed("untag", &error))?;
        }
        Ok(Self::made(prior.made.output("arn"), name))
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        match secrets::delete_secret(at.api, &prior.made.id).await {
            Err(error) if !error.is_missing() => Err(at.failed("delete", &error)),
            _ => Ok(()),
        }
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        Self::seen(at, id).await
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        Self::seen(at, &spec.name).await
    }

    /// By their names: the listing says all there is to know.
    async fn list(&self, at: &At<'_>, _: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        let listed = secrets::list_secrets(at.api, &names::secret(&at.cx.scope, "")).await;
        let listed = listed.map_err(|error| at.failed("list the secrets for", &error))?;
        Ok(listed.into_iter().filter_map(|description| Self::owned(at, description)).collect())
    }
}
