//! Resources.

use std::time::Duration;

use crate::diagnostic::Span;

/// `[buckets.NAME]`
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Whether only `--data` lets it be destroyed: `protect`, or what the stage's name says.
    pub protect: bool,
    /// Where.
    pub span: Span,
}

/// A key attribute's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// `string`
    String,
    /// `number`
    Number,
    /// `bytes`
    Bytes,
}

/// `"id:string"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableKey {
    /// The attribute.
    pub name: String,
    /// Its type.
    pub kind: KeyType,
}

/// `[tables.NAME]`
#[derive(Clone, Debug)]
pub struct Table {
    /// The partition key.
    pub partition: TableKey,
    /// The sort key.
    pub sort: Option<TableKey>,
    /// The attribute with the time of expiry.
    pub ttl: Option<String>,
    /// Whether only `--data` lets it be destroyed: `protect`, or what the stage's name says.
    pub protect: bool,
    /// Where.
    pub span: Span,
}

/// `[queues.NAME]`
#[derive(Clone, Debug)]
pub struct Queue {
    /// Deliveries before the dead-letter queue.
    pub retries: u32,
    /// How long a message is hidden while it is handled; `None`: six times the worker's timeout.
    pub visibility: Option<Duration>,
    /// Where.
    pub span: Span,
}

/// `[topics.NAME]`
#[derive(Clone, Debug)]
pub struct Topic {
    /// Where.
    pub span: Span,
}

/// `[secrets.NAME]`
#[derive(Clone, Debug)]
pub struct Secret {
    /// Whether only `--data` lets it be destroyed: `protect`, or what the stage's name says.
    pub protect: bool,
    /// Where.
    pub span: Span,
}

/// `[workflows.NAME]`
#[derive(Clone, Debug)]
pub struct Workflow {
    /// The definition's file.
    pub definition: String,
    /// Where.
    pub span: Span,
}

/// `[sockets.NAME]`
#[derive(Clone, Debug)]
pub struct Socket {
    /// The function called when a client connects.
    pub connect: Option<String>,
    /// The function called for each message.
    pub message: Option<String>,
    /// The function called when a client leaves.
    pub disconnect: Option<String>,
    /// Where.
    pub span: Span,
}
