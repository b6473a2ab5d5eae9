//! The validated project: what every backend compiles. Maps are sorted, so order in the file never matters.
//! `span`s point into the manifest, for what a backend has to say; they take no part in any hash.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::diagnostic::Span;

/// The whole project for one stage and provider. Items that `only` excludes here are already left out.
#[derive(Clone, Debug)]
pub struct App {
    /// `[a-z][a-z0-9-]{0,30}`
    pub project: String,
    /// The selected stage.
    pub stage: String,
    /// The selected provider's name.
    pub provider: String,
    /// Tags for every object.
    pub tags: BTreeMap<String, String>,
    /// The HTTP API's settings.
    pub api: Api,
    /// By name.
    pub functions: BTreeMap<String, Function>,
    /// By name.
    pub buckets: BTreeMap<String, Bucket>,
    /// By name.
    pub tables: BTreeMap<String, Table>,
    /// By name.
    pub queues: BTreeMap<String, Queue>,
    /// By name.
    pub topics: BTreeMap<String, Topic>,
    /// By name.
    pub secrets: BTreeMap<String, Secret>,
    /// By name.
    pub workflows: BTreeMap<String, Workflow>,
    /// By name.
    pub sockets: BTreeMap<String, Socket>,
    /// The selected provider's own table, `[providers.NAME]`, interpolated.
    pub provider_settings: serde_json::Value,
    /// Where that table stands.
    pub provider_settings_span: Span,
    /// `[state] store`; `None` for the default.
    pub state_store: Option<String>,
}

/// `[api]`
#[derive(Clone, Debug, Default)]
pub struct Api {
    /// Cross-origin rules.
    pub cors: Option<Cors>,
    /// Requests a second over all routes.
    pub throttle: Option<Throttle>,
    /// Named authorizers.
    pub auth: BTreeMap<String, JwtAuth>,
    /// A domain of one's own, and where it is said.
    pub domain: Option<(String, Span)>,
}

/// `cors`
#[derive(Clone, Debug)]
pub struct Cors {
    /// Allowed origins; `*` for any.
    pub origins: Vec<String>,
    /// Allowed request headers, lower-case.
    pub headers: Vec<String>,
    /// Allowed methods; empty for those of the routes.
    pub methods: Vec<String>,
    /// Response headers that scripts may read.
    pub expose: Vec<String>,
    /// Whether cookies may be sent.
    pub credentials: bool,
    /// How long a browser may remember the answer.
    pub max_age: Option<Duration>,
    /// Where.
    pub span: Span,
}

/// `throttle`
#[derive(Clone, Debug)]
pub struct Throttle {
    /// Requests a second.
    pub rate: u32,
    /// Requests at once.
    pub burst: u32,
    /// Where.
    pub span: Span,
}

/// `auth.NAME`
#[derive(Clone, Debug)]
pub struct JwtAuth {
    /// The OIDC issuer's URL.
    pub issuer: String,
    /// Accepted audiences.
    pub audience: Vec<String>,
    /// Where.
    pub span: Span,
}

/// `[functions.NAME]`, defaults applied.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Where its table stands (the header).
    pub span: Span,
    /// How it is called.
    pub interface: Interface,
    /// Where `interface` is said, or the function's span.
    pub interface_span: Span,
    /// File and export; `None` only for `web`.
    pub handler: Option<Handler>,
    /// How a `web` program is built.
    pub build: Option<BuildCommand>,
    /// The language.
    pub runtime: Runtime,
    /// Bytes.
    pub memory: u64,
    /// The longest one call may take.
    pub timeout: Duration,
    /// Environment; parts, since some refer to outputs of resources.
    pub env: BTreeMap<String, Vec<EnvPart>>,
    /// Its routes.
    pub http: Vec<HttpRoute>,
    /// `http = "url"`: an address of its own besides the API's routes, with where that is said.
    pub url: Option<Span>,
    /// What else calls it.
    pub on: Vec<Event>,
    /// What it may use, by the resource's (or function's) name.
    pub uses: BTreeMap<String, Access>,
    /// Where `uses` is said, by name.
    pub uses_spans: BTreeMap<String, Span>,
    /// Secrets it may read, with where that is said.
    pub secrets: Vec<(String, Span)>,
    /// Instances kept ready, with where that is said.
    pub warm: Option<(u32, Span)>,
    /// How a new version takes over.
    pub rollout: Option<Rollout>,
    /// What goes into its artifact besides what is found.
    pub package: Package,
}

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interface {
    /// Fetch `Request`/`Response` and CloudEvents.
    Portable,
    /// An AWS Lambda handler.
    Lambda,
    /// A program that serves HTTP on `$PORT`.
    Web,
}

/// `src/profile.mjs#profile`, `src/report.py:nightly`, `legacy/orders.handler` (lambda).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// The file, relative to the manifest, `/` between its parts. Lambda style leaves the extension out: see `file_has_extension`.
    pub file: String,
    /// The exported name.
    pub export: String,
    /// Whether `file` has its extension (`false` for `legacy/orders.handler`).
    pub file_has_extension: bool,
    /// Where.
    pub span: Span,
}

/// `build = { command, output }`
#[derive(Clone, Debug)]
pub struct BuildCommand {
    /// Run by the shell in the project's root.
    pub command: String,
    /// The file or folder that it makes.
    pub output: String,
    /// Where.
    pub span: Span,
}

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuntimeFamily {
    /// JavaScript and TypeScript.
    Node,
    /// Python.
    Python,
    /// Any program.
    Web,
}

/// `node`, `node22`, `python3.11`, `web`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// The language.
    pub family: RuntimeFamily,
    /// The pinned version: `22`, `3.11`; `None` for the newest that the target offers.
    pub version: Option<String>,
    /// Where it is said, or the function's span.
    pub span: Span,
}

/// A piece of an environment value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvPart {
    /// Text.
    Text(String),
    /// `${bucket.portraits.name}`: an output of a resource, known at apply.
    Output {
        /// `bucket`, `queue`, `table`, `topic`, `function`, `socket`, `api`.
        kind: String,
        /// The resource's name; empty for `api`.
        name: String,
        /// `name`, `url`.
        output: String,
        /// Where.
        span: Span,
    },
}

/// One entry of `http`.
#[derive(Clone, Debug)]
pub struct HttpRoute {
    /// Method and path.
    pub route: Route,
    /// A named authorizer.
    pub auth: Option<String>,
    /// Its own limit.
    pub throttle: Option<Throttle>,
    /// Where.
    pub span: Span,
}

/// `GET /profiles/{id}`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: PathPattern,
}

/// A method, or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Every method.
    Any,
    /// GET (and HEAD where no route for HEAD exists).
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
}

/// A path with parameters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathPattern(pub Vec<Segment>);

/// One part of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// As it stands.
    Literal(String),
    /// `{id}`: one segment.
    Param(String),
    /// `{proxy+}`: the rest of the path, at least one segment; only last.
    Greedy(String),
}

/// One entry of `on`.
#[derive(Clone, Debug)]
pub struct Event {
    /// What happens.
    pub kind: EventKind,
    /// Where.
    pub span: Span,
}

/// What calls a function besides HTTP.
#[derive(Clone, Debug)]
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

/// `{ schedule = "0 3 * * *", timezone = "Asia/Seoul" }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When.
    pub expr: ScheduleExpr,
    /// An IANA name; `UTC` if not said.
    pub timezone: String,
}

/// When a schedule fires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScheduleExpr {
    /// Five fields, white space normalised.
    Cron(String),
    /// `rate(5 minutes)`
    Rate(Duration),
}

/// What `uses` grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// `read`
    Read,
    /// `write`
    Write,
    /// `read-write`
    ReadWrite,
    /// `call` (another function)
    Call,
}

/// `rollout`
#[derive(Clone, Debug)]
pub struct Rollout {
    /// `all-at-once`, `canary` or `linear`.
    pub kind: String,
    /// Percentages, ascending.
    pub steps: Vec<u8>,
    /// Between steps.
    pub every: Duration,
    /// Where.
    pub span: Span,
}

/// `package`
#[derive(Clone, Debug, Default)]
pub struct Package {
    /// Globs of files to add.
    pub include: Vec<String>,
    /// Globs of files to leave out.
    pub exclude: Vec<String>,
}

/// `[buckets.NAME]`
#[derive(Clone, Debug)]
pub struct Bucket {
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
