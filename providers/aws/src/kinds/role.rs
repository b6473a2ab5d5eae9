//! `role`: who a function or the schedules are, with the one inline policy that says what they may do. A role of ours has no other policy:
//! one that somebody gave it is seen as drift, goes with the next change, and does not keep the role from being deleted.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sf_plan::{Failure, Json};
use sf_provider::Scope;

use super::{At, Inventory, Made, Patience, RemoteKind, Seen, Tags, Undone, all_found, owner, retry};
use crate::api::{ApiError, iam};
use crate::names::{self, Place, longest};

/// The name of the inline policy.
const POLICY: &str = "uses";
/// The service whose requests say which of its resources they are for.
const SCHEDULER: &str = "scheduler.amazonaws.com";

/// The kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Role;

/// Its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec {
    role_name: String,
    path: String,
    /// The service that may assume it.
    service: String,
    /// The policy's statements; a resource may be in parts.
    #[serde(default)]
    statement: Vec<Json>,
    /// Policies that others gave it, sorted: names of inline ones, ARNs of managed ones. Never of the manifest's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    other_policies: Vec<String>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

impl Spec {
    /// The policy as IAM gets it: equal statements are equal bytes. `None` for no statements, which IAM does not take.
    fn policy(&self) -> Option<String> {
        let statements: Vec<Json> = self.statement.iter().map(with_whole_resources).collect();
        (!statements.is_empty())
            .then(|| json!({"Version": "2012-10-17", "Statement": statements}).to_string())
    }
}

/// A statement whose resources are texts, and not in parts.
fn with_whole_resources(statement: &Json) -> Json {
    let mut statement = statement.clone();
    if let Some(Json::Array(resources)) = statement.get_mut("Resource") {
        for resource in resources {
            if let Json::Array(parts) = resource {
                *resource = parts.iter().filter_map(Json::as_str).collect::<String>().into();
            }
        }
    }
    statement
}

/// Who may assume it: the service, and where the service says for what, only for what is ours.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html>
fn trust(scope: &Scope, place: &Place, service: &str) -> Json {
    let mut statement =
        json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"});
    if service == SCHEDULER {
        let Place { partition, region, account } = place;
        let group = names::whole(scope, longest::SCHEDULE);
        let group = format!("arn:{partition}:scheduler:{region}:{account}:schedule-group/{group}");
        statement["Condition"] =
            json!({"StringEquals": {"aws:SourceAccount": account, "aws:SourceArn": group}});
    }
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

/// The service that this trust policy is for; the policy itself where it is none of ours.
fn service(scope: &Scope, place: &Place, policy: &str) -> String {
    let policy: Json = serde_json::from_str(policy).unwrap_or_else(|_| policy.into());
    match policy.pointer("/Statement/0/Principal/Service").and_then(Json::as_str) {
        Some(service) if trust(scope, place, service) == policy => service.to_owned(),
        _ => policy.to_string(),
    }
}

/// The statements of a policy; a policy that cannot be read is a statement of its own.
fn statements(policy: &str) -> Vec<Json> {
    match serde_json::from_str::<Json>(policy)
        .ok()
        .and_then(|mut policy| Some(policy.get_mut("Statement")?.take()))
    {
        Some(Json::Array(statements)) => statements,
        Some(single) => vec![single],
        None => vec![policy.into()],
    }
}

fn made(arn: &str, name: &str) -> Made {
    Made::new(arn, [("arn", arn), ("name", name)])
}

async fn put_policy(at: &At<'_>, spec: &Spec) -> Result<(), ApiError> {
    match spec.policy() {
        // IAM itself may not see at once what it has just made.
        Some(policy) => {
            let put = || iam::put_role_policy(at.api, &spec.role_name, POLICY, &policy);
            retry(Patience::SHORT, ApiError::is_missing, put).await
        }
        None => iam::delete_role_policy(at.api, &spec.role_name, POLICY).await,
    }
}

/// All policies of a role, sorted: names of inline ones, ARNs of managed ones.
async fn policies(at: &At<'_>, role: &str) -> Result<Vec<String>, ApiError> {
    let (mut policies, managed) = tokio::try_join!(
        iam::list_role_policies(at.api, role),
        iam::list_attached_role_policies(at.api, role)
    )?;
    policies.extend(managed);
    policies.sort();
    Ok(policies)
}

/// Takes a policy from a role: a managed one if this is an ARN (a name has no colon).
async fn take(at: &At<'_>, role: &str, policy: &str) -> Result<(), ApiError> {
    match policy.contains(':') {
        true => iam::detach_role_policy(at.api, role, policy).await,
        false => iam::delete_role_policy(at.api, role, policy).await,
    }
}

async fn seen(at: &At<'_>, name: &str) -> Result<Option<Seen<Spec>>, ApiError> {
    let Some(role) = iam::get_role(at.api, name).await? else { return Ok(None) };
    let Some((key, tags)) = owner(&at.cx.scope, role.tags) else { return Ok(None) };
    let (policy, mut other_policies) =
        tokio::try_join!(iam::get_role_policy(at.api, name, POLICY), policies(at, name))?;
    other_policies.retain(|policy| policy != POLICY);
    let spec = Spec {
        service: service(&at.cx.scope, at.place, &role.trust),
        role_name: role.name,
        path: role.path,
        statement: policy.as_deref().map(statements).unwrap_or_default(),
        other_policies,
        tags,
    };
    Ok(Some(Seen { made: made(&role.arn, name), spec, key: Some(key) }))
}

#[async_trait]
impl RemoteKind for Role {
    type Spec = Spec;

    const REPLACED_BY: &'static [&'static str] = &["RoleName", "Path"];
    // Somebody else's words, and not the manifest's; but they stand as they are just so.
    const VERBATIM: &'static [&'static str] = &["OtherPolicies"];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        let input = iam::CreateRole {
            name: &spec.role_name,
            path: &spec.path,
            trust: &trust(&at.cx.scope, at.place, &spec.service).to_string(),
            tags: &at.tags(&spec.tags),
        };
        let arn = match iam::create_role(at.api, &input).await {
            Ok(arn) => arn,
            Err(error) if error.is(&["EntityAlreadyExists"]) => return Err(Undone::Exists),
            Err(error) => return Err(at.failed("create", &error).into()),
        };
        let made = made(&arn, &spec.role_name);
        if spec.policy().is_some()
            && let Err(error) = put_policy(at, spec).await
        {
            return Err(Undone::Failed(Some(made), at.failed("set the policy of", &error)));
        }
        Ok(made)
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        let failed = |error: ApiError| at.failed("update", &error);
        let name = &spec.role_name;
        if prior.spec.service != spec.service {
            let trust = trust(&at.cx.scope, at.place, &spec.service).to_string();
            iam::update_assume_role_policy(at.api, name, &trust).await.map_err(failed)?;
        }
        if prior.spec.policy() != spec.policy() {
            put_policy(at, spec).await.map_err(failed)?;
        }
        for policy in prior.spec.other_policies.iter().filter(|policy| !spec.other_policies.contains(policy))
        {
            take(at, name, policy).await.map_err(failed)?;
        }
        let tags = at.tag_change(prior.key.as_ref(), &prior.spec.tags, &spec.tags);
        if !tags.set.is_empty() {
            iam::tag_role(at.api, name, &tags.set).await.map_err(failed)?;
        }
        if !tags.remove.is_empty() {
            iam::untag_role(at.api, name, &tags.remove).await.map_err(failed)?;
        }
        Ok(prior.made.clone())
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        let failed = |error: ApiError| at.failed("delete", &error);
        let name = &prior.spec.role_name;
        // Asked anew: what was recorded does not tell what others have done since.
        for policy in policies(at, name).await.map_err(failed)? {
            take(at, name, &policy).await.map_err(failed)?;
        }
        iam::delete_role(at.api, name).await.map_err(failed)
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let name = id.rsplit('/').next().unwrap_or(id);
        seen(at, name).await.map_err(|error| at.failed("read", &error))
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        seen(at, &spec.role_name).await.map_err(|error| at.failed("read", &error))
    }

    async fn list(&self, at: &At<'_>, _: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        let failed = |error: ApiError| error.failure("list the project's roles");
        let roles = iam::list_roles(at.api, &names::role_path(&at.cx.scope)).await.map_err(failed)?;
        all_found(roles.iter().map(|role| seen(at, &role.name)).collect()).await.map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope { project: "shop".into(), stage: "dev".into() }
    }

    fn place() -> Place {
        Place { partition: "aws".into(), region: "eu-west-1".into(), account: "123456789012".into() }
    }

    #[test]
    fn a_trust_policy_says_whom_it_trusts() {
        for trusted in ["lambda.amazonaws.com", SCHEDULER] {
            let policy = trust(&scope(), &place(), trusted).to_string();
            assert_eq!(service(&scope(), &place(), &policy), trusted);
        }
    }

    #[test]
    fn another_trust_policy_is_shown_whole() {
        let open = trust(&scope(), &place(), "lambda.amazonaws.com").to_string().replace("lambda.", "*.");
        let policy = open.replace("\"Service\"", "\"AWS\"");
        assert_eq!(service(&scope(), &place(), &policy), policy);
        assert_eq!(service(&scope(), &place(), "not json"), "\"not json\"");
    }

    #[test]
    fn schedules_of_others_are_not_trusted() {
        let trust = trust(&scope(), &place(), SCHEDULER);
        assert_eq!(
            trust["Statement"][0]["Condition"]["StringEquals"],
            json!({
                "aws:SourceAccount": "123456789012",
                "aws:SourceArn": "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/shop-dev",
            })
        );
    }

    #[test]
    fn a_policy_gives_its_statements_back() {
        let spec = Spec {
            role_name: "r".into(),
            path: "/".into(),
            service: "lambda.amazonaws.com".into(),
            statement: vec![json!({"Effect": "Allow", "Action": ["a:B"], "Resource": [["x", "y"], "z"]})],
            other_policies: Vec::new(),
            tags: Tags::new(),
        };
        let whole = json!({"Effect": "Allow", "Action": ["a:B"], "Resource": ["xy", "z"]});
        assert_eq!(spec.policy().map(|policy| statements(&policy)), Some(vec![whole]));
        assert_eq!(Spec { statement: Vec::new(), ..spec }.policy(), None);
    }
}
