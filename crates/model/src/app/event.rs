//! What calls a function besides HTTP.

use std::collections::BTreeMap;

use crate::diagnostic::Span;
use crate::schedule::Schedule;

/// One entry of `on`.
#[derive(Clone, Debug)]
pub struct Event {
    /// What happens.
    pub kind: EventKind,
    /// Where.
    pub span: Span,
}

/// What calls a function besides HTTP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// By the clock.
    Schedule(Schedule),
    /// Messages of a queue.
    Queue {
        /// The queue.
        queue: String,
        /// At most so many messages a call.
        batch: u32,
    },
    /// A topic's notifications.
    Topic {
        /// The topic.
        topic: String,
        /// Attribute filters.
        filter: BTreeMap<String, Vec<String>>,
    },
    /// A bucket's changes.
    Bucket {
        /// The bucket.
        bucket: String,
        /// `created` or `removed`.
        event: String,
        /// Only keys that begin so.
        prefix: Option<String>,
        /// Only keys that end so.
        suffix: Option<String>,
    },
    /// A table's changes.
    Table {
        /// The table.
        table: String,
    },
}
