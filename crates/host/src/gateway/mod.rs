//! The public side of an app: a listener of its own, routing, cross-origin rules, limits, authorizers, WebSockets.
//!
//! ```text
//! socket ─> guard (framing) ─> hyper ─> head (what it may be) ─> limits ─> router ─> authorizer ─> body (size, pace) ─> Pool
//!                                                            └─> websocket
//! ```

mod auth;
pub(crate) mod body;
pub(crate) mod cors;
mod framing;
mod guard;
mod head;
mod listener;
pub(crate) mod policy;
mod problem;
pub(crate) mod router;
mod throttle;
mod websocket;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use sf_data::AppId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::apps::App;
use crate::release::Release;
use crate::sockets::Sockets;
use crate::worker::{Body, CallError, Invocation, Route, full};
use cors::Cors;
use guard::Upgraded;
pub(crate) use listener::Gateway;
use problem::Problem;
use router::Found;
use throttle::Throttle;

/// Everything that a gateway's connections share.
struct Public {
    id: AppId,
    app: Arc<App>,
    sockets: Arc<Sockets>,
    /// The gateway closes.
    stop: CancellationToken,
    /// Connections, HTTP and other.
    tasks: TaskTracker,
    /// Bytes of gathered request bodies.
    gathered: Arc<Semaphore>,
    /// WebSocket connections.
    upgrades: Arc<Semaphore>,
}

/// One connection.
#[derive(Clone)]
struct Visit {
    public: Arc<Public>,
    /// The address of its other end.
    client: IpAddr,
    upgraded: Upgraded,
    /// Its place among the gateway's connections.
    permit: Arc<OwnedSemaphorePermit>,
}

async fn answer(visit: &Visit, request: Request<Incoming>) -> Response<Body> {
    if let Err(problem) = head::check(&request) {
        return problem.response();
    }
    let Some(release) = visit.public.app.release() else {
        let message = "nothing is deployed here yet";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-released", message).response();
    };
    let origin = request.headers().get(ORIGIN).cloned();
    if let Some(cors) = release.cors.as_ref().filter(|_| Cors::is_preflight(&request)) {
        let mut response = no_content();
        cors.preflight(origin.as_ref(), response.headers_mut());
        return response;
    }
    let answered = respond(visit, &release, request).await;
    let mut response = answered.unwrap_or_else(Problem::response);
    if let Some(cors) = &release.cors {
        cors.decorate(origin.as_ref(), response.headers_mut());
    }
    response
}

async fn respond(
    visit: &Visit,
    release: &Arc<Release>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    limit(release.policy.throttle.as_ref())?;
    if let Some(name) = websocket::name(request.uri().path()).map(str::to_owned) {
        return websocket::open(visit, release, &name, request).await;
    }
    let found = release.router.find(request.method().as_str(), request.uri().path());
    let (route, label, function, params) = match found {
        Found::Function { route, label, function, params } => (route, label, function, params),
        Found::Nothing if request.method() == Method::OPTIONS && request.uri().path() == "*" => {
            return Ok(no_content());
        }
        Found::Nothing => {
            return Err(Problem::new(StatusCode::NOT_FOUND, "no-route", "no route matches this path"));
        }
        Found::OtherMethods(methods) => return other_methods(request.method(), methods),
    };
    let rules = release.policy.routes.get(route);
    let auth = match rules.and_then(|rules| rules.authorizer.as_ref()) {
        Some(authorizer) => {
            Some(authorizer.authorize(request.headers()).await.map_err(auth::Denied::problem)?)
        }
        None => None,
    };
    // After the authorizer: whoever has no token must not use up what those with one are granted.
    limit(rules.and_then(|rules| rules.throttle.as_ref()))?;
    let Some(pool) = release.pools.get(&function) else {
        let message = "the route's function is not there";
        return Err(Problem::new(StatusCode::BAD_GATEWAY, "no-function", message));
    };
    let id = crate::store::invocation_id();
    let trace = trace(request.headers(), &id);
    let url = url(&request);
    let is_head = request.method() == Method::HEAD;
    let request = request.map(|body| body.map_err(Into::into).boxed());
    let timeout = Duration::from_millis(pool.spec.timeout_ms);
    let prepared = body::prepare(request, timeout, &visit.public.gathered).await;
    let mut ready = prepared.map_err(body::Fault::problem)?;
    strip_hop_by_hop(ready.request.headers_mut());
    let request = Box::new(ready.request);
    let route = Route { label, params, client: visit.client };
    let call = pool.call(Invocation::Http { request, url, route, auth, id: id.clone(), trace });
    let called = tokio::select! {
        biased;
        fault = ready.verdict.fault() => return Err(fault.problem()),
        called = call => called,
    };
    let mut response = match called {
        Ok(response) => clean(response, is_head),
        Err(error) => failure(&error).response(),
    };
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    Ok(response)
}

fn limit(throttle: Option<&Arc<Throttle>>) -> Result<(), Problem> {
    let taken = throttle.map_or(Ok(()), |throttle| throttle.take(Instant::now()));
    taken.map_err(|wait| {
        let message = "more requests came than are allowed";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "throttled", message).retry_after(wait)
    })
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A path without the method: OPTIONS asks for just what it has.
fn other_methods(method: &Method, mut methods: Vec<String>) -> Result<Response<Body>, Problem> {
    methods.push("OPTIONS".into());
    if methods.iter().any(|method| method == "GET") {
        methods.push("HEAD".into());
    }
    methods.sort();
    methods.dedup();
    let allow = HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"));
    if method != Method::OPTIONS {
        let message = "this path has no such method";
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "no-method", message).header(ALLOW, allow));
    }
    let mut response = no_content();
    response.headers_mut().insert(ALLOW, allow);
    Ok(response)
}

/// What the client learns of a failed call: the kind, and where to look; messages of user code stay in the log.
fn failure(error: &CallError) -> Problem {
    let message = match error {
        CallError::Threw { .. } => "the function failed; its log says why".to_owned(),
        other => other.to_string(),
    };
    Problem::new(error.status(), error.code(), message)
}

/// Takes out of a function's answer what is between the gateway and the client alone.
fn clean(mut response: Response<Body>, is_head: bool) -> Response<Body> {
    use http_body::Body as _;
    strip_hop_by_hop(response.headers_mut());
    // A function that counted wrong must not shift where the client sees the next answer begin.
    if !is_head && response.body().size_hint().exact().is_some() {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response
}

/// The request's full URL, as the client wrote it.
fn url(request: &Request<Incoming>) -> String {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    format!("http://{host}{path}")
}

/// The W3C trace that the client began, or a new one: <https://www.w3.org/TR/trace-context/#traceparent-header>.
fn trace(headers: &HeaderMap, id: &str) -> String {
    let given = headers.get("traceparent").and_then(|value| value.to_str().ok());
    match given
        .filter(|text| text.len() == 55 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()))
    {
        Some(text) => text.to_owned(),
        None => new_trace(id),
    }
}

pub(crate) fn new_trace(id: &str) -> String {
    format!("00-{id}-{}-01", id.get(..16).unwrap_or("0000000000000001"))
}

/// Headers that concern one connection only: RFC 9110, section 7.6.1.
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_owned())
        .collect();
    let fixed =
        ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];
    for name in named.iter().map(String::as_str).chain(fixed) {
        headers.remove(name);
    }
}
