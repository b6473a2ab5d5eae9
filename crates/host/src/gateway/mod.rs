//! The public side of an app: a listener of its own, routing, cross-origin rules.

pub(crate) mod cors;
pub(crate) mod router;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CONNECTION, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::apps::App;
use crate::release::Release;
use crate::worker::{Body, CallError, Invocation, full};
use cors::Cors;
use router::Found;

/// A client that does not send its request's head by then is cut off.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// All headers of a request together.
const MAX_HEAD: usize = 64 << 10;

/// An app's listener.
pub(crate) struct Gateway {
    pub(crate) port: u16,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Gateway {
    pub(crate) async fn open(address: SocketAddr, app: Arc<App>) -> std::io::Result<Self> {
        let listener = crate::ports::listen(address).await?;
        let port = listener.local_addr()?.port();
        let stop = CancellationToken::new();
        let task = tokio::spawn(accept(listener, app, stop.clone()));
        Ok(Self { port, stop, task })
    }

    /// Takes no new connections and waits for what is in flight.
    pub(crate) async fn close(mut self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(10), &mut self.task).await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, app: Arc<App>, stop: CancellationToken) {
    let graceful = hyper_util::server::graceful::GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors: those in use will come back.
                    tracing::warn!(%error, "accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let _ = stream.set_nodelay(true);
        let app = app.clone();
        let service = hyper::service::service_fn(move |request| {
            let app = app.clone();
            async move { Ok::<_, Infallible>(answer(&app, request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            // A client that breaks off is its own affair.
            let _ = watched.await;
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn answer(app: &App, request: Request<hyper::body::Incoming>) -> Response<Body> {
    let Some(release) = app.release() else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "not-released", "nothing is deployed here yet");
    };
    let origin = request.headers().get(ORIGIN).cloned();
    let Some(cors) = &release.cors else { return route(&release, request).await };
    if Cors::is_preflight(request.method(), request.headers()) {
        let mut response = Response::new(full(""));
        *response.status_mut() = StatusCode::NO_CONTENT;
        cors.preflight(origin.as_ref(), response.headers_mut());
        return response;
    }
    let mut response = route(&release, request).await;
    cors.decorate(origin.as_ref(), response.headers_mut());
    response
}

async fn route(release: &Arc<Release>, request: Request<hyper::body::Incoming>) -> Response<Body> {
    let (function, params) = match release.router.find(request.method().as_str(), request.uri().path()) {
        Found::Function { function, params } => (function, params),
        Found::Nothing => return problem(StatusCode::NOT_FOUND, "no-route", "no route matches this path"),
        Found::OtherMethods(methods) => {
            let mut response =
                problem(StatusCode::METHOD_NOT_ALLOWED, "no-method", "this path has no such method");
            if let Ok(methods) = HeaderValue::from_str(&methods.join(", ")) {
                response.headers_mut().insert(ALLOW, methods);
            }
            return response;
        }
    };
    let Some(pool) = release.pools.get(&function) else {
        return problem(StatusCode::BAD_GATEWAY, "no-function", "the route's function is not there");
    };
    let id = crate::store::invocation_id();
    let trace = trace(request.headers(), &id);
    let url = url(&request);
    let mut request = request.map(|body| body.map_err(Into::into).boxed());
    strip_hop_by_hop(request.headers_mut());
    let called =
        pool.call(Invocation::Http { request: Box::new(request), url, params, id: id.clone(), trace }).await;
    let mut response = match called {
        Ok(mut response) => {
            strip_hop_by_hop(response.headers_mut());
            response
        }
        Err(error) => failure(&error),
    };
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// What the client learns of a failed call: the kind, and where to look; messages of user code stay in the log.
fn failure(error: &CallError) -> Response<Body> {
    let message = match error {
        CallError::Threw { .. } => "the function failed; its log says why".to_owned(),
        other => other.to_string(),
    };
    problem(error.status(), error.code(), &message)
}

pub(crate) fn problem(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let text = serde_json::json!({ "error": code, "message": message }).to_string();
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The request's full URL, as the client wrote it.
fn url(request: &Request<hyper::body::Incoming>) -> String {
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
