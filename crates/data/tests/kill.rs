//! A process that writes is killed at random, again and again: whatever it was told to be done is there.

#![allow(clippy::unwrap_used, reason = "a failed expectation is what a test reports")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, future, stream};
use serde_json::json;
use sf_data::{
    AppId, Body, Data, Inbox, KeyDefinition, KeyKind, PutCondition, PutObject, QueueDefinition,
    TableDefinition,
};

/// Tells the child where to write, and which round it is.
const FOLDER: &str = "SF_DATA_KILL_TEST_FOLDER";
const ROUND: &str = "SF_DATA_KILL_TEST_ROUND";

const ROUNDS: u64 = 10;
const WRITERS: usize = 6;

fn app() -> AppId {
    AppId { project: "shop".into(), stage: "dev".into() }
}

fn queue() -> Inbox {
    Inbox::Queue("jobs".into())
}

fn open(folder: &Path) -> Data {
    let clock = || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        u64::try_from(since.as_millis()).unwrap()
    };
    Data::open(folder, Arc::new(clock)).unwrap()
}

fn content(key: &str) -> Vec<u8> {
    key.repeat(50).into_bytes()
}

/// One line for the parent. A pipe takes it whole or not at all.
fn say(word: &str, what: &str) {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(format!("said {word} {what}\n").as_bytes()).unwrap();
    stdout.flush().unwrap();
}

#[test]
#[ignore = "it writes until it is killed: the other test starts it"]
fn child() {
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let data = open(Path::new(&folder));
        data.define_queue(&app(), "jobs", QueueDefinition { retries: 1_000 }).await.unwrap();
        data.define_bucket(&app(), "raw").await.unwrap();
        let partition = KeyDefinition { name: "id".into(), kind: KeyKind::String };
        data.define_table(&app(), "t", TableDefinition { partition, sort: None, ttl: None }).await.unwrap();
        let writers = (0..WRITERS).map(|writer| write(&data, &round, writer));
        future::join(future::join_all(writers), handle(&data)).await;
    });
}

async fn write(data: &Data, round: &str, writer: usize) {
    for number in 0.. {
        let body = Body::Json(json!(number).to_string().into());
        let id = data.send(&app(), "jobs", body, Duration::ZERO).await.unwrap();
        say("sent", &id);
        let key = format!("{round}-{writer}");
        let serde_json::Value::Object(item) = json!({"id": key, "n": number}) else { unreachable!() };
        data.put_item(&app(), "t", item, PutCondition::Always).await.unwrap();
        say("item", &format!("{key} {number}"));
        if number % 8 == 0 {
            let key = format!("{key}-{number}");
            let bytes = stream::iter([Ok(content(&key).into())]);
            data.put_object(&app(), "raw", &key, PutObject::default(), bytes).await.unwrap();
            say("object", &key);
        }
    }
}

/// Handles about as many messages as one writer sends, so that most stay.
async fn handle(data: &Data) {
    loop {
        let deliveries = data.receive(&app(), &queue(), 1, Duration::from_secs(3600)).await.unwrap();
        for delivery in deliveries {
            say("taken", &delivery.message.id);
            data.finish(&app(), &queue(), vec![delivery.receipt], vec![]).await.unwrap();
            say("handled", &delivery.message.id);
        }
    }
}

/// What the children said.
#[derive(Default)]
struct Said {
    sent: BTreeSet<String>,
    taken: BTreeSet<String>,
    handled: BTreeSet<String>,
    objects: BTreeSet<String>,
    items: BTreeMap<String, u64>,
}

impl Said {
    fn note(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["said", "sent", id] => drop(self.sent.insert(id.into())),
            ["said", "taken", id] => drop(self.taken.insert(id.into())),
            ["said", "handled", id] => drop(self.handled.insert(id.into())),
            ["said", "object", key] => drop(self.objects.insert(key.into())),
            ["said", "item", key, number] => drop(self.items.insert(key.into(), number.parse().unwrap())),
            _ => {}
        }
    }

    async fn check(&self, data: &Data) {
        let messages = data.peek(&app(), &queue(), false, usize::MAX).await.unwrap();
        let there: BTreeSet<_> = messages.into_iter().map(|message| message.id).collect();
        for id in self.sent.difference(&self.taken) {
            assert!(there.contains(id), "message {id} is lost");
        }
        for id in &self.handled {
            assert!(!there.contains(id), "message {id} was handled and is back");
        }
        for key in &self.objects {
            let (_, reader) = data.read_object(&app(), "raw", key, None).await.unwrap().unwrap();
            let pieces: Vec<_> = reader.map(Result::unwrap).collect().await;
            assert_eq!(pieces.concat(), content(key), "object {key}");
        }
        for (key, number) in &self.items {
            let item = data.get_item(&app(), "t", &json!({"id": key})).await.unwrap().unwrap();
            assert!(item.item["n"].as_u64().unwrap() >= *number, "item {key} went back");
        }
    }
}

/// Lets a child write until it has said so many things, kills it, and reads what it had said until then.
fn run_and_kill(folder: &Path, round: u64, lines: usize, said: &mut Said) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut seen = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        seen += usize::from(line.starts_with("said "));
        said.note(&line);
        if seen == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(seen >= lines, "the child ended by itself");
}

#[test]
fn what_was_acknowledged_survives_kills() {
    let folder = tempfile::TempDir::new().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    let mut said = Said::default();
    for round in 0..ROUNDS {
        run_and_kill(folder.path(), round, random.usize(50..400), &mut said);
        let data = open(folder.path());
        runtime.block_on(said.check(&data));
    }
    assert!(!said.sent.is_empty() && !said.handled.is_empty());
    assert!(!said.objects.is_empty() && !said.items.is_empty());
}
