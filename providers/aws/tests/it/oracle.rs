//! The strict counterpart of AWS: one for all tests, which use it in turn. Tests that need it do nothing where it is absent, and say so.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};

use serde_json::{Value as Json, json};
use sf_plan::Digest;
use sf_provider::{ArtifactSource, Cx, Scope};
use sf_provider_aws::{AwsDriver, AwsOperate, Client, Connect};
use tokio::sync::{Mutex, MutexGuard};

/// Where everything is.
pub(crate) const REGION: &str = "eu-west-1";

/// Ends the program when nobody holds the other end of stdin any more: also when the test's process was killed.
const KEEPER: &str = r#""$@" & child=$!; exec >&-; cat >/dev/null; kill -TERM "$child"; wait "$child""#;

/// Switches of one that never makes anybody wait, for tests that make thousands of calls.
pub(crate) const AT_ONCE: [&str; 9] = [
    "--iam-lag-ms",
    "0",
    "--lambda-pending-ms",
    "0",
    "--table-pending-ms",
    "0",
    "--sqs-recreate-ms",
    "0",
    "--no-rate-limit",
];

static PROCESS: OnceLock<Option<Process>> = OnceLock::new();
static TURN: Mutex<()> = Mutex::const_new(());

/// A running counterpart; it ends when this is dropped.
pub(crate) struct Process {
    pub(crate) url: String,
    /// Holds its stdin.
    _keeper: Child,
}

/// An empty AWS, and a driver for it, while the test runs.
pub(crate) struct Aws {
    pub(crate) url: String,
    pub(crate) driver: AwsDriver,
    pub(crate) operate: AwsOperate,
    pub(crate) cx: Cx,
    pub(crate) http: reqwest::Client,
    _turn: MutexGuard<'static, ()>,
}

/// An empty AWS; `None`, with the reason printed, where there is no counterpart.
pub(crate) async fn aws() -> Option<Aws> {
    let _turn = TURN.lock().await;
    let process = PROCESS.get_or_init(|| start(&["--sqs-recreate-ms", "500"])).as_ref()?;
    let scope = Scope { project: "shop".into(), stage: "dev".into() };
    let aws = Aws {
        url: process.url.clone(),
        driver: process.driver(),
        operate: AwsOperate::new(process.client()),
        cx: Cx::new(scope, Arc::new(Nothing)),
        http: reqwest::Client::new(),
        _turn,
    };
    aws.control("POST", "reset", &json!({})).await;
    Some(aws)
}

impl Process {
    /// A client of it.
    fn client(&self) -> Client {
        // The first of all tests is the only one that succeeds.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Connect::to_counterpart(&self.url, REGION).unwrap()
    }

    /// A driver for it.
    pub(crate) fn driver(&self) -> AwsDriver {
        AwsDriver::new(self.client())
    }
}

impl Aws {
    /// Lets requests fail: a rule of the counterpart's README.
    pub(crate) async fn fault(&self, rule: Json) {
        self.control("POST", "faults", &rule).await;
    }

    /// Names of everything that exists.
    pub(crate) async fn state(&self) -> Json {
        self.control("GET", &format!("state?region={REGION}"), &Json::Null).await
    }

    /// Forgets what was asked so far.
    pub(crate) async fn clear_log(&self) {
        self.control("DELETE", "log", &Json::Null).await;
    }

    /// What was asked that may change something, in order; `CreateQueue: QueueDeletedRecently` where it was refused.
    pub(crate) async fn mutations(&self) -> Vec<String> {
        const READING: [&str; 4] = ["Get", "List", "Describe", "Head"];
        let entries = self.log().await.into_iter().filter_map(|entry| {
            let operation = entry["operation"].as_str()?.to_owned();
            let is_reading = READING.iter().any(|prefix| operation.starts_with(prefix));
            let error =
                entry["error"].as_str().map_or(operation.clone(), |error| format!("{operation}: {error}"));
            (!is_reading).then_some(error)
        });
        entries.collect()
    }

    /// Panics if AWS would have ignored something that was asked.
    pub(crate) async fn assert_no_warnings(&self) {
        for entry in self.log().await {
            let warnings = entry["warnings"].as_array().map_or(0, Vec::len);
            assert_eq!(warnings, 0, "{entry:#}");
        }
    }

    /// A request of AWS's own, which the test prepares something with.
    pub(crate) async fn raw(&self, service: &str, request: reqwest::RequestBuilder) -> reqwest::Response {
        let credential = format!("AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request");
        let authorization = format!("{credential}, SignedHeaders=host, Signature=0");
        request.header("authorization", authorization).send().await.unwrap()
    }

    /// Puts an object into a bucket.
    pub(crate) async fn put_object(&self, bucket: &str, key: &str) {
        let mut url = reqwest::Url::parse(&self.url).unwrap();
        url.path_segments_mut().unwrap().push(bucket).extend(key.split('/'));
        let put = self.http.put(url).header("x-amz-content-sha256", "UNSIGNED-PAYLOAD").body("x");
        self.raw("s3", put).await.error_for_status().unwrap();
    }

    /// What was asked of one operation, in order.
    pub(crate) async fn entries(&self, operation: &str) -> Vec<Json> {
        self.log().await.into_iter().filter(|entry| entry["operation"] == operation).collect()
    }

    async fn log(&self) -> Vec<Json> {
        let log = self.control("GET", "log", &Json::Null).await;
        log["entries"].as_array().cloned().unwrap_or_default()
    }

    async fn control(&self, method: &str, what: &str, body: &Json) -> Json {
        let url = format!("{}/_oracle/{what}", self.url);
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, url);
        if !body.is_null() {
            request = request.json(body);
        }
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }
}

/// No function is made here.
struct Nothing;

impl ArtifactSource for Nothing {
    fn path(&self, _: &Digest) -> Option<PathBuf> {
        None
    }
}

/// Starts one with these switches; `None`, with the reason printed, where there is none.
// A test that was skipped must be seen to have been.
#[allow(clippy::print_stderr)]
pub(crate) fn start(switches: &[&str]) -> Option<Process> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    let oracles =
        std::env::var_os("SF_ORACLES").map_or_else(|| root.join("../shared/oracles"), PathBuf::from);
    let program = oracles.join("aws/start");
    if !program.exists() {
        eprintln!("skipped: there is no counterpart of AWS at {} (SF_ORACLES says where)", program.display());
        return None;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let cache =
        std::env::var_os("SF_ORACLE_CACHE").map_or_else(|| root.join("target/oracles/aws"), PathBuf::from);
    let mut keeper = Command::new("sh")
        .args(["-c", KEEPER, "sh"])
        .arg(program)
        .args(["--port", &port])
        .args(switches)
        .env("SF_ORACLE_CACHE", cache)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("ready "), "the counterpart of AWS did not start: {line}");
    Some(Process { url: format!("http://127.0.0.1:{port}"), _keeper: keeper })
}
