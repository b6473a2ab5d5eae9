//! Calling a function by hand.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use sf_host_api::{InvokeRequest, InvokeResponse, LogLine};
use tokio::sync::broadcast;

use super::{Host, Refusal, no_app};
use crate::apps::fault;
use crate::gateway::router::Found;
use crate::release::Release;
use crate::worker::{Body, CallError, Invocation, Route, collect, full};

/// Of an answer, so much is shown.
const MAX_ANSWER: usize = 6 << 20;

pub(super) async fn invoke(
    State(shared): Host,
    Path((project, stage, name)): Path<(String, String, String)>,
    Json(request): Json<InvokeRequest>,
) -> Result<Json<InvokeResponse>, Refusal> {
    let app = shared.app(&project, &stage).ok_or_else(|| no_app(&project, &stage))?;
    let release = app.release().ok_or_else(|| no_app(&project, &stage))?;
    let pool = release.pools.get(&name).cloned().ok_or_else(|| {
        let mut error = fault("not-found", format!("the release has no function `{name}`"));
        error.hint =
            Some(format!("it has: {}", release.pools.keys().cloned().collect::<Vec<_>>().join(", ")));
        Refusal(error)
    })?;
    let id = crate::store::invocation_id();
    let live = shared.logs.follow();
    let begun = Instant::now();
    let invocation = invocation(&release, &name, &id, &request.payload)?;
    let is_http = matches!(invocation, Invocation::Http { .. });
    let called = pool.call(invocation).await;
    let (ok, payload) = match called {
        Ok(response) => read(response, is_http).await,
        Err(error) => (false, error_json(&error)),
    };
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    // What the function printed last may still be in its pipe.
    tokio::task::yield_now().await;
    let folder = shared.store.logs(&project, &stage);
    let logs = printed(live, &folder.join(format!("{name}.ndjson")));
    Ok(Json(InvokeResponse { ok, payload, logs, duration_ms }))
}

fn error_json(error: &CallError) -> Value {
    json!({ "error": error.code(), "message": error.to_string() })
}

/// An event, or for a function that only has routes and a payload that describes a request, a request.
fn invocation(release: &Arc<Release>, name: &str, id: &str, payload: &Value) -> Result<Invocation, Refusal> {
    let route = release.routes.iter().find(|route| route.function == name);
    let has_events = release.schedules.iter().any(|schedule| schedule.function == name)
        || release.subscriptions.values().any(|subscription| subscription.function == name);
    let trace = crate::gateway::new_trace(id);
    let Some(route) = route.filter(|_| !has_events) else {
        let event = crate::events::event("sf.invoke", "/cli", id, chrono::Utc::now());
        let data = payload.to_string().into();
        return Ok(Invocation::Event { event, data, id: id.to_owned(), trace });
    };
    let text = |key: &str| payload.get(key).and_then(Value::as_str);
    let method = text("method").unwrap_or(if route.method == "ANY" { "GET" } else { &route.method });
    let path = text("path").unwrap_or(&route.path);
    let bad =
        |error: &dyn std::fmt::Display| Refusal(fault("bad-payload", format!("make the request: {error}")));
    let plain = path.split('?').next().unwrap_or(path);
    let route = match release.router.find(method, plain) {
        Found::Function { function, label, params, .. } if function == name => {
            Route { label, params, client: Ipv4Addr::LOCALHOST.into() }
        }
        _ => {
            return Err(bad(&format!("`{method} {path}` is no route of `{name}`; give `method` and `path`")));
        }
    };
    let url = format!("http://localhost{path}");
    let mut request = http::Request::builder().method(method).uri(path).header("host", "localhost");
    for (name, value) in payload.get("headers").and_then(Value::as_object).into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    let body = match payload.get("body") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(json) => json.to_string(),
    };
    let request = request.body(full(body)).map_err(|error| bad(&error))?;
    let auth = None;
    Ok(Invocation::Http { request: Box::new(request), url, route, auth, id: id.to_owned(), trace })
}

async fn read(response: http::Response<Body>, is_http: bool) -> (bool, Value) {
    let (head, body) = response.into_parts();
    let bytes = match collect(body, MAX_ANSWER).await {
        Ok(bytes) => bytes,
        Err(message) => return (false, json!({ "error": "function-broken", "message": message })),
    };
    let parsed: Option<Value> = serde_json::from_slice(&bytes).ok();
    let value = parsed.unwrap_or_else(|| Value::from(String::from_utf8_lossy(&bytes)));
    if !is_http {
        return (head.status.is_success(), value);
    }
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<Value> =
        head.headers.iter().map(|(name, value)| json!([name.as_str(), text(value)])).collect();
    let ok = !head.status.is_server_error();
    (ok, json!({ "status": head.status.as_u16(), "headers": headers, "body": value }))
}

fn printed(
    mut live: broadcast::Receiver<(std::path::PathBuf, LogLine)>,
    file: &std::path::Path,
) -> Vec<LogLine> {
    let mut lines = Vec::new();
    loop {
        match live.try_recv() {
            Ok((from, line)) if from == file => lines.push(line),
            Ok(_) | Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(_) => return lines,
        }
    }
}
