//! `schedule-group` and `schedule`. A schedule has no tags: it is the scope's if its group is. Outputs: `name` and `arn`; `arn`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::{Addr, Failure, ObjectKey};

use super::{At, Inventory, Made, Patience, RemoteKind, Seen, Tags, Undone, owner, retry};
use crate::api::scheduler::{self, FlexibleTimeWindow, Target};
use crate::api::tagging::{tag_list, tag_map};
use crate::api::{ApiError, Operation, Service};
use crate::names::{ACCOUNT, Place, REGION};

/// `schedule-group`
pub(crate) struct ScheduleGroup;
/// `schedule`
pub(crate) struct Schedule;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GroupSpec {
    name: String,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

fn group_made(name: &str, arn: &str) -> Made {
    Made::new(arn, [("name", name), ("arn", arn)])
}

/// A group's name: the last part of its ARN.
fn group_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

#[async_trait]
impl RemoteKind for ScheduleGroup {
    type Spec = GroupSpec;
    const REPLACED_BY: &'static [&'static str] = &["Name"];

    async fn create(&self, at: &At<'_>, spec: &GroupSpec) -> Result<Made, Undone> {
        match scheduler::create_group(at.api, &spec.name, tag_list(&at.tags(&spec.tags))).await {
            Ok(arn) => Ok(group_made(&spec.name, &arn)),
            Err(error) if error.is(&["ConflictException"]) => Err(Undone::Exists),
            Err(error) => Err(at.failed("create", &error).into()),
        }
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<GroupSpec>, spec: &GroupSpec) -> Result<Made, Failure> {
        let change = at.tag_change(prior.key.as_ref(), &prior.spec.tags, &spec.tags);
        let (arn, failed) = (prior.made.output("arn"), |error: ApiError| at.failed("tag", &error));
        if !change.set.is_empty() {
            scheduler::tag(at.api, arn, tag_list(&change.set)).await.map_err(failed)?;
        }
        if !change.remove.is_empty() {
            scheduler::untag(at.api, arn, &change.remove).await.map_err(failed)?;
        }
        Ok(prior.made.clone())
    }

    /// Waits until it is gone: AWS deletes a group's schedules first, and its name is taken until then.
    async fn delete(&self, at: &At<'_>, prior: &Seen<GroupSpec>) -> Result<(), Failure> {
        let name = &prior.spec.name;
        scheduler::delete_group(at.api, name).await.map_err(|error| at.failed("delete", &error))?;
        let still_there = Operation { service: Service::Scheduler, name: "GetScheduleGroup" };
        let gone = retry(
            Patience::USUAL,
            |error| error.is(&[ApiError::NOT_YET]),
            || async {
                match scheduler::get_group(at.api, name).await? {
                    Some(group) => Err(ApiError::not_yet(still_there, &group.state)),
                    None => Ok(()),
                }
            },
        );
        gone.await.map_err(|error| at.failed("delete", &error))
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<GroupSpec>>, Failure> {
        let failed = |error: ApiError| at.failed("read", &error);
        let name = group_name(id);
        let Some(group) = scheduler::get_group(at.api, name).await.map_err(failed)? else { return Ok(None) };
        let tags = tag_map(scheduler::tags_of(at.api, &group.arn).await.map_err(failed)?);
        Ok(owner(&at.cx.scope, tags).map(|(key, tags)| Seen {
            made: group_made(name, &group.arn),
            spec: GroupSpec { name: name.to_owned(), tags },
            key: Some(key),
        }))
    }

    async fn locate(&self, at: &At<'_>, spec: &GroupSpec) -> Result<Option<Seen<GroupSpec>>, Failure> {
        self.look(at, &spec.name).await
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<GroupSpec>>, Failure> {
        let mut listed = Vec::new();
        for (_, arn) in inventory.of("schedule-group") {
            listed.extend(self.look(at, arn).await?);
        }
        Ok(listed)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ScheduleSpec {
    name: String,
    group_name: String,
    schedule_expression: String,
    schedule_expression_timezone: String,
    alias: String,
    role: String,
    input: String,
}

/// The account and the region in an event of EventBridge's shape stand alone, where they are known for what they are by their names only.
fn general_input(place: &Place, input: String) -> String {
    [("account", &place.account, ACCOUNT), ("region", &place.region, REGION)].into_iter().fold(
        input,
        |input, (name, value, general)| {
            input.replace(&format!("\"{name}\":\"{value}\""), &format!("\"{name}\":\"{general}\""))
        },
    )
}

impl ScheduleSpec {
    fn body(&self) -> scheduler::Schedule {
        scheduler::Schedule {
            name: self.name.clone(),
            arn: String::new(),
            group_name: self.group_name.clone(),
            schedule_expression: self.schedule_expression.clone(),
            schedule_expression_timezone: self.schedule_expression_timezone.clone(),
            flexible_time_window: FlexibleTimeWindow { mode: "OFF".into() },
            target: Target {
                arn: self.alias.clone(),
                role_arn: self.role.clone(),
                input: self.input.clone(),
            },
        }
    }

    fn made(&self, arn: &str) -> Made {
        Made::new(format!("{}/{}", self.group_name, self.name), [("arn", arn)])
    }
}

/// A role that was just made cannot be assumed for some seconds.
fn role_is_young(error: &ApiError) -> bool {
    error.is(&["ValidationException"]) && error.message.contains("assume the role")
}

#[async_trait]
impl RemoteKind for Schedule {
    type Spec = ScheduleSpec;
    const TAGGED: bool = false;
    const REPLACED_BY: &'static [&'static str] = &["Name", "GroupName"];

    async fn create(&self, at: &At<'_>, spec: &ScheduleSpec) -> Result<Made, Undone> {
        let body = spec.body();
        match retry(Patience::USUAL, role_is_young, || scheduler::create_schedule(at.api, &body)).await {
            Ok(arn) => Ok(spec.made(&arn)),
            Err(error) if error.is(&["ConflictException"]) => Err(Undone::Exists),
            Err(error) => Err(at.failed("create", &error).into()),
        }
    }

    async fn update(
        &self,
        at: &At<'_>,
        prior: &Seen<ScheduleSpec>,
        spec: &ScheduleSpec,
    ) -> Result<Made, Failure> {
        if prior.spec != *spec {
            let body = spec.body();
            let update = retry(Patience::USUAL, role_is_young, || scheduler::update_schedule(at.api, &body));
            update.await.map_err(|error| at.failed("update", &error))?;
        }
        Ok(prior.made.clone())
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<ScheduleSpec>) -> Result<(), Failure> {
        let deleted = scheduler::delete_schedule(at.api, &prior.spec.group_name, &prior.spec.name).await;
        deleted.map_err(|error| at.failed("delete", &error))
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<ScheduleSpec>>, Failure> {
        let (group, name) = id.split_once('/').unwrap_or(("default", id));
        let found = scheduler::get_schedule(at.api, group, name).await;
        Ok(found.map_err(|error| at.failed("read", &error))?.map(|found| {
            let spec = ScheduleSpec {
                name: found.name,
                group_name: found.group_name,
                schedule_expression: found.schedule_expression,
                schedule_expression_timezone: found.schedule_expression_timezone,
                alias: found.target.arn,
                role: found.target.role_arn,
                input: general_input(at.place, found.target.input),
            };
            Seen { made: spec.made(&found.arn), spec, key: None }
        }))
    }

    async fn locate(&self, at: &At<'_>, spec: &ScheduleSpec) -> Result<Option<Seen<ScheduleSpec>>, Failure> {
        self.look(at, &format!("{}/{}", spec.group_name, spec.name)).await
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<ScheduleSpec>>, Failure> {
        let mut listed = Vec::new();
        for (_, arn) in inventory.of("schedule-group") {
            let group = group_name(arn);
            let names = scheduler::list_schedules(at.api, group).await;
            for name in names.map_err(|error| at.failed("look for", &error))? {
                let key = ObjectKey { addr: Addr::new("schedule", name.clone()), generation: 0 };
                let seen = self.look(at, &format!("{group}/{name}")).await?;
                listed.extend(seen.map(|seen| Seen { key: Some(key), ..seen }));
            }
        }
        Ok(listed)
    }
}
