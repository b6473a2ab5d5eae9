//! The service as HTTP sees it: what browsers need for presigned links, what is not served, then `s3s`.

use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, AUTHORIZATION,
    CONTENT_TYPE, HeaderName, RANGE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use s3s::auth::{S3Auth, SecretKey};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::dto::Range;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::validation::NameValidation;
use s3s::{Body, S3Error, S3ErrorCode, S3Result};
use sf_data::Data;

use crate::error::not_here;
use crate::store::Store;
use crate::{Credentials, Names};

/// Lists of parts and of keys to delete are the largest documents that clients send: 10,000 parts are under 4 MB.
const MAX_DOCUMENT: usize = 8 << 20;
/// <https://wicg.github.io/private-network-access/>: a page that was not loaded from this machine asks before it calls it.
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");
const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");

/// Answers requests. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    inner: S3Service,
}

impl Service {
    /// A service for these buckets.
    pub fn new(data: Data, names: impl Names, credentials: &Credentials) -> Self {
        let mut config = S3Config::default();
        config.xml_max_body_size = MAX_DOCUMENT;
        let mut builder = S3ServiceBuilder::new(Store::new(data, Arc::new(names)));
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        builder.set_auth(OneKey {
            access_key: credentials.access_key.clone(),
            secret_key: credentials.secret_key.clone().into(),
        });
        builder.set_validation(AnyName);
        Self { inner: builder.build() }
    }

    /// Answers one request.
    pub async fn answer<B>(&self, mut request: Request<B>) -> Response<Body>
    where
        Body: From<B>,
    {
        let link = is_presigned(request.uri().query().unwrap_or_default());
        if link && request.method() == Method::OPTIONS {
            return preflight(request.headers());
        }
        if link && !has_plain_range(request.headers()) {
            request.headers_mut().remove(RANGE);
        }
        let mut response = match refusal(request.method(), request.headers()) {
            Some(refusal) => error_response(refusal),
            None => match self.inner.call(request.map(Body::from)).await {
                Ok(response) => response,
                Err(_) => error_response(S3ErrorCode::InternalError.into()),
            },
        };
        if link {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
        }
        response
    }
}

/// Whether a query is signed: by version 4, or by version 2, which SDKs still use for links.
fn is_presigned(query: &str) -> bool {
    query.split('&').any(|pair| pair.starts_with("X-Amz-Signature=") || pair.starts_with("Signature="))
}

/// The signature is the permission: a page from anywhere may use a link that it was given.
fn preflight(request: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, PUT, POST, DELETE"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    if let Some(wanted) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    if request.contains_key(REQUEST_PRIVATE_NETWORK) {
        headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
    response
}

/// A range that is not understood is ignored (RFC 9110, section 14.2), and several at once need not be: `s3s` refuses both. In requests that are no links
/// the header may be signed, so it stays.
fn has_plain_range(headers: &HeaderMap) -> bool {
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok());
    range.is_some_and(|range| Range::parse(range).is_ok())
}

/// What `s3s` would serve, but not well enough.
fn refusal(method: &Method, headers: &HeaderMap) -> Option<S3Error> {
    let begins = |name: HeaderName, start: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.and_then(|value| value.get(..start.len())).is_some_and(|have| have.eq_ignore_ascii_case(start))
    };
    if begins(AUTHORIZATION, "AWS ") {
        // It has no bound on when it may be replayed. In links it has: their time of expiry.
        return Some(S3Error::with_message(
            S3ErrorCode::InvalidRequest,
            "the authorization mechanism is not supported: use AWS4-HMAC-SHA256",
        ));
    }
    if method == Method::POST && begins(CONTENT_TYPE, "multipart/form-data") {
        // A form is read into memory before its signature is checked.
        return Some(not_here("uploads by HTML forms are not served: use a presigned PUT"));
    }
    None
}

fn error_response(error: S3Error) -> Response<Body> {
    error.to_http_response().unwrap_or_else(|_| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// The one key pair.
struct OneKey {
    access_key: String,
    secret_key: SecretKey,
}

#[async_trait::async_trait]
impl S3Auth for OneKey {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.access_key {
            return Ok(self.secret_key.clone());
        }
        Err(S3Error::with_message(
            S3ErrorCode::InvalidAccessKeyId,
            "the access key is not this host's: `sf bucket credentials` shows it",
        ))
    }
}

/// Physical names may be longer than AWS lets them be; which there are is known by [`Names`].
struct AnyName;

impl NameValidation for AnyName {
    fn validate_bucket_name(&self, name: &str) -> bool {
        !name.is_empty()
    }
}
