//! A host in this process with one app, and clients that show exactly what came.

use std::collections::BTreeMap;
use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sf_host::{Host, HostConfig};
use sf_host_api::{AppClient, Client, ResourcePut};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use zip::write::SimpleFileOptions;

/// Nothing here takes so long, on the slowest machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Two artifacts: handlers for Node's kit, and a program that serves HTTP.
const NODE: char = 'a';
const WEB: char = 'b';

pub(crate) struct Stand {
    app: AppClient,
    pub(crate) port: u16,
    revisions: BTreeMap<String, String>,
    stop: Option<oneshot::Sender<()>>,
    serving: tokio::task::JoinHandle<()>,
    _dir: TempDir,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// An answer, its header names in lower case.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Stand {
    /// Functions are exports of `code` (`node`) or `program` (`web`).
    pub(crate) async fn new(api: Value, code: &str, program: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let mut config = HostConfig::new(dir.path().join("host"));
        config.control = SocketAddr::from(([127, 0, 0, 1], 0));
        config.first_gateway_port = 0;
        let host = Host::start(config).await.unwrap();
        let client = Client::new(&host.url(), &host.token()).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving =
            tokio::spawn(async move { host.run_until(async { drop(stopped.await) }).await.unwrap() });
        for (digest, zip) in [(NODE, node_zip(dir.path(), code)), (WEB, web_zip(dir.path(), program))] {
            client.put_artifact(&digest.to_string().repeat(64), &zip).await.unwrap();
        }
        let app = client.app("gate", "test").unwrap();
        let (revisions, stop) = (BTreeMap::new(), Some(stop));
        let mut stand = Self { app, port: 0, revisions, stop, serving, _dir: dir };
        let outputs = stand.put("api", "api", api).await;
        stand.port = outputs["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap();
        stand
    }

    /// Puts a resource, which the next release has.
    pub(crate) async fn put(&mut self, kind: &str, name: &str, spec: Value) -> BTreeMap<String, Value> {
        let put = ResourcePut { spec, annotations: BTreeMap::new() };
        let resource = self.app.put_resource(kind, name, &put).await.unwrap();
        self.revisions.insert(format!("{kind}/{name}"), resource.revision);
        resource.outputs
    }

    /// An export of the code, or the program if the name begins with `web`.
    pub(crate) async fn function(&mut self, name: &str) {
        self.function_with(name, json!({})).await;
    }

    /// The same with other settings.
    pub(crate) async fn function_with(&mut self, name: &str, more: Value) {
        let is_web = name.starts_with("web");
        let common = json!({ "memory": 128 << 20, "timeout-ms": 60_000 });
        let mut spec = match is_web {
            true => json!({ "interface": "web", "runtime": { "family": "web" }, "command": ["program"] }),
            false => json!({
                "interface": "portable", "runtime": { "family": "node" }, "handler": { "file": "code.mjs", "export": name },
            }),
        };
        spec["artifact"] = if is_web { WEB } else { NODE }.to_string().repeat(64).into();
        for fields in [common, more] {
            spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        }
        self.put("function", name, spec).await;
    }

    /// A route with more fields (`auth`, `throttle`).
    pub(crate) async fn route(&mut self, route: &str, function: &str, more: Value) {
        let (method, path) = route.split_once(' ').unwrap();
        let mut spec = json!({ "method": method, "path": path, "function": function });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.put("route", route, spec).await;
    }

    /// The next release does not have it.
    pub(crate) fn forget(&mut self, address: &str) {
        self.revisions.remove(address).unwrap();
    }

    /// Releases what was put.
    pub(crate) async fn release(&self) {
        let spec = json!({ "resources": self.revisions });
        let put = ResourcePut { spec, annotations: BTreeMap::new() };
        self.app.put_resource("release", "current", &put).await.unwrap();
    }

    /// Stops the host as a person would, to the end.
    pub(crate) async fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        within("the host stops", async { (&mut self.serving).await.unwrap() }).await;
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// Sends bytes on a connection of their own and reads what comes until the other side closes.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // The other side may close before it has read all.
        let _ = stream.write_all(bytes.as_ref()).await;
        rest(&mut stream).await
    }

    /// One request; more of its head as lines without line ends.
    pub(crate) async fn send(&self, request: &str, lines: &[&str], body: &str) -> Answer {
        let mut head = format!("{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        for line in lines {
            head.push_str(&format!("{line}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        answer(&self.raw(format!("{head}\r\n{body}")).await)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), &[], "").await
    }
}

/// Everything until the other side closes.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = within("the connection ends", stream.read_to_end(&mut bytes)).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(read.is_ok(), "{read:?} after {text:?}");
    text
}

/// The one answer in a text.
pub(crate) fn answer(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    Answer { status: status.unwrap(), headers: headers.collect(), body: body.to_owned() }
}

/// The status codes of all answers in a text.
pub(crate) fn statuses(text: &str) -> Vec<&str> {
    text.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(DEADLINE, future).await;
    waited.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

fn node_zip(dir: &Path, code: &str) -> std::path::PathBuf {
    let kit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kits/node/runtime");
    let mut files = vec![("code.mjs".to_owned(), code.as_bytes().to_vec())];
    for entry in std::fs::read_dir(kit).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.push((format!(".sf-kit/{name}"), std::fs::read(path).unwrap()));
        }
    }
    write_zip(dir.join("node.zip"), &files)
}

fn web_zip(dir: &Path, program: &str) -> std::path::PathBuf {
    write_zip(dir.join("web.zip"), &[("program".to_owned(), program.as_bytes().to_vec())])
}

fn write_zip(path: std::path::PathBuf, files: &[(String, Vec<u8>)]) -> std::path::PathBuf {
    let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
    for (name, content) in files {
        let options = SimpleFileOptions::default().unix_permissions(0o755);
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
    path
}
