//! Lambda's `Invoke`: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;

use super::{ApiError, Client, Request, Service, encoded};

/// What came of an invocation.
#[derive(Clone, Debug)]
pub(crate) struct Invoked {
    /// `Unhandled` or `Handled` when the function failed.
    pub(crate) error: Option<String>,
    pub(crate) payload: Bytes,
    /// The last 4 KB of its log.
    pub(crate) log: String,
}

/// Invokes a function and waits for its answer. Not again when nobody knows whether it ran.
pub(crate) async fn invoke(
    client: &Client,
    function: &str,
    qualifier: &str,
    client_context: &str,
    payload: Vec<u8>,
) -> Result<Invoked, ApiError> {
    let operation = Service::Lambda.operation("Invoke");
    let path = format!("/2015-03-31/functions/{}/invocations", encoded(function));
    let request = Request::new(operation, Method::POST, path)
        .query("Qualifier", qualifier)
        .header("content-type", "application/json")
        .header("x-amz-client-context", STANDARD.encode(client_context))
        .header("x-amz-invocation-type", "RequestResponse")
        .header("x-amz-log-type", "Tail")
        .body(payload);
    let answer = client.send(request).await?;
    let log = answer.header("x-amz-log-result").and_then(|log| STANDARD.decode(log).ok()).unwrap_or_default();
    Ok(Invoked {
        error: answer.header("x-amz-function-error").map(str::to_owned),
        log: String::from_utf8_lossy(&log).into_owned(),
        payload: answer.body,
    })
}

/// Has a function called with an event some time soon.
pub(crate) async fn invoke_later(
    client: &Client,
    function: &str,
    qualifier: &str,
    payload: Vec<u8>,
) -> Result<(), ApiError> {
    let operation = Service::Lambda.operation("Invoke");
    let path = format!("/2015-03-31/functions/{}/invocations", encoded(function));
    let request = Request::new(operation, Method::POST, path)
        .query("Qualifier", qualifier)
        .header("content-type", "application/json")
        .header("x-amz-invocation-type", "Event")
        .body(payload);
    client.send(request).await.map(drop)
}
