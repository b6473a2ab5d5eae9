//! The control API of `sf_host_api`, on loopback.

mod artifacts;
mod inboxes;
mod invoke;
mod logs;
pub(crate) mod requests;
mod rollout;
mod secrets;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::{Method, StatusCode};
use sf_host_api::{ApiError, AppStatus, ClockAdvance, Health, HostStatus, Resource, ResourcePut, S3Access};

use crate::apps::{Shared, check_plain_name, fault};
use crate::data_api::{self, same};

/// A resource's spec is small; code travels as an artifact.
const MAX_BODY: usize = 8 << 20;

type Host = State<Arc<Shared>>;

/// An error with the status that fits its code.
pub(crate) struct Refusal(pub(crate) ApiError);

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.0.code.as_str() {
            "unauthorized" => StatusCode::UNAUTHORIZED,
            "forbidden" => StatusCode::FORBIDDEN,
            "not-found" | "unknown-kind" => StatusCode::NOT_FOUND,
            "artifact-missing" | "unknown-revision" | "in-use" | "port-taken" | "conflict" => {
                StatusCode::CONFLICT
            }
            "too-large" => StatusCode::PAYLOAD_TOO_LARGE,
            "storage-full" => StatusCode::INSUFFICIENT_STORAGE,
            "storage" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, Json(self.0)).into_response()
    }
}

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let app = "/v1/apps/{project}/{stage}";
    let guarded = Router::new()
        .route("/v1/status", get(status))
        .route("/v1/s3", get(s3))
        .route("/v1/shutdown", post(shutdown))
        .route("/v1/clock", post(advance_clock))
        .route("/v1/artifacts/{digest}", put(artifacts::upload).head(artifacts::exists))
        .route("/v1/apps", get(apps))
        .route(app, get(one_app))
        .route(&format!("{app}/resources"), get(resources))
        .route(
            &format!("{app}/resources/{{kind}}/{{name}}"),
            get(resource).put(put_resource).delete(delete_resource),
        )
        .route(&format!("{app}/rollout"), get(rollout::status).put(rollout::begin).delete(rollout::take_back))
        .route(&format!("{app}/functions/{{name}}/invoke"), post(invoke::invoke))
        .route(&format!("{app}/logs"), get(logs::logs))
        .route(&format!("{app}/inboxes"), get(inboxes::list))
        .route(&format!("{app}/inboxes/{{kind}}/{{name}}"), get(inboxes::one))
        .route(&format!("{app}/inboxes/{{kind}}/{{name}}/messages"), get(inboxes::messages))
        .route(&format!("{app}/inboxes/{{kind}}/{{name}}/redrive"), post(inboxes::redrive))
        .route(&format!("{app}/inboxes/{{kind}}/{{name}}/purge"), post(inboxes::purge))
        .route(&format!("{app}/secrets"), get(secrets::list))
        .route(&format!("{app}/secrets/{{name}}"), put(secrets::set).delete(secrets::remove))
        .fallback(|| async { Refusal(fault("not-found", "the control API has no such path")) })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(shared.clone(), authorize))
        .layer(middleware::from_fn_with_state(shared.clone(), record));
    Router::new()
        .route("/v1/health", get(health))
        .route("/v1/openapi.json", get(|| async { Json(crate::openapi()) }))
        .merge(guarded)
        // Beside the record of calls: data is no business of it.
        .nest(&format!("{app}/data"), data_api::router(shared.clone()))
        .layer(middleware::from_fn(local_only))
        .with_state(shared)
}

/// Refuses what a browser was talked into sending: a page of another site carries `Origin`, and a rebound name is in `Host`.
async fn local_only(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_local = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    if headers.contains_key(http::header::ORIGIN) || !is_local {
        return Refusal(fault("forbidden", "the control API answers local programs only")).into_response();
    }
    next.run(request).await
}

async fn authorize(State(shared): Host, request: Request, next: Next) -> Response {
    let given = request.headers().get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if !same(given.as_bytes(), shared.store.token().as_bytes()) {
        let mut error = fault("unauthorized", "the token is missing or wrong");
        error.hint =
            Some("it is in the file `token` of the host's data folder; SF_HOST_TOKEN overrides it".into());
        return Refusal(error).into_response();
    }
    next.run(request).await
}

async fn record(State(shared): Host, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    if !matches!(method, Method::GET | Method::HEAD) {
        shared.requests.add(method.as_str(), &path, response.status().as_u16());
    }
    response
}

fn about(shared: &Shared) -> Health {
    Health {
        version: env!("CARGO_PKG_VERSION").into(),
        pid: std::process::id(),
        host_id: shared.store.id().to_owned(),
    }
}

async fn health(State(shared): Host) -> Json<Health> {
    Json(about(&shared))
}

async fn status(State(shared): Host) -> Json<HostStatus> {
    Json(HostStatus {
        health: about(&shared),
        started_ms: shared.started_ms,
        url: shared.url(),
        s3_url: Some(shared.s3.url().to_owned()),
        data_dir: shared.store.root().display().to_string(),
        clock_offset_ms: shared.clock.offset_ms(),
        isolation: shared.sandbox.layers().to_vec(),
        apps: shared.apps().iter().map(|app| app.status()).collect(),
    })
}

async fn s3(State(shared): Host) -> Json<S3Access> {
    Json(shared.s3.access())
}

async fn shutdown(State(shared): Host) -> StatusCode {
    shared.shutdown.cancel();
    StatusCode::ACCEPTED
}

async fn advance_clock(State(shared): Host, Json(advance): Json<ClockAdvance>) -> StatusCode {
    shared.clock.advance(advance.advance_ms);
    shared.schedules_changed.notify_waiters();
    StatusCode::NO_CONTENT
}

async fn apps(State(shared): Host) -> Json<Vec<AppStatus>> {
    Json(shared.apps().iter().map(|app| app.status()).collect())
}

fn no_app(project: &str, stage: &str) -> Refusal {
    Refusal(fault("not-found", format!("nothing of project `{project}`, stage `{stage}` is deployed here")))
}

type AppPath = Path<(String, String)>;

async fn one_app(State(shared): Host, Path((project, stage)): AppPath) -> Result<Json<AppStatus>, Refusal> {
    let app = shared.app(&project, &stage).ok_or_else(|| no_app(&project, &stage))?;
    Ok(Json(app.status()))
}

async fn resources(
    State(shared): Host,
    Path((project, stage)): AppPath,
) -> Result<Json<Vec<Resource>>, Refusal> {
    let app = shared.app(&project, &stage).ok_or_else(|| no_app(&project, &stage))?;
    Ok(Json(app.record().resources.into_values().map(|stored| stored.newest.clone()).collect()))
}

type ResourcePath = Path<(String, String, String, String)>;

async fn resource(
    State(shared): Host,
    Path((project, stage, kind, name)): ResourcePath,
) -> Result<Json<Resource>, Refusal> {
    let app = shared.app(&project, &stage);
    let stored = app.and_then(|app| app.record().resources.remove(&format!("{kind}/{name}")));
    let stored = stored.ok_or_else(|| Refusal(fault("not-found", format!("there is no `{kind}/{name}`"))))?;
    Ok(Json(stored.newest.clone()))
}

async fn put_resource(
    State(shared): Host,
    Path((project, stage, kind, name)): ResourcePath,
    body: Result<Json<ResourcePut>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Resource>, Refusal> {
    let Json(put) = body.map_err(|error| Refusal(fault("bad-spec", error.body_text())))?;
    check_plain_name(&project)?;
    check_plain_name(&stage)?;
    // A client that goes away must not leave a change half-made.
    let change = tokio::spawn(async move { shared.put(&project, &stage, &kind, &name, put).await });
    let done = change.await.map_err(|error| Refusal(fault("internal", error.to_string())))?;
    Ok(Json(done?))
}

async fn delete_resource(
    State(shared): Host,
    Path((project, stage, kind, name)): ResourcePath,
) -> Result<StatusCode, Refusal> {
    let change =
        tokio::spawn(async move { shared.delete(&project, &stage, &format!("{kind}/{name}")).await });
    let done = change.await.map_err(|error| Refusal(fault("internal", error.to_string())))?;
    match done? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Refusal(fault("not-found", "there is no such resource"))),
    }
}
