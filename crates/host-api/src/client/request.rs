//! One request: what is common to all calls, from the token to the decoding of errors.

use std::time::Instant;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{CALL_TIMEOUT, Client, ClientError};
use crate::types::ApiError;

/// The longest part of a foreign answer that a message quotes.
const QUOTED_CHARS: usize = 120;

pub(super) struct Request<'c> {
    client: &'c Client,
    builder: RequestBuilder,
    operation: String,
    authorized: bool,
    limited: bool,
}

impl<'c> Request<'c> {
    pub(super) fn new(client: &'c Client, method: Method, path: &str, operation: &str) -> Self {
        Self {
            client,
            builder: client.http.request(method, format!("{}{path}", client.base)),
            operation: operation.to_owned(),
            authorized: true,
            limited: true,
        }
    }

    /// Without the token.
    pub(super) fn anonymous(mut self) -> Self {
        self.authorized = false;
        self
    }

    /// Without a limit on its time: it lasts as long as the user's code or data does.
    pub(super) fn unlimited(mut self) -> Self {
        self.limited = false;
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    pub(super) fn headers(mut self, headers: HeaderMap) -> Self {
        self.builder = self.builder.headers(headers);
        self
    }

    pub(super) fn body<B: Serialize>(mut self, body: &B) -> Self {
        self.builder = self.builder.json(body);
        self
    }

    pub(super) fn stream(mut self, body: reqwest::Body) -> Self {
        self.builder = self.builder.body(body);
        self
    }

    /// The answer, if it is a success.
    pub(super) async fn send(self) -> Result<Response, ClientError> {
        let operation = self.operation.clone();
        let url = self.client.base.clone();
        let response = self.dispatch().await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body =
            response.bytes().await.map_err(|error| ClientError::from_transport(&operation, &url, &error))?;
        Err(match serde_json::from_slice::<ApiError>(&body) {
            Ok(error) => ClientError::Api { operation, status: status.as_u16(), error },
            // A proxy in front of a remote host answers so while the host is away or busy.
            Err(_) if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                bodyless_error(operation, status)
            }
            // The answer to HEAD has no body that could say more than its status.
            Err(_) if body.is_empty() => bodyless_error(operation, status),
            Err(_) => {
                ClientError::Protocol { operation, cause: format!("status {status}: {}", quote(&body)) }
            }
        })
    }

    /// The answer's body.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let operation = self.operation.clone();
        let url = self.client.base.clone();
        let body = self
            .send()
            .await?
            .bytes()
            .await
            .map_err(|error| ClientError::from_transport(&operation, &url, &error))?;
        serde_json::from_slice(&body)
            .map_err(|error| ClientError::Protocol { operation, cause: format!("{error}: {}", quote(&body)) })
    }

    /// The answer's status, whatever it is.
    pub(super) async fn status(self) -> Result<StatusCode, ClientError> {
        Ok(self.dispatch().await?.status())
    }

    async fn dispatch(mut self) -> Result<Response, ClientError> {
        if self.authorized {
            self.builder = self.builder.header(AUTHORIZATION, self.client.authorization.clone());
        }
        if self.limited {
            self.builder = self.builder.timeout(CALL_TIMEOUT);
        }
        let begun = Instant::now();
        let result = self
            .builder
            .send()
            .await
            .map_err(|error| ClientError::from_transport(&self.operation, &self.client.base, &error));
        trace(&self.operation, begun, &result);
        result
    }
}

/// For a run's event log: neither headers nor bodies, and of an error its code alone.
fn trace(operation: &str, begun: Instant, result: &Result<Response, ClientError>) {
    let status = result.as_ref().ok().map(|response| response.status().as_u16());
    let error = match result {
        Ok(response) if response.status().is_success() => None,
        Ok(response) => Some(format!("http-{}", response.status().as_u16())),
        Err(error) => Some(error.code().to_owned()),
    };
    let duration_ms = begun.elapsed().as_millis();
    tracing::debug!(target: "sf::api", service = "host", operation, attempt = 1, status, duration_ms, error, again = false);
}

/// The error for a status that came without words.
pub(super) fn bodyless_error(operation: String, status: StatusCode) -> ClientError {
    ClientError::Api {
        operation,
        status: status.as_u16(),
        error: ApiError {
            code: format!("http-{}", status.as_u16()),
            message: format!("the host answered {status}"),
            hint: None,
            names: Default::default(),
        },
    }
}

/// `name` as one segment of a path.
pub(super) fn segment(name: &str) -> Result<String, ClientError> {
    // A dot segment would be resolved away, and the call would reach another resource.
    if matches!(name, "" | "." | "..") {
        return Err(ClientError::BadName(name.to_owned()));
    }
    Ok(percent_encode(name))
}

/// Everything but RFC 3986's unreserved characters, so that the result fits a path and a query alike.
pub(super) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn quote(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let quoted: String = text.chars().filter(|c| !c.is_control()).take(QUOTED_CHARS).collect();
    format!("`{quoted}`")
}
