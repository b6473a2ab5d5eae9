//! Requests before they are signed, and answers.

use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::service::Operation;

/// What RFC 3986 leaves as it is; AWS signs everything else percent-encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same for a path with its slashes.
const ENCODED_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) operation: Operation,
    pub(crate) method: Method,
    /// Percent-encoded, with `/` before it.
    pub(crate) path: String,
    /// In the order in which they are sent; not encoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
    /// Goes before the service's own place: an endpoint that AWS gave out (`PostToConnection`).
    pub(crate) endpoint: Option<String>,
    /// Whether it may be made again when nobody knows whether it took effect. Not so where that would make a second object.
    pub(crate) repeatable: bool,
}

/// A request's body.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// In memory.
    Bytes(Bytes),
    /// Streamed, and not part of the signature (S3's `UNSIGNED-PAYLOAD`).
    File { path: PathBuf, size: u64 },
}

/// An answer that is no error.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Request {
    /// Without query, headers and body.
    pub(crate) fn new(operation: Operation, method: Method, path: impl Into<String>) -> Self {
        Self {
            operation,
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Body::Bytes(Bytes::new()),
            endpoint: None,
            repeatable: operation.is_repeatable(),
        }
    }

    /// Not to be made again when nobody knows whether it took effect.
    pub(crate) fn once(mut self) -> Self {
        self.repeatable = false;
        self
    }

    /// With a query parameter.
    pub(crate) fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// With a header; the name in lower case.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With a body.
    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Body::Bytes(body.into());
        self
    }

    /// Path and query as they are sent.
    pub(super) fn target(&self) -> String {
        let query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        if query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, query.join("&")) }
    }
}

/// A text as one segment of a path, or as a query's name or value.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// An object's key as a path.
pub(crate) fn encoded_path(text: &str) -> String {
    utf8_percent_encode(text, ENCODED_PATH).to_string()
}

/// Parameters of the query protocol (IAM, STS, SNS): `Tags.member.1.Key`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// With one more.
    pub(crate) fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// With a list of structures: `list("Tags.member", [[("Key", …), ("Value", …)]])`.
    pub(crate) fn list<'a, const N: usize>(
        mut self,
        name: &str,
        items: impl IntoIterator<Item = [(&'a str, String); N]>,
    ) -> Self {
        for (index, item) in items.into_iter().enumerate() {
            for (field, value) in item {
                self.0.push((format!("{name}.{}.{field}", index + 1), value));
            }
        }
        self
    }

    /// With a list of texts: `texts("TagKeys.member", […])`.
    pub(crate) fn texts(mut self, name: &str, items: impl IntoIterator<Item = String>) -> Self {
        for (index, item) in items.into_iter().enumerate() {
            self.0.push((format!("{name}.{}", index + 1), item));
        }
        self
    }

    /// As a form.
    pub(super) fn form(&self, action: &str, version: &str) -> String {
        let first = [("Action", action), ("Version", version)]
            .map(|(name, value)| format!("{name}={}", encoded(value)));
        let rest = self.0.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        first.into_iter().chain(rest).collect::<Vec<_>>().join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Service;

    #[test]
    fn query_parameters_are_encoded() {
        let request = Request::new(Service::Lambda.operation("ListTags"), Method::GET, "/tags")
            .query("a b", "c/d")
            .query("flag", "");
        assert_eq!(request.target(), "/tags?a%20b=c%2Fd&flag=");
    }

    #[test]
    fn lists_of_the_query_protocol_are_numbered() {
        let params = Params::default()
            .with("RoleName", "r")
            .list("Tags.member", [[("Key", "a".to_owned()), ("Value", "b".to_owned())]])
            .texts("TagKeys.member", ["x".to_owned()]);
        assert_eq!(
            params.form("TagRole", "2010-05-08"),
            "Action=TagRole&Version=2010-05-08&RoleName=r&Tags.member.1.Key=a&Tags.member.1.Value=b&TagKeys.member.1=x"
        );
    }
}
