//! Secrets Manager: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html>
//!
//! Values are sent and never read: the functions read them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sf_plan::Json;

use super::tagging::{Tag, tag_list};
use super::{ApiError, Client, Service};

type Tags = BTreeMap<String, String>;

async fn call<O: DeserializeOwned>(
    client: &Client,
    operation: &'static str,
    input: &Json,
) -> Result<O, ApiError> {
    client.json(Service::SecretsManager.operation(operation), input).await
}

/// An operation whose answer says nothing new.
async fn tell(client: &Client, operation: &'static str, input: &Json) -> Result<(), ApiError> {
    call::<Json>(client, operation, input).await.map(drop)
}

/// Makes a secret without a value; its ARN.
pub(crate) async fn create_secret(client: &Client, name: &str, tags: &Tags) -> Result<String, ApiError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "ARN")]
        arn: String,
    }
    // The token makes the same request again, after a lost answer, a success.
    let input = json!({ "Name": name, "Tags": tag_list(tags), "ClientRequestToken": token() });
    Ok(call::<Response>(client, "CreateSecret", &input).await?.arn)
}

/// A secret without its value.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Description {
    #[serde(rename = "ARN")]
    pub(crate) arn: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    /// Seconds since the Unix epoch: it is scheduled for deletion.
    pub(crate) deleted_date: Option<f64>,
    /// The labels of each version of its value; `DescribeSecret` says this.
    #[serde(default)]
    version_ids_to_stages: BTreeMap<String, Vec<String>>,
    /// `ListSecrets` says this.
    #[serde(default)]
    secret_versions_to_stages: BTreeMap<String, Vec<String>>,
}

impl Description {
    /// Whether it was ever given a value.
    pub(crate) fn has_value(&self) -> bool {
        !self.version_ids_to_stages.is_empty() || !self.secret_versions_to_stages.is_empty()
    }
}

/// A secret by name or ARN; `None`: there is no such secret.
pub(crate) async fn describe_secret(client: &Client, id: &str) -> Result<Option<Description>, ApiError> {
    match call(client, "DescribeSecret", &json!({ "SecretId": id })).await {
        Ok(description) => Ok(Some(description)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Secrets whose names begin so. What is scheduled for deletion is not among them.
pub(crate) async fn list_secrets(client: &Client, prefix: &str) -> Result<Vec<Description>, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Page {
        #[serde(default)]
        secret_list: Vec<Description>,
        next_token: Option<String>,
    }
    let mut found: Vec<Description> = Vec::new();
    let mut token = None;
    loop {
        let mut input = json!({ "Filters": [{ "Key": "name", "Values": [prefix] }], "MaxResults": 100 });
        if let Some(token) = token {
            input["NextToken"] = Json::String(token);
        }
        let page: Page = call(client, "ListSecrets", &input).await?;
        found.extend(page.secret_list);
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            // The filter takes no notice of case.
            found.retain(|secret| secret.name.starts_with(prefix) && secret.deleted_date.is_none());
            return Ok(found);
        }
    }
}

/// When the value that a secret has now was set, in seconds since the Unix epoch; `None`: it has none.
pub(crate) async fn value_since(client: &Client, id: &str) -> Result<Option<f64>, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Page {
        #[serde(default)]
        versions: Vec<Version>,
        next_token: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Version {
        #[serde(default)]
        version_stages: Vec<String>,
        created_date: Option<f64>,
    }
    let mut token = None;
    loop {
        let mut input = json!({ "SecretId": id, "MaxResults": 100 });
        if let Some(token) = token {
            input["NextToken"] = Json::String(token);
        }
        let page: Page = call(client, "ListSecretVersionIds", &input).await?;
        let is_current = |version: &Version| version.version_stages.iter().any(|stage| stage == "AWSCURRENT");
        if let Some(current) = page.versions.into_iter().find(is_current) {
            return Ok(current.created_date);
        }
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(None);
        }
    }
}

/// Gives a secret a value: as text where it is one, since that is what consoles and other tools show.
pub(crate) async fn put_secret_value(client: &Client, id: &str, value: &[u8]) -> Result<(), ApiError> {
    use base64::Engine as _;
    let mut input = json!({ "SecretId": id, "ClientRequestToken": token() });
    match std::str::from_utf8(value) {
        Ok(text) => input["SecretString"] = text.into(),
        Err(_) => {
            input["SecretBinary"] = base64::engine::general_purpose::STANDARD.encode(value).into();
        }
    }
    tell(client, "PutSecretValue", &input).await
}

/// Deletes a secret and its value at once, for ever.
pub(crate) async fn delete_secret(client: &Client, id: &str) -> Result<(), ApiError> {
    tell(client, "DeleteSecret", &json!({ "SecretId": id, "ForceDeleteWithoutRecovery": true })).await
}

/// Takes back that it is to be deleted.
pub(crate) async fn restore_secret(client: &Client, id: &str) -> Result<(), ApiError> {
    tell(client, "RestoreSecret", &json!({ "SecretId": id })).await
}

/// Sets tags.
pub(crate) async fn tag_resource(client: &Client, id: &str, tags: &Tags) -> Result<(), ApiError> {
    tell(client, "TagResource", &json!({ "SecretId": id, "Tags": tag_list(tags) })).await
}

/// Takes tags away.
pub(crate) async fn untag_resource(client: &Client, id: &str, keys: &[String]) -> Result<(), ApiError> {
    tell(client, "UntagResource", &json!({ "SecretId": id, "TagKeys": keys })).await
}

/// 32 to 64 characters that name a request.
fn token() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_a_value_once_it_has_a_version() {
        let secret = |more: Json| {
            let mut secret = json!({ "ARN": "a", "Name": "n" });
            for (name, value) in more.as_object().unwrap() {
                secret[name] = value.clone();
            }
            serde_json::from_value::<Description>(secret).unwrap()
        };
        assert!(!secret(json!({})).has_value());
        assert!(secret(json!({ "VersionIdsToStages": { "v": ["AWSCURRENT"] } })).has_value());
        assert!(secret(json!({ "SecretVersionsToStages": { "v": ["AWSCURRENT"] } })).has_value());
    }
}
