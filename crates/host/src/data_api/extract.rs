//! What is read of a request, with refusals in this API's words.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fault::Fault;
use crate::apps::Shared;

/// Calls of tables, with room for the longest way to write an item of 400 KB.
const MAX_JSON: usize = 4 << 20;

/// The resource's name in the path.
#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

/// Parts of the path, decoded.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Shared>> for Params<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Fault> {
        let Path(params) = Path::from_request_parts(parts, shared)
            .await
            .map_err(|error| Fault::bad_request(format!("read the path: {}", error.body_text())))?;
        Ok(Self(params))
    }
}

/// The query.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Shared>> for Asked<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Fault> {
        let Query(asked) = Query::try_from_uri(&parts.uri)
            .map_err(|error| Fault::bad_request(format!("read the query: {}", error.body_text())))?;
        Ok(Self(asked))
    }
}

/// A body of JSON. What it has too many or too few of is named.
pub(super) struct Call<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Call<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &Arc<Shared>) -> Result<Self, Fault> {
        let bytes = read(request.into_body(), MAX_JSON, "a call").await?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Fault::bad_request(format!("read the body: {error}")))
    }
}

/// A whole body of at most `limit` bytes; `what` it is, for the message.
pub(super) async fn read(body: Body, limit: usize, what: &str) -> Result<Bytes, Fault> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Fault::too_large(format!("{what} has at most {limit} bytes")))
        }
        Err(error) => Err(Fault::bad_request(format!("read the body: {error}"))),
    }
}

/// A header's text.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Fault> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    std::str::from_utf8(value.as_bytes())
        .map(Some)
        .map_err(|_| Fault::bad_request(format!("the header `{name}` is not UTF-8")))
}

/// Whether a body is JSON by its `content-type`.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_known_by_its_type() {
        let is = |kind: &'static str| {
            is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]))
        };
        assert!(is("application/json") && is("Application/JSON; charset=utf-8"));
        assert!(is("application/cloudevents+json"));
        assert!(!is("text/plain") && !is("application/jsonp") && !is_json(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn a_body_over_its_limit_is_told_from_a_broken_one() {
        let fault = read(Body::from("12345"), 4, "a message").await.unwrap_err();
        assert_eq!((fault.code, fault.message.as_str()), ("too-large", "a message has at most 4 bytes"));
        assert_eq!(read(Body::from("1234"), 4, "a message").await.unwrap(), "1234");
        let chunks = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
        assert_eq!(read(Body::from_stream(chunks), 4, "a message").await.unwrap_err().code, "bad-request");
    }
}
