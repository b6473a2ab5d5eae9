//! Who calls, by the shape of what Lambda is given.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::Failure;
use crate::http_event::HttpEvent;
use crate::records::{BucketRecord, QueueRecord, ScheduleInput, SocketEvent, TableRecord, TopicRecord};
use crate::runtime_api::Invocation;

/// An invocation's payload.
#[derive(Debug)]
pub(crate) enum Payload {
    Http(Box<HttpEvent>),
    Queue(Vec<QueueRecord>),
    Topic(Vec<TopicRecord>),
    Bucket(Vec<BucketRecord>),
    Table(Vec<TableRecord>),
    Socket(Box<SocketEvent>),
    Schedule(ScheduleInput),
    /// Another function, the command line, or somebody else by hand.
    Call,
}

/// What the payload is.
pub(crate) fn payload(invocation: &Invocation) -> Result<Payload, Failure> {
    // Before all else: the payload of a call may look like anything.
    if invocation.caller.is_known() {
        return Ok(Payload::Call);
    }
    let event: Value = match serde_json::from_slice(&invocation.payload) {
        Ok(event) => event,
        Err(error) => return Err(Failure::Event(error.to_string())),
    };
    let context = &event["requestContext"];
    let record = &event["Records"][0];
    // SNS writes its own name for it.
    let source = record.get("eventSource").or_else(|| record.get("EventSource")).and_then(Value::as_str);
    Ok(match source {
        Some("aws:sqs") => Payload::Queue(records(event)?),
        Some("aws:sns") => Payload::Topic(records(event)?),
        Some("aws:s3") => Payload::Bucket(records(event)?),
        Some("aws:dynamodb") => Payload::Table(records(event)?),
        _ if event["version"] == "2.0" && context["http"].is_object() => Payload::Http(typed(event)?),
        _ if context["connectionId"].is_string() => Payload::Socket(typed(event)?),
        _ if event["sf-schedule"].is_string() => Payload::Schedule(typed(event)?),
        _ => Payload::Call,
    })
}

fn records<T: DeserializeOwned>(mut event: Value) -> Result<Vec<T>, Failure> {
    typed(event["Records"].take())
}

fn typed<T: DeserializeOwned>(event: Value) -> Result<T, Failure> {
    serde_json::from_value(event).map_err(|error| Failure::Event(error.to_string()))
}
