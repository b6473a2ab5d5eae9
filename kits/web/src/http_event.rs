//! HTTP as API Gateway and function URLs give it to Lambda, payload format 2.0, as a plain request; and the answer back.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Failure;
use crate::marks::{self, insert};

/// What concerns one connection only; the length is that of what is sent.
const NOT_FORWARDED: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpEvent {
    #[serde(default)]
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    path_parameters: Option<BTreeMap<String, String>>,
    request_context: RequestContext,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    http: Http,
    #[serde(default)]
    stage: String,
    #[serde(default)]
    domain_name: String,
    #[serde(default)]
    authorizer: Option<Authorizer>,
}

#[derive(Debug, Deserialize)]
struct Http {
    method: String,
}

#[derive(Debug, Deserialize)]
struct Authorizer {
    #[serde(default)]
    jwt: Option<Jwt>,
}

#[derive(Debug, Deserialize)]
struct Jwt {
    claims: Value,
}

impl HttpEvent {
    /// The client's own `traceparent`.
    pub(crate) fn traceparent(&self) -> Option<&str> {
        self.header("traceparent")
    }

    fn header(&self, wanted: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.as_str())
    }

    /// The request, with what the embedded host adds besides its marks: the route's parameters and the verified claims.
    pub(crate) fn into_request(self) -> Result<Request<Full<Bytes>>, Failure> {
        let unfit = |error: &dyn std::fmt::Display| Failure::Event(error.to_string());
        let body = match &self.body {
            None => Bytes::new(),
            Some(text) if self.is_base64_encoded => {
                BASE64_STANDARD.decode(text).map_err(|error| unfit(&error))?.into()
            }
            Some(text) => Bytes::copy_from_slice(text.as_bytes()),
        };
        let path = without_stage(&self.raw_path, &self.request_context.stage);
        let mut target = utf8_percent_encode(path, UNFIT_IN_PATH).to_string();
        if !self.raw_query_string.is_empty() {
            target.push('?');
            target.extend(utf8_percent_encode(&self.raw_query_string, UNFIT));
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() =
            Method::from_bytes(self.request_context.http.method.as_bytes()).map_err(|error| unfit(&error))?;
        *request.uri_mut() = target.parse().map_err(|error| unfit(&error))?;
        let headers = request.headers_mut();
        for (name, value) in &self.headers {
            if !NOT_FORWARDED.contains(&name.to_ascii_lowercase().as_str()) && !marks::is_ours(name) {
                insert(headers, name, value);
            }
        }
        if !self.cookies.is_empty() {
            insert(headers, "cookie", &self.cookies.join("; "));
        }
        if !headers.contains_key(HOST) {
            insert(headers, "host", &self.request_context.domain_name);
        }
        for (name, value) in self.path_parameters.iter().flatten() {
            insert(headers, &format!("x-sf-param-{name}"), &marks::percent(value));
        }
        if let Some(claims) = self.claims() {
            insert(headers, "x-sf-auth", &BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
        }
        Ok(request)
    }

    /// The gateway has verified the token, but gives its claims as texts (`[a b]` for a list): the token itself has them as its issuer made them.
    fn claims(&self) -> Option<Value> {
        let texts = &self.request_context.authorizer.as_ref()?.jwt.as_ref()?.claims;
        let whole = self.header("authorization").and_then(|header| {
            let payload = header.rsplit(' ').next()?.split('.').nth(1)?;
            let json = BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
            serde_json::from_slice::<Value>(&json).ok().filter(Value::is_object)
        });
        Some(whole.unwrap_or_else(|| texts.clone()))
    }
}

/// A stage that has a name stands before the path, unless the request came through a domain of its own.
fn without_stage<'p>(path: &'p str, stage: &str) -> &'p str {
    let rest = match path.strip_prefix('/').and_then(|path| path.strip_prefix(stage)) {
        Some(rest) if !matches!(stage, "" | "$default") && (rest.is_empty() || rest.starts_with('/')) => rest,
        _ => path,
    };
    if rest.is_empty() { "/" } else { rest }
}

/// What can be in no target of a request. HTTP APIs decode the path (all but `%25`), function URLs leave it as it came: what is encoded
/// stays, what can only have been decoded is encoded again.
const UNFIT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
const UNFIT_IN_PATH: &AsciiSet = &UNFIT.add(b'?');

/// The answer as Lambda wants it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpAnswer {
    status_code: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    body: String,
    is_base64_encoded: bool,
}

impl HttpAnswer {
    pub(crate) fn of(response: Response<Bytes>) -> Self {
        let (head, body) = response.into_parts();
        let (body, is_base64_encoded) = written(body, &head.headers);
        let cookies = head.headers.get_all(SET_COOKIE).iter().map(text).collect();
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &head.headers {
            if name == SET_COOKIE || NOT_FORWARDED.contains(&name.as_str()) {
                continue;
            }
            let value = text(value);
            headers
                .entry(name.as_str().to_owned())
                .and_modify(|joined| {
                    joined.push_str(", ");
                    joined.push_str(&value);
                })
                .or_insert(value);
        }
        Self { status_code: head.status.as_u16(), headers, cookies, body, is_base64_encoded }
    }

    /// What a WebSocket's client is answered while it connects, or an event of one that is connected.
    pub(crate) fn bare(status: StatusCode, headers: BTreeMap<String, String>) -> Self {
        let (cookies, body) = Default::default();
        Self { status_code: status.as_u16(), headers, cookies, body, is_base64_encoded: false }
    }
}

/// The body as text, if it is some, else in base64.
fn written(body: Bytes, headers: &HeaderMap) -> (String, bool) {
    let kind = headers.get(CONTENT_TYPE).map(text).unwrap_or_default();
    if body.is_empty() || is_textual(&kind) {
        match String::from_utf8(body.into()) {
            Ok(text) => return (text, false),
            // In another encoding, or compressed.
            Err(error) => return (BASE64_STANDARD.encode(error.as_bytes()), true),
        }
    }
    (BASE64_STANDARD.encode(body), true)
}

fn is_textual(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let last = essence.rsplit(['/', '+']).next().unwrap_or_default();
    essence.starts_with("text/") || matches!(last, "json" | "xml" | "javascript" | "x-www-form-urlencoded")
}

/// Header values hold bytes, JSON holds text: one that is not UTF-8 is taken for Latin-1.
fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests;
