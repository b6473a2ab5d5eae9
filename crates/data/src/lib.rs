//! What the embedded host keeps for functions: tables, queues, topics, buckets, secrets. One folder: an SQLite database, and a file for
//! each object's bytes.
//!
//! - **Every write that was answered is on disk**: committed and synced. Writes that come together are committed together.
//! - **Reads see every write that was answered before them.**
//! - **Everything that is delivered is a message in an inbox**: a queue is one; a subscription to a topic, bucket or table has one, and what it
//!   gets is written in the transaction of what caused it. So delivery is one mechanism, and at least once.
//! - **Time is given**, by [`Clock`]: the host moves it for tests.
//!
//! This crate knows no HTTP, no grants and no functions.

mod bucket;
mod error;
mod inbox;
mod secret;
mod store;
mod table;
#[cfg(test)]
mod testing;

use std::sync::Arc;

pub use bucket::{
    Condition, Listing, MultipartUpload, ObjectInfo, ObjectReader, Page, PutObject, UploadedPart,
};
pub use error::{DataError, ErrorKind};
pub use inbox::{
    Body, Counts, Delivery, Failed, Filter, Inbox, Message, QueueDefinition, Source, Subscription,
};
pub use secret::{SecretEntry, SecretValue};
pub use store::Data;
pub use table::{
    Item, ItemPage, KeyDefinition, KeyKind, PutCondition, Query, SortCondition, TableDefinition,
};

/// Milliseconds since the Unix epoch.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Whose data: one project's stage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId {
    /// The project.
    pub project: String,
    /// The stage.
    pub stage: String,
}
