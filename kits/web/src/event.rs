//! A CloudEvent of `docs/data-api.md`, as the request in HTTP binary mode that a `web` program gets.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use http::{Method, Request};
use http_body_util::Full;
use serde_json::Value;

use crate::marks::{ascii, attribute, insert};

pub(crate) const JSON: &str = "application/json";
pub(crate) const BYTES: &str = "application/octet-stream";

/// An event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) kind: &'static str,
    pub(crate) source: String,
    pub(crate) id: String,
    /// RFC 3339.
    pub(crate) time: String,
    pub(crate) content_type: &'static str,
    /// Those that only some types have.
    pub(crate) more: Vec<(&'static str, Value)>,
    pub(crate) data: Bytes,
}

impl Event {
    pub(crate) fn new(kind: &'static str, source: String, id: impl Into<String>, time: String) -> Self {
        Self { kind, source, id: id.into(), time, content_type: JSON, more: Vec::new(), data: Bytes::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    pub(crate) fn data(self, data: impl Into<Bytes>) -> Self {
        Self { data: data.into(), ..self }
    }

    pub(crate) fn of_type(self, content_type: &'static str) -> Self {
        Self { content_type, ..self }
    }

    /// `POST /`: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#31-binary-content-mode>
    pub(crate) fn into_request(self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.data));
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        insert(headers, "host", "127.0.0.1");
        insert(headers, "content-type", self.content_type);
        let texts = [
            ("specversion", "1.0"),
            ("type", self.kind),
            ("source", &self.source),
            ("id", &self.id),
            ("time", &self.time),
        ];
        for (name, text) in texts {
            insert(headers, &format!("ce-{name}"), &attribute(text));
        }
        for (name, value) in &self.more {
            let value = value.as_str().map_or_else(|| ascii(value), attribute);
            insert(headers, &format!("ce-{name}"), &value);
        }
        request
    }
}

/// `2026-01-01T00:00:00Z`, with milliseconds where there are any.
pub(crate) fn rfc3339(milliseconds: i64) -> String {
    let time = DateTime::from_timestamp_millis(milliseconds).unwrap_or_default();
    let has_parts = milliseconds.rem_euclid(1000) != 0;
    time.to_rfc3339_opts(if has_parts { SecondsFormat::Millis } else { SecondsFormat::Secs }, true)
}
