//! The validated project: what every backend compiles. Maps are sorted, so order in the file never matters.
//! `span`s point into the manifest, for what a backend has to say; they take no part in any hash.

mod api;
mod event;
mod function;
mod resource;
mod route;

use std::collections::BTreeMap;

use crate::diagnostic::Span;
use crate::renames::Renames;

pub use api::{Api, Cors, JwtAuth, Throttle};
pub use event::{Event, EventKind};
pub use function::{
    Access, BuildCommand, EnvPart, Function, Handler, Interface, Package, Payload, Rollout, Use,
};
pub use resource::{Bucket, KeyType, Queue, Secret, Socket, Table, TableKey, Topic, Workflow};
pub use route::{HttpRoute, Method, PathPattern, Route, Segment};

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
    /// Whether the states of all stages are there: no stage names another place.
    pub one_store: bool,
    /// What is called otherwise than it was.
    pub renames: Renames,
    /// `[state] releases`: how many are kept.
    pub kept_releases: usize,
}
