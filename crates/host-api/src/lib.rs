//! The vocabulary of the embedded host's control API, shared by the host that serves it and by those who call it
//! (the `self-hosted` backend, `sf host`). Types only, and a thin typed client. The OpenAPI document that the host serves is
//! generated from these types.
//!
//! | call | meaning |
//! | --- | --- |
//! | `GET /v1/health` | no token needed: [`Health`] |
//! | `GET /v1/status` | [`HostStatus`] |
//! | `GET /v1/openapi.json` | the description of this API (no token needed) |
//! | `GET /v1/s3` | [`S3Access`]: where buckets answer to S3 clients, and the key pair |
//! | `POST /v1/shutdown` | stop: finish what is in flight, then exit |
//! | `HEAD`, `PUT /v1/artifacts/{digest}` | a zip, by the digest of its contents |
//! | `GET /v1/apps` | `Vec<`[`AppStatus`]`>` |
//! | `GET /v1/apps/{project}/{stage}` | [`AppStatus`] |
//! | `GET /v1/apps/{project}/{stage}/resources` | `Vec<`[`Resource`]`>` |
//! | `GET`, `PUT`, `DELETE /v1/apps/{project}/{stage}/resources/{kind}/{name}` | [`Resource`]; PUT takes [`ResourcePut`] |
//! | `PUT /v1/apps/{project}/{stage}/rollout` | [`ResourcePut`] of a release that takes over in steps -> [`RolloutStatus`] |
//! | `GET`, `DELETE /v1/apps/{project}/{stage}/rollout` | how far it is; take it back: [`RolloutStatus`] |
//! | `POST /v1/apps/{project}/{stage}/functions/{name}/invoke` | [`InvokeRequest`] -> [`InvokeResponse`] |
//! | `GET /v1/apps/{project}/{stage}/logs?function=&since_ms=&tail=&follow=` | NDJSON of [`LogLine`] |
//! | `GET /v1/apps/{project}/{stage}/inboxes` | `Vec<`[`InboxStatus`]`>` |
//! | `GET /v1/apps/{project}/{stage}/inboxes/{queue or subscription}/{name}` | [`InboxStatus`] |
//! | `GET /v1/apps/{project}/{stage}/inboxes/{…}/{name}/messages?dead=&limit=` | `Vec<`[`MessageView`]`>` |
//! | `POST /v1/apps/{project}/{stage}/inboxes/{…}/{name}/redrive` | dead letters are delivered again: [`Moved`] |
//! | `POST /v1/apps/{project}/{stage}/inboxes/{…}/{name}/purge?dead=` | [`Moved`] |
//! | `GET /v1/apps/{project}/{stage}/secrets` | `Vec<`[`SecretInfo`]`>` |
//! | `PUT`, `DELETE /v1/apps/{project}/{stage}/secrets/{name}` | the value as the body; also before the app is deployed |
//! | `/v1/apps/{project}/{stage}/data/…` | what functions call: `docs/data-api.md` |
//! | `POST /v1/clock` | [`ClockAdvance`]: move the clock of schedules forward |
//!
//! Everything but health and the description wants `Authorization: Bearer TOKEN`. Errors are [`ApiError`] with a fitting status.
//!
//! **Releases are atomic.** Putting a `function`, `route`, `schedule` or `api` stores a new revision that nothing uses yet. Putting the
//! resource `release/current` names the exact revisions that answer from then on, and takes effect at once or not at all. A revision that
//! no release names, and that is not the newest, is forgotten.
//!
//! **Rollouts belong to the host.** A release that is put as a rollout is recorded; the host gives its functions their shares of the calls, step by
//! step, and takes them back at the first error, whoever is there to watch. Only functions are split: all else of a release takes effect at its
//! end. A host that was killed goes on with the step at which it was.

mod client;
mod data;
mod rollout;
mod types;

pub use client::{
    AppClient, Client, ClientError, LogLines, LogsQuery, client_builder, encode_segment,
    install_crypto_provider,
};
pub use data::{
    AuthorizerSpec, BucketSpec, EventSource, Grant, Grants, InboxStatus, KeyKind, KeySpec, MessageView,
    Moved, Names, QueueSpec, SecretInfo, SecretSpec, SocketSpec, SubscriptionSpec, TableSpec, ThrottleSpec,
    TopicSpec,
};
pub use rollout::{RollingFunction, RolloutSpec, RolloutState, RolloutStatus};
pub use types::{
    ApiError, ApiSpec, AppStatus, ClockAdvance, CorsSpec, FunctionSpec, FunctionStatus, HandlerSpec, Health,
    HostStatus, InvokeRequest, InvokeResponse, Layer, LogLine, ReleaseSpec, Resource, ResourcePut, RouteSpec,
    RuntimeSpec, S3Access, ScheduleSpec,
};

/// What [`AppClient::data`] takes and gives.
pub mod http {
    pub use reqwest::header::HeaderMap;
    pub use reqwest::{Body, Method, Response};
}

/// The kinds of resources there are.
pub const KINDS: [&str; 13] = [
    "api",
    "authorizer",
    "bucket",
    "function",
    "queue",
    "release",
    "route",
    "schedule",
    "secret",
    "socket",
    "subscription",
    "table",
    "topic",
];
