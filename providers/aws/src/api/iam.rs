//! IAM: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html>. Policies are texts of JSON, percent-encoded in answers.

pub(crate) mod simulate;

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::tagging::{Tag, tag_map};
use super::{ApiError, Client, Operation, Params, Service, found};

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) arn: String,
    /// Who may assume it: a policy.
    pub(crate) trust: String,
    /// Empty in listings, which do not tell them.
    pub(crate) tags: BTreeMap<String, String>,
}

/// `Role` as it is in answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RoleAnswer {
    path: String,
    role_name: String,
    arn: String,
    #[serde(default)]
    assume_role_policy_document: String,
    #[serde(default)]
    tags: Members<Tag>,
}

/// A list of the query protocol.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Members<T> {
    #[serde(default = "Vec::new")]
    member: Vec<T>,
}

impl<T> Default for Members<T> {
    fn default() -> Self {
        Self { member: Vec::new() }
    }
}

impl From<RoleAnswer> for Role {
    fn from(role: RoleAnswer) -> Self {
        Self {
            name: role.role_name,
            path: role.path,
            arn: role.arn,
            trust: decoded(&role.assume_role_policy_document),
            tags: tag_map(role.tags.member),
        }
    }
}

fn decoded(document: &str) -> String {
    percent_decode_str(document).decode_utf8_lossy().into_owned()
}

fn operation(name: &'static str) -> Operation {
    Service::Iam.operation(name)
}

fn of_role(role: &str) -> Params {
    Params::default().with("RoleName", role)
}

fn with_tags(params: Params, tags: &BTreeMap<String, String>) -> Params {
    params
        .list("Tags.member", tags.iter().map(|(key, value)| [("Key", key.clone()), ("Value", value.clone())]))
}

/// What a role is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CreateRole<'a> {
    pub(crate) name: &'a str,
    pub(crate) path: &'a str,
    pub(crate) trust: &'a str,
    pub(crate) tags: &'a BTreeMap<String, String>,
}

/// Makes a role; its ARN. Services see it some seconds later.
pub(crate) async fn create_role(client: &Client, input: &CreateRole<'_>) -> Result<String, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "CreateRoleResult")]
        result: RoleResult,
    }
    let params = of_role(input.name).with("Path", input.path).with("AssumeRolePolicyDocument", input.trust);
    let response: Response = client.query(operation("CreateRole"), &with_tags(params, input.tags)).await?;
    Ok(response.result.role.arn)
}

#[derive(Deserialize)]
struct RoleResult {
    #[serde(rename = "Role")]
    role: RoleAnswer,
}

/// A role by its name.
pub(crate) async fn get_role(client: &Client, role: &str) -> Result<Option<Role>, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "GetRoleResult")]
        result: RoleResult,
    }
    let answer = client.query::<Response>(operation("GetRole"), &of_role(role)).await;
    found(answer.map(|response| response.result.role.into()))
}

/// The roles below a path.
pub(crate) async fn list_roles(client: &Client, path: &str) -> Result<Vec<Role>, ApiError> {
    let params = Params::default().with("PathPrefix", path).with("MaxItems", "1000");
    let roles = list::<RoleAnswer>(client, "ListRoles", &params).await?;
    Ok(roles.into_iter().map(Role::from).collect())
}

/// The names of a role's inline policies; none for a role that is not there.
pub(crate) async fn list_role_policies(client: &Client, role: &str) -> Result<Vec<String>, ApiError> {
    list(client, "ListRolePolicies", &of_role(role)).await
}

/// The ARNs of the managed policies that are attached to a role; none for a role that is not there.
pub(crate) async fn list_attached_role_policies(
    client: &Client,
    role: &str,
) -> Result<Vec<String>, ApiError> {
    #[derive(Deserialize)]
    struct Attached {
        #[serde(rename = "PolicyArn")]
        arn: String,
    }
    let attached = list::<Attached>(client, "ListAttachedRolePolicies", &of_role(role)).await?;
    Ok(attached.into_iter().map(|policy| policy.arn).collect())
}

/// A page of a list.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page<T> {
    #[serde(alias = "Roles", alias = "PolicyNames", alias = "AttachedPolicies")]
    items: Members<T>,
    #[serde(default)]
    is_truncated: bool,
    marker: Option<String>,
}

impl<T> Page<T> {
    fn next(&self) -> Option<String> {
        self.marker.clone().filter(|_| self.is_truncated)
    }
}

fn paged(params: Params, marker: Option<String>) -> Params {
    match marker {
        Some(marker) => params.with("Marker", marker),
        None => params,
    }
}

/// All pages of a list; none of what is not there.
async fn list<T: DeserializeOwned>(
    client: &Client,
    name: &'static str,
    params: &Params,
) -> Result<Vec<T>, ApiError> {
    #[derive(Deserialize)]
    struct Response<T> {
        #[serde(
            alias = "ListRolesResult",
            alias = "ListRolePoliciesResult",
            alias = "ListAttachedRolePoliciesResult"
        )]
        result: Page<T>,
    }
    let mut items = Vec::new();
    let mut marker = None;
    loop {
        let answer = client.query::<Response<T>>(operation(name), &paged(params.clone(), marker)).await;
        let Some(Response { result }) = found(answer)? else { return Ok(items) };
        marker = result.next();
        items.extend(result.items.member);
        if marker.is_none() {
            return Ok(items);
        }
    }
}

/// An inline policy.
pub(crate) async fn get_role_policy(
    client: &Client,
    role: &str,
    policy: &str,
) -> Result<Option<String>, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "GetRolePolicyResult")]
        result: Policy,
    }
    #[derive(Deserialize)]
    struct Policy {
        #[serde(rename = "PolicyDocument")]
        document: String,
    }
    let params = of_role(role).with("PolicyName", policy);
    let answer = client.query::<Response>(operation("GetRolePolicy"), &params).await;
    found(answer.map(|response| decoded(&response.result.document)))
}

/// Sets an inline policy.
pub(crate) async fn put_role_policy(
    client: &Client,
    role: &str,
    policy: &str,
    document: &str,
) -> Result<(), ApiError> {
    let params = of_role(role).with("PolicyName", policy).with("PolicyDocument", document);
    client.query::<IgnoredAny>(operation("PutRolePolicy"), &params).await.map(drop)
}

/// Deletes an inline policy; also one that is not there.
pub(crate) async fn delete_role_policy(client: &Client, role: &str, policy: &str) -> Result<(), ApiError> {
    let params = of_role(role).with("PolicyName", policy);
    found(client.query::<IgnoredAny>(operation("DeleteRolePolicy"), &params).await).map(drop)
}

/// Detaches a managed policy; also one that is not attached.
pub(crate) async fn detach_role_policy(client: &Client, role: &str, arn: &str) -> Result<(), ApiError> {
    let params = of_role(role).with("PolicyArn", arn);
    found(client.query::<IgnoredAny>(operation("DetachRolePolicy"), &params).await).map(drop)
}

/// Sets who may assume a role.
pub(crate) async fn update_assume_role_policy(
    client: &Client,
    role: &str,
    trust: &str,
) -> Result<(), ApiError> {
    let params = of_role(role).with("PolicyDocument", trust);
    client.query::<IgnoredAny>(operation("UpdateAssumeRolePolicy"), &params).await.map(drop)
}

/// Sets tags.
pub(crate) async fn tag_role(
    client: &Client,
    role: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    client.query::<IgnoredAny>(operation("TagRole"), &with_tags(of_role(role), tags)).await.map(drop)
}

/// Removes tags.
pub(crate) async fn untag_role(client: &Client, role: &str, keys: &[String]) -> Result<(), ApiError> {
    let params = of_role(role).texts("TagKeys.member", keys.iter().cloned());
    client.query::<IgnoredAny>(operation("UntagRole"), &params).await.map(drop)
}

/// Deletes a role without policies; also one that is not there.
pub(crate) async fn delete_role(client: &Client, role: &str) -> Result<(), ApiError> {
    found(client.query::<IgnoredAny>(operation("DeleteRole"), &of_role(role)).await).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_whether_empty_or_not() {
        let page = |members: &str| -> Page<RoleAnswer> {
            let text =
                format!("<R><Roles>{members}</Roles><IsTruncated>true</IsTruncated><Marker>m</Marker></R>");
            quick_xml::de::from_str(&text).unwrap()
        };
        assert_eq!(page("").items.member.len(), 0);
        let role = "<member><Path>/sf/</Path><RoleName>r</RoleName><RoleId>x</RoleId><Arn>a</Arn>\
                    <AssumeRolePolicyDocument>%7B%7D</AssumeRolePolicyDocument></member>";
        let two = page(&format!("{role}{role}"));
        assert_eq!(two.next(), Some("m".to_owned()));
        let role = Role::from(two.items.member.into_iter().next().unwrap());
        assert_eq!((role.path.as_str(), role.trust.as_str()), ("/sf/", "{}"));
    }
}
