use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use futures_util::stream;
use reqwest::StatusCode;
use serde_json::json;

use super::request::segment;
use super::{Client, ClientError, LogsQuery, is_loopback, parse_base};
use crate::types::{ApiError, InvokeRequest, LogLine, Resource, ResourcePut};

/// What the server below was asked.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

async fn serve(router: Router<Seen>) -> (Client, Seen) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let seen = Seen::default();
    let service = router.with_state(seen.clone());
    tokio::spawn(async move { axum::serve(listener, service).await });
    (Client::new(&url, "secret-token").unwrap(), seen)
}

fn refuse(status: u16, code: &str) -> Response {
    let error = ApiError {
        code: code.into(),
        message: "it does not work".into(),
        hint: Some("try another".into()),
        names: ["a".to_owned()].into(),
    };
    (StatusCode::from_u16(status).unwrap(), Json(error)).into_response()
}

#[tokio::test]
async fn a_name_with_slashes_and_spaces_arrives_as_one_segment() {
    let put_route = |State(seen): State<Seen>,
                     Path((kind, name)): Path<(String, String)>,
                     headers: HeaderMap,
                     Json(put): Json<ResourcePut>| async move {
        seen.push(headers["authorization"].to_str().unwrap().to_owned());
        Json(Resource {
            kind,
            name,
            revision: "r1".into(),
            spec: put.spec,
            annotations: put.annotations,
            outputs: BTreeMap::new(),
        })
    };
    let router = Router::new().route("/v1/apps/shop/dev/resources/{kind}/{name}", put(put_route));
    let (client, seen) = serve(router).await;
    let app = client.app("shop", "dev").unwrap();
    let put = ResourcePut {
        spec: json!({"method": "GET"}),
        annotations: BTreeMap::from([("k".to_owned(), json!([1]))]),
    };
    let name = "GET /a b/{id}/100%/é";
    let stored = app.put_resource("route", name, &put).await.unwrap();
    assert_eq!((stored.kind.as_str(), stored.name.as_str()), ("route", name));
    assert_eq!(stored.annotations, put.annotations);
    assert_eq!(seen.take(), ["Bearer secret-token"]);
}

#[tokio::test]
async fn health_does_not_give_the_token_away() {
    let health = |State(seen): State<Seen>, headers: HeaderMap| async move {
        seen.push(format!("{:?}", headers.get("authorization")));
        Json(json!({"version": "1", "pid": 2, "host_id": "h"}))
    };
    let (client, seen) = serve(Router::new().route("/v1/health", get(health))).await;
    assert_eq!(client.health().await.unwrap().pid, 2);
    assert_eq!(seen.take(), ["None"]);
    assert!(!format!("{client:?}").contains("secret-token"));
}

#[tokio::test]
async fn errors_keep_the_hosts_words() {
    let router = Router::new()
        .route("/v1/status", get(async || refuse(401, "bad-token")))
        .route("/v1/apps", get(async || refuse(503, "busy")))
        .route("/v1/apps/p/s", get(async || refuse(404, "no-such-app")))
        .route("/v1/apps/p/s/resources", get(async || (StatusCode::NOT_FOUND, "page not found")))
        .route("/v1/clock", post(async || StatusCode::BAD_GATEWAY));
    let (client, _) = serve(router).await;

    let error = client.status().await.unwrap_err();
    assert_eq!(error.to_string(), "ask for the host's status: it does not work");
    assert_eq!((error.code(), error.is_transient()), ("bad-token", false));
    assert!(error.hint().unwrap().contains("token"));

    let error = client.apps().await.unwrap_err();
    assert_eq!((error.code(), error.is_transient()), ("busy", true));
    assert_eq!(error.hint().as_deref(), Some("try another"));

    let app = client.app("p", "s").unwrap();
    assert_eq!(app.status().await.unwrap(), None);

    // Another program's 404 does not mean that a resource is gone.
    let error = app.resources().await.unwrap_err();
    assert!(matches!(error, ClientError::Protocol { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "list the resources of p/s: the answer is not one of a host: status 404 Not Found: `page not found`"
    );

    let clock = crate::types::ClockAdvance { advance_ms: 1 };
    let error = client.advance_clock(clock).await.unwrap_err();
    assert_eq!((error.code(), error.is_transient()), ("http-502", true));
}

#[tokio::test]
async fn a_deleted_resource_is_told_from_one_that_was_gone() {
    let router = Router::new().route(
        "/v1/apps/p/s/resources/function/{name}",
        get(async || refuse(404, "no-such-resource")).delete(async |Path(name): Path<String>| {
            match name.as_str() {
                "here" => StatusCode::NO_CONTENT.into_response(),
                _ => refuse(404, "no-such-resource"),
            }
        }),
    );
    let (client, _) = serve(router).await;
    let app = client.app("p", "s").unwrap();
    assert!(app.delete_resource("function", "here").await.unwrap());
    assert!(!app.delete_resource("function", "gone").await.unwrap());
    assert_eq!(app.resource("function", "gone").await.unwrap(), None);
}

#[tokio::test]
async fn an_artifact_is_sent_as_it_is() {
    let upload = async |State(seen): State<Seen>, headers: HeaderMap, body: Bytes| {
        seen.push(headers["content-length"].to_str().unwrap().to_owned());
        seen.push(body.len().to_string());
        StatusCode::CREATED
    };
    let head = async |Path(digest): Path<String>| match digest.as_str() {
        "aa" => StatusCode::OK,
        "bb" => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let (client, seen) = serve(Router::new().route("/v1/artifacts/{digest}", put(upload).head(head))).await;
    assert!(client.has_artifact("aa").await.unwrap());
    assert!(!client.has_artifact("bb").await.unwrap());
    assert!(client.has_artifact("cc").await.unwrap_err().is_transient());

    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&vec![7; 300_000]).unwrap();
    client.put_artifact("bb", file.path()).await.unwrap();
    assert_eq!(seen.take(), ["300000", "300000"]);

    let missing = file.path().with_extension("missing");
    let error = client.put_artifact("bb", &missing).await.unwrap_err();
    assert!(matches!(error, ClientError::File { .. }), "{error:?}");
}

#[tokio::test]
async fn log_lines_are_joined_over_chunks() {
    let line = |message: &str| LogLine {
        time_ms: 5,
        function: "hello".into(),
        stream: "stdout".into(),
        message: message.into(),
    };
    let text =
        ["one", "twö", "three"].map(|message| serde_json::to_string(&line(message)).unwrap()).join("\n");
    let logs = move |State(seen): State<Seen>, RawQuery(query): RawQuery| async move {
        seen.push(query.unwrap_or_default());
        // Chunks of seven bytes end in the middle of lines and of characters.
        let chunks: Vec<_> = text.as_bytes().chunks(7).map(Bytes::copy_from_slice).collect();
        Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>)))
    };
    let (client, seen) = serve(Router::new().route("/v1/apps/p/s/logs", get(logs))).await;
    let query = LogsQuery { function: Some("a&b".into()), since_ms: Some(3), tail: Some(10), follow: false };
    let mut lines = client.app("p", "s").unwrap().logs(&query).await.unwrap();
    let mut messages = Vec::new();
    while let Some(line) = lines.next().await {
        messages.push(line.unwrap().message);
    }
    assert_eq!(messages, ["one", "twö", "three"]);
    assert_eq!(seen.take(), ["follow=false&function=a%26b&since_ms=3&tail=10"]);
}

#[tokio::test]
async fn a_log_that_breaks_off_is_an_error() {
    let logs = async || {
        let chunks = [Ok(Bytes::from_static(b"{\"time_ms\":1")), Err(std::io::Error::other("gone"))];
        Body::from_stream(stream::iter(chunks))
    };
    let router: Router<Seen> = Router::new().route("/v1/apps/p/s/logs", get(logs));
    let (client, _) = serve(router).await;
    let app = client.app("p", "s").unwrap();
    // It may break off before or after the head of the answer has arrived.
    let error = match app.logs(&LogsQuery::default()).await {
        Ok(mut lines) => lines.next().await.unwrap().unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, ClientError::Lost { .. }), "{error:?}");
}

#[tokio::test]
async fn a_data_call_sends_names_headers_and_body_as_they_are() {
    let put = async |State(seen): State<Seen>, Path(key): Path<String>, headers: HeaderMap, body: Bytes| {
        seen.push(format!("{key} {} {}", headers["content-type"].to_str().unwrap(), body.len()));
        Json(json!({"etag": "e", "size": body.len()}))
    };
    let path = "/v1/apps/p/s/data/buckets/uploads/objects/{key}";
    let head = async || StatusCode::NOT_FOUND;
    let (client, seen) = serve(Router::new().route(path, axum::routing::put(put).head(head))).await;
    let app = client.app("p", "s").unwrap();
    let path = format!("/buckets/uploads/objects/{}", super::encode_segment("raw/a b?%7.png").unwrap());
    let headers = HeaderMap::from_iter([(reqwest::header::CONTENT_TYPE, "image/png".parse().unwrap())]);
    let answer = app.data(reqwest::Method::PUT, &path, headers.clone(), vec![7; 5]).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(seen.take(), ["raw/a b?%7.png image/png 5"]);
    let missing = app.data(reqwest::Method::HEAD, &path, headers, "").await.unwrap_err();
    assert!(missing.is_not_found(), "{missing:?}");
}

#[tokio::test]
async fn a_removed_secret_is_told_from_one_that_was_never_set() {
    let remove = async |Path(name): Path<String>| match name.as_str() {
        "HERE" => StatusCode::NO_CONTENT.into_response(),
        _ => refuse(404, "not-found"),
    };
    let (client, _) = serve(Router::new().route("/v1/apps/p/s/secrets/{name}", delete(remove))).await;
    let app = client.app("p", "s").unwrap();
    assert!(app.remove_secret("HERE").await.unwrap());
    assert!(!app.remove_secret("GONE").await.unwrap());
}

#[tokio::test]
async fn nobody_listening_is_said_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(&url, "t").unwrap();
    let error = client.health().await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("connect to the host at {url}: ")), "{error}");
    assert!(error.is_transient());

    let request = InvokeRequest { payload: json!(null) };
    let invoked = client.app("p", "s").unwrap().invoke("f", &request).await;
    assert_eq!(invoked.unwrap_err().code(), "connect");
}

#[test]
fn what_cannot_be_sent_is_refused_before_it_is_sent() {
    for url in ["", "127.0.0.1:7070", "unix:/tmp/x", "http://h/?q=1", "http://"] {
        let error = Client::new(url, "t").unwrap_err();
        assert!(matches!(error, ClientError::BadUrl { .. }), "{url}: {error:?}");
    }
    assert!(matches!(Client::new("http://127.0.0.1:1", "a\nb"), Err(ClientError::BadToken)));
    let client = Client::new("http://127.0.0.1:1", "t").unwrap();
    for name in ["", ".", ".."] {
        assert!(matches!(client.app(name, "dev"), Err(ClientError::BadName(_))));
    }
    assert_eq!(segment("...").unwrap(), "...");
}

#[test]
fn loopback_is_known_in_each_of_its_forms() {
    let loopback = |url: &str| is_loopback(&parse_base(url).unwrap());
    assert!(loopback("http://127.0.0.1:7070"));
    assert!(loopback("http://127.9.9.9"));
    assert!(loopback("http://[::1]:7070"));
    assert!(loopback("https://localhost"));
    assert!(loopback("http://sf.localhost"));
    assert!(!loopback("http://localhost.example"));
    assert!(!loopback("http://10.0.0.1"));
}
