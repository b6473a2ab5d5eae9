//! The control API in memory, as the documentation of `sf_host_api` has it, and stricter than kind: a spec with an unknown field, a
//! missing artifact or an unknown revision is refused. It runs nothing; it serves the driver's tests, which are about objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::de::DeserializeOwned;
use sf_host_api::{
    ApiError, ApiSpec, AppStatus, FunctionSpec, FunctionStatus, ReleaseSpec, Resource, ResourcePut,
    RouteSpec, ScheduleSpec,
};

/// The port that the host chose, as far as anyone asks.
const CHOSEN_PORT: u16 = 4000;

type Shared = State<Arc<Mutex<Host>>>;
type Name = Path<(String, String, String, String)>;
type Outputs = BTreeMap<String, serde_json::Value>;

/// What one project's stage has. There is one.
#[derive(Default)]
struct Host {
    artifacts: BTreeSet<String>,
    resources: BTreeMap<(String, String), Resource>,
    port: Option<u16>,
}

/// The URL of a new one.
pub(crate) async fn start() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = "/v1/apps/{project}/{stage}";
    let router = Router::new()
        .route("/v1/artifacts/{digest}", put(put_artifact).head(head_artifact))
        .route(app, get(status))
        .route(&format!("{app}/logs"), get(async || ""))
        .route(&format!("{app}/resources"), get(list))
        .route(&format!("{app}/resources/{{kind}}/{{name}}"), get(read).put(put_one).delete(delete))
        .with_state(Arc::default());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn put_artifact(State(host): Shared, Path(digest): Path<String>, _zip: Bytes) -> StatusCode {
    host.lock().unwrap().artifacts.insert(digest);
    StatusCode::CREATED
}

async fn head_artifact(State(host): Shared, Path(digest): Path<String>) -> StatusCode {
    match host.lock().unwrap().artifacts.contains(&digest) {
        true => StatusCode::OK,
        false => StatusCode::NOT_FOUND,
    }
}

async fn list(State(host): Shared) -> Json<Vec<Resource>> {
    Json(host.lock().unwrap().resources.values().cloned().collect())
}

async fn read(State(host): Shared, Path((_, _, kind, name)): Name) -> Response {
    match host.lock().unwrap().resources.get(&(kind, name)) {
        Some(resource) => Json(resource).into_response(),
        None => refuse(404, "no-such-resource"),
    }
}

async fn delete(State(host): Shared, Path((_, _, kind, name)): Name) -> Response {
    match host.lock().unwrap().resources.remove(&(kind, name)) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => refuse(404, "no-such-resource"),
    }
}

async fn put_one(
    State(host): Shared,
    Path((_, _, kind, name)): Name,
    Json(ResourcePut { spec, annotations }): Json<ResourcePut>,
) -> Response {
    let mut host = host.lock().unwrap();
    let mut outputs = match host.accept(&kind, &spec) {
        Ok(outputs) => outputs,
        Err(code) => return refuse(409, code),
    };
    // Specs have sorted keys, so equal ones have equal texts.
    let revision = spec.to_string();
    outputs.insert("revision".into(), revision.clone().into());
    let resource = Resource { kind, name, revision, spec, annotations, outputs };
    let key = (resource.kind.clone(), resource.name.clone());
    host.resources.insert(key, resource.clone());
    Json(resource).into_response()
}

impl Host {
    /// Whether a spec is one; what it has to say besides its revision.
    fn accept(&mut self, kind: &str, spec: &serde_json::Value) -> Result<Outputs, &'static str> {
        match kind {
            "route" => parse::<RouteSpec>(spec).map(drop)?,
            "schedule" => parse::<ScheduleSpec>(spec).map(drop)?,
            "function" => {
                if !self.artifacts.contains(&parse::<FunctionSpec>(spec)?.artifact) {
                    return Err("artifact-missing");
                }
            }
            "release" => {
                let named = parse::<ReleaseSpec>(spec)?.resources;
                if !named.iter().all(|(key, revision)| self.has(key, revision)) {
                    return Err("unknown-revision");
                }
            }
            "api" => {
                self.port = parse::<ApiSpec>(spec)?.port.or(self.port).or(Some(CHOSEN_PORT));
                return Ok(Outputs::from([
                    ("url".into(), self.url().into()),
                    ("port".into(), self.port.into()),
                ]));
            }
            _ => return Err("no-such-kind"),
        }
        Ok(Outputs::new())
    }

    fn has(&self, key: &str, revision: &str) -> bool {
        let (kind, name) = key.split_once('/').unwrap();
        let stored = self.resources.get(&(kind.to_owned(), name.to_owned()));
        stored.is_some_and(|resource| resource.revision == revision)
    }

    fn url(&self) -> Option<String> {
        self.port.map(|port| format!("http://127.0.0.1:{port}"))
    }

    fn specs<T: DeserializeOwned>(&self, kind: &str) -> Vec<T> {
        let of_kind = self.resources.values().filter(|resource| resource.kind == kind);
        of_kind.map(|resource| parse(&resource.spec).unwrap()).collect()
    }
}

async fn status(State(host): Shared) -> Response {
    let host = host.lock().unwrap();
    let Some(release) = host.resources.get(&("release".to_owned(), "current".to_owned())) else {
        return refuse(404, "no-such-app");
    };
    let functions = host.resources.values().filter(|resource| resource.kind == "function");
    Json(AppStatus {
        project: "able".into(),
        stage: "dev".into(),
        url: host.url(),
        gateway_error: None,
        release: Some(release.revision.clone()),
        routes: host.specs("route"),
        schedules: host.specs("schedule"),
        functions: functions
            .map(|resource| FunctionStatus {
                name: resource.name.clone(),
                artifact: resource.spec["artifact"].to_string(),
                workers: 0,
                last_error: None,
            })
            .collect(),
    })
    .into_response()
}

fn parse<T: DeserializeOwned>(spec: &serde_json::Value) -> Result<T, &'static str> {
    serde_json::from_value(spec.clone()).map_err(|_| "bad-spec")
}

fn refuse(status: u16, code: &str) -> Response {
    let error = ApiError { code: code.into(), message: "refused".into(), hint: None, names: BTreeSet::new() };
    (StatusCode::from_u16(status).unwrap(), Json(error)).into_response()
}
