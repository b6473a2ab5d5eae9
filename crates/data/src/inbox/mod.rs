//! Messages that wait to be delivered: of queues, and of subscriptions to topics, buckets and tables.

//!
//! A message is *waiting* (ready since, or from, a time), *leased* (until a time) or *dead*. A lease that ended is noticed by whoever looks next, so nothing
//! has to run for it: [`delivery`] settles it before it takes messages, and [`inspect`] counts as if it were settled.

mod definitions;
mod delivery;
mod inspect;
mod sending;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub(crate) use definitions::subscribers;
pub(crate) use delivery::recover;
pub(crate) use sending::{NewMessage, deliver};

use crate::store::resource::Kind;

/// What a queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDefinition {
    /// Deliveries before a message becomes a dead letter.
    pub retries: u32,
}

/// A message's content: JSON text or bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Valid JSON, as it was sent.
    Json(Bytes),
    /// Anything.
    Bytes(Bytes),
}

/// Where messages wait.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Inbox {
    /// A queue, by name.
    Queue(String),
    /// A subscription, by name.
    Subscription(String),
}

impl Inbox {
    fn kind(&self) -> Kind {
        match self {
            Self::Queue(_) => Kind::Queue,
            Self::Subscription(_) => Kind::Subscription,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Queue(name) | Self::Subscription(name) => name,
        }
    }
}

/// Where a message stands, as the database has it.
#[derive(Clone, Copy)]
enum State {
    Waiting = 0,
    Leased = 1,
    Dead = 2,
}

/// Attributes and their accepted values; all must match. Empty matches everything.
pub type Filter = BTreeMap<String, Vec<String>>;

/// What a subscription listens to. (Those to queues have no inbox of their own and are no concern of this crate.)
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Messages of a topic.
    Topic {
        /// The topic.
        topic: String,
        /// Which of them.
        filter: Filter,
    },
    /// Objects of a bucket.
    Bucket {
        /// The bucket.
        bucket: String,
        /// Objects that are removed; else those that are created or overwritten.
        removed: bool,
        /// Only keys that begin so; may be empty.
        prefix: String,
        /// Only keys that end so; may be empty.
        suffix: String,
    },
    /// Items of a table.
    Table {
        /// The table.
        table: String,
    },
}

/// A subscription with an inbox of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its name.
    pub name: String,
    /// What it listens to.
    pub source: Source,
    /// Deliveries before a message becomes a dead letter.
    pub retries: u32,
}

/// A message as it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id: the same at each delivery.
    pub id: String,
    /// The event's type: `sf.queue`, `sf.topic`, `sf.bucket.created`, `sf.bucket.removed`, `sf.table`. The body of the latter three is the event's data as
    /// `docs/data-api.md` has it.
    pub event: String,
    /// The object's key, the item's key as JSON; else `None`.
    pub subject: Option<String>,
    /// Its content.
    pub body: Body,
    /// Of a topic's message.
    pub attributes: BTreeMap<String, String>,
    /// Deliveries so far; a [`Delivery`] counts itself.
    pub attempts: u32,
    /// When it was sent: milliseconds since the Unix epoch.
    pub sent_ms: u64,
    /// Why its last delivery failed.
    pub last_error: Option<String>,
}

/// A message that is being handled, until its lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Names this delivery to [`Data::finish`].
    pub receipt: u64,
    /// What is delivered.
    pub message: Message,
}

/// A delivery that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Of which delivery.
    pub receipt: u64,
    /// When it may be delivered again.
    pub retry_after: Duration,
    /// Why it failed.
    pub error: String,
}

/// How many messages an inbox has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// To be delivered now.
    pub ready: u64,
    /// Later.
    pub delayed: u64,
    /// Being handled.
    pub in_flight: u64,
    /// Dead letters.
    pub dead: u64,
}
