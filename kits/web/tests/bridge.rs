//! The bridge itself, between a Runtime API of the test's and a real program.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may panic, and says why it is skipped"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command as Program, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path as Segments, State};
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

/// Echoes what it gets, and does as the path or the event's data says.
const SERVER: &str = include_str!("server.py");
/// Nothing here takes so long, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the bridge tells Lambda.
#[derive(Debug)]
struct Told {
    /// `ID/response`, `ID/error`, `init/error`
    what: String,
    body: Value,
}

struct Invocation {
    headers: Vec<(&'static str, String)>,
    body: String,
}

struct Lambda {
    next: Mutex<mpsc::Receiver<Invocation>>,
    told: mpsc::Sender<Told>,
}

/// A Runtime API, the bridge, and its program.
struct World {
    invocations: mpsc::Sender<Invocation>,
    told: mpsc::Receiver<Told>,
    bridge: Child,
    folder: TempDir,
}

impl World {
    /// `None` where there is no Python.
    async fn start(program: &str) -> Option<Self> {
        let python = Program::new("python3").arg("--version").stdout(Stdio::null()).status();
        if !python.is_ok_and(|status| status.success()) {
            eprintln!("skipped: there is no python3");
            return None;
        }
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("server");
        fs::write(&path, program).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let ((invocations, next), (sender, told)) = (mpsc::channel(1), mpsc::channel(8));
        let address = serve(Lambda { next: Mutex::new(next), told: sender }).await;
        let kit = json!({
            "project": "shop", "stage": "dev", "function": "page", "command": "server",
            "from": { "queue": { "shop-dev-mail": "mail" } },
        });
        let bridge = Command::new(env!("CARGO_BIN_EXE_sf-web-bridge"))
            .env("SF_KIT", kit.to_string())
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("LAMBDA_TASK_ROOT", folder.path())
            .spawn()
            .unwrap();
        Some(Self { invocations, told, bridge, folder })
    }

    async fn told(&mut self) -> Told {
        timeout(PATIENCE, self.told.recv()).await.unwrap().unwrap()
    }

    async fn invoke(&mut self, event: &Value, headers: &[(&'static str, &str)]) -> Told {
        self.invoke_within(event, headers, PATIENCE).await
    }

    async fn invoke_within(
        &mut self,
        event: &Value,
        headers: &[(&'static str, &str)],
        time: Duration,
    ) -> Told {
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time;
        let mut all = vec![
            ("lambda-runtime-aws-request-id", "i1".to_owned()),
            ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        ];
        all.extend(headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.invocations.send(Invocation { headers: all, body: event.to_string() }).await.unwrap();
        self.told().await
    }

    /// What the program says of an HTTP request, as JSON.
    async fn get(&mut self, path: &str) -> Value {
        let told = self.invoke(&http("GET", path), &[]).await;
        assert_eq!((told.what.as_str(), &told.body["statusCode"]), ("i1/response", &json!(200)), "{told:?}");
        serde_json::from_str(told.body["body"].as_str().unwrap()).unwrap()
    }
}

impl Drop for World {
    /// Killed, it could not end its program.
    fn drop(&mut self) {
        terminate(&self.bridge);
    }
}

fn terminate(bridge: &Child) {
    if let Some(id) = bridge.id() {
        let id = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }
}

async fn serve(lambda: Lambda) -> String {
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/{*what}", post(told))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::new(lambda));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

async fn next(State(lambda): State<Arc<Lambda>>) -> Response<Body> {
    let Some(invocation) = lambda.next.lock().await.recv().await else { return Response::new(Body::empty()) };
    let response = invocation
        .headers
        .iter()
        .fold(Response::builder(), |response, (name, value)| response.header(*name, value));
    response.body(invocation.body.into()).unwrap()
}

async fn told(
    State(lambda): State<Arc<Lambda>>,
    Segments(what): Segments<String>,
    body: Bytes,
) -> StatusCode {
    let what = what.strip_prefix("invocation/").unwrap_or(&what).to_owned();
    // A stricter Lambda than there is.
    let status = if body.len() > 4 << 20 { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::ACCEPTED };
    if status == StatusCode::ACCEPTED {
        lambda.told.send(Told { what, body: serde_json::from_slice(&body).unwrap() }).await.unwrap();
    }
    status
}

fn http(method: &str, path: &str) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    json!({
        "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": { "host": "shop.example" },
        "requestContext": { "http": { "method": method }, "stage": "$default" },
    })
}

fn failed(told: &Told) -> &str {
    assert_eq!(told.what, "i1/error", "{told:?}");
    told.body["errorType"].as_str().unwrap()
}

#[tokio::test]
async fn requests_reach_the_program_and_answers_come_back() {
    let Some(mut world) = World::start(SERVER).await else { return };
    let mut event = http("PUT", "/a%20b?x=1&y=%C3%A9");
    event["body"] = "/wA=".into();
    event["isBase64Encoded"] = true.into();
    event["cookies"] = json!(["a=1", "b=2"]);
    let xray = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let told = world.invoke(&event, &[("lambda-runtime-trace-id", xray)]).await;
    assert_eq!(told.body["cookies"], json!(["one=1; Path=/", "two=2"]));
    assert_eq!(told.body["headers"]["content-type"], "application/json");
    let echo: Value = serde_json::from_str(told.body["body"].as_str().unwrap()).unwrap();
    assert_eq!((&echo["method"], &echo["path"]), (&json!("PUT"), &json!("/a%20b?x=1&y=%C3%A9")));
    assert_eq!((&echo["body"], &echo["headers"]["cookie"]), (&json!([255, 0]), &json!("a=1; b=2")));
    assert_eq!(
        (&echo["headers"]["host"], &echo["headers"]["x-sf-invocation"]),
        (&json!("shop.example"), &json!("i1"))
    );
    assert_eq!(echo["headers"]["traceparent"], "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01");
    let bytes = world.invoke(&http("GET", "/bytes"), &[]).await;
    assert_eq!((&bytes.body["body"], &bytes.body["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
    // What Lambda itself refuses, what it would, and what is not even read.
    for (path, code) in [("/4", "function-broken"), ("/5", "function-failed"), ("/7", "function-failed")] {
        assert_eq!(failed(&world.invoke(&http("GET", path), &[]).await), code, "{path}");
    }
}

#[tokio::test]
async fn the_program_has_an_environment_of_its_own() {
    let Some(mut world) = World::start(SERVER).await else { return };
    let environment = world.get("/").await["environment"].take();
    for (name, value) in
        [("SF_PROJECT", "shop"), ("SF_STAGE", "dev"), ("SF_FUNCTION", "page"), ("SF_PROVIDER", "aws")]
    {
        assert_eq!(environment[name], value);
    }
    for hidden in ["SF_KIT", "AWS_LAMBDA_RUNTIME_API"] {
        assert_eq!(environment.get(hidden), None);
    }
    assert!(environment["PORT"].as_str().unwrap().parse::<u16>().is_ok());
}

#[tokio::test]
async fn events_are_cloud_events_and_their_answers_those_of_the_service() {
    let Some(mut world) = World::start(SERVER).await else { return };
    let record = |id: &str, body: &str| {
        json!({
            "messageId": id, "body": body, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:shop-dev-mail",
            "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1767225600000" },
        })
    };
    let batch = json!({ "Records": [record("m1", "{\"answer\": 200}"), record("m2", "{\"failed\": true}")] });
    let told = world.invoke(&batch, &[]).await;
    assert_eq!(told.body, json!({ "batchItemFailures": [{ "itemIdentifier": "m2" }] }));
    let refused = json!({ "Records": [record("m1", "{\"answer\": 500}")] });
    assert_eq!(failed(&world.invoke(&refused, &[]).await), "function-failed");

    let of_caller = json!({ "custom": { "sf-caller": "match" } }).to_string();
    let context = [("lambda-runtime-client-context", of_caller.as_str())];
    // What looks like a request is a call's payload, if somebody calls.
    let told = world.invoke(&http("GET", "/bytes"), &context).await;
    assert_eq!(told.body["path"], "/");
    assert_eq!(
        (&told.body["headers"]["ce-type"], &told.body["headers"]["ce-source"]),
        (&json!("sf.call"), &json!("/functions/match"))
    );
    assert_eq!(told.body["json"], http("GET", "/bytes"));
    let enveloped = json!({ "sf-call": { "from": "match" }, "payload": batch });
    let told = world.invoke(&enveloped, &[]).await;
    assert_eq!(
        (&told.body["headers"]["ce-source"], &told.body["json"]),
        (&json!("/functions/match"), &batch)
    );
    let by_hand = world.invoke(&json!({ "text": "no json" }), &[]).await;
    assert_eq!(by_hand.body, "no json");

    let schedule = json!({ "sf-schedule": "s", "time": "2026-01-01T00:00:00Z", "id": "1", "answer": 500 });
    assert_eq!(world.invoke(&schedule, &[]).await.body, Value::Null);
    let connect = json!({ "requestContext": {
        "eventType": "CONNECT", "connectionId": "c", "apiId": "a", "requestId": "r", "requestTimeEpoch": 0 },
        "multiValueQueryStringParameters": { "answer": ["401"] } });
    assert_eq!(world.invoke(&connect, &[]).await.body["statusCode"], 401);
}

#[tokio::test]
async fn a_program_that_ends_fails_its_call_and_is_started_again() {
    let Some(mut world) = World::start(SERVER).await else { return };
    let first = world.get("/").await["process"].take();
    assert_eq!(world.get("/").await["process"], first);
    let told = world.invoke(&http("GET", "/exit"), &[]).await;
    assert_eq!(failed(&told), "function-crashed");
    assert!(told.body["errorMessage"].as_str().unwrap().contains("exit status: 3"), "{told:?}");
    assert_ne!(world.get("/").await["process"], first);
}

#[tokio::test]
async fn a_program_that_does_not_answer_in_time_is_replaced() {
    let Some(mut world) = World::start(SERVER).await else { return };
    let first = world.get("/").await["process"].take();
    let told = world.invoke_within(&http("GET", "/hang"), &[], Duration::from_millis(500)).await;
    assert_eq!(failed(&told), "function-timed-out");
    assert_ne!(world.get("/").await["process"], first);
}

#[tokio::test]
async fn a_program_that_cannot_start_is_lambdas_to_know() {
    for (program, code) in
        [("#!/bin/sh\nexit 7\n", "crashed-at-start"), ("#!/no/such/interpreter\n", "start-failed")]
    {
        let Some(mut world) = World::start(program).await else { return };
        let told = world.told().await;
        assert_eq!(
            (told.what.as_str(), told.body["errorType"].as_str()),
            ("init/error", Some(code)),
            "{told:?}"
        );
        let status = timeout(PATIENCE, world.bridge.wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(1));
    }
}

#[tokio::test]
async fn the_end_is_told_to_the_program() {
    let Some(mut world) = World::start(SERVER).await else { return };
    world.get("/").await;
    terminate(&world.bridge);
    let status = timeout(PATIENCE, world.bridge.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
    let said = |path: &Path| fs::read_to_string(path).unwrap();
    assert_eq!(said(&world.folder.path().join("ended")), "tidied up");
}
