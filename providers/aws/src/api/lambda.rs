//! Lambda: <https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html>. Functions and versions here; what hangs on an alias in
//! the files below.

pub(crate) mod alias;
pub(crate) mod on_alias;
pub(crate) mod policy;

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use serde::{Deserialize, Serialize};
use sf_plan::Json;

use super::request::encoded;
use super::{ApiError, Client, Operation, Request, Service, found};

/// A function's settings, in the shapes of CreateFunction and UpdateFunctionConfiguration; what is `None` is left to Lambda, or as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Settings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) handler: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) runtime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<Environment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ephemeral_storage: Option<EphemeralStorage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) layers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vpc_config: Option<VpcConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tracing_config: Option<TracingConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) logging_config: Option<LoggingConfig>,
}

/// `Environment`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Environment {
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, String>,
}

/// `EphemeralStorage`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct EphemeralStorage {
    /// MB
    pub(crate) size: u32,
}

/// `VpcConfig`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VpcConfig {
    #[serde(default)]
    pub(crate) subnet_ids: Vec<String>,
    #[serde(default)]
    pub(crate) security_group_ids: Vec<String>,
}

/// `TracingConfig`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TracingConfig {
    pub(crate) mode: String,
}

/// `LoggingConfig`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LoggingConfig {
    #[serde(default)]
    pub(crate) log_group: String,
}

/// Where a function's code comes from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase", untagged)]
pub(crate) enum Code {
    #[serde(rename_all = "PascalCase")]
    Inline {
        /// Base64.
        zip_file: String,
    },
    #[serde(rename_all = "PascalCase")]
    Stored {
        #[serde(rename = "S3Bucket")]
        bucket: String,
        #[serde(rename = "S3Key")]
        key: String,
    },
}

/// `FunctionConfiguration`: a function, or a version of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Configuration {
    pub(crate) function_name: String,
    /// With the version or alias where one was asked for.
    pub(crate) function_arn: String,
    pub(crate) runtime: String,
    pub(crate) role: String,
    pub(crate) handler: String,
    pub(crate) timeout: u32,
    pub(crate) memory_size: u32,
    /// Base64.
    pub(crate) code_sha256: String,
    pub(crate) version: String,
    pub(crate) vpc_config: Option<VpcConfig>,
    pub(crate) environment: Option<Environment>,
    pub(crate) tracing_config: Option<TracingConfig>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) architectures: Vec<String>,
    pub(crate) ephemeral_storage: Option<EphemeralStorage>,
    pub(crate) logging_config: Option<LoggingConfig>,
    /// `Pending`, `Active`, `Inactive` or `Failed`.
    pub(crate) state: Option<String>,
    pub(crate) state_reason: Option<String>,
    pub(crate) state_reason_code: Option<String>,
    /// `InProgress`, `Successful` or `Failed`.
    pub(crate) last_update_status: Option<String>,
    pub(crate) last_update_status_reason: Option<String>,
    pub(crate) last_update_status_reason_code: Option<String>,
}

/// `Layer`
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Layer {
    pub(crate) arn: String,
}

/// What GetFunction tells.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Function {
    pub(crate) configuration: Configuration,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    concurrency: Option<Concurrency>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Concurrency {
    reserved_concurrent_executions: Option<u32>,
}

impl Function {
    /// Instances that are the function's own, and the most it may have.
    pub(crate) fn reserved_concurrency(&self) -> Option<u32> {
        self.concurrency.as_ref()?.reserved_concurrent_executions
    }
}

/// `CreateFunction`
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateFunction<'a> {
    pub(crate) function_name: &'a str,
    pub(crate) code: Code,
    /// A version is made of it at once.
    pub(crate) publish: bool,
    pub(crate) architectures: &'a [String],
    pub(crate) tags: &'a BTreeMap<String, String>,
    #[serde(flatten)]
    pub(crate) settings: &'a Settings,
}

/// `UpdateFunctionCode`
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdateFunctionCode<'a> {
    #[serde(flatten)]
    pub(crate) code: Code,
    pub(crate) publish: bool,
    pub(crate) architectures: &'a [String],
}

/// A zip as a request carries it.
pub(crate) async fn inline(zip: &Path) -> Result<Code, ApiError> {
    let unreadable = |error: &dyn std::fmt::Display| {
        ApiError::unreadable(operation("UpdateFunctionCode"), format_args!("{}: {error}", zip.display()))
    };
    let bytes = tokio::fs::read(zip).await.map_err(|error| unreadable(&error))?;
    let encoded = tokio::task::spawn_blocking(move || BASE64.encode(bytes)).await;
    Ok(Code::Inline { zip_file: encoded.map_err(|error| unreadable(&error))? })
}

pub(super) fn operation(name: &'static str) -> Operation {
    Service::Lambda.operation(name)
}

/// A request about a function: `/2015-03-31/functions/NAME`, then `rest`.
fn of_function(name: &'static str, method: Method, version: &str, function: &str, rest: &str) -> Request {
    Request::new(operation(name), method, format!("/{version}/functions/{}{rest}", encoded(function)))
}

/// The version of the API that most operations on functions have.
const FIRST: &str = "2015-03-31";

/// Makes a function.
pub(crate) async fn create_function(
    client: &Client,
    input: &CreateFunction<'_>,
) -> Result<Configuration, ApiError> {
    let path = format!("/{FIRST}/functions");
    client.rest(Request::new(operation("CreateFunction"), Method::POST, path), input).await
}

/// The function, or the version or alias `qualifier` of it. Of all reads of a function this one has the largest quota.
pub(crate) async fn get_function(
    client: &Client,
    function: &str,
    qualifier: Option<&str>,
) -> Result<Option<Function>, ApiError> {
    let mut request = of_function("GetFunction", Method::GET, FIRST, function, "");
    if let Some(qualifier) = qualifier {
        request = request.query("Qualifier", qualifier);
    }
    found(client.rest_bare(request).await)
}

/// Changes settings; those that are `None` stay.
pub(crate) async fn update_function_configuration(
    client: &Client,
    function: &str,
    settings: &Settings,
) -> Result<Configuration, ApiError> {
    let request = of_function("UpdateFunctionConfiguration", Method::PUT, FIRST, function, "/configuration");
    client.rest(request, settings).await
}

/// Changes code and architecture.
pub(crate) async fn update_function_code(
    client: &Client,
    function: &str,
    input: &UpdateFunctionCode<'_>,
) -> Result<Configuration, ApiError> {
    client.rest(of_function("UpdateFunctionCode", Method::PUT, FIRST, function, "/code"), input).await
}

/// Makes a version of the function as it is, if its code is still that one; where nothing changed since the latest version, that one is the answer.
pub(crate) async fn publish_version(
    client: &Client,
    function: &str,
    code_sha256: &str,
) -> Result<Configuration, ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input<'a> {
        code_sha256: &'a str,
    }
    let request = of_function("PublishVersion", Method::POST, FIRST, function, "/versions");
    client.rest(request, &Input { code_sha256 }).await
}

/// All versions of a function but `$LATEST`, in no order to rely on.
pub(crate) async fn list_versions(client: &Client, function: &str) -> Result<Vec<Configuration>, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Page {
        #[serde(default)]
        versions: Vec<Configuration>,
        next_marker: Option<String>,
    }
    let mut versions = Vec::new();
    let mut marker = None;
    loop {
        let mut request = of_function("ListVersionsByFunction", Method::GET, FIRST, function, "/versions")
            .query("MaxItems", "50");
        if let Some(marker) = marker {
            request = request.query("Marker", marker);
        }
        let page: Page = client.rest_bare(request).await?;
        versions.extend(page.versions.into_iter().filter(|version| version.version != "$LATEST"));
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(versions);
        }
    }
}

/// Deletes the function with all its versions, aliases and permissions, or one version of it.
pub(crate) async fn delete_function(
    client: &Client,
    function: &str,
    version: Option<&str>,
) -> Result<(), ApiError> {
    let mut request = of_function("DeleteFunction", Method::DELETE, FIRST, function, "");
    if let Some(version) = version {
        request = request.query("Qualifier", version);
    }
    found(client.rest_bare::<Json>(request).await).map(drop)
}

/// Reserves instances for a function; `None` takes the reservation back.
pub(crate) async fn set_reserved_concurrency(
    client: &Client,
    function: &str,
    reserved: Option<u32>,
) -> Result<(), ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        reserved_concurrent_executions: u32,
    }
    const VERSION: &str = "2017-10-31";
    let request = |name, method| of_function(name, method, VERSION, function, "/concurrency");
    match reserved {
        Some(reserved_concurrent_executions) => client
            .rest::<Json>(
                request("PutFunctionConcurrency", Method::PUT),
                &Input { reserved_concurrent_executions },
            )
            .await
            .map(drop),
        None => {
            let request = request("DeleteFunctionConcurrency", Method::DELETE);
            found(client.rest_bare::<Json>(request).await).map(drop)
        }
    }
}

/// Sets tags of a function, by its ARN.
pub(crate) async fn tag_resource(
    client: &Client,
    arn: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input<'a> {
        tags: &'a BTreeMap<String, String>,
    }
    let request = Request::new(operation("TagResource"), Method::POST, tags_of(arn));
    client.rest::<Json>(request, &Input { tags }).await.map(drop)
}

/// Removes tags of a function, by its ARN.
pub(crate) async fn untag_resource(client: &Client, arn: &str, keys: &[String]) -> Result<(), ApiError> {
    let request = Request::new(operation("UntagResource"), Method::DELETE, tags_of(arn));
    let request = keys.iter().fold(request, |request, key| request.query("tagKeys", key));
    client.rest_bare::<Json>(request).await.map(drop)
}

fn tags_of(arn: &str) -> String {
    format!("/2017-03-31/tags/{}", encoded(arn))
}
