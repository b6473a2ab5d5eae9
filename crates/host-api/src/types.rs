//! Bodies of the control API.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::{Grants, Names, ThrottleSpec};
use crate::rollout::{RolloutSpec, RolloutStatus};

/// `GET /v1/health`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// The host's version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// Identifies one host's data across restarts, so that a stale record of another host is noticed.
    pub host_id: String,
}

/// `GET /v1/status`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostStatus {
    /// As in [`Health`].
    pub health: Health,
    /// When this process started: milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// The control API's URL.
    pub url: String,
    /// Where buckets answer to S3 clients; absent in hosts that were made before there was such a place.
    #[serde(default)]
    pub s3_url: Option<String>,
    /// Where its data is.
    pub data_dir: String,
    /// How far the schedules' clock is ahead, in milliseconds.
    pub clock_offset_ms: u64,
    /// What keeps functions from the host, from one another and from the rest of the machine.
    #[serde(default)]
    pub isolation: Vec<Layer>,
    /// What is deployed.
    pub apps: Vec<AppStatus>,
}

/// `GET /v1/s3`: what an S3 client has to know. Path-style addresses; a bucket is called `PROJECT-STAGE-BUCKET`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct S3Access {
    /// The endpoint.
    pub url: String,
    /// Names the secret key.
    pub access_key: String,
    /// Opens every bucket of the host.
    pub secret_key: String,
    /// What clients want to be told; requests that are signed for another one are answered as well.
    pub region: String,
}

impl std::fmt::Debug for S3Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Access")
            .field("url", &self.url)
            .field("access_key", &self.access_key)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// One of the things that isolate functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Layer {
    /// What it is about: `files`, `system-calls`, `memory`, … .
    pub name: String,
    /// Whether it is in force.
    pub active: bool,
    /// How, or why not.
    pub detail: String,
}

/// One project's stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppStatus {
    /// The project.
    pub project: String,
    /// The stage.
    pub stage: String,
    /// Where its HTTP API answers: `http://127.0.0.1:PORT`. Each app has its own port, kept over restarts.
    pub url: Option<String>,
    /// Why the gateway does not listen, if it does not (its port was taken at a restart).
    pub gateway_error: Option<String>,
    /// The active release's revision.
    pub release: Option<String>,
    /// Routes of the active release.
    pub routes: Vec<RouteSpec>,
    /// Schedules of the active release.
    pub schedules: Vec<ScheduleSpec>,
    /// Functions of the active release.
    pub functions: Vec<FunctionStatus>,
    /// A release that takes over in steps, or the last one that was taken back.
    #[serde(default)]
    pub rollout: Option<RolloutStatus>,
}

/// A function of the active release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionStatus {
    /// Its name.
    pub name: String,
    /// Its artifact's digest.
    pub artifact: String,
    /// Workers running now.
    pub workers: u32,
    /// The last reason a worker could not start, if the last one could not.
    pub last_error: Option<String>,
}

/// A stored resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resource {
    /// One of [`crate::KINDS`].
    pub kind: String,
    /// Its name; may hold `/` (percent-encoded in paths).
    pub name: String,
    /// The digest of `spec`: equal specs have equal revisions.
    pub revision: String,
    /// As it was put, by kind a [`FunctionSpec`], a [`RouteSpec`], … .
    pub spec: serde_json::Value,
    /// What the deployer wanted to have remembered with it; the host never reads it.
    pub annotations: BTreeMap<String, serde_json::Value>,
    /// What it has to say: `revision` for all; `url` and `port` for `api`; `name` for data, and what the provider's page says.
    pub outputs: BTreeMap<String, serde_json::Value>,
}

/// `PUT …/resources/{kind}/{name}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResourcePut {
    /// By kind a [`FunctionSpec`], [`RouteSpec`], [`ScheduleSpec`], [`ApiSpec`] or [`ReleaseSpec`]; unknown fields are refused.
    pub spec: serde_json::Value,
    /// Remembered with it.
    #[serde(default)]
    pub annotations: BTreeMap<String, serde_json::Value>,
}

/// A function. Refused with 409 `artifact-missing` if its artifact was not uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FunctionSpec {
    /// `portable`, `lambda` or `web`.
    pub interface: String,
    /// The language.
    pub runtime: RuntimeSpec,
    /// For `portable` and `lambda`: what is called.
    #[serde(default)]
    pub handler: Option<HandlerSpec>,
    /// For `web`: the program in the artifact and its arguments.
    #[serde(default)]
    pub command: Vec<String>,
    /// The artifact's digest.
    pub artifact: String,
    /// Its environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Bytes it may use.
    pub memory: u64,
    /// Milliseconds one call may take; its worker is killed then.
    pub timeout_ms: u64,
    /// Workers kept ready.
    #[serde(default)]
    pub warm: u32,
    /// For `lambda`: the version of API Gateway's payload, `2.0` (also when absent) or `1.0`.
    #[serde(default)]
    pub payload: Option<String>,
    /// What it may reach.
    #[serde(default)]
    pub grants: Grants,
    /// What its code calls otherwise than the host does.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub names: Names,
}

/// A language and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RuntimeSpec {
    /// `node`, `python` or `web`.
    pub family: String,
    /// The pinned version; absent: what the host has.
    #[serde(default)]
    pub version: Option<String>,
}

/// File and export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HandlerSpec {
    /// The file in the artifact.
    pub file: String,
    /// The exported name.
    pub export: String,
}

/// A route of the gateway. Its name is `METHOD /path`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RouteSpec {
    /// `GET`, … or `ANY`.
    pub method: String,
    /// `/profiles/{id}`, `/orders/{proxy+}`: the most specific route wins (a literal before a parameter before a greedy one).
    pub path: String,
    /// Who answers.
    pub function: String,
    /// The authorizer that lets a request through.
    #[serde(default)]
    pub auth: Option<String>,
    /// Its own limit, besides the API's.
    #[serde(default)]
    pub throttle: Option<ThrottleSpec>,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScheduleSpec {
    /// Five cron fields, or `rate(SECONDS seconds)`.
    pub expression: String,
    /// An IANA time zone.
    pub timezone: String,
    /// Who is called, with a CloudEvent of type `sf.schedule`.
    pub function: String,
}

/// The HTTP API's settings. Its name is `api`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ApiSpec {
    /// Cross-origin rules.
    #[serde(default)]
    pub cors: Option<CorsSpec>,
    /// Requests over all routes.
    #[serde(default)]
    pub throttle: Option<ThrottleSpec>,
    /// A port of one's own choice; absent: the host chooses once and keeps it.
    #[serde(default)]
    pub port: Option<u16>,
}

/// Cross-origin rules: <https://fetch.spec.whatwg.org/#http-cors-protocol>.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CorsSpec {
    /// Allowed origins; `*` for any.
    pub origins: Vec<String>,
    /// Allowed request headers.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Allowed methods; empty for those of the routes.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Response headers that scripts may read.
    #[serde(default)]
    pub expose: Vec<String>,
    /// Whether cookies may be sent.
    #[serde(default)]
    pub credentials: bool,
    /// Seconds a browser may remember the answer.
    #[serde(default)]
    pub max_age: Option<u64>,
}

/// What answers from now on. Its name is `current`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReleaseSpec {
    /// `kind/name` -> revision. All must be there, else 409 `unknown-revision` and nothing changes.
    pub resources: BTreeMap<String, String>,
    /// Functions that change in steps, when the release is put as a rollout. A put of the resource takes effect at once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rollouts: BTreeMap<String, RolloutSpec>,
}

/// `POST …/functions/{name}/invoke`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvokeRequest {
    /// The `data` of a CloudEvent of type `sf.invoke`; for a function that only has HTTP routes, `{method, path, headers, body}`
    /// makes an HTTP request instead.
    pub payload: serde_json::Value,
}

/// What the function answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvokeResponse {
    /// Whether it returned (rather than threw, crashed or timed out).
    pub ok: bool,
    /// What it returned, or `{error, message}`.
    pub payload: serde_json::Value,
    /// What it logged meanwhile.
    pub logs: Vec<LogLine>,
    /// How long it took.
    pub duration_ms: u64,
}

/// One line of a function's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// Milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Whose.
    pub function: String,
    /// `stdout`, `stderr` or `system`.
    pub stream: String,
    /// Without its end; cut at 16 KiB.
    pub message: String,
}

/// `POST /v1/clock`: schedules that would have fired meanwhile fire once each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockAdvance {
    /// Milliseconds forward.
    pub advance_ms: u64,
}

/// What went wrong. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// A stable name, such as `artifact-missing`.
    pub code: String,
    /// One lower-case sentence.
    pub message: String,
    /// What to do about it.
    #[serde(default)]
    pub hint: Option<String>,
    /// Names involved (missing digests, missing revisions).
    #[serde(default)]
    pub names: BTreeSet<String>,
}
