//! `alias`: `live`, which everything calls, and which a deploy moves to the version that it made: at once, or in steps (see [`rollout`]).

mod rollout;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::Failure;

use super::function::with_patience;
use super::{At, Inventory, Made, RemoteKind, Seen, Undone, of_alias};
use crate::api::lambda::alias::{self, Wanted};
use crate::api::{ApiError, lambda};
use crate::names::addr::kind;
use rollout::Rollout;

/// Versions that are kept behind the one that is called: code of old ones would fill the account's storage.
const KEPT_VERSIONS: u64 = 20;

/// The kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alias;

/// Its inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec {
    function_name: String,
    name: String,
    function_version: String,
    /// How calls go from one version to the next; at once where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rollout: Option<Rollout>,
}

impl Spec {
    /// All calls to that version. The rollout stands in the description: AWS has no other place for it.
    fn wanted<'a>(&'a self, version: &'a str, description: Option<&'a str>) -> Wanted<'a> {
        Wanted { function: &self.function_name, name: &self.name, version, other: None, description }
    }
}

fn made(arn: &str) -> Made {
    Made::new(arn, [("arn", arn)])
}

/// The version, and those that get a share of its calls: a rollout that was killed left them.
fn versions(alias: &alias::Alias) -> String {
    let others = alias.weights().into_iter().map(|(version, share)| format!(", {share} to {version}"));
    format!("{}{}", alias.function_version, others.collect::<String>())
}

async fn seen(at: &At<'_>, function: &str, name: &str) -> Result<Option<Seen<Spec>>, ApiError> {
    let Some(alias) = alias::get_alias(at.api, function, name).await? else { return Ok(None) };
    let spec = Spec {
        function_name: function.to_owned(),
        name: alias.name.clone(),
        function_version: versions(&alias),
        rollout: Rollout::described(&alias.description),
    };
    Ok(Some(Seen { made: made(&alias.alias_arn), spec, key: None }))
}

/// Deletes the versions that are too old now. One that is gone, or that another alias shows, is no failure of the deploy.
async fn prune(at: &At<'_>, spec: &Spec, prior: &str) {
    let (Ok(new), Ok(prior)) =
        (spec.function_version.parse::<u64>(), prior.split(',').next().unwrap_or(prior).parse::<u64>())
    else {
        return;
    };
    let newest_old = new.saturating_sub(KEPT_VERSIONS);
    let oldest_old = prior.saturating_sub(KEPT_VERSIONS).max(newest_old.saturating_sub(KEPT_VERSIONS));
    for version in (oldest_old + 1)..=newest_old {
        let deleted = lambda::delete_function(at.api, &spec.function_name, Some(&version.to_string())).await;
        if let Err(error) = deleted {
            tracing::debug!(%error, version, "an old version stays");
        }
    }
}

#[async_trait]
impl RemoteKind for Alias {
    type Spec = Spec;

    const TAGGED: bool = false;
    const REPLACED_BY: &'static [&'static str] = &["FunctionName", "Name"];
    const GOES_WITH: &'static [&'static str] = &[kind::FUNCTION];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        let description = Rollout::description(spec.rollout.as_ref());
        let wanted = spec.wanted(&spec.function_version, Some(&description));
        match with_patience(|| alias::create_alias(at.api, &wanted)).await {
            Ok(alias) => Ok(made(&alias.alias_arn)),
            Err(error) if error.is(&["ResourceConflictException"]) => Err(Undone::Exists),
            Err(error) => Err(at.failed("create", &error).into()),
        }
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        if prior.spec == *spec {
            return Ok(prior.made.clone());
        }
        if prior.spec.function_version != spec.function_version
            && let Some(rollout) = &spec.rollout
        {
            rollout.run(at, spec).await?;
        }
        let description = Rollout::description(spec.rollout.as_ref());
        let wanted = spec.wanted(&spec.function_version, Some(&description));
        with_patience(|| alias::update_alias(at.api, &wanted))
            .await
            .map_err(|error| at.failed("update", &error))?;
        prune(at, spec, &prior.spec.function_version).await;
        Ok(prior.made.clone())
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        let Spec { function_name, name, .. } = &prior.spec;
        with_patience(|| alias::delete_alias(at.api, function_name, name))
            .await
            .map_err(|error| at.failed("delete", &error))
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let of = of_alias::parsed(at, id)?;
        seen(at, of.function, of.alias).await.map_err(|error| at.failed("read", &error))
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        let seen = seen(at, &spec.function_name, &spec.name).await;
        seen.map_err(|error| at.failed("read", &error))
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        of_alias::list(&at.key.addr.kind.0, inventory, async |arn| {
            of_alias::single(self.look(at, &arn).await)
        })
        .await
    }
}
