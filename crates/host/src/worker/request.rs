//! An invocation as the worker protocol's first frame has it, and the rest of its body. A warm call spends a good part of its time here:
//! heads are written from what is there, without copies of it.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{Body, CallError, Invocation, Route};

/// A request body up to this size travels in the request's own frame.
const INLINE: u64 = 256 << 10;

pub(super) struct Parts {
    /// JSON
    pub(super) head: Vec<u8>,
    /// The beginning of the body, or all of it.
    pub(super) first: Bytes,
    pub(super) rest: Option<Body>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Head<'a> {
    Http {
        id: &'a str,
        method: &'a str,
        url: &'a str,
        headers: Headers<'a>,
        params: Params<'a>,
        route: &'a str,
        client: IpAddr,
        #[serde(skip_serializing_if = "Option::is_none")]
        auth: Option<&'a Value>,
        deadline_ms: u64,
        trace: &'a str,
    },
    Event {
        id: &'a str,
        event: &'a Value,
        deadline_ms: u64,
        trace: &'a str,
    },
}

struct Headers<'a>(&'a HeaderMap);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(name, value)| (name.as_str(), Latin1(value))))
    }
}

/// A value as one of the Fetch standard's byte strings: each byte is the code point of the same number.
struct Latin1<'a>(&'a HeaderValue);

impl Serialize for Latin1<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_str() {
            Ok(ascii) => serializer.serialize_str(ascii),
            Err(_) => {
                let text: String = self.0.as_bytes().iter().map(|byte| char::from(*byte)).collect();
                serializer.serialize_str(&text)
            }
        }
    }
}

struct Params<'a>(&'a [(String, String)]);

impl Serialize for Params<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

fn encode(head: &Head<'_>) -> Result<Vec<u8>, CallError> {
    serde_json::to_vec(head).map_err(|error| CallError::Broken(format!("describe the call: {error}")))
}

/// Takes an invocation apart.
pub(super) async fn parts(invocation: Invocation, deadline_ms: u64) -> Result<Parts, CallError> {
    match invocation {
        Invocation::Event { event, data, id, trace } => {
            let head = encode(&Head::Event { id: &id, event: &event, deadline_ms, trace: &trace })?;
            Ok(Parts { head, first: data, rest: None })
        }
        Invocation::Http { request, url, route, auth, id, trace } => {
            let (request, body) = (*request).into_parts();
            let Route { label, params, client } = &route;
            let head = encode(&Head::Http {
                id: &id,
                method: request.method.as_str(),
                url: &url,
                headers: Headers(&request.headers),
                params: Params(params),
                route: label,
                client: *client,
                auth: auth.as_deref(),
                deadline_ms,
                trace: &trace,
            })?;
            let size = http_body::Body::size_hint(&body);
            if size.exact().is_none_or(|size| size > INLINE) {
                return Ok(Parts { head, first: Bytes::new(), rest: Some(body) });
            }
            let collected = body.collect().await;
            let bytes = collected
                .map_err(|error| CallError::BrokenOff(format!("read the request's body: {error}")))?
                .to_bytes();
            Ok(Parts { head, first: bytes, rest: None })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::full;
    use super::*;

    async fn head(invocation: Invocation) -> Value {
        serde_json::from_slice(&parts(invocation, 7).await.unwrap().head).unwrap()
    }

    #[tokio::test]
    async fn heads_are_as_the_protocol_says() {
        let request = http::Request::put("/profiles/7?x=1")
            .header("a", "1")
            .header("a", HeaderValue::from_bytes(b"\xe9\"").unwrap())
            .body(full("body"))
            .unwrap();
        let route = Route {
            label: "PUT /profiles/{id}".into(),
            params: vec![("id".into(), "7".into())],
            client: [127, 0, 0, 1].into(),
        };
        let (url, id, trace) = ("http://a/profiles/7?x=1".to_owned(), "1".to_owned(), "00".to_owned());
        let http = Invocation::Http { request: Box::new(request), url, route, auth: None, id, trace };
        let expected = json!({
            "kind": "http", "id": "1", "method": "PUT", "url": "http://a/profiles/7?x=1",
            "headers": [["a", "1"], ["a", "\u{e9}\""]], "params": { "id": "7" }, "route": "PUT /profiles/{id}",
            "client": "127.0.0.1", "deadline_ms": 7, "trace": "00",
        });
        assert_eq!(head(http).await, expected);

        let (event, data) = (json!({ "type": "sf.queue" }), Bytes::new());
        let event = Invocation::Event { event, data, id: "2".into(), trace: "01".into() };
        let expected = json!({ "kind": "event", "id": "2", "event": { "type": "sf.queue" }, "deadline_ms": 7, "trace": "01" });
        assert_eq!(head(event).await, expected);
    }
}
