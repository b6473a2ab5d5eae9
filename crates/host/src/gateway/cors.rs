//! Cross-origin rules: <https://fetch.spec.whatwg.org/#http-cors-protocol>.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use sf_host_api::{CorsSpec, RouteSpec};

/// Rules ready for use.
pub(crate) struct Cors {
    spec: CorsSpec,
    methods: String,
}

impl Cors {
    pub(crate) fn new(spec: CorsSpec, routes: &[RouteSpec]) -> Self {
        let mut methods: Vec<&str> = match spec.methods.is_empty() {
            false => spec.methods.iter().map(String::as_str).collect(),
            true if routes.iter().any(|route| route.method == "ANY") => {
                vec!["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
            }
            true => routes.iter().map(|route| route.method.as_str()).collect(),
        };
        methods.sort_unstable();
        methods.dedup();
        let methods = methods.join(",");
        Self { spec, methods }
    }

    /// Whether the request only asks what it may do: the gateway answers, no function is called.
    pub(crate) fn is_preflight<B>(request: &Request<B>) -> bool {
        let headers = request.headers();
        request.method() == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Whether a page of this origin may connect.
    pub(crate) fn allows(&self, origin: &HeaderValue) -> bool {
        self.allowed(Some(origin)).is_some()
    }

    fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        let origin = origin?;
        let any = self.spec.origins.iter().any(|allowed| allowed == "*");
        // With credentials the wildcard is not allowed in the answer, so the origin itself is named.
        match any {
            true if !self.spec.credentials => Some(HeaderValue::from_static("*")),
            true => Some(origin.clone()),
            false => self
                .spec
                .origins
                .iter()
                .any(|allowed| allowed.as_bytes() == origin.as_bytes())
                .then(|| origin.clone()),
        }
    }

    /// What every answer says.
    pub(crate) fn decorate(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        // A cache must not give one origin's answer to another.
        headers.append(VARY, HeaderValue::from_static("origin"));
        let Some(allowed) = self.allowed(origin) else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.spec.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        set(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &self.spec.expose.join(","));
    }

    /// What the answer to a preflight says besides.
    pub(crate) fn preflight(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        self.decorate(origin, headers);
        if self.allowed(origin).is_none() {
            return;
        }
        set(headers, ACCESS_CONTROL_ALLOW_METHODS, &self.methods);
        set(headers, ACCESS_CONTROL_ALLOW_HEADERS, &self.spec.headers.join(","));
        if let Some(seconds) = self.spec.max_age {
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds));
        }
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value)
        && !value.is_empty()
    {
        headers.insert(name, value);
    }
}
