//! Messages as people write them, and as SQS and SNS carry them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use sf_plan::Json;
use sf_provider::{Body, Message};

use crate::api::sqs::{Attributes, Received};

/// The attribute that tells that a message is base64 of bytes, as the kits write it.
pub(super) const ENCODING: &str = "sf-encoding";
pub(super) const BASE64_ENCODING: &str = "base64";

/// A message's text, and whether that is base64.
pub(super) fn written(body: Body) -> (String, bool) {
    match body {
        Body::Json(json) => (json.to_string(), false),
        Body::Bytes(bytes) => {
            let text = BASE64.encode(bytes);
            // An empty text is refused; a space is no base64 and means nothing.
            (if text.is_empty() { " ".to_owned() } else { text }, true)
        }
    }
}

/// What a message's text says: JSON as it is, bytes as `{"$bytes": …}`, and what others wrote as a text.
fn read(text: &str, encoding: Option<&str>) -> Json {
    if encoding == Some(BASE64_ENCODING) {
        return json!({ "$bytes": text.trim() });
    }
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// A message in a queue or its dead letters.
pub(super) fn of_queue(received: &Received) -> Message {
    let text = |name: &str| {
        let attribute = received.message_attributes.get(name);
        attribute.and_then(|attribute| attribute.string_value.as_deref())
    };
    Message {
        id: received.message_id.clone(),
        body: read(&received.body, text(ENCODING)),
        attributes: others(&received.message_attributes),
        attempts: number(received, "ApproximateReceiveCount"),
        sent_ms: number(received, "SentTimestamp"),
        last_error: None,
    }
}

/// What Lambda wrote down of an event that a function could not handle:
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
pub(super) fn of_failures(received: &Received) -> Message {
    let mut message = of_queue(received);
    let Ok(record) = serde_json::from_str::<Json>(&received.body) else { return message };
    let context = &record["requestContext"];
    if let Some(attempts) = context["approximateInvokeCount"].as_u64() {
        message.attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
    }
    let error = &record["responsePayload"]["errorMessage"];
    message.last_error = error.as_str().or_else(|| context["condition"].as_str()).map(str::to_owned);
    if let Some(payload) = payload(&record) {
        message.body = payload.clone();
        of_topic(payload, &mut message);
    }
    message
}

/// The event itself; `None` for changes of a table, of which Lambda only says where in the stream they were.
pub(super) fn payload(record: &Json) -> Option<&Json> {
    record.get("requestPayload").filter(|payload| !payload.is_null())
}

/// A topic's message is what was published, and not the event that it came in.
fn of_topic(event: &Json, message: &mut Message) {
    let sns = &event["Records"][0]["Sns"];
    let Some(text) = sns["Message"].as_str() else { return };
    let given = sns["MessageAttributes"].as_object().into_iter().flatten();
    let value = |attribute: &Json| attribute["Value"].as_str().unwrap_or_default().to_owned();
    message.attributes = given.map(|(name, attribute)| (name.clone(), value(attribute))).collect();
    let encoding = message.attributes.remove(ENCODING);
    message.body = read(text, encoding.as_deref());
    if let Some(id) = sns["MessageId"].as_str() {
        message.id = id.to_owned();
    }
}

fn others(attributes: &Attributes) -> std::collections::BTreeMap<String, String> {
    let others = attributes.iter().filter(|(name, _)| *name != ENCODING);
    others
        .map(|(name, attribute)| (name.clone(), attribute.string_value.clone().unwrap_or_default()))
        .collect()
}

fn number<N: std::str::FromStr + Default>(received: &Received, name: &str) -> N {
    received.attributes.get(name).and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(body: &str) -> Received {
        serde_json::from_value(json!({
            "MessageId": "m", "ReceiptHandle": "r", "Body": body,
            "Attributes": { "SentTimestamp": "5", "ApproximateReceiveCount": "2" },
        }))
        .unwrap()
    }

    #[test]
    fn bytes_are_told_from_json() {
        let (text, is_base64) = written(Body::Bytes(vec![0, 255]));
        assert!(is_base64);
        assert_eq!(read(&text, Some("base64")), json!({ "$bytes": "AP8=" }));
        let (text, _) = written(Body::Bytes(Vec::new()));
        assert_eq!(read(&text, Some("base64")), json!({ "$bytes": "" }));
        assert_eq!(read("{\"a\":1}", None), json!({ "a": 1 }));
        assert_eq!(read("what?", None), json!("what?"));
    }

    #[test]
    fn a_topics_message_that_failed_is_what_was_published() {
        let record = json!({
            "requestContext": { "condition": "RetriesExhausted", "approximateInvokeCount": 3 },
            "requestPayload": { "Records": [{ "Sns": {
                "MessageId": "s", "Message": "{\"n\":1}",
                "MessageAttributes": { "kind": { "Type": "String", "Value": "new" } },
            } }] },
            "responsePayload": { "errorMessage": "no" },
        });
        let message = of_failures(&received(&record.to_string()));
        assert_eq!((message.id.as_str(), message.attempts, message.sent_ms), ("s", 3, 5));
        assert_eq!((message.body, message.last_error), (json!({ "n": 1 }), Some("no".to_owned())));
        assert_eq!(message.attributes["kind"], "new");
    }
}
