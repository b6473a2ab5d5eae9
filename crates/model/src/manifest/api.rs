//! `[api]`

use super::scalar::{HeaderName, HttpsUrl, Name, Origin};
use crate::app::Method;
use crate::decode::{Map, Spanned, section};
use crate::units::Period;

section! {
    /// The project's HTTP API.
    ApiSection {
        /// Which web pages of other origins may call the API. Left out: none.
        cors: CorsSection,
        /// How many requests the API takes in all.
        throttle: ThrottleSection,
        /// Authorizers that check JSON Web Tokens, by the name that a route's `auth` gives.
        auth: Map<Name, AuthSection>,
        /// A domain of one's own. Empty: the provider's address.
        domain: String,
    }
}

section! {
    /// Which web pages of other origins may call the API.
    CorsSection {
        /// Origins such as `https://market.example`, or `*` for any.
        origins: Vec<Spanned<Origin>> = required,
        /// Request headers that pages may send.
        headers: Vec<Spanned<HeaderName>>,
        /// Methods that pages may use. Default: those of the routes.
        methods: Vec<Spanned<Method>>,
        /// Response headers that pages may read.
        expose: Vec<Spanned<HeaderName>>,
        /// Whether pages may send cookies. Not with the origin `*`.
        credentials: bool,
        /// How long a browser may remember the answer: `1h`.
        max_age: Period,
    }
}

section! {
    /// A limit on requests; beyond it they are answered with 429.
    ThrottleSection {
        /// Requests a second in the long run.
        rate: u32 = required,
        /// Requests at once. Default: the rate.
        burst: u32,
    }
}

section! {
    /// An authorizer: a request needs a token of this issuer.
    AuthSection {
        /// The OpenID Connect issuer's URL.
        issuer: HttpsUrl = required,
        /// Audiences, one of which the token must name.
        audience: Vec<Spanned<String>> = required,
    }
}
