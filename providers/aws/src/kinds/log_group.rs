//! `log-group`: what a function says, for as many days as the manifest says.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::Failure;

use super::{At, Inventory, Made, RemoteKind, Seen, Tags, Undone, all_found, owner};
use crate::api::{ApiError, logs};
use crate::names::{self, Place};

/// The kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogGroup;

/// Its inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec {
    log_group_name: String,
    /// For ever where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retention_in_days: Option<u32>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

pub(crate) fn arn(place: &Place, name: &str) -> String {
    let Place { partition, region, account } = place;
    format!("arn:{partition}:logs:{region}:{account}:log-group:{name}")
}

/// The name in an ARN, which some answers end with `:*`.
fn name(arn: &str) -> &str {
    let name = arn.split(":log-group:").nth(1).unwrap_or(arn);
    name.strip_suffix(":*").unwrap_or(name)
}

fn made(place: &Place, name: &str) -> Made {
    let arn = arn(place, name);
    Made::new(&arn, [("arn", arn.as_str()), ("name", name)])
}

/// A group that is the scope's.
async fn owned(at: &At<'_>, group: logs::LogGroup) -> Result<Option<Seen<Spec>>, ApiError> {
    let made = made(at.place, &group.name);
    let Some(tags) = logs::list_tags(at.api, &made.id).await? else { return Ok(None) };
    let Some((key, tags)) = owner(&at.cx.scope, tags) else { return Ok(None) };
    let spec = Spec { log_group_name: group.name, retention_in_days: group.retention, tags };
    Ok(Some(Seen { made, spec, key: Some(key) }))
}

async fn seen(at: &At<'_>, name: &str) -> Result<Option<Seen<Spec>>, ApiError> {
    let groups = logs::list_log_groups(at.api, name).await?;
    match groups.into_iter().find(|group| group.name == name) {
        Some(group) => owned(at, group).await,
        None => Ok(None),
    }
}

/// Takes over a group that has no tags at all: Lambda makes one by itself when a function runs and finds none.
async fn take_over(at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
    let failed = |error: ApiError| at.failed("take over", &error);
    let made = made(at.place, &spec.log_group_name);
    let tags = logs::list_tags(at.api, &made.id).await.map_err(failed)?;
    if tags.is_none_or(|tags| !tags.is_empty()) {
        return Err(Undone::Exists);
    }
    logs::tag_resource(at.api, &made.id, &at.tags(&spec.tags)).await.map_err(failed)?;
    Ok(made)
}

#[async_trait]
impl RemoteKind for LogGroup {
    type Spec = Spec;

    const REPLACED_BY: &'static [&'static str] = &["LogGroupName"];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        let name = &spec.log_group_name;
        let made = match logs::create_log_group(at.api, name, &at.tags(&spec.tags)).await {
            Ok(()) => made(at.place, name),
            Err(error) if error.is(&["ResourceAlreadyExistsException"]) => take_over(at, spec).await?,
            Err(error) => return Err(at.failed("create", &error).into()),
        };
        if let Some(days) = spec.retention_in_days
            && let Err(error) = logs::set_retention(at.api, name, Some(days)).await
        {
            return Err(Undone::Failed(Some(made), at.failed("set the retention of", &error)));
        }
        Ok(made)
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        let failed = |error: ApiError| at.failed("update", &error);
        if prior.spec.retention_in_days != spec.retention_in_days {
            let days = spec.retention_in_days;
            logs::set_retention(at.api, &spec.log_group_name, days).await.map_err(failed)?;
        }
        let tags = at.tag_change(prior.key.as_ref(), &prior.spec.tags, &spec.tags);
        let arn = &prior.made.id;
        if !tags.set.is_empty() {
            logs::tag_resource(at.api, arn, &tags.set).await.map_err(failed)?;
        }
        if !tags.remove.is_empty() {
            logs::untag_resource(at.api, arn, &tags.remove).await.map_err(failed)?;
        }
        Ok(prior.made.clone())
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        let deleted = logs::delete_log_group(at.api, &prior.spec.log_group_name).await;
        deleted.map_err(|error| at.failed("delete", &error))
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        seen(at, name(id)).await.map_err(|error| at.failed("read", &error))
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        seen(at, &spec.log_group_name).await.map_err(|error| at.failed("read", &error))
    }

    /// By their names, which are known at once; AWS lists what is tagged some time later.
    async fn list(&self, at: &At<'_>, _: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        let failed = |error: ApiError| error.failure("list the project's log groups");
        let prefix = names::log_groups(&at.cx.scope);
        let groups = logs::list_log_groups(at.api, &prefix).await.map_err(failed)?;
        all_found(groups.into_iter().map(|group| owned(at, group)).collect()).await.map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_from_either_form_of_arn() {
        let place = Place { partition: "aws".into(), region: "eu-west-1".into(), account: "1".into() };
        let arn = arn(&place, "/aws/lambda/f");
        assert_eq!(name(&arn), "/aws/lambda/f");
        assert_eq!(name(&format!("{arn}:*")), "/aws/lambda/f");
    }
}
