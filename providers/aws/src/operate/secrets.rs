//! Secrets: their values go straight to Secrets Manager.
//!
//! A secret whose value is set before the first deploy has the project's tags and is no object yet; the deploy takes it over.

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sf_plan::Failure;
use sf_provider::{Cx, SecretState, Secrets};

use super::{AwsOperate, failure, refused};
use crate::api::secrets::{self, Description};
use crate::api::tagging::tag_map;
use crate::kinds::secret::is_leaving;
use crate::kinds::{Patience, Tags, owner, retry};
use crate::names::{self, PROJECT_TAG, STAGE_TAG};

/// Secrets that are asked for at once.
const AT_ONCE: usize = 8;

#[async_trait]
impl Secrets for AwsOperate {
    async fn list(&self, cx: &Cx) -> Result<Vec<SecretState>, Failure> {
        let prefix = names::secret(&cx.scope, "");
        let failed = |error| refused("list the secrets", &error);
        let listed = secrets::list_secrets(&self.api, &prefix).await.map_err(failed)?;
        let states = listed.into_iter().map(|secret| async {
            let since = match secret.has_value() {
                true => secrets::value_since(&self.api, &secret.name).await.map_err(failed)?,
                false => None,
            };
            Ok::<_, Failure>(SecretState {
                name: secret.name.strip_prefix(&prefix).unwrap_or(&secret.name).to_owned(),
                declared: owner(&cx.scope, tag_map(secret.tags)).is_some(),
                updated_ms: since.map(milliseconds),
            })
        });
        let mut states: Vec<SecretState> = stream::iter(states).buffered(AT_ONCE).try_collect().await?;
        states.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(states)
    }

    async fn set(&self, cx: &Cx, name: &str, value: Vec<u8>) -> Result<(), Failure> {
        let id = names::secret(&cx.scope, name);
        let failed = |error| refused(&format!("set secret `{name}`"), &error);
        match secrets::describe_secret(&self.api, &id).await.map_err(failed)? {
            None => self.create(name, &id, &projects_tags(cx)).await?,
            Some(secret) => {
                if !is_ours(cx, &secret) {
                    return Err(failure(
                        "not-ours",
                        format!(
                            "set secret `{name}`: there is `{id}`, and its tags do not say that it is this project's"
                        ),
                        "delete or rename it, or change the project's name or the stage's",
                    ));
                }
                if secret.deleted_date.is_some() {
                    secrets::restore_secret(&self.api, &id).await.map_err(failed)?;
                }
            }
        }
        secrets::put_secret_value(&self.api, &id, &value).await.map_err(failed)
    }

    /// Secrets Manager takes no value away from a secret; so it is deleted, and one that is declared is made again without a value.
    async fn remove(&self, cx: &Cx, name: &str) -> Result<bool, Failure> {
        let id = names::secret(&cx.scope, name);
        let failed = |error| refused(&format!("remove secret `{name}`"), &error);
        let described = secrets::describe_secret(&self.api, &id).await.map_err(failed)?;
        let there =
            |secret: &Description| secret.has_value() && secret.deleted_date.is_none() && is_ours(cx, secret);
        let Some(secret) = described.filter(there) else { return Ok(false) };
        secrets::delete_secret(&self.api, &id).await.map_err(failed)?;
        let tags = tag_map(secret.tags);
        if owner(&cx.scope, tags.clone()).is_some() {
            self.create(name, &id, &tags).await?;
        }
        Ok(true)
    }
}

impl AwsOperate {
    /// Makes a secret without a value. Its name is free a moment after another one's end.
    async fn create(&self, name: &str, id: &str, tags: &Tags) -> Result<(), Failure> {
        match retry(Patience::USUAL, is_leaving, || secrets::create_secret(&self.api, id, tags)).await {
            Err(error) if !error.is(&["ResourceExistsException"]) => {
                Err(refused(&format!("make secret `{name}`"), &error))
            }
            _ => Ok(()),
        }
    }
}

fn projects_tags(cx: &Cx) -> Tags {
    Tags::from([
        (PROJECT_TAG.to_owned(), cx.scope.project.clone()),
        (STAGE_TAG.to_owned(), cx.scope.stage.clone()),
    ])
}

fn is_ours(cx: &Cx, secret: &Description) -> bool {
    let tags = tag_map(secret.tags.clone());
    projects_tags(cx).iter().all(|(key, value)| tags.get(key) == Some(value))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a date is neither")]
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}
