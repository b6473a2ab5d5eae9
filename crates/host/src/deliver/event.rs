//! Messages as the CloudEvents of `docs/data-api.md`, and what the answer to one says of them.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sf_data::{Body, Delivery, Message};
use sf_host_api::Names;

use crate::events::{self, BYTES, moment, rfc3339};

/// The first repetition comes after this; each further one after twice as long.
const FIRST_RETRY: Duration = Duration::from_millis(200);
/// But not after more than this.
const LAST_RETRY: Duration = Duration::from_secs(60);

/// When a message may be delivered again after so many deliveries.
pub(super) fn retry_after(deliveries: u32) -> Duration {
    let factor = 1 << deliveries.saturating_sub(1).min(16);
    (FIRST_RETRY * factor).min(LAST_RETRY)
}

/// A batch of a queue's messages.
pub(super) fn batch(source: &str, id: &str, now: DateTime<Utc>, deliveries: &[Delivery]) -> (Value, Bytes) {
    let mut data = br#"{"messages":["#.to_vec();
    for (index, delivery) in deliveries.iter().enumerate() {
        let message = &delivery.message;
        if index > 0 {
            data.push(b',');
        }
        // A body of JSON is passed on as it was sent: a parser of ours would round its numbers.
        let head = json!({ "attempt": message.attempts, "id": message.id, "sent": rfc3339(moment(message.sent_ms)) });
        let head = head.to_string();
        data.extend_from_slice(head.strip_suffix('}').unwrap_or(&head).as_bytes());
        data.extend_from_slice(br#","body":"#);
        data.extend_from_slice(&as_json(&message.body));
        data.push(b'}');
    }
    data.extend_from_slice(b"]}");
    (events::event("sf.queue", source, id, now), data.into())
}

/// What a topic, a bucket or a table has to say, in the words of who is told.
pub(super) fn single(source: &str, message: &Message, names: &Names) -> (Value, Bytes) {
    let mut event = events::event(&message.event, source, &message.id, moment(message.sent_ms));
    if let Some(subject) = &message.subject {
        event["subject"] = subject.as_str().into();
    }
    if message.event == "sf.topic" {
        event["attributes"] = json!(message.attributes);
    }
    match &message.body {
        Body::Json(json) if message.event.starts_with("sf.bucket.") && !names.is_empty() => {
            (event, naming_its_bucket(json, names))
        }
        Body::Json(json) => (event, json.clone()),
        Body::Bytes(bytes) => {
            event["datacontenttype"] = BYTES.into();
            (event, bytes.clone())
        }
    }
}

/// What happened to an object, with the bucket's name that the code knows.
fn naming_its_bucket(change: &Bytes, names: &Names) -> Bytes {
    let Ok(mut told) = serde_json::from_slice::<Value>(change) else { return change.clone() };
    if let Some(bucket) = told.get_mut("bucket") {
        let called = names.called("bucket", bucket.as_str().unwrap_or_default()).to_owned();
        *bucket = called.into();
    }
    told.to_string().into()
}

/// Bytes are `{"$bytes": "base64"}`.
pub(crate) fn as_json(body: &Body) -> Bytes {
    match body {
        Body::Json(json) => json.clone(),
        Body::Bytes(bytes) => json!({ "$bytes": BASE64_STANDARD.encode(bytes) }).to_string().into(),
    }
}

/// The ids that a queue's handler wants again: `{"failed": ["id", …]}`. Anything else means that all is done.
pub(super) fn wanted_again(answer: &[u8], deliveries: &[Delivery]) -> Result<BTreeSet<String>, String> {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let Some(failed) = answer.get("failed") else { return Ok(BTreeSet::new()) };
    let ids = failed.as_array().and_then(|ids| ids.iter().map(|id| id.as_str().map(str::to_owned)).collect());
    let ids: BTreeSet<String> = ids.ok_or("the answer's `failed` is no list of ids")?;
    let known = |id: &String| deliveries.iter().any(|delivery| delivery.message.id == *id);
    match ids.iter().find(|id| !known(id)) {
        // A message that failed under a wrong name must not be taken for handled.
        Some(id) => Err(format!("the answer's `failed` has `{id}`, which is no message of the batch")),
        None => Ok(ids),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, body: Body) -> Message {
        Message {
            id: id.into(),
            event: "sf.queue".into(),
            subject: None,
            body,
            attributes: [("kind".to_owned(), "new".to_owned())].into(),
            attempts: 2,
            sent_ms: 1_767_225_600_000,
            last_error: None,
        }
    }

    fn deliveries() -> Vec<Delivery> {
        let json = Body::Json(Bytes::from_static(br#"{"n": 12345678901234567890123}"#));
        let bytes = Body::Bytes(Bytes::from_static(&[0xff, 0]));
        [message("a", json), message("b", bytes)]
            .into_iter()
            .zip(1..)
            .map(|(message, receipt)| Delivery { receipt, message })
            .collect()
    }

    #[test]
    fn a_batch_has_each_body_as_it_was_sent() {
        let (event, data) = batch("/queues/jobs", "1", moment(0), &deliveries());
        let text = String::from_utf8(data.to_vec()).unwrap();
        assert_eq!(
            text,
            r#"{"messages":[{"attempt":2,"id":"a","sent":"2026-01-01T00:00:00Z","body":{"n": 12345678901234567890123}},{"attempt":2,"id":"b","sent":"2026-01-01T00:00:00Z","body":{"$bytes":"/wA="}}]}"#
        );
        assert_eq!(event["type"], "sf.queue");
        assert_eq!(event["source"], "/queues/jobs");
        assert!(event.get("attributes").is_none());
    }

    #[test]
    fn a_topics_bytes_are_raw_and_its_attributes_are_there() {
        let topic =
            Message { event: "sf.topic".into(), ..message("t", Body::Bytes(Bytes::from_static(&[1]))) };
        let (event, data) = single("/topics/projects", &topic, &Names::default());
        assert_eq!((event["datacontenttype"].as_str(), data.as_ref()), (Some(BYTES), [1].as_slice()));
        assert_eq!(event["attributes"], json!({ "kind": "new" }));
        let object = Message {
            event: "sf.bucket.removed".into(),
            subject: Some("raw/7.png".into()),
            ..message("o", Body::Json(Bytes::from_static(b"{}")))
        };
        let (event, _) = single("/buckets/uploads", &object, &Names::default());
        assert_eq!((&event["subject"], &event["id"]), (&json!("raw/7.png"), &json!("o")));
        assert!(event.get("attributes").is_none());
    }

    #[test]
    fn a_bucket_is_called_as_the_code_calls_it() {
        let put = Bytes::from_static(br#"{"bucket":"papers","key":"a","size":1}"#);
        let put = Message { event: "sf.bucket.created".into(), ..message("o", Body::Json(put)) };
        let names = Names([("bucket".into(), [("files".into(), "papers".into())].into())].into());
        let (_, told) = single("/buckets/files", &put, &names);
        assert_eq!(told, r#"{"bucket":"files","key":"a","size":1}"#);
        let (_, told) = single("/buckets/papers", &put, &Names::default());
        assert_eq!(told, r#"{"bucket":"papers","key":"a","size":1}"#);
    }

    #[test]
    fn only_what_failed_is_wanted_again() {
        let again = |answer: &str| wanted_again(answer.as_bytes(), &deliveries());
        assert_eq!(again(r#"{"failed": ["b"]}"#), Ok(["b".to_owned()].into()));
        for all_done in ["", "null", "[]", r#"{"done": true}"#, r#"{"failed": []}"#, "not json"] {
            assert_eq!(again(all_done), Ok(BTreeSet::new()), "{all_done}");
        }
        for unclear in [r#"{"failed": ["c"]}"#, r#"{"failed": true}"#, r#"{"failed": [1]}"#] {
            assert!(again(unclear).is_err(), "{unclear}");
        }
    }

    #[test]
    fn the_wait_doubles_up_to_a_minute() {
        let waits: Vec<u128> = (1..=3).map(|attempt| retry_after(attempt).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800]);
        assert_eq!(retry_after(9).as_millis(), 51_200);
        assert_eq!((retry_after(10), retry_after(u32::MAX)), (LAST_RETRY, LAST_RETRY));
    }
}
