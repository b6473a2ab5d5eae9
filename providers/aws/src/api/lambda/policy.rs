//! A function's own policy: who may call an alias.

use http::Method;
use serde::{Deserialize, Serialize};
use sf_plan::Json;

use super::{FIRST, of_function};
use crate::api::request::encoded;
use crate::api::{ApiError, Client, found};

/// `AddPermission`
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AddPermission<'a> {
    pub(crate) statement_id: &'a str,
    pub(crate) action: &'a str,
    pub(crate) principal: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) function_url_auth_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invoked_via_function_url: Option<bool>,
}

/// A statement of a policy, in the parts that AddPermission can make.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Statement {
    #[serde(default)]
    pub(crate) sid: String,
    #[serde(default)]
    pub(crate) action: Json,
    #[serde(default)]
    pub(crate) principal: Json,
    #[serde(default)]
    pub(crate) condition: Json,
}

/// Adds a statement about an alias.
pub(crate) async fn add_permission(
    client: &Client,
    function: &str,
    qualifier: &str,
    input: &AddPermission<'_>,
) -> Result<(), ApiError> {
    let request =
        of_function("AddPermission", Method::POST, FIRST, function, "/policy").query("Qualifier", qualifier);
    client.rest::<Json>(request, input).await.map(drop)
}

/// Removes a statement about an alias.
pub(crate) async fn remove_permission(
    client: &Client,
    function: &str,
    qualifier: &str,
    statement: &str,
) -> Result<(), ApiError> {
    let rest = format!("/policy/{}", encoded(statement));
    let request =
        of_function("RemovePermission", Method::DELETE, FIRST, function, &rest).query("Qualifier", qualifier);
    found(client.rest_bare::<Json>(request).await).map(drop)
}

/// The statements about an alias.
pub(crate) async fn get_policy(
    client: &Client,
    function: &str,
    qualifier: &str,
) -> Result<Vec<Statement>, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Output {
        policy: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Policy {
        #[serde(default)]
        statement: Vec<Statement>,
    }
    let request =
        of_function("GetPolicy", Method::GET, FIRST, function, "/policy").query("Qualifier", qualifier);
    let operation = request.operation;
    let Some(output) = found(client.rest_bare::<Output>(request).await)? else { return Ok(Vec::new()) };
    let policy: Policy =
        serde_json::from_str(&output.policy).map_err(|error| ApiError::unreadable(operation, error))?;
    Ok(policy.statement)
}
