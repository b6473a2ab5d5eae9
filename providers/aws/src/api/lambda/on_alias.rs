//! What hangs on an alias, one of each: instances that are kept ready, what becomes of events nobody waits for, an address of its own.

use http::Method;
use serde::{Deserialize, Serialize};
use sf_plan::Json;

use super::of_function;
use crate::api::{ApiError, Client, Request, found};

/// A function and its alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AliasOf<'a> {
    pub(crate) function: &'a str,
    pub(crate) alias: &'a str,
}

/// A thing that an alias has at most one of: the version of its API and the end of its path.
#[derive(Clone, Copy)]
struct Thing(&'static str, &'static str);

const PROVISIONED: Thing = Thing("2019-09-30", "/provisioned-concurrency");
const INVOKE_CONFIG: Thing = Thing("2019-09-25", "/event-invoke-config");
const URL: Thing = Thing("2021-10-31", "/url");

impl AliasOf<'_> {
    fn request(&self, name: &'static str, method: Method, thing: Thing) -> Request {
        of_function(name, method, thing.0, self.function, thing.1).query("Qualifier", self.alias)
    }
}

/// Instances that are kept ready.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Provisioned {
    pub(crate) requested_provisioned_concurrent_executions: u32,
    /// `IN_PROGRESS`, `READY` or `FAILED`.
    pub(crate) status: String,
    pub(crate) status_reason: Option<String>,
}

/// Asks for instances to be kept ready; they are not yet when it answers.
pub(crate) async fn put_provisioned_concurrency(
    client: &Client,
    of: AliasOf<'_>,
    instances: u32,
) -> Result<Provisioned, ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        provisioned_concurrent_executions: u32,
    }
    let request = of.request("PutProvisionedConcurrencyConfig", Method::PUT, PROVISIONED);
    client.rest(request, &Input { provisioned_concurrent_executions: instances }).await
}

/// The instances that are kept ready.
pub(crate) async fn get_provisioned_concurrency(
    client: &Client,
    of: AliasOf<'_>,
) -> Result<Option<Provisioned>, ApiError> {
    let request = of.request("GetProvisionedConcurrencyConfig", Method::GET, PROVISIONED);
    found(client.rest_bare(request).await)
}

/// Keeps no instances ready.
pub(crate) async fn delete_provisioned_concurrency(client: &Client, of: AliasOf<'_>) -> Result<(), ApiError> {
    let request = of.request("DeleteProvisionedConcurrencyConfig", Method::DELETE, PROVISIONED);
    found(client.rest_bare::<Json>(request).await).map(drop)
}

/// What becomes of events that nobody waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct InvokeConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) maximum_retry_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) destination_config: Option<Destinations>,
}

/// `DestinationConfig`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Destinations {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on_failure: Option<Destination>,
}

/// `OnFailure`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Destination {
    /// An ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) destination: Option<String>,
}

/// Sets it, in the place of whatever was set.
pub(crate) async fn put_invoke_config(
    client: &Client,
    of: AliasOf<'_>,
    config: &InvokeConfig,
) -> Result<(), ApiError> {
    let request = of.request("PutFunctionEventInvokeConfig", Method::PUT, INVOKE_CONFIG);
    client.rest::<InvokeConfig>(request, config).await.map(drop)
}

/// What is set.
pub(crate) async fn get_invoke_config(
    client: &Client,
    of: AliasOf<'_>,
) -> Result<Option<InvokeConfig>, ApiError> {
    let request = of.request("GetFunctionEventInvokeConfig", Method::GET, INVOKE_CONFIG);
    found(client.rest_bare(request).await)
}

/// Lambda's own ways again.
pub(crate) async fn delete_invoke_config(client: &Client, of: AliasOf<'_>) -> Result<(), ApiError> {
    let request = of.request("DeleteFunctionEventInvokeConfig", Method::DELETE, INVOKE_CONFIG);
    found(client.rest_bare::<Json>(request).await).map(drop)
}

/// What a function's address is to be.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UrlConfig<'a> {
    pub(crate) auth_type: &'a str,
    pub(crate) invoke_mode: &'a str,
    /// The empty one takes CORS away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cors: Option<Cors>,
}

/// `Cors`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Cors {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_credentials: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allow_headers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allow_methods: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allow_origins: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) expose_headers: Vec<String>,
    /// Seconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) max_age: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A function's address as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Url {
    pub(crate) function_url: String,
    pub(crate) auth_type: String,
    pub(crate) invoke_mode: Option<String>,
    pub(crate) cors: Option<Cors>,
}

/// Gives an alias an address.
pub(crate) async fn create_url(
    client: &Client,
    of: AliasOf<'_>,
    config: &UrlConfig<'_>,
) -> Result<Url, ApiError> {
    client.rest(of.request("CreateFunctionUrlConfig", Method::POST, URL), config).await
}

/// Changes how an address answers; it stays the same one.
pub(crate) async fn update_url(
    client: &Client,
    of: AliasOf<'_>,
    config: &UrlConfig<'_>,
) -> Result<Url, ApiError> {
    client.rest(of.request("UpdateFunctionUrlConfig", Method::PUT, URL), config).await
}

/// The address.
pub(crate) async fn get_url(client: &Client, of: AliasOf<'_>) -> Result<Option<Url>, ApiError> {
    found(client.rest_bare(of.request("GetFunctionUrlConfig", Method::GET, URL)).await)
}

/// Takes the address away, for good: another one is another.
pub(crate) async fn delete_url(client: &Client, of: AliasOf<'_>) -> Result<(), ApiError> {
    let request = of.request("DeleteFunctionUrlConfig", Method::DELETE, URL);
    found(client.rest_bare::<Json>(request).await).map(drop)
}
