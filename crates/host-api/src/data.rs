//! Resources that hold or carry data, what subscribes to them, and how they are looked at. What functions themselves call is described in
//! `docs/data-api.md`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BucketSpec {}

/// A key attribute's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// Ordered by the bytes of its UTF-8.
    String,
    /// Ordered by value.
    Number,
    /// Ordered by its bytes.
    Bytes,
}

/// A key attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeySpec {
    /// The attribute.
    pub name: String,
    /// Its type.
    pub kind: KeyKind,
}

/// A table. Another key makes it another table: what was in it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TableSpec {
    /// The partition key.
    pub partition: KeySpec,
    /// The sort key.
    #[serde(default)]
    pub sort: Option<KeySpec>,
    /// The attribute that holds when an item expires, in seconds since the Unix epoch.
    #[serde(default)]
    pub ttl: Option<String>,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct QueueSpec {
    /// Deliveries before a message goes to the dead letters.
    pub retries: u32,
    /// How long a message is hidden while it is handled; absent: six times the timeout of the function that handles it.
    #[serde(default)]
    pub visibility_ms: Option<u64>,
}

/// A topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TopicSpec {}

/// A secret's name. Its value is set with `PUT …/secrets/{name}` and is in no resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretSpec {}

/// A WebSocket API, at `/-/sockets/NAME` of the app's gateway. Output: `url`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SocketSpec {
    /// The function that may refuse a client.
    #[serde(default)]
    pub connect: Option<String>,
    /// The function that gets each message.
    #[serde(default)]
    pub message: Option<String>,
    /// The function that is told when a client has gone.
    #[serde(default)]
    pub disconnect: Option<String>,
}

/// A JWT authorizer: OpenID Connect discovery at the issuer, or its `.well-known/jwks.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AuthorizerSpec {
    /// The issuer's URL: the `iss` claim to the letter, and where `.well-known/openid-configuration` is.
    pub issuer: String,
    /// Accepted `aud` claims (`client_id` in tokens without one); empty: any.
    #[serde(default)]
    pub audience: Vec<String>,
}

/// A limit on requests: a token bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ThrottleSpec {
    /// Requests a second.
    pub rate: u32,
    /// Requests at once.
    pub burst: u32,
}

/// Who is called for what happens at a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SubscriptionSpec {
    /// Who is called.
    pub function: String,
    /// For what.
    pub source: EventSource,
}

/// What happens, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum EventSource {
    /// Messages of a queue. A queue has one subscription.
    Queue {
        /// The queue.
        queue: String,
        /// At most so many messages a call.
        batch: u32,
    },
    /// Messages of a topic.
    Topic {
        /// The topic.
        topic: String,
        /// Attributes and their accepted values; all must match.
        #[serde(default)]
        filter: BTreeMap<String, Vec<String>>,
    },
    /// Objects of a bucket.
    Bucket {
        /// The bucket.
        bucket: String,
        /// `created` or `removed`.
        event: String,
        /// Only keys that begin so.
        #[serde(default)]
        prefix: Option<String>,
        /// Only keys that end so.
        #[serde(default)]
        suffix: Option<String>,
    },
    /// Items of a table.
    Table {
        /// The table.
        table: String,
    },
}

/// What a function's code calls otherwise than the host does, itself among it: things keep the name that they were made with. By kind, as in
/// [`Grants`], and by the code's name: the host's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Names(pub BTreeMap<String, BTreeMap<String, String>>);

impl Names {
    /// Whether all is called alike.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The host's name of what the code calls `called`.
    pub fn known<'a>(&'a self, kind: &str, called: &'a str) -> &'a str {
        self.0.get(kind).and_then(|names| names.get(called)).map_or(called, String::as_str)
    }

    /// What the code calls the thing that is `known` to the host.
    pub fn called<'a>(&'a self, kind: &str, known: &'a str) -> &'a str {
        let mut names = self.0.get(kind).into_iter().flatten();
        names.find(|(_, name)| *name == known).map_or(known, |(called, _)| called)
    }
}

/// What a function may reach, by kind and its code's name: the only grants there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grants {
    /// `bucket`, `table`, `queue`, `topic`, `socket`, `function` -> name -> what.
    #[serde(default)]
    pub uses: BTreeMap<String, BTreeMap<String, Grant>>,
    /// Secrets it may read.
    #[serde(default)]
    pub secrets: Vec<String>,
}

/// What is granted on one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// Look at it.
    Read,
    /// Change it, send to it.
    Write,
    /// Both.
    ReadWrite,
    /// Call it.
    Call,
}

/// `GET …/inboxes/{queue|subscription}/{name}`: the messages that wait there. A subscription to a topic, bucket or table has an inbox of its own;
/// one to a queue reads the queue's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct InboxStatus {
    /// `queue` or `subscription`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What it is for: `topic projects`, …; empty for a queue.
    pub source: String,
    /// Who is called; absent when nobody is.
    pub function: Option<String>,
    /// Messages that wait to be delivered now.
    pub ready: u64,
    /// Messages that wait for their time.
    pub delayed: u64,
    /// Messages being handled.
    pub in_flight: u64,
    /// Dead letters.
    pub dead: u64,
}

/// One message of an inbox, as `GET …/inboxes/…/messages?dead=&limit=` shows it. Looking does not take it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct MessageView {
    /// Its id.
    pub id: String,
    /// JSON as it is; bytes as `{"$bytes": "base64"}`.
    pub body: serde_json::Value,
    /// Of a topic's message.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Deliveries so far.
    pub attempts: u32,
    /// When it was sent: milliseconds since the Unix epoch.
    pub sent_ms: u64,
    /// Why the last delivery failed.
    #[serde(default)]
    pub last_error: Option<String>,
}

/// `POST …/inboxes/…/redrive` and `…/purge` answer with how many messages it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Moved {
    /// So many.
    pub messages: u64,
}

/// `GET …/secrets`: a secret without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct SecretInfo {
    /// Its name.
    pub name: String,
    /// Whether the deployed app names it.
    pub declared: bool,
    /// When its value was set, in milliseconds since the Unix epoch; absent: it has none.
    pub updated_ms: Option<u64>,
}
