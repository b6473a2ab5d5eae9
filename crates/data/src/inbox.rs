//! Messages that wait to be delivered: of queues, and of subscriptions to topics, buckets and tables.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::{AppId, Data, DataError};

/// What a queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Attributes and their accepted values; all must match. Empty matches everything.
pub type Filter = BTreeMap<String, Vec<String>>;

/// What a subscription listens to. (Those to queues have no inbox of their own and are no concern of this crate.)
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Data {
    /// Makes a queue or changes it.
    pub async fn define_queue(
        &self,
        app: &AppId,
        name: &str,
        definition: QueueDefinition,
    ) -> Result<(), DataError> {
        unimplemented!()
    }

    /// Deletes a queue with its messages. Nothing if there is none.
    pub async fn drop_queue(&self, app: &AppId, name: &str) -> Result<(), DataError> {
        unimplemented!()
    }

    /// Makes a topic.
    pub async fn define_topic(&self, app: &AppId, name: &str) -> Result<(), DataError> {
        unimplemented!()
    }

    /// Deletes a topic. Nothing if there is none.
    pub async fn drop_topic(&self, app: &AppId, name: &str) -> Result<(), DataError> {
        unimplemented!()
    }

    /// Replaces an app's subscriptions, all at once. Inboxes of those that stay keep their messages, also when their source or filter changes; those of others are
    /// dropped.
    pub async fn set_subscriptions(
        &self,
        app: &AppId,
        subscriptions: Vec<Subscription>,
    ) -> Result<(), DataError> {
        unimplemented!()
    }

    /// Sends to a queue; gives the message's id.
    pub async fn send(
        &self,
        app: &AppId,
        queue: &str,
        body: Body,
        delay: Duration,
    ) -> Result<String, DataError> {
        unimplemented!()
    }

    /// Publishes to a topic: a message in the inbox of each subscription whose filter matches. Gives the message's id.
    pub async fn publish(
        &self,
        app: &AppId,
        topic: &str,
        body: Body,
        attributes: BTreeMap<String, String>,
    ) -> Result<String, DataError> {
        unimplemented!()
    }

    /// Takes at most `max` messages that are ready, oldest first, and hides them for the lease. Each counts as a delivery. A message whose lease ended without
    /// [`Self::finish`] is ready again, or a dead letter if it had all its deliveries.
    pub async fn receive(
        &self,
        app: &AppId,
        inbox: &Inbox,
        max: usize,
        lease: Duration,
    ) -> Result<Vec<Delivery>, DataError> {
        unimplemented!()
    }

    /// Ends deliveries: the handled ones are deleted, the failed ones wait for their next time or become dead letters. A receipt whose lease ended is ignored.
    pub async fn finish(
        &self,
        app: &AppId,
        inbox: &Inbox,
        handled: Vec<u64>,
        failed: Vec<Failed>,
    ) -> Result<(), DataError> {
        unimplemented!()
    }

    /// When the next message of an inbox will be ready, in milliseconds since the Unix epoch (in the past: now); `None` while there is none.
    pub async fn next_ready_ms(&self, app: &AppId, inbox: &Inbox) -> Result<Option<u64>, DataError> {
        unimplemented!()
    }

    /// Changes whenever a message may have become ready by a write; not by time alone.
    pub fn arrivals(&self) -> tokio::sync::watch::Receiver<u64> {
        unimplemented!()
    }

    /// How many messages there are. Error if there is no such inbox.
    pub async fn counts(&self, app: &AppId, inbox: &Inbox) -> Result<Counts, DataError> {
        unimplemented!()
    }

    /// The oldest messages, or dead letters, without taking them.
    pub async fn peek(
        &self,
        app: &AppId,
        inbox: &Inbox,
        dead: bool,
        limit: usize,
    ) -> Result<Vec<Message>, DataError> {
        unimplemented!()
    }

    /// Makes dead letters ready again with their deliveries counted anew; gives how many.
    pub async fn redrive(&self, app: &AppId, inbox: &Inbox) -> Result<u64, DataError> {
        unimplemented!()
    }

    /// Deletes all messages that are not being handled, or all dead letters; gives how many.
    pub async fn purge(&self, app: &AppId, inbox: &Inbox, dead: bool) -> Result<u64, DataError> {
        unimplemented!()
    }
}
