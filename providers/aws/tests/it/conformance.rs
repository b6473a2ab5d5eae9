//! The backend on the counterpart, put to the tests that every backend must pass.
//!
//! The process dies at some calls of a small project only: at each of them with `SF_AWS_MATRIX=whole`, which takes many minutes.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use sf_plan::{Digest, Kind};
use sf_provider::testkit::{Bench, Connection, Crashes, Sample, conformance};
use sf_provider::{ArtifactSource, Backend};
use sf_provider_aws::Aws;
use tempfile::TempDir;

use crate::oracle::{AT_ONCE, Process, start};

/// One of so many calls is the process's last.
const SAMPLE: NonZeroUsize = NonZeroUsize::new(17).unwrap();

/// Each kind.
const ALL: &str = r#"
sf = 1
[project]
name = "sample"
tags = { team = "tests" }
[defaults]
runtime = "node"
[api]
cors = { origins = ["https://a.example"], headers = ["content-type"] }
throttle = { rate = 100, burst = 200 }
auth.members = { issuer = "https://id.eu-west-1.example/", audience = ["market"] }
[functions.ask]
handler = "ask.mjs#ask"
http = ["GET /ask", { route = "POST /ask", auth = "members", throttle = { rate = 10 } }]
uses = { work = "write", news = "write", items = "read-write", files = "read-write", listen = "call" }
secrets = ["key"]
env = { API = "${api.url}/docs", CHAT = "${socket.chat.url}?x=1", WORK = "${queue.work.url}", NEXT = "${queue.work.url}?n=1", FILES = "${bucket.files.name}", OWN = "arn:aws:sqs:eu-west-1:000000000000:other" }
[functions.listen]
handler = "listen.mjs#listen"
on = [
  { queue = "work" },
  { topic = "news", filter = { level = ["high"] } },
  { bucket = "files", event = "created", prefix = "in/" },
  { table = "items" },
  { schedule = "0 3 * * *", timezone = "Asia/Seoul" },
]
[functions.talk]
handler = "talk.mjs#talk"
uses = { chat = "write" }
[functions.page]
handler = "page.mjs#page"
http = "url"
warm = 1
[functions.night]
handler = "night.handler"
interface = "lambda"
on = [{ schedule = "0 4 * * *" }]
rollout = { kind = "canary", steps = ["50%"], every = "1s" }
[queues.work]
retries = 3
[topics.news]
[buckets.files]
[tables.items]
key = { partition = "id:string" }
ttl = "expires"
[secrets.key]
[sockets.chat]
connect = "talk"
message = "talk"
"#;

/// Few objects, since the process is killed at their calls.
const FEW: &str = r#"
sf = 1
[project]
name = "sample"
[defaults]
runtime = "node"
[functions.hello]
handler = "hello.mjs#hello"
http = ["GET /hello"]
on = [{ queue = "work" }]
[queues.work]
[tables.items]
key = { partition = "id:string" }
"#;

/// Zips of functions that were never built: each made of its digest.
struct Zips(TempDir);

impl ArtifactSource for Zips {
    fn path(&self, digest: &Digest) -> Option<PathBuf> {
        let path = self.0.path().join(format!("{digest}.zip"));
        if !path.exists() {
            let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
            zip.start_file("main.mjs", zip::write::SimpleFileOptions::default()).unwrap();
            write!(zip, "export const handler = () => \"{digest}\";").unwrap();
            zip.finish().unwrap();
        }
        Some(path)
    }
}

struct OnCounterpart {
    process: Process,
    samples: Vec<Sample>,
    crashes: Crashes,
}

#[async_trait]
impl Bench for OnCounterpart {
    fn backend(&self) -> &dyn Backend {
        Aws::backend()
    }

    fn samples(&self) -> Vec<Sample> {
        self.samples.clone()
    }

    async fn connect(&self) -> Connection {
        let artifacts = Arc::new(Zips(TempDir::new().unwrap()));
        Connection { driver: Arc::new(self.process.driver()), artifacts }
    }

    fn tells_generations(&self, kind: &Kind) -> bool {
        !UNTAGGED.contains(&kind.0.as_str())
    }

    fn crashes(&self) -> Crashes {
        self.crashes
    }
}

/// Kinds without tags.
const UNTAGGED: [&str; 13] = [
    "alias",
    "authorizer",
    "domain-mapping",
    "integration",
    "invoke-config",
    "notification",
    "permission",
    "route",
    "schedule",
    "stage",
    "subscription",
    "url",
    "warm",
];

fn sample(name: &str, text: &str, code: &str) -> Sample {
    Sample::from_manifest(name, text, code).unwrap()
}

async fn conforms(samples: Vec<Sample>, crashes: Crashes) {
    let Some(process) = start(&AT_ONCE) else { return };
    let bench = OnCounterpart { process, samples, crashes };
    conformance(&bench).await.unwrap_or_else(|violation| panic!("{violation}"));
}

#[tokio::test]
async fn every_kind_conforms() {
    let changed = ALL
        .replace("GET /ask", "PUT /ask")
        .replace("a.example", "b.example")
        .replace("rate = 100", "rate = 50")
        .replace("[\"market\"]", "[\"admin\", \"market\"]")
        .replace("0 3", "0 5")
        .replace("\"high\"", "\"higher\"")
        .replace("\"in/\"", "\"put/\"")
        .replace("warm = 1", "warm = 2")
        .replace("retries = 3", "retries = 4\nvisibility = \"2m\"")
        .replace("expires", "gone-by")
        .replace("id:string", "name:string")
        .replace("runtime = \"node\"", "runtime = \"node\"\nmemory = \"512MiB\"");
    let (fewer, _) = changed.split_once("[functions.talk]").unwrap();
    let fewer = format!(
        "{}[topics.news]\n[queues.work]\n[buckets.files]\n[tables.items]\nkey = {{ partition = \"name:string\" }}\n",
        fewer
            .replace("secrets = [\"key\"]", "")
            .replace("CHAT = \"${socket.chat.url}?x=1\", ", "")
            .replace("  { bucket = \"files\", event = \"created\", prefix = \"put/\" },\n", "")
            .replace("  { table = \"items\" },\n", "")
    );
    let samples = vec![
        sample("everything", ALL, "one"),
        sample("new code, other settings, another key of a table", &changed, "two"),
        sample("fewer", &fewer, "three"),
    ];
    conforms(samples, Crashes::Never).await;
}

#[tokio::test]
async fn a_process_that_dies_leaves_nothing_behind() {
    let is_whole = std::env::var("SF_AWS_MATRIX").is_ok_and(|matrix| matrix == "whole");
    let crashes = if is_whole { Crashes::AtEach } else { Crashes::AtEvery(SAMPLE) };
    let changed = FEW.replace("GET /hello", "PUT /hello").replace("[tables", "[topics.news]\n[tables");
    let replaced = changed.replace("id:string", "name:string");
    let samples = vec![
        sample("few", FEW, "one"),
        sample("new code and another route", &changed, "two"),
        sample("another key of a table", &replaced, "two"),
    ];
    conforms(samples, crashes).await;
}
