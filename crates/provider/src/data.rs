//! What people do with the data of a deployed App: look, send, put things right. One trait for each kind of data, so that a provider has those
//! that it can (see [`crate::Operate`]).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sf_plan::{Failure, Json};
use tokio::sync::mpsc;

use crate::Cx;

/// A secret without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretState {
    /// Its name.
    pub name: String,
    /// Whether what is deployed declares it.
    pub declared: bool,
    /// When its value was set, in milliseconds since the Unix epoch; `None`: it has none.
    pub updated_ms: Option<u64>,
}

/// The values of secrets: they go to the provider past every plan, state and log.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Every secret that is declared or set.
    async fn list(&self, cx: &Cx) -> Result<Vec<SecretState>, Failure>;
    /// Sets a value, also before the App is deployed for the first time.
    async fn set(&self, cx: &Cx, name: &str, value: Vec<u8>) -> Result<(), Failure>;
    /// Deletes a value; `false` if there was none.
    async fn remove(&self, cx: &Cx, name: &str) -> Result<bool, Failure>;
}

/// Where messages wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxId {
    /// `queue`, or `subscription`: what a topic, bucket or table has to tell one function.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// How much waits there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbox {
    /// Which.
    #[serde(flatten)]
    pub id: InboxId,
    /// What a subscription is for: `topic projects`; empty for a queue.
    pub source: String,
    /// Who is called; `None` when nobody is.
    pub function: Option<String>,
    /// Messages that wait to be delivered now.
    pub ready: u64,
    /// Messages that wait for their time.
    pub delayed: u64,
    /// Messages being handled.
    pub in_flight: u64,
    /// Dead letters: messages that failed too often.
    pub dead: u64,
}

/// A message, looked at without being taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// JSON as it is; bytes as `{"$bytes": "base64"}`.
    pub body: Json,
    /// Of a topic's message.
    pub attributes: BTreeMap<String, String>,
    /// Deliveries so far.
    pub attempts: u32,
    /// When it was sent, in milliseconds since the Unix epoch.
    pub sent_ms: u64,
    /// Why the last delivery failed.
    pub last_error: Option<String>,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Body {
    /// JSON.
    Json(Json),
    /// Anything else.
    Bytes(Vec<u8>),
}

/// Queues, topics and who listens to them.
#[async_trait]
pub trait Messages: Send + Sync {
    /// Every place where messages wait.
    async fn inboxes(&self, cx: &Cx) -> Result<Vec<Inbox>, Failure>;
    /// The oldest messages of one, or its dead letters; at most so many.
    async fn peek(&self, cx: &Cx, inbox: &InboxId, dead: bool, limit: usize)
    -> Result<Vec<Message>, Failure>;
    /// Has the dead letters delivered again; says how many.
    async fn redrive(&self, cx: &Cx, inbox: &InboxId) -> Result<u64, Failure>;
    /// Deletes the messages that are not being handled, or the dead letters; says how many.
    async fn purge(&self, cx: &Cx, inbox: &InboxId, dead: bool) -> Result<u64, Failure>;
    /// Sends to a queue; the message's id.
    async fn send(
        &self,
        cx: &Cx,
        queue: &str,
        body: Body,
        delay: Option<Duration>,
    ) -> Result<String, Failure>;
    /// Publishes to a topic; the message's id.
    async fn publish(
        &self,
        cx: &Cx,
        topic: &str,
        body: Body,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String, Failure>;
}

/// An object of a bucket, without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectInfo {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Changes with its content.
    pub etag: String,
    /// When it was put, in RFC 3339.
    pub modified: String,
}

/// A part of what a bucket holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectPage {
    /// Objects, in the order of their keys.
    pub objects: Vec<ObjectInfo>,
    /// With a delimiter: the beginnings of further keys up to it, each once.
    pub prefixes: Vec<String>,
    /// Where the next page begins; `None` at the end.
    pub cursor: Option<String>,
}

/// Which objects to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectQuery {
    /// Only keys that begin so.
    pub prefix: String,
    /// Keys that have this after the prefix are summed up in `prefixes`.
    pub delimiter: Option<String>,
    /// At most so many, from 1 to 1,000.
    pub limit: usize,
    /// Of the page before.
    pub cursor: Option<String>,
}

/// What whoever has a URL may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UrlMethod {
    /// Read the object.
    Get,
    /// Put it.
    Put,
}

/// An object's content as it comes; closed at its end.
pub type ByteStream = mpsc::Receiver<Result<Bytes, Failure>>;

/// Buckets.
#[async_trait]
pub trait Objects: Send + Sync {
    /// One page.
    async fn list(&self, cx: &Cx, bucket: &str, query: &ObjectQuery) -> Result<ObjectPage, Failure>;
    /// An object's content; `None` if there is no such object.
    async fn get(&self, cx: &Cx, bucket: &str, key: &str) -> Result<Option<ByteStream>, Failure>;
    /// Puts a file, streamed; the object's etag.
    async fn put(
        &self,
        cx: &Cx,
        bucket: &str,
        key: &str,
        file: &Path,
        content_type: Option<&str>,
    ) -> Result<String, Failure>;
    /// Deletes an object, also one that is not there.
    async fn remove(&self, cx: &Cx, bucket: &str, key: &str) -> Result<(), Failure>;
    /// A link to one object for whoever has it.
    async fn url(
        &self,
        cx: &Cx,
        bucket: &str,
        key: &str,
        method: UrlMethod,
        expires: Duration,
    ) -> Result<String, Failure>;
}

/// An item of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The item; bytes in it are `{"$bytes": "base64"}`.
    pub item: Json,
    /// Different after every write.
    pub version: String,
}

/// A part of what a table holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemPage {
    /// The items.
    pub items: Vec<Item>,
    /// Where the next page begins; `None` at the end.
    pub cursor: Option<String>,
}

/// Which items of one partition to read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemQuery {
    /// The partition key's value.
    pub partition: Json,
    /// A condition on the sort key: `{"gte": …}`, `{"between": [v, w]}`, `{"prefix": "text"}`, … .
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<Json>,
    /// From the last to the first.
    pub reverse: bool,
    /// At most so many, from 1 to 1,000.
    pub limit: usize,
    /// Of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Tables.
#[async_trait]
pub trait Items: Send + Sync {
    /// The item of a key, an object of its attributes.
    async fn get(&self, cx: &Cx, table: &str, key: &Json) -> Result<Option<Item>, Failure>;
    /// Puts an item, with `if_absent` only if there is none of its key; its version.
    async fn put(&self, cx: &Cx, table: &str, item: &Json, if_absent: bool) -> Result<String, Failure>;
    /// Deletes an item; `false` if there was none.
    async fn remove(&self, cx: &Cx, table: &str, key: &Json) -> Result<bool, Failure>;
    /// One page of a partition.
    async fn query(&self, cx: &Cx, table: &str, query: &ItemQuery) -> Result<ItemPage, Failure>;
    /// One page of everything, in no promised order.
    async fn scan(
        &self,
        cx: &Cx,
        table: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<ItemPage, Failure>;
}
