//! A bearer token taken apart and judged: RFC 7515, RFC 7519, RFC 6750.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::Value;
use sf_host_api::AuthorizerSpec;

use super::jwk::{Algorithm, Keys};

/// Longer ones are no tokens.
const MAX_TOKEN: usize = 16 << 10;
/// Clocks may differ by so many seconds.
const LEEWAY: f64 = 60.0;

/// Why a token does not open the door. The texts go to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// There is none.
    Missing,
    /// There are several, or what is there cannot be a token.
    Malformed(&'static str),
    /// It is not valid here.
    Invalid(&'static str),
    /// The issuer's keys are not to be had.
    Unavailable,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// A token that can be read, but whose signature nobody has looked at.
pub(super) struct Unverified<'t> {
    header: Header,
    signed: &'t str,
    payload: &'t str,
    signature: Vec<u8>,
}

/// The token that a request carries: RFC 6750, section 2.1.
pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, Denied> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Denied::Missing)?;
    if values.next().is_some() {
        return Err(Denied::Malformed("there is more than one Authorization header"));
    }
    let text = value.to_str().map_err(|_| Denied::Malformed("the Authorization header is not readable"))?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Denied::Missing),
    }
}

impl<'t> Unverified<'t> {
    pub(super) fn parse(token: &'t str) -> Result<Self, Denied> {
        let bad = Denied::Invalid("the token is no signed JWT");
        if token.len() > MAX_TOKEN {
            return Err(Denied::Invalid("the token is too long"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(bad)?;
        let (header, payload) = signed.split_once('.').ok_or(bad)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| bad)?;
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| bad)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| bad)?;
        if Algorithm::named(&header.alg).is_none() {
            return Err(Denied::Invalid("the token's algorithm is not accepted"));
        }
        // RFC 7515, section 4.1.11: what must be understood, and is not.
        if header.crit.is_some() {
            return Err(Denied::Invalid("the token has critical extensions"));
        }
        Ok(Self { header, signed, payload, signature })
    }

    /// Which key it claims to be signed with.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The claims, if the signature is by one of the keys and the claims are for us and for now (seconds since the Unix epoch).
    pub(super) fn verify(&self, keys: &Keys, spec: &AuthorizerSpec, now: f64) -> Result<Value, Denied> {
        let message = self.signed.as_bytes();
        if !keys.verify(self.key_id(), &self.header.alg, message, &self.signature) {
            return Err(Denied::Invalid("the token's signature is not valid"));
        }
        let payload = URL_SAFE_NO_PAD.decode(self.payload).ok();
        let claims = payload.and_then(|json| serde_json::from_slice::<Value>(&json).ok());
        let claims = claims.filter(Value::is_object).ok_or(Denied::Invalid("the token has no claims"))?;
        check_claims(&claims, spec, now)?;
        Ok(claims)
    }
}

/// `iss` is the issuer to the letter, slash at the end included: so says OpenID Connect Core, section 3.1.3.7.
fn check_claims(claims: &Value, spec: &AuthorizerSpec, now: f64) -> Result<(), Denied> {
    if claims.get("iss").and_then(Value::as_str) != Some(&spec.issuer) {
        return Err(Denied::Invalid("the token is of another issuer"));
    }
    if !spec.audience.is_empty() && !is_for(claims, &spec.audience) {
        return Err(Denied::Invalid("the token is for another audience"));
    }
    match claims.get("exp").map(Value::as_f64) {
        Some(Some(expires)) if now < expires + LEEWAY => {}
        Some(Some(_)) => return Err(Denied::Invalid("the token has expired")),
        _ => return Err(Denied::Invalid("the token does not say when it expires")),
    }
    match claims.get("nbf").map(Value::as_f64) {
        None => Ok(()),
        Some(Some(begins)) if begins <= now + LEEWAY => Ok(()),
        Some(_) => Err(Denied::Invalid("the token is not valid yet")),
    }
}

/// Whether one of the audiences is in `aud`, or, for tokens without that (Amazon Cognito's access tokens), in `client_id`: as API Gateway
/// does it.
fn is_for(claims: &Value, audience: &[String]) -> bool {
    let accepts =
        |value: &Value| value.as_str().is_some_and(|text| audience.iter().any(|known| known == text));
    match (claims.get("aud"), claims.get("client_id")) {
        (Some(Value::Array(several)), _) => several.iter().any(accepts),
        (Some(one), _) => accepts(one),
        (None, Some(client)) => accepts(client),
        (None, None) => false,
    }
}
