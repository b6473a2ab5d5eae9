//! A host, an app and the other end of its functions.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sf_host::{Host, HostConfig, HostError};
use sf_host_api::http::{HeaderMap as Headers, Method};
use sf_host_api::{
    AppClient, Client, ClientError, ClockAdvance, InboxStatus, InvokeRequest, ResourcePut, RolloutStatus,
};
use sha2::Digest as _;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Far more than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what must come.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not come"),
    }
}

/// A function that asks the collector what to answer, and tells its token to whoever invokes it.
const PROGRAM: &str = r#"#!/usr/bin/env node
import { createServer } from "node:http";
createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (request.headers["ce-type"] === "sf.invoke") {
    response.setHeader("content-type", "application/json");
    return response.end(JSON.stringify(process.env));
  }
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => name.startsWith("ce-") || name === "content-type"));
  const answer = await fetch(process.env.COLLECTOR, {
    method: "POST", headers: { ...headers, "x-by": process.env.SF_FUNCTION, "x-marker": process.env.MARKER ?? "" }, body: Buffer.concat(chunks),
  });
  response.statusCode = answer.status;
  response.setHeader("content-type", "application/json");
  response.end(Buffer.from(await answer.arrayBuffer()));
}).listen(process.env.PORT, "127.0.0.1");
"#;

/// An event as a function got it, which waits for its answer.
pub(crate) struct Event {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    answer: oneshot::Sender<(StatusCode, String)>,
}

impl Event {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The ids of a queue's messages.
    pub(crate) fn ids(&self) -> Vec<String> {
        let data = self.json();
        let messages = data["messages"].as_array().unwrap();
        messages.iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn succeed(self) {
        self.answer_with(200, &json!(null));
    }

    pub(crate) fn fail(self) {
        self.answer_with(500, &json!({ "no": true }));
    }

    pub(crate) fn answer_with(self, status: u16, body: &Value) {
        // A function that was killed meanwhile hears nothing.
        let _ = self.answer.send((StatusCode::from_u16(status).unwrap(), body.to_string()));
    }
}

type Events = mpsc::UnboundedSender<Event>;

async fn collect(
    State(events): State<Events>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> (StatusCode, String) {
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let (answer, answered) = oneshot::channel();
    let _ = events.send(Event { headers, body: body.to_vec(), answer });
    answered.await.unwrap_or((StatusCode::INTERNAL_SERVER_ERROR, "\"nobody waits\"".into()))
}

/// A host on a folder of its own.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) client: Client,
    pub(crate) app: AppClient,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
    collector: String,
    events: mpsc::UnboundedReceiver<Event>,
    artifact: String,
    release: BTreeMap<String, String>,
}

async fn start(folder: &Path) -> (Client, oneshot::Sender<()>, JoinHandle<()>) {
    let mut config = HostConfig::new(folder.join("host"));
    config.control.set_port(0);
    config.first_gateway_port = 0;
    let started = async {
        loop {
            match Host::start(config.clone()).await {
                // The one before, in this process, has ended but is not dropped to its last task.
                Err(HostError::InUse(_)) => tokio::task::yield_now().await,
                started => return started.unwrap(),
            }
        }
    };
    let host = soon("the host's folder", started).await;
    let client = Client::new(&host.url(), &host.token()).unwrap();
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(async move {
        host.run_until(async move { drop(stopped.await) }).await.unwrap();
    });
    (client, stop, running)
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (sender, events) = mpsc::unbounded_channel();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().fallback(collect).with_state(sender);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (client, stop, running) = start(folder.path()).await;
        let artifact = upload(&client, folder.path()).await;
        let app = client.app("shop", "dev").unwrap();
        let release = BTreeMap::new();
        Self {
            folder,
            client,
            app,
            stop: Some(stop),
            running: Some(running),
            collector,
            events,
            artifact,
            release,
        }
    }

    /// Stops the host as `sf host stop` does, and waits for its end.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(running) = self.running.take() {
            soon("the host's end", running).await.unwrap();
        }
    }

    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        let (client, stop, running) = start(self.folder.path()).await;
        self.app = client.app("shop", "dev").unwrap();
        (self.client, self.stop, self.running) = (client, Some(stop), Some(running));
    }

    /// Puts a resource, for the next release.
    pub(crate) async fn put(&mut self, kind: &str, name: &str, spec: Value) -> Value {
        let put = ResourcePut { spec, annotations: BTreeMap::new() };
        let stored = self.app.put_resource(kind, name, &put).await.unwrap();
        self.release.insert(format!("{kind}/{name}"), stored.revision);
        serde_json::to_value(stored.outputs).unwrap()
    }

    /// Puts a function that may do what `grants` says.
    pub(crate) async fn put_function(&mut self, name: &str, grants: Value) {
        self.put_function_with(name, grants, json!({})).await;
    }

    pub(crate) async fn put_function_with(&mut self, name: &str, grants: Value, env: Value) {
        let mut spec = json!({
            "interface": "web", "runtime": { "family": "web" }, "command": ["program.mjs"],
            "artifact": self.artifact, "env": env, "memory": 268_435_456, "timeout-ms": 30_000, "grants": grants,
        });
        spec["env"]["COLLECTOR"] = self.collector.as_str().into();
        self.put("function", name, spec).await;
    }

    /// Subscribes a function.
    pub(crate) async fn subscribe(&mut self, name: &str, function: &str, source: Value) {
        self.put("subscription", name, json!({ "function": function, "source": source })).await;
    }

    /// Forgets a resource, for the next release.
    pub(crate) fn forget(&mut self, address: &str) {
        self.release.remove(address);
    }

    pub(crate) async fn release(&self) {
        let put = ResourcePut { spec: json!({ "resources": self.release }), annotations: BTreeMap::new() };
        self.app.put_resource("release", "current", &put).await.unwrap();
    }

    /// As [`Self::release`], in steps.
    pub(crate) async fn roll_out(&self, rollouts: Value) -> RolloutStatus {
        self.try_roll_out(rollouts).await.unwrap()
    }

    pub(crate) async fn try_roll_out(&self, rollouts: Value) -> Result<RolloutStatus, ClientError> {
        let spec = json!({ "resources": self.release, "rollouts": rollouts });
        self.app.roll_out(&ResourcePut { spec, annotations: BTreeMap::new() }).await
    }

    /// What a function sees of its environment.
    pub(crate) async fn environment(&self, function: &str) -> Value {
        let invoked = self.app.invoke(function, &InvokeRequest { payload: json!(null) }).await.unwrap();
        assert!(invoked.ok, "{invoked:?}");
        invoked.payload
    }

    pub(crate) async fn token_of(&self, function: &str) -> String {
        let environment = self.environment(function).await;
        let expected = format!("{}/v1/apps/shop/dev/data", self.client.url());
        assert_eq!(environment["SF_DATA_URL"], expected);
        environment["SF_DATA_TOKEN"].as_str().unwrap().to_owned()
    }

    /// The app as the owner of a token may reach it, over connections of its own.
    pub(crate) fn with_token(&self, token: &str) -> AppClient {
        Client::new(self.client.url(), token).unwrap().app("shop", "dev").unwrap()
    }

    /// The app as a function may reach it.
    pub(crate) async fn as_function(&self, function: &str) -> AppClient {
        self.with_token(&self.token_of(function).await)
    }

    /// The next event that reaches a function.
    pub(crate) async fn event(&mut self) -> Event {
        soon("an event", self.events.recv()).await.unwrap()
    }

    /// Whether no event is on its way: all that was is handled.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.events.try_recv().is_err()
    }

    pub(crate) async fn advance(&self, seconds: u64) {
        self.client.advance_clock(ClockAdvance { advance_ms: seconds * 1000 }).await.unwrap();
    }

    /// Looks at an inbox until it is as it should be.
    pub(crate) async fn inbox_until(
        &self,
        kind: &str,
        name: &str,
        is_right: impl Fn(&InboxStatus) -> bool,
    ) -> InboxStatus {
        let looking = async {
            loop {
                let status = self.app.inbox(kind, name).await.unwrap().unwrap();
                if is_right(&status) {
                    return status;
                }
                tokio::task::yield_now().await;
            }
        };
        soon(&format!("{kind} `{name}` as it should be"), looking).await
    }
}

pub(crate) fn is_empty(status: &InboxStatus) -> bool {
    (status.ready, status.delayed, status.in_flight, status.dead) == (0, 0, 0, 0)
}

async fn upload(client: &Client, folder: &Path) -> String {
    let path = folder.join("program.zip");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("program.mjs", options).unwrap();
    zip.write_all(PROGRAM.as_bytes()).unwrap();
    zip.finish().unwrap();
    let digest = sha2::Sha256::digest(std::fs::read(&path).unwrap());
    let digest = hex::encode(digest);
    client.put_artifact(&digest, &path).await.unwrap();
    digest
}

pub(crate) fn headers(pairs: &[(&'static str, &str)]) -> Headers {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

/// A call of the data API with a body of JSON.
pub(crate) async fn call(app: &AppClient, path: &str, body: Value) -> Result<Value, ClientError> {
    let headers = headers(&[("content-type", "application/json")]);
    let response = app.data(Method::POST, path, headers, body.to_string()).await?;
    Ok(serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

/// The status and the code of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, String) {
    match result {
        Err(ClientError::Api { status, error, .. }) => (status, error.code),
        other => panic!("{other:?} is no refusal"),
    }
}
