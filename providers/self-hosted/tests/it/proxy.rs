//! Stands between the driver and a host: notes every request, and spoils those it is told to.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream;
use http::{Method, StatusCode};

/// What to do with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Answer with this status; the host never hears of it.
    Refuse(u16),
    /// Let the host do it, and lose its answer.
    LoseAnswer,
}

/// The place of a request in the order of those that change something, and what to do with it.
type Plan = Mutex<Option<(usize, Fault)>>;

#[derive(Default)]
struct Shared {
    upstream: String,
    http: reqwest::Client,
    plan: Plan,
    mutating: Mutex<Vec<String>>,
}

/// A running proxy.
#[derive(Clone)]
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    pub(crate) url: String,
}

impl Proxy {
    /// In front of the host at `upstream`.
    pub(crate) async fn start(upstream: &str) -> Self {
        sf_host_api::install_crypto_provider();
        let shared = Arc::new(Shared {
            upstream: upstream.trim_end_matches('/').to_owned(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            ..Shared::default()
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(forward).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shared, url }
    }

    /// Spoils the `nth` request from now that changes something.
    pub(crate) fn spoil(&self, nth: usize, fault: Fault) {
        *self.shared.plan.lock().unwrap() = Some((nth, fault));
    }

    /// The requests that would change something, since the last time: `PUT /v1/…`.
    pub(crate) fn mutating(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.mutating.lock().unwrap())
    }
}

impl Shared {
    /// Notes a request; gives the fault if it is its turn.
    fn note(&self, method: &Method, path: &str) -> Option<Fault> {
        if matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        self.mutating.lock().unwrap().push(format!("{method} {path}"));
        let mut plan = self.plan.lock().unwrap();
        match *plan {
            Some((0, fault)) => {
                *plan = None;
                Some(fault)
            }
            Some((turns, fault)) => {
                *plan = Some((turns - 1, fault));
                None
            }
            None => None,
        }
    }
}

async fn forward(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path_and_query().unwrap().to_string();
    let fault = shared.note(request.method(), &path);
    if let Some(Fault::Refuse(status)) = fault {
        return answer(StatusCode::from_u16(status).unwrap(), Body::empty());
    }
    let (head, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut headers = head.headers;
    headers.remove("host");
    let sent =
        shared.http.request(head.method, format!("{}{path}", shared.upstream)).headers(headers).body(body);
    let Ok(received) = sent.send().await else {
        return answer(StatusCode::BAD_GATEWAY, Body::empty());
    };
    let status = received.status();
    let body = received.bytes().await.unwrap();
    if matches!(fault, Some(Fault::LoseAnswer)) {
        let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("the answer is lost"))]);
        return answer(status, Body::from_stream(broken));
    }
    answer(status, Body::from(body))
}

fn answer(status: StatusCode, body: Body) -> Response {
    Response::builder().status(status).body(body).unwrap()
}
