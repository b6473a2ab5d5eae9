//! `[api]`

use std::collections::BTreeMap;
use std::time::Duration;

use crate::diagnostic::Span;

/// `[api]`
#[derive(Clone, Debug, Default)]
pub struct Api {
    /// Cross-origin rules.
    pub cors: Option<Cors>,
    /// Requests a second over all routes.
    pub throttle: Option<Throttle>,
    /// Named authorizers.
    pub auth: BTreeMap<String, JwtAuth>,
    /// A domain of one's own, and where it is said.
    pub domain: Option<(String, Span)>,
}

/// `cors`
#[derive(Clone, Debug)]
pub struct Cors {
    /// Allowed origins; `*` for any.
    pub origins: Vec<String>,
    /// Allowed request headers, lower-case.
    pub headers: Vec<String>,
    /// Allowed methods; empty for those of the routes.
    pub methods: Vec<String>,
    /// Response headers that scripts may read.
    pub expose: Vec<String>,
    /// Whether cookies may be sent.
    pub credentials: bool,
    /// How long a browser may remember the answer.
    pub max_age: Option<Duration>,
    /// Where.
    pub span: Span,
}

/// `throttle`
#[derive(Clone, Debug)]
pub struct Throttle {
    /// Requests a second.
    pub rate: u32,
    /// Requests at once.
    pub burst: u32,
    /// Where.
    pub span: Span,
}

/// `auth.NAME`
#[derive(Clone, Debug)]
pub struct JwtAuth {
    /// The OIDC issuer's URL.
    pub issuer: String,
    /// Accepted audiences.
    pub audience: Vec<String>,
    /// Where.
    pub span: Span,
}
