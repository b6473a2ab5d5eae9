//! WebSockets (RFC 6455) at `/-/sockets/NAME`: the opening handshake. What comes after is in [`session`].

mod event;
mod session;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use sf_host_api::SocketSpec;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::problem::Problem;
use super::{Visit, failure};
use crate::release::Release;
use crate::worker::{Body, CallError, full};
use event::{Events, What};
use session::Session;

/// Where they are; no route can be there, since the model keeps `/-/` for the host.
const PREFIX: &str = "/-/sockets/";
/// Of what a connect function answers so much is read.
const MAX_ANSWER: usize = 64 << 10;

/// The socket that a path is of.
pub(super) fn name(path: &str) -> Option<&str> {
    path.strip_prefix(PREFIX).filter(|name| !name.is_empty() && !name.contains('/'))
}

/// What a connect function may answer.
#[derive(Default, Deserialize)]
struct Decision {
    /// 400 and above refuses.
    #[serde(default)]
    status: Option<u16>,
    /// One of the protocols that the client offers.
    #[serde(default)]
    protocol: Option<String>,
}

pub(super) async fn open(
    visit: &Visit,
    release: &Arc<Release>,
    name: &str,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    let Some(spec) = release.sockets.get(name) else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "no-socket", "there is no such WebSocket API"));
    };
    let key = handshake_key(&request)?;
    let origin = request.headers().get(ORIGIN);
    if let (Some(cors), Some(origin)) = (&release.cors, origin)
        && !cors.allows(origin)
    {
        return Err(Problem::new(StatusCode::FORBIDDEN, "bad-origin", "this origin may not connect"));
    }
    let Ok(place) = visit.public.upgrades.clone().try_acquire_owned() else {
        let message = "too many clients are connected";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-connections", message));
    };
    let events = Events::new(visit.public.app.clone(), name);
    // Known before anybody is told of it, so that what a connect function makes others send is not lost.
    let session = Session::register(&visit.public, &events);
    let decision = decide(&events, release, spec, &request).await?;
    let protocol = decision.protocol.filter(|protocol| offers(request.headers(), protocol));
    visit.upgraded.set();
    let upgrade = hyper::upgrade::on(&mut request);
    visit.public.tasks.spawn({
        let places = (visit.permit.clone(), place);
        async move {
            session.run(upgrade).await;
            drop(places);
        }
    });
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    let texts = [(SEC_WEBSOCKET_ACCEPT, Some(derive_accept_key(&key))), (SEC_WEBSOCKET_PROTOCOL, protocol)];
    for (name, text) in texts {
        if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

/// RFC 6455, section 4.2.1.
fn handshake_key<B>(request: &Request<B>) -> Result<Vec<u8>, Problem> {
    let headers = request.headers();
    let is_upgrade = has_token(headers, UPGRADE, "websocket") && has_token(headers, CONNECTION, "upgrade");
    if request.method() != Method::GET || request.version() < Version::HTTP_11 || !is_upgrade {
        let message = "this is a WebSocket API";
        return Err(Problem::new(StatusCode::UPGRADE_REQUIRED, "not-a-websocket", message)
            .header(UPGRADE, HeaderValue::from_static("websocket"))
            .header(CONNECTION, HeaderValue::from_static("upgrade")));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let message = "the version of the WebSocket protocol must be 13";
        return Err(Problem::new(StatusCode::UPGRADE_REQUIRED, "bad-version", message)
            .header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(|key| key.as_bytes().to_vec());
    let is_valid = |key: &Vec<u8>| STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16);
    key.filter(is_valid).ok_or_else(|| Problem::bad("bad-key", "Sec-WebSocket-Key is no 16 bytes in base64"))
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|text| text.eq_ignore_ascii_case(token))
}

fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn offers(headers: &HeaderMap, protocol: &str) -> bool {
    tokens(headers, SEC_WEBSOCKET_PROTOCOL).any(|offered| offered == protocol)
}

/// Asks the connect function, if there is one.
async fn decide<B>(
    events: &Events,
    release: &Release,
    spec: &SocketSpec,
    request: &Request<B>,
) -> Result<Decision, Problem> {
    let refused = |status| Problem::new(status, "refused", "the connection was refused");
    let Some(function) = &spec.connect else { return Ok(Decision::default()) };
    let called = events.call(release, function, What::Connect(event::opening(request))).await;
    let response = called.map_err(|error| match error {
        CallError::Threw { .. } => refused(StatusCode::FORBIDDEN),
        other => failure(&other),
    })?;
    // A program that serves HTTP refuses with its answer's own status.
    let status = response.status();
    if !status.is_success() {
        return Err(refused(if status.as_u16() >= 400 { status } else { StatusCode::FORBIDDEN }));
    }
    // Whatever else it answers lets the client in.
    let decision: Decision = serde_json::from_slice(&read(response.into_body()).await).unwrap_or_default();
    match decision.status.map(StatusCode::from_u16) {
        Some(Ok(status)) if status.as_u16() >= 400 => Err(refused(status)),
        _ => Ok(decision),
    }
}

/// A small answer, whole; nothing of a larger one.
async fn read(mut body: Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if bytes.len() > MAX_ANSWER {
            return Vec::new();
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl Fn(&mut HeaderMap)) -> Result<Vec<u8>, u16> {
        let mut request = Request::new(());
        let headers = request.headers_mut();
        for (name, value) in [
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        change(headers);
        handshake_key(&request).map_err(|problem| problem.status.as_u16())
    }

    #[test]
    fn the_handshake_is_that_of_the_standard() {
        let key = request(|_| {}).unwrap();
        assert_eq!(derive_accept_key(&key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let without = |name: &'static str| request(move |headers| drop(headers.remove(name)));
        assert_eq!(without("upgrade"), Err(426));
        assert_eq!(without("connection"), Err(426));
        assert_eq!(without("sec-websocket-version"), Err(426));
        assert_eq!(without("sec-websocket-key"), Err(400));
        let short = |headers: &mut HeaderMap| {
            headers.insert("sec-websocket-key", HeaderValue::from_static("c2hvcnQ="));
        };
        assert_eq!(request(short), Err(400));
    }

    #[test]
    fn a_socket_is_one_segment() {
        assert_eq!(name("/-/sockets/chat"), Some("chat"));
        for path in ["/-/sockets/", "/-/sockets/a/b", "/sockets/chat", "/"] {
            assert_eq!(name(path), None, "{path}");
        }
    }
}
