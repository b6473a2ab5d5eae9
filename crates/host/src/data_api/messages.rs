//! Queues and topics.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use sf_data::Body;

use super::Host;
use super::caller::{Access, Caller};
use super::extract::{Named, Params, is_json, read, text};
use super::fault::Fault;

/// Bytes of a message.
const MAX_MESSAGE: usize = 256 << 10;
/// Seconds that a message may be delayed by.
const MAX_DELAY: u64 = 900;
/// Attributes of a topic's message.
const MAX_ATTRIBUTES: usize = 10;

pub(super) async fn send(
    State(shared): Host,
    caller: Caller,
    Params(Named { name }): Params<Named>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Json<Value>, Fault> {
    let name = caller.may(Access::Write, "queue", name)?;
    let delay = delay(&headers)?;
    let id = shared.data.send(&caller.app, &name, message(&headers, body).await?, delay).await?;
    Ok(Json(json!({ "id": id })))
}

pub(super) async fn publish(
    State(shared): Host,
    caller: Caller,
    Params(Named { name }): Params<Named>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Json<Value>, Fault> {
    let name = caller.may(Access::Write, "topic", name)?;
    let attributes = attributes(&headers)?;
    let id = shared.data.publish(&caller.app, &name, message(&headers, body).await?, attributes).await?;
    Ok(Json(json!({ "id": id })))
}

async fn message(headers: &HeaderMap, body: axum::body::Body) -> Result<Body, Fault> {
    let bytes = read(body, MAX_MESSAGE, "a message").await?;
    if !is_json(headers) {
        return Ok(Body::Bytes(bytes));
    }
    serde_json::from_slice::<IgnoredAny>(&bytes)
        .map_err(|error| Fault::bad_request(format!("the message is not JSON, as its type says: {error}")))?;
    Ok(Body::Json(bytes))
}

fn delay(headers: &HeaderMap) -> Result<Duration, Fault> {
    let Some(given) = text(headers, "x-sf-delay")? else { return Ok(Duration::ZERO) };
    let seconds = given.trim().parse::<u64>().ok().filter(|seconds| *seconds <= MAX_DELAY);
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| Fault::bad_request(format!("`x-sf-delay` is 0 to {MAX_DELAY} seconds")))
}

fn attributes(headers: &HeaderMap) -> Result<BTreeMap<String, String>, Fault> {
    let Some(given) = text(headers, "x-sf-attributes")? else { return Ok(BTreeMap::new()) };
    let attributes: BTreeMap<String, String> = serde_json::from_str(given)
        .map_err(|error| Fault::bad_request(format!("`x-sf-attributes` is no object of texts: {error}")))?;
    match attributes.len() <= MAX_ATTRIBUTES {
        true => Ok(attributes),
        false => {
            Err(Fault::bad_request(format!("`x-sf-attributes` has at most {MAX_ATTRIBUTES} attributes")))
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        headers
    }

    #[test]
    fn delays_are_whole_seconds_up_to_a_quarter_of_an_hour() {
        let given = |value: &str| delay(&headers("x-sf-delay", value));
        assert_eq!(given("900").unwrap(), Duration::from_secs(900));
        assert_eq!(delay(&HeaderMap::new()).unwrap(), Duration::ZERO);
        for wrong in ["901", "-1", "1.5", "soon", ""] {
            assert_eq!(given(wrong).unwrap_err().code, "bad-request", "{wrong}");
        }
    }

    #[test]
    fn attributes_are_texts_and_few() {
        let given = |value: &str| attributes(&headers("x-sf-attributes", value));
        assert_eq!(given(r#"{"kind": "née"}"#).unwrap(), [("kind".to_owned(), "née".to_owned())].into());
        let many: BTreeMap<String, String> = (0..11).map(|n| (n.to_string(), String::new())).collect();
        let many = serde_json::to_string(&many).unwrap();
        for wrong in [r#"{"kind": 1}"#, "[]", "kind=new", &many] {
            assert_eq!(given(wrong).unwrap_err().code, "bad-request", "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_message_is_what_its_type_says() {
        let json = headers("content-type", "application/json");
        let body = message(&json, "{\"a\":1}".into()).await.unwrap();
        assert_eq!(body, Body::Json("{\"a\":1}".into()));
        assert_eq!(message(&json, "{".into()).await.unwrap_err().code, "bad-request");
        assert_eq!(message(&HeaderMap::new(), "{".into()).await.unwrap(), Body::Bytes("{".into()));
        let large = vec![0; MAX_MESSAGE + 1];
        assert_eq!(message(&HeaderMap::new(), large.into()).await.unwrap_err().code, "too-large");
    }
}
