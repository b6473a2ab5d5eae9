//! What AWS's services call a Lambda function with, as the CloudEvents of `docs/data-api.md`. Nothing here has effects.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use crate::event::{BYTES, Event, rfc3339};
use crate::failure::Failure;
use crate::item::{Attributes, item};
use crate::kit::{Kit, named};

/// The message attribute that says that bytes are base64.
const ENCODING: &str = "sf-encoding";

/// A message: JSON, or bytes. What others send may be text that is no JSON; it is a text then.
enum Message {
    Json(String),
    Bytes(Vec<u8>),
}

impl Message {
    fn of(text: String, encoding: Option<&str>) -> Self {
        if encoding == Some("base64")
            && let Ok(bytes) = BASE64_STANDARD.decode(&text)
        {
            return Self::Bytes(bytes);
        }
        // Passed on as it was sent: a parser of ours would round its numbers.
        match serde_json::from_str::<IgnoredAny>(&text) {
            Ok(_) => Self::Json(text),
            Err(_) => Self::Json(Value::from(text).to_string()),
        }
    }

    fn into_json(self) -> String {
        match self {
            Self::Json(text) => text,
            Self::Bytes(bytes) => json!({ "$bytes": BASE64_STANDARD.encode(bytes) }).to_string(),
        }
    }
}

/// `arn:aws:sqs:eu-west-1:123456789012:mail` -> `mail`
fn last_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueRecord {
    message_id: String,
    body: String,
    attributes: QueueAttributes,
    #[serde(default)]
    message_attributes: BTreeMap<String, QueueAttribute>,
    #[serde(rename = "eventSourceARN")]
    source: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueAttributes {
    approximate_receive_count: String,
    sent_timestamp: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueueAttribute {
    string_value: Option<String>,
}

/// A batch, and the ids of its messages.
pub(crate) fn queue(records: Vec<QueueRecord>, kit: &Kit, id: &str, now: i64) -> (Event, BTreeSet<String>) {
    let physical = records.first().map(|record| last_of(&record.source).to_owned()).unwrap_or_default();
    let source = format!("/queues/{}", named(&kit.from.queue, &physical));
    let (mut data, mut ids) = (r#"{"messages":["#.to_owned(), BTreeSet::new());
    for (index, record) in records.into_iter().enumerate() {
        let encoding = record.message_attributes.get(ENCODING).and_then(|it| it.string_value.as_deref());
        let head = json!({
            "attempt": record.attributes.approximate_receive_count.parse::<u64>().unwrap_or(1),
            "id": record.message_id,
            "sent": rfc3339(record.attributes.sent_timestamp.parse().unwrap_or_default()),
        });
        let head = head.to_string();
        data.push_str(if index > 0 { "," } else { "" });
        data.push_str(head.strip_suffix('}').unwrap_or(&head));
        data.push_str(r#","body":"#);
        data.push_str(&Message::of(record.body, encoding).into_json());
        data.push('}');
        ids.insert(record.message_id);
    }
    data.push_str("]}");
    (Event::new("sf.queue", source, id, rfc3339(now)).data(data), ids)
}

/// The messages to deliver again, of what the program answered: `{"failed": ["id", …]}`. Anything else means that all is done.
pub(crate) fn wanted_again(answer: &[u8], ids: &BTreeSet<String>) -> Result<BTreeSet<String>, Failure> {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let Some(failed) = answer.get("failed") else { return Ok(BTreeSet::new()) };
    let failed: Option<BTreeSet<String>> =
        failed.as_array().and_then(|ids| ids.iter().map(|id| id.as_str().map(str::to_owned)).collect());
    let failed = failed.ok_or_else(|| Failure::Answer("its `failed` is no list of ids".into()))?;
    match failed.difference(ids).next() {
        // A message that failed under a wrong name must not be taken for handled.
        Some(id) => {
            Err(Failure::Answer(format!("its `failed` has `{id}`, which is no message of the batch")))
        }
        None => Ok(failed),
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TopicRecord {
    sns: Notification,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    message_id: String,
    timestamp: String,
    topic_arn: String,
    message: String,
    #[serde(default)]
    message_attributes: BTreeMap<String, TopicAttribute>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TopicAttribute {
    value: String,
}

/// A message of a topic.
pub(crate) fn topic(record: TopicRecord, kit: &Kit) -> Event {
    let mut sns = record.sns;
    let encoding = sns.message_attributes.remove(ENCODING).map(|attribute| attribute.value);
    let attributes = sns.message_attributes.into_iter().map(|(name, it)| (name, it.value.into()));
    let source = format!("/topics/{}", named(&kit.from.topic, last_of(&sns.topic_arn)));
    let event = Event::new("sf.topic", source, sns.message_id, time(&sns.timestamp))
        .with("attributes", attributes.collect::<Map<_, _>>());
    match Message::of(sns.message, encoding.as_deref()) {
        Message::Json(text) => event.data(text),
        Message::Bytes(bytes) => event.of_type(BYTES).data(bytes),
    }
}

/// One of AWS's times, all of which are RFC 3339, without milliseconds that are none.
fn time(given: &str) -> String {
    given.strip_suffix(".000Z").map_or_else(|| given.to_owned(), |start| format!("{start}Z"))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BucketRecord {
    event_name: String,
    event_time: String,
    #[serde(default)]
    response_elements: BTreeMap<String, String>,
    s3: S3,
}

#[derive(Debug, Deserialize)]
struct S3 {
    bucket: S3Bucket,
    object: S3Object,
}

#[derive(Debug, Deserialize)]
struct S3Bucket {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Object {
    key: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    e_tag: String,
    #[serde(default)]
    sequencer: String,
}

/// A change of a bucket.
pub(crate) fn bucket(record: &BucketRecord, kit: &Kit) -> Event {
    let bucket = named(&kit.from.bucket, &record.s3.bucket.name);
    let object = &record.s3.object;
    // As a form has it.
    let key = object.key.replace('+', " ");
    let key = percent_decode_str(&key).decode_utf8_lossy().into_owned();
    // One request may remove many objects.
    let request = record.response_elements.get("x-amz-request-id").map_or("", String::as_str);
    let id = format!("{request}-{}", object.sequencer);
    // Both come with and without `s3:` before it.
    let (kind, data) = if record.event_name.contains("ObjectCreated:") {
        let created = json!({ "bucket": bucket, "key": key, "size": object.size, "etag": object.e_tag });
        ("sf.bucket.created", created)
    } else {
        ("sf.bucket.removed", json!({ "bucket": bucket, "key": key }))
    };
    Event::new(kind, format!("/buckets/{bucket}"), id, time(&record.event_time))
        .with("subject", key)
        .data(data.to_string())
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TableRecord {
    #[serde(rename = "eventID")]
    event_id: String,
    event_name: String,
    #[serde(rename = "eventSourceARN")]
    source: String,
    dynamodb: Change,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    #[serde(default)]
    approximate_creation_date_time: f64,
    keys: Attributes,
    old_image: Option<Attributes>,
    new_image: Option<Attributes>,
    sequence_number: String,
}

impl TableRecord {
    /// What Lambda begins again with, if this one failed.
    pub(crate) fn sequence_number(&self) -> &str {
        &self.dynamodb.sequence_number
    }
}

/// A change of a table.
pub(crate) fn table(record: &TableRecord, kit: &Kit) -> Event {
    // arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/TIME
    let physical = record.source.split('/').nth(1).unwrap_or_default();
    let change = match record.event_name.as_str() {
        "INSERT" => "insert",
        "REMOVE" => "remove",
        _ => "update",
    };
    let key = item(&record.dynamodb.keys);
    let image = |image: &Option<Attributes>| image.as_ref().map(item);
    let data = json!({
        "change": change,
        "key": key,
        "before": image(&record.dynamodb.old_image),
        "after": image(&record.dynamodb.new_image),
    });
    // Seconds.
    let at = record.dynamodb.approximate_creation_date_time * 1000.0;
    let source = format!("/tables/{}", named(&kit.from.table, physical));
    Event::new("sf.table", source, &record.event_id, rfc3339(at as i64))
        .with("subject", key.to_string())
        .data(data.to_string())
}

/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SocketEvent {
    request_context: SocketContext,
    #[serde(default)]
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    multi_value_query_string_parameters: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SocketContext {
    event_type: String,
    connection_id: String,
    api_id: String,
    request_id: String,
    request_time_epoch: i64,
    #[serde(default)]
    disconnect_status_code: Option<u16>,
}

/// RFC 6455, section 7.1.5: the client closed without a code.
const NO_CODE: u16 = 1005;

/// What happened to a connection.
pub(crate) fn socket(event: SocketEvent, kit: &Kit) -> Event {
    let context = event.request_context;
    let source = format!("/sockets/{}", named(&kit.from.socket, &context.api_id));
    let made = |kind| {
        Event::new(kind, source, context.request_id, rfc3339(context.request_time_epoch))
            .with("connection", context.connection_id)
    };
    match context.event_type.as_str() {
        "CONNECT" => {
            let headers = event.multi_value_headers.unwrap_or_default().into_iter();
            let headers = headers.map(|(name, values)| (name.to_lowercase(), values.join(", ").into()));
            let query = event.multi_value_query_string_parameters.unwrap_or_default().into_iter();
            let query = query.filter_map(|(name, values)| Some((name, values.into_iter().next()?.into())));
            let data =
                json!({ "headers": headers.collect::<Map<_, _>>(), "query": query.collect::<Map<_, _>>() });
            made("sf.socket.connect").data(data.to_string())
        }
        "DISCONNECT" => {
            let code = context.disconnect_status_code.unwrap_or(NO_CODE);
            made("sf.socket.disconnect").data(json!({ "code": code }).to_string())
        }
        _ => {
            let body = event.body.unwrap_or_default();
            let made = made("sf.socket.message");
            match event.is_base64_encoded.then(|| BASE64_STANDARD.decode(&body)) {
                Some(Ok(bytes)) => made.of_type(BYTES).data(bytes),
                _ => made.of_type("text/plain").data(body),
            }
        }
    }
}

/// The input that `sf` gives a schedule.
#[derive(Debug, Deserialize)]
pub(crate) struct ScheduleInput {
    #[serde(rename = "sf-schedule")]
    name: String,
    time: String,
    id: String,
}

/// A schedule is due.
pub(crate) fn schedule(input: ScheduleInput, kit: &Kit) -> Event {
    let schedule = kit.schedules.get(&input.name);
    let data = json!({
        "expression": schedule.map(|schedule| &schedule.expression),
        "timezone": schedule.and_then(|schedule| schedule.timezone.as_ref()),
    });
    let source = format!("/schedules/{}", kit.function);
    Event::new("sf.schedule", source, input.id, time(&input.time)).data(data.to_string())
}

/// A call of another function or from the command line; so is whatever else somebody invokes the function with.
pub(crate) fn call(payload: Bytes, caller: Option<&str>, id: &str, now: i64) -> Event {
    let (kind, source) = match caller {
        Some(caller) => ("sf.call", format!("/functions/{caller}")),
        None => ("sf.invoke", "/cli".to_owned()),
    };
    Event::new(kind, source, id, rfc3339(now)).data(payload)
}

#[cfg(test)]
mod tests;
