//! One call of the data API, for the traits beside this file.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use sf_host_api::encode_segment;
use sf_host_api::http::{Body, HeaderMap, Method, Response};
use sf_plan::Failure;
use sf_provider::Cx;

use super::HostOperate;
use crate::failure;

/// `path` begins below `…/data`, its names encoded.
pub(super) struct DataCall<'a> {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, &'a str)>,
    pub(super) body: Body,
}

impl DataCall<'_> {
    /// One with a JSON body.
    pub(super) fn json(method: Method, path: String, body: &Json) -> Self {
        Self {
            method,
            path,
            headers: vec![("content-type", "application/json")],
            body: body.to_string().into(),
        }
    }

    /// One without a body.
    pub(super) fn empty(method: Method, path: String) -> Self {
        Self { method, path, headers: Vec::new(), body: Body::default() }
    }
}

impl HostOperate {
    pub(super) async fn data(&self, cx: &Cx, call: DataCall<'_>) -> Result<Response, Failure> {
        let mut headers = HeaderMap::new();
        for (name, value) in call.headers {
            let value = value.parse().map_err(|_| {
                failure::new(
                    "bad-header",
                    format!("`{name}` cannot be `{value}`"),
                    "it holds a control character",
                )
            })?;
            headers.insert(name, value);
        }
        let answer = self.app(cx)?.data(call.method, &call.path, headers, call.body).await;
        answer.map_err(|error| failure::from_client(&error))
    }

    pub(super) async fn data_json<T: DeserializeOwned>(
        &self,
        cx: &Cx,
        call: DataCall<'_>,
    ) -> Result<T, Failure> {
        let operation = format!("{} {}", call.method, call.path);
        let body = self.data(cx, call).await?.bytes().await.map_err(|error| lost(&operation, &error))?;
        serde_json::from_slice(&body).map_err(|error| {
            failure::new(
                "protocol",
                format!("{operation}: the host's answer is not as agreed: {error}"),
                "is the host of another version? stop it with `sf host stop`; the next deploy starts a new one",
            )
        })
    }
}

/// The connection ended in the middle of an answer.
pub(super) fn lost(operation: &str, cause: &dyn std::fmt::Display) -> Failure {
    Failure {
        transient: true,
        ..failure::new(
            "connection-lost",
            format!("{operation}: the connection to the host was lost: {cause}"),
            "try again",
        )
    }
}

/// A name as one part of a path.
pub(super) fn segment(name: &str) -> Result<String, Failure> {
    encode_segment(name).map_err(|error| failure::from_client(&error))
}

/// A text in a query. Unlike a name it may be empty.
pub(super) fn parameter(text: &str) -> Result<String, Failure> {
    if text.is_empty() { Ok(String::new()) } else { segment(text) }
}
