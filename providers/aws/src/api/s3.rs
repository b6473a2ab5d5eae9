//! S3: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html>. Objects here; buckets themselves in [`bucket`].

pub(crate) mod bucket;
mod list;

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::request::encoded_path;
use super::{Answer, ApiError, Body, Client, Request, Service};

pub(crate) use list::{Listing, Stored, Version, list_object_versions, list_objects_v2};

/// Objects that one request can delete, and that one page of a listing has.
pub(crate) const MOST_AT_ONCE: usize = 1000;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// A request about a bucket: its name is in the host, or in the path where somebody else than AWS answers.
fn of_bucket(client: &Client, operation: &'static str, method: Method, bucket: &str) -> Request {
    of_object(client, operation, method, bucket, "")
}

/// A request about an object.
fn of_object(client: &Client, operation: &'static str, method: Method, bucket: &str, key: &str) -> Request {
    let operation = Service::S3.operation(operation);
    let key = encoded_path(key);
    if client.is_overridden(Service::S3) {
        let path = if key.is_empty() { format!("/{bucket}") } else { format!("/{bucket}/{key}") };
        return Request::new(operation, method, path);
    }
    let mut request = Request::new(operation, method, format!("/{key}"));
    let service = client.endpoint(Service::S3);
    request.endpoint = Some(service.replacen("://", &format!("://{bucket}."), 1));
    request
}

/// The body as XML, with the checksum that S3 wants of all that configures or deletes.
fn with_xml(request: Request, root: &str, body: &impl Serialize) -> Result<Request, ApiError> {
    let xml = document(root, body).map_err(|error| ApiError::unreadable(request.operation, error))?;
    let checksum = BASE64.encode(Sha256::digest(xml.as_bytes()));
    Ok(request
        .header("content-type", "application/xml")
        .header("x-amz-sdk-checksum-algorithm", "SHA256")
        .header("x-amz-checksum-sha256", checksum)
        .body(xml))
}

fn document(root: &str, body: &impl Serialize) -> Result<String, quick_xml::SeError> {
    let xml = quick_xml::se::to_string_with_root(root, body)?;
    Ok(xml.replacen(&format!("<{root}"), &format!("<{root} xmlns=\"{NAMESPACE}\""), 1))
}

/// Puts a file, streamed; the object's ETag.
pub(crate) async fn put_file(
    client: &Client,
    bucket: &str,
    key: &str,
    file: &Path,
    headers: &[(&str, &str)],
) -> Result<String, ApiError> {
    let mut request = with_headers(of_object(client, "PutObject", Method::PUT, bucket, key), headers);
    let metadata = tokio::fs::metadata(file).await;
    let size = metadata
        .map_err(|error| {
            ApiError::unreadable(request.operation, format_args!("{}: {error}", file.display()))
        })?
        .len();
    request.body = Body::File { path: file.to_owned(), size };
    Ok(etag(&client.send(request).await?))
}

/// An object without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) size: u64,
    /// Without its quotes.
    pub(crate) etag: String,
}

/// `None`: there is no such object. That its bucket does not exist is told in the same way: an answer to `HEAD` has no body.
pub(crate) async fn head_object(client: &Client, bucket: &str, key: &str) -> Result<Option<Head>, ApiError> {
    match client.send(of_object(client, "HeadObject", Method::HEAD, bucket, key)).await {
        Ok(answer) => {
            let size = answer.header("content-length").and_then(|size| size.parse().ok()).unwrap_or_default();
            Ok(Some(Head { size, etag: etag(&answer) }))
        }
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// An object, its content still to come; `None`: there is no such object.
pub(crate) async fn get_object(
    client: &Client,
    bucket: &str,
    key: &str,
) -> Result<Option<reqwest::Response>, ApiError> {
    match client.open(&of_object(client, "GetObject", Method::GET, bucket, key)).await {
        Ok(response) => Ok(Some(response)),
        Err(error) if error.is(&["NoSuchKey"]) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes an object, or one version of it; also one that is not there.
pub(crate) async fn delete_object(
    client: &Client,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> Result<(), ApiError> {
    let mut request = of_object(client, "DeleteObject", Method::DELETE, bucket, key);
    if let Some(version) = version {
        request = request.query("versionId", version);
    }
    client.send(request).await.map(drop)
}

/// Deletes up to [`MOST_AT_ONCE`] versions.
pub(crate) async fn delete_objects(
    client: &Client,
    bucket: &str,
    versions: &[Version],
) -> Result<(), ApiError> {
    #[derive(Serialize)]
    struct Delete<'a> {
        #[serde(rename = "Quiet")]
        quiet: bool,
        #[serde(rename = "Object")]
        objects: Vec<&'a Version>,
    }
    #[derive(Deserialize)]
    struct DeleteResult {
        #[serde(default, rename = "Error")]
        errors: Vec<NotDeleted>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct NotDeleted {
        #[serde(default)]
        key: String,
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    // XML has no way to write these.
    let (odd, plain): (Vec<_>, Vec<_>) =
        versions.iter().partition(|version| version.key.chars().any(char::is_control));
    for version in odd {
        delete_object(client, bucket, &version.key, version.version_id.as_deref()).await?;
    }
    if plain.is_empty() {
        return Ok(());
    }
    let request = of_bucket(client, "DeleteObjects", Method::POST, bucket).query("delete", "");
    let operation = request.operation;
    let request = with_xml(request, "Delete", &Delete { quiet: true, objects: plain })?;
    let result: DeleteResult = super::send::xml(operation, &client.send(request).await?)?;
    match result.errors.into_iter().next() {
        None => Ok(()),
        Some(first) => Err(ApiError {
            operation,
            code: first.code,
            message: format!("`{}`: {}", first.key, first.message),
            status: 200,
            request_id: None,
            fields: sf_plan::Json::Null,
        }),
    }
}

/// A URL with which anybody may get (`GET`) or put (`PUT`) one object until it expires.
pub(crate) async fn presigned(
    client: &Client,
    method: Method,
    bucket: &str,
    key: &str,
    expires: Duration,
) -> Result<String, ApiError> {
    let operation = if method == Method::PUT { "PutObject" } else { "GetObject" };
    client.presigned(&of_object(client, operation, method, bucket, key), expires).await
}

fn with_headers(request: Request, headers: &[(&str, &str)]) -> Request {
    headers.iter().fold(request, |request, (name, value)| request.header(name, *value))
}

fn etag(answer: &Answer) -> String {
    answer.header("etag").unwrap_or_default().trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_in_the_name_space_of_s3_and_escaped() {
        let version = Version { key: "a&b<c".into(), version_id: None };
        assert_eq!(
            document("Object", &version).unwrap(),
            format!("<Object xmlns=\"{NAMESPACE}\"><Key>a&amp;b&lt;c</Key></Object>")
        );
    }
}
