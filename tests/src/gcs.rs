//! Google Cloud Storage on this machine: the counterpart in `shared/oracles/gcp`, and in front of it the XML API, which it does not have.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value as Json, json};

use crate::counterpart::{self, Counterpart, INSTALLATION};
use crate::env::Env;
use crate::http;
use crate::skip::{skipped, target};

/// An owner's, for the counterpart.
const TOKEN: &str = "ya29.test-owner";
/// Whose buckets these are.
const PROJECT: &str = "sf-test";

/// A running one; it ends when it is dropped, and with the test's process.
pub struct Gcs {
    front: Child,
    url: String,
    backend: String,
    _counterpart: Counterpart,
}

impl Gcs {
    /// Starts one; `None`, and the reason printed, where there is none on this machine.
    ///
    /// # Panics
    /// If it is there and does not start.
    pub fn start(test: &str) -> Option<Self> {
        let Some(start) = counterpart::find("gcp") else {
            skipped(
                test,
                "no counterpart of Google Cloud: `../shared/oracles/gcp/start` (or below `SF_ORACLES`)",
            );
            return None;
        };
        let cache = cache();
        let mut command = counterpart::command(&start, &["--enable", "storage.googleapis.com"]);
        // The first one installs what it needs, others wait for its lock.
        let counterpart = Counterpart::ready(command.env("SF_ORACLE_CACHE", &cache), INSTALLATION);
        let backend = format!("http://127.0.0.1:{}", counterpart.port);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/counterpart/gcs_xml.py");
        let mut front = Command::new(cache.join("venv/bin/python"));
        let front = front.arg(script).arg(format!("{backend}/storage"));
        let mut front =
            front.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("an interpreter starts");
        let mut said = String::new();
        let mut lines = BufReader::new(front.stdout.take().expect("piped"));
        let _ = lines.read_line(&mut said).expect("it says where it listens");
        let url = said.trim().strip_prefix("ready ").expect("it is ready").to_owned();
        Some(Self { front, url, backend, _counterpart: counterpart })
    }

    /// Lets the `sf` of a home keep states in it: `gs://BUCKET`.
    pub fn enter(&self, env: &mut Env) {
        env.set("SF_GCP_ENDPOINT", self.url.clone());
        env.set("GOOGLE_BEARER_TOKEN", TOKEN);
    }

    /// Makes a bucket.
    ///
    /// # Panics
    /// If it is refused.
    #[track_caller]
    pub fn make_bucket(&self, name: &str) {
        let body = json!({ "name": name, "location": "europe-west1" }).to_string();
        let answer = self.ask("POST", &format!("/storage/storage/v1/b?project={PROJECT}"), body.as_bytes());
        assert_eq!(answer["name"], name, "{answer}");
    }

    /// What is in a bucket, by the counterpart's word.
    #[track_caller]
    pub fn objects(&self, bucket: &str) -> Vec<String> {
        let answer = self.ask("GET", &format!("/storage/storage/v1/b/{bucket}/o"), b"");
        let items = answer["items"].as_array().into_iter().flatten();
        items.map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Json {
        let authorization = format!("Bearer {TOKEN}");
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        http::send(method, &format!("{}{path}", self.backend), &headers, body).expect("an answer").json()
    }
}

impl Drop for Gcs {
    fn drop(&mut self) {
        drop(self.front.stdin.take());
        let _ = self.front.wait();
    }
}

/// Where its packages are.
fn cache() -> PathBuf {
    let folder = target().join("oracles/gcp");
    std::fs::create_dir_all(&folder).expect("a folder below target");
    folder.canonicalize().expect("it is there")
}
