use serde::de::DeserializeOwned;

use super::*;

/// A golden file of the kits, which hold AWS's shapes: the record, or the event itself.
struct Golden(Value);

impl Golden {
    fn read(name: &str) -> Self {
        let path = format!("{}/../conformance/lambda/{name}.json", env!("CARGO_MANIFEST_DIR"));
        Self(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    fn records<T: DeserializeOwned>(&self) -> Vec<T> {
        serde_json::from_value(self.0["event"]["Records"].clone()).unwrap()
    }

    fn record<T: DeserializeOwned>(&self) -> T {
        self.records().remove(0)
    }

    fn whole<T: DeserializeOwned>(&self) -> T {
        serde_json::from_value(self.0["event"].clone()).unwrap()
    }

    /// Compares an event with the one that the embedded host made AWS's of; `but` is what differs.
    fn expect(&self, event: &Event, but: &[(&str, Value)]) -> Value {
        let head = &self.0["head"]["event"];
        let mut wanted: Map<String, Value> = head.as_object().unwrap().clone();
        wanted.extend(but.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let mut got = Map::from_iter([
            ("specversion".to_owned(), "1.0".into()),
            ("type".to_owned(), event.kind.into()),
            ("source".to_owned(), event.source.as_str().into()),
            ("id".to_owned(), event.id.as_str().into()),
            ("time".to_owned(), event.time.as_str().into()),
            ("datacontenttype".to_owned(), event.content_type.into()),
        ]);
        got.extend(event.more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        assert_eq!(Value::from(got), Value::from(wanted));
        serde_json::from_slice(&event.data).unwrap_or(Value::Null)
    }

    fn data(&self) -> Value {
        serde_json::from_str(self.0["body"].as_str().unwrap()).unwrap()
    }
}

fn kit() -> Kit {
    serde_json::from_value(json!({
        "project": "shop", "stage": "dev", "function": "nightly", "command": "server",
        "from": { "queue": { "shop-dev-mail": "mail" }, "socket": { "abcd1234": "chat" } },
        "schedules": { "nightly-1a2b3c4d": { "expression": "0 3 * * *", "timezone": "Asia/Seoul" } },
    }))
    .unwrap()
}

const NOW: i64 = 1_767_225_600_250;
/// What the golden files have for [`NOW`] with the digits that are needed.
const MILLISECONDS: &str = "2026-01-01T00:00:00.250Z";

#[test]
fn a_batch_of_a_queue() {
    let golden = Golden::read("queue");
    let mut records: Vec<QueueRecord> = golden.records();
    // What `ctx` sends as bytes says so.
    for record in &mut records {
        record.source = record.source.replace(":mail", ":shop-dev-mail");
        if matches!(record.message_id.as_str(), "m3" | "m4") {
            let encoding = QueueAttribute { string_value: Some("base64".into()) };
            record.message_attributes.insert(ENCODING.into(), encoding);
        }
    }
    let (event, ids) = queue(records, &kit(), "e-1", NOW);
    let mut wanted = golden.data();
    wanted["messages"][1]["sent"] = "2025-12-31T23:59:59.500Z".into();
    assert_eq!(golden.expect(&event, &[("time", MILLISECONDS.into())]), wanted);
    assert_eq!(ids.iter().map(String::as_str).collect::<Vec<_>>(), ["m1", "m2", "m3", "m4", "m5"]);
}

#[test]
fn json_is_passed_on_as_it_was_sent() {
    let mut record: QueueRecord = Golden::read("queue").record();
    record.body = r#"{"n": 12345678901234567890123}"#.into();
    let (event, _) = queue(vec![record], &kit(), "1", 0);
    let text = String::from_utf8(event.data.to_vec()).unwrap();
    assert!(text.ends_with(r#""body":{"n": 12345678901234567890123}}]}"#), "{text}");
    assert_eq!(event.source, "/queues/mail");
}

#[test]
fn only_what_failed_is_wanted_again() {
    let ids: BTreeSet<String> = ["a".to_owned(), "b".into()].into();
    let again = |answer: &str| wanted_again(answer.as_bytes(), &ids).map_err(|failure| failure.code());
    assert_eq!(again(r#"{"failed": ["b"]}"#), Ok(["b".to_owned()].into()));
    for all_done in ["", "null", "[]", r#"{"done": true}"#, r#"{"failed": []}"#, "not json"] {
        assert_eq!(again(all_done), Ok(BTreeSet::new()), "{all_done}");
    }
    for unclear in [r#"{"failed": ["c"]}"#, r#"{"failed": true}"#, r#"{"failed": [1]}"#] {
        assert_eq!(again(unclear), Err("function-failed"), "{unclear}");
    }
}

#[test]
fn a_message_of_a_topic() {
    for name in ["topic", "topic-text"] {
        let golden = Golden::read(name);
        let attributes = golden.0["head"]["event"].get("attributes").cloned().unwrap_or_else(|| json!({}));
        let but = [("time", MILLISECONDS.into()), ("attributes", attributes)];
        assert_eq!(golden.expect(&topic(golden.record(), &kit()), &but), golden.data());
    }
    let mut bytes: TopicRecord = Golden::read("topic").record();
    bytes.sns.message = "/wA=".into();
    bytes.sns.message_attributes.insert(ENCODING.into(), TopicAttribute { value: "base64".into() });
    let event = topic(bytes, &kit());
    assert_eq!((event.content_type, event.data.as_ref()), (BYTES, [0xff, 0].as_slice()));
    assert_eq!(event.more, [("attributes", json!({ "kind": "new" }))]);
}

#[test]
fn a_change_of_a_bucket() {
    for name in ["bucket-created", "bucket-removed"] {
        let golden = Golden::read(name);
        let record: BucketRecord = golden.record();
        let id = format!("e-1-{}", record.s3.object.sequencer);
        let mut wanted = golden.data();
        // S3's events do not say it.
        wanted.as_object_mut().unwrap().remove("contentType");
        let but = [("time", MILLISECONDS.into()), ("id", id.into())];
        assert_eq!(golden.expect(&bucket(&record, &kit()), &but), wanted);
    }
}

#[test]
fn a_change_of_a_table() {
    for name in ["table-insert", "table-update", "table-remove"] {
        let golden = Golden::read(name);
        let record: TableRecord = golden.record();
        // Streams tell whole seconds.
        let but = [("time", "2026-01-01T00:00:00Z".into())];
        assert_eq!(golden.expect(&table(&record, &kit()), &but), golden.data(), "{name}");
    }
}

#[test]
fn versions_are_no_part_of_an_item_and_sets_are_lists() {
    let attributes = json!({
        "id": { "S": "7" }, "sf:version": { "S": "x" }, "set": { "NS": ["1", "2.5"] }, "blobs": { "BS": ["/w=="] },
        "words": { "SS": ["a"] }, "big": { "N": "18446744073709551615" }, "tiny": { "N": "1E-130" },
    });
    assert_eq!(
        item(&serde_json::from_value(attributes).unwrap()),
        json!({
            "id": "7", "set": [1, 2.5], "blobs": [{ "$bytes": "/w==" }], "words": ["a"],
            "big": 18_446_744_073_709_551_615_u64, "tiny": 1e-130,
        })
    );
}

#[test]
fn what_happens_to_a_connection() {
    for (name, data) in [
        ("socket-connect", true),
        ("socket-disconnect", true),
        ("socket-message", false),
        ("socket-message-bytes", false),
    ] {
        let golden = Golden::read(name);
        let event = socket(golden.whole(), &kit());
        let raw = event.data.clone();
        let got = golden.expect(&event, &[("time", MILLISECONDS.into())]);
        match &golden.0["body"] {
            Value::String(text) if data => {
                assert_eq!(got, serde_json::from_str::<Value>(text).unwrap(), "{name}");
            }
            Value::String(text) => assert_eq!(raw, text.as_bytes(), "{name}"),
            bytes => {
                assert_eq!(raw, BASE64_STANDARD.decode(bytes["$bytes"].as_str().unwrap()).unwrap(), "{name}");
            }
        }
    }
    // A client that says nothing.
    let mut golden = Golden::read("socket-disconnect").0;
    golden["event"]["requestContext"].as_object_mut().unwrap().remove("disconnectStatusCode");
    golden["event"]["requestContext"]["apiId"] = "abcd1234".into();
    let event = socket(serde_json::from_value(golden["event"].take()).unwrap(), &kit());
    assert_eq!(
        (event.source.as_str(), event.data.as_ref()),
        ("/sockets/chat", br#"{"code":1005}"#.as_slice())
    );
}

#[test]
fn a_schedule_is_looked_up() {
    let golden = Golden::read("schedule");
    let input = json!({ "sf-schedule": "nightly-1a2b3c4d", "time": "2026-01-01T00:00:00Z", "id": "e-1" });
    let event = schedule(serde_json::from_value(input).unwrap(), &kit());
    assert_eq!(golden.expect(&event, &[("time", "2026-01-01T00:00:00Z".into())]), golden.data());
}

#[test]
fn a_call_has_the_payload_as_it_is() {
    let golden = Golden::read("call");
    let payload = golden.0["event"].to_string();
    let event = call(payload.clone().into(), Some("report"), "e-1", NOW);
    assert_eq!(event.data, payload);
    assert_eq!(golden.expect(&event, &[("time", MILLISECONDS.into())]), golden.data());
    let event = call(Bytes::from_static(b"1"), None, "e-1", NOW);
    assert_eq!((event.kind, event.source.as_str()), ("sf.invoke", "/cli"));
}
