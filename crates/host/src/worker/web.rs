//! A worker that is any program serving HTTP on `$PORT`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sf_host_api::FunctionSpec;

use super::pool::FunctionContext;
use super::process::Process;
use super::runtime::Program;
use super::{Body, CallError, Invocation};
use crate::ports::Promised;

pub(super) struct WebWorker {
    client: Client<HttpConnector, Body>,
    pub(super) process: Process,
    /// Given back after the process has ended.
    port: Promised,
}

impl WebWorker {
    /// Starts the program and waits until it accepts connections.
    pub(super) async fn start(
        context: &FunctionContext,
        spec: &FunctionSpec,
        program: &Program,
        folder: &Path,
    ) -> Result<Self, CallError> {
        let failed =
            |error: std::io::Error| CallError::start("start-failed", format!("find a port: {error}"));
        let port = crate::ports::free(Ipv4Addr::LOCALHOST.into()).map_err(failed)?;
        let more = BTreeMap::from([("PORT", port.port().to_string()), ("HOST", "127.0.0.1".to_owned())]);
        let process = Process::start(context, spec, program, folder, more)?;
        let accepts = async {
            // A program cannot say when it listens: ask.
            while tokio::net::TcpStream::connect(("127.0.0.1", port.port())).await.is_err() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::select! {
            () = accepts => {}
            status = process.ended() => {
                let message = format!("the function's process ended before it listened on $PORT ({status}); see its log");
                return Err(CallError::start("crashed-at-start", message));
            }
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { port, client, process })
    }

    /// Forwards a request, or an event as a CloudEvent in HTTP binary mode.
    pub(super) async fn call(
        &self,
        invocation: Invocation,
        deadline_ms: u64,
    ) -> Result<http::Response<Body>, CallError> {
        let mut request = match invocation {
            Invocation::Http { request, id, trace, route, auth, .. } => {
                let mut request = *request;
                mark(request.headers_mut(), &id, &trace, deadline_ms);
                for (name, value) in &route.params {
                    insert(request.headers_mut(), &format!("x-sf-param-{name}"), &percent(value));
                }
                if let Some(claims) = auth {
                    let text = URL_SAFE_NO_PAD.encode(claims.to_string());
                    insert(request.headers_mut(), "x-sf-auth", &text);
                }
                request
            }
            Invocation::Event { event, data, id, trace } => {
                let mut request = http::Request::new(Full::new(data).map_err(|never| match never {}).boxed());
                *request.method_mut() = http::Method::POST;
                mark(request.headers_mut(), &id, &trace, deadline_ms);
                // https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#31-binary-content-mode
                for (name, value) in event.as_object().into_iter().flatten() {
                    match (name.as_str(), value) {
                        ("datacontenttype", serde_json::Value::String(kind)) => {
                            insert(request.headers_mut(), "content-type", kind);
                        }
                        (name, serde_json::Value::String(text)) => {
                            insert(request.headers_mut(), &format!("ce-{name}"), &attribute(text));
                        }
                        (name, json) => insert(request.headers_mut(), &format!("ce-{name}"), &ascii(json)),
                    }
                }
                request
            }
        };
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = format!("http://127.0.0.1:{}{path}", self.port.port()).parse();
        *request.uri_mut() =
            uri.map_err(|error| CallError::Broken(format!("forward the request: {error}")))?;
        *request.version_mut() = http::Version::HTTP_11;
        let answered = self.client.request(request).await;
        let response = answered.map_err(|error| {
            let message = format!("the function's server did not answer: {error}");
            match (self.process.has_ended(), is_own_body(&error)) {
                (true, _) => CallError::Crashed,
                (false, true) => CallError::BrokenOff(message),
                (false, false) => CallError::Broken(message),
            }
        })?;
        Ok(response.map(|body| body.map_err(Into::into).boxed()))
    }
}

/// Whether it is the request's body that failed.
fn is_own_body(error: &hyper_util::client::legacy::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<hyper::Error>());
    cause.is_some_and(hyper::Error::is_user)
}

fn mark(headers: &mut http::HeaderMap, id: &str, trace: &str, deadline_ms: u64) {
    // What a client sends under these names is not ours. CGI and what comes after it (WSGI, Rack) does not tell `_` from `-`.
    let is_ours = |name: &str| name.get(..5).is_some_and(|start| start.replace('_', "-") == "x-sf-");
    let forged: Vec<_> = headers.keys().filter(|name| is_ours(name.as_str())).cloned().collect();
    for name in forged {
        headers.remove(name);
    }
    insert(headers, "x-sf-invocation", id);
    insert(headers, "x-sf-deadline-ms", &deadline_ms.to_string());
    insert(headers, "traceparent", trace);
}

fn insert(headers: &mut http::HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) =
        (http::HeaderName::from_bytes(name.as_bytes()), http::HeaderValue::from_bytes(value.as_bytes()))
    {
        headers.insert(name, value);
    }
}

/// Header values cannot hold every byte that a decoded parameter can.
fn percent(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    value
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// An event's attribute as a header's value: section 3.1.3.2 of the binding.
fn attribute(text: &str) -> String {
    let plain = |byte: u8| matches!(byte, 0x21..=0x7e) && !b"\"%".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// JSON that a header can hold as it is.
fn ascii(json: &serde_json::Value) -> String {
    let mut text = String::new();
    for unit in json.to_string().encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() && !byte.is_ascii_control() => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\u{unit:04x}")),
        }
    }
    text
}

/// A body from bytes.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_encoded_as_the_binding_says() {
        // The specification's own example.
        assert_eq!(attribute("Euro \u{20ac} \u{1f600}"), "Euro%20%E2%82%AC%20%F0%9F%98%80");
        assert_eq!(attribute("a\"b%/{}"), "a%22b%25/{}");
    }

    #[test]
    fn json_in_a_header_is_json_still() {
        let json = serde_json::json!({ "kind": "n\u{e9}e \u{1f600}\u{7f}" });
        let text = ascii(&json);
        assert!(text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), json);
    }
}
