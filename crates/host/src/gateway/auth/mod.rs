//! JWT authorizers: who may call a route that has one. What holds is OpenID Connect's and RFC 6750's, with API Gateway's habits where
//! those leave a choice, so that an app behaves the same there.

mod issuer;
mod jwk;
mod token;

use std::sync::Arc;
use std::time::Duration;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use sf_host_api::AuthorizerSpec;

use super::problem::Problem;
use issuer::Issuer;
pub(crate) use token::Denied;
use token::Unverified;

/// One authorizer of a release.
pub(crate) struct Authorizer {
    pub(crate) spec: AuthorizerSpec,
    issuer: Arc<Issuer>,
}

impl Authorizer {
    /// Takes over the keys of another one of the same issuer.
    pub(crate) fn new<'a>(spec: AuthorizerSpec, others: impl IntoIterator<Item = &'a Arc<Self>>) -> Self {
        let known = others.into_iter().find(|other| other.spec.issuer == spec.issuer);
        let issuer = known.map_or_else(|| Arc::new(Issuer::new(&spec.issuer)), |other| other.issuer.clone());
        Self { spec, issuer }
    }

    /// The verified claims of a request's token.
    pub(crate) async fn authorize(&self, headers: &HeaderMap) -> Result<Arc<Value>, Denied> {
        let token = Unverified::parse(token::bearer(headers)?)?;
        let keys = self.issuer.keys(token.key_id()).await.ok_or(Denied::Unavailable)?;
        let now = Duration::from_millis(crate::clock::now_ms()).as_secs_f64();
        token.verify(&keys, &self.spec, now).map(Arc::new)
    }
}

impl Denied {
    /// What the client learns: RFC 6750, section 3. Without a token it is told no error, for it made none.
    pub(crate) fn problem(self) -> Problem {
        let (error, message) = match self {
            Self::Unavailable => {
                let message = "the issuer's keys are not to be had now";
                return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "authorizer-unavailable", message)
                    .retry_after(Duration::from_secs(5));
            }
            Self::Missing => ("", "this needs a bearer token"),
            Self::Malformed(message) => ("invalid_request", message),
            Self::Invalid(message) => ("invalid_token", message),
        };
        let challenge = match error {
            "" => "Bearer".to_owned(),
            error => format!("Bearer error=\"{error}\", error_description=\"{message}\""),
        };
        let status = match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNAUTHORIZED,
        };
        let problem = Problem::new(status, "unauthorized", message);
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => problem.header(WWW_AUTHENTICATE, challenge),
            Err(_) => problem,
        }
    }
}

#[cfg(test)]
mod tests;
