//! One entry of `on`. Its first word says what it is: a file here for each.

mod bucket;
mod queue;
mod schedule;
mod table;
mod topic;

pub(crate) use bucket::BucketEvent;
pub(crate) use queue::QueueEvent;
pub(crate) use schedule::ScheduleEvent;
pub(crate) use table::TableEvent;
pub(crate) use topic::TopicEvent;

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::decode::{Decode, Decoder};
use crate::diagnostic::Diagnostic;
use crate::names;
use crate::node::{Node, NodeTable};

/// What calls a function besides HTTP.
#[derive(Clone, Debug)]
pub(crate) enum EventEntry {
    Schedule(ScheduleEvent),
    Queue(QueueEvent),
    Topic(TopicEvent),
    Bucket(BucketEvent),
    Table(TableEvent),
}

/// The key that says what an event is.
const KINDS: [&str; 5] = ["schedule", "queue", "topic", "bucket", "table"];

impl Decode for EventEntry {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let entries = d.table(node)?;
        match kind(node, entries) {
            Ok("schedule") => ScheduleEvent::decode(node, d).map(Self::Schedule),
            Ok("queue") => QueueEvent::decode(node, d).map(Self::Queue),
            Ok("topic") => TopicEvent::decode(node, d).map(Self::Topic),
            Ok("bucket") => BucketEvent::decode(node, d).map(Self::Bucket),
            Ok(_) => TableEvent::decode(node, d).map(Self::Table),
            Err(problem) => {
                d.problems.push(*problem);
                None
            }
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                ScheduleEvent::schema(generator),
                QueueEvent::schema(generator),
                TopicEvent::schema(generator),
                BucketEvent::schema(generator),
                TableEvent::schema(generator),
            ]
        })
    }
}

fn kind(node: &Node, entries: &NodeTable) -> Result<&'static str, Box<Diagnostic>> {
    let mut found = KINDS.into_iter().filter(|kind| entries.contains_key(*kind));
    let Some(first) = found.next() else {
        let near = |(key, entry): (&String, &crate::node::NodeEntry)| {
            let kind = names::nearest(key, KINDS)?;
            let error = Diagnostic::error("unknown-key", entry.key, format!("unknown key `{key}` in `on`"));
            Some(error.hint(format!("did you mean `{kind}`?")))
        };
        return Err(Box::new(entries.iter().find_map(near).unwrap_or_else(|| {
            Diagnostic::error("unknown-event", node.span, "this event does not say what it is")
                .hint(format!("it needs one of {}", names::list(KINDS)))
        })));
    };
    match found.next() {
        None => Ok(first),
        Some(second) => {
            let message = format!("this event is both a {first} and a {second}");
            let error = Diagnostic::error("unknown-event", node.span, message);
            Err(Box::new(error.hint("write one entry for each: `on = [{ … }, { … }]`")))
        }
    }
}
