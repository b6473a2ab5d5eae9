//! `topic`: SNS topics.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::Failure;

use super::{At, Inventory, Made, RemoteKind, Seen, Tags, Undone, name_in, owner};
use crate::api::sns;

pub(super) struct Topic;

/// See `CreateTopic`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Spec {
    name: String,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

impl Topic {
    fn made(arn: &str) -> Made {
        Made::new(arn, [("arn", arn), ("name", name_in(arn))])
    }
}

#[async_trait]
impl RemoteKind for Topic {
    type Spec = Spec;

    const REPLACED_BY: &'static [&'static str] = &["Name"];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        match sns::create_topic(at.api, &spec.name, &at.tags(&spec.tags)).await {
            Ok(arn) => Ok(Self::made(&arn)),
            // The words are all that tells this from other parameters that are not valid.
            Err(error) if error.message.contains("already exists with different tags") => Err(Undone::Exists),
            Err(error) => Err(at.failed("create", &error).into()),
        }
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        let arn = &prior.made.id;
        let change = at.tag_change(prior.key.as_ref(), &prior.spec.tags, &spec.tags);
        if !change.set.is_empty() {
            sns::tag_resource(at.api, arn, &change.set).await.map_err(|error| at.failed("tag", &error))?;
        }
        if !change.remove.is_empty() {
            sns::untag_resource(at.api, arn, &change.remove)
                .await
                .map_err(|error| at.failed("untag", &error))?;
        }
        Ok(Self::made(arn))
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        match sns::delete_topic(at.api, &prior.made.id).await {
            Err(error) if !error.is_missing() => Err(at.failed("delete", &error)),
            _ => Ok(()),
        }
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let tags = sns::list_tags(at.api, id).await.map_err(|error| at.failed("read", &error))?;
        let Some((key, tags)) = tags.and_then(|tags| owner(&at.cx.scope, tags)) else { return Ok(None) };
        let spec = Spec { name: name_in(id).to_owned(), tags };
        Ok(Some(Seen { made: Self::made(id), spec, key: Some(key) }))
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        self.look(at, &at.arn("sns", &spec.name)).await
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        super::look_at_all(self, at, inventory).await
    }
}
