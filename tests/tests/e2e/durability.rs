//! The host is killed again and again while data comes in: what was acknowledged is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};
use sf_e2e::{Env, Host, Project, eventually, kill_now};

const KILLS: u32 = 20;
/// So that a failure can be looked at again.
const SEED: u64 = 20_261_124;

const MANIFEST: &str = r#"sf = 1
[project]
name = "durable"
provider = "self-hosted"
[functions.seen]
handler = "seen.mjs#seen"
on = [{ queue = "incoming", batch = 5 }]
uses = { deliveries = "write" }
[queues.incoming]
retries = 100
[tables.rows]
key = { partition = "id:string" }
[tables.deliveries]
key = { partition = "message:string", sort = "delivery:string" }
[buckets.files]
"#;

const SEEN: &str = r#"import { randomUUID } from "node:crypto";
export async function seen(event, ctx) {
  for (const { body } of event.data.messages) {
    await ctx.table("deliveries").put({ message: body, delivery: randomUUID() });
  }
}
"#;

/// What was acknowledged, by kind.
#[derive(Default)]
struct Acknowledged(Mutex<BTreeMap<&'static str, BTreeSet<u64>>>);

impl Acknowledged {
    fn add(&self, kind: &'static str, number: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default().insert(number);
    }

    fn of(&self, kind: &str) -> BTreeSet<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(kind).cloned().unwrap_or_default()
    }

    fn all(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().map(BTreeSet::len).sum()
    }
}

const DATA: &str = "/v1/apps/durable/dev/data";

/// One write of each kind after another, until told to stop. A write without an answer is not counted, whatever became of it.
fn write(env: &Env, kind: &'static str, acknowledged: &Acknowledged, stop: &AtomicBool) {
    for number in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let Some(host) = env.find_host() else {
            std::thread::yield_now();
            continue;
        };
        let (method, path, body) = match kind {
            "rows" => (
                "POST",
                "/tables/rows/put".to_owned(),
                json!({ "item": { "id": number.to_string(), "n": number } }),
            ),
            "files" => ("PUT", format!("/buckets/files/objects/{number}"), json!(content(number))),
            _ => ("POST", "/queues/incoming/messages".to_owned(), json!(number.to_string())),
        };
        if host
            .try_call(method, &format!("{DATA}{path}"), &body.to_string())
            .is_ok_and(|answer| answer.status == 200)
        {
            acknowledged.add(kind, number);
        }
    }
}

/// Long enough that a file can be cut short.
fn content(number: u64) -> String {
    format!("{number} ").repeat(2000)
}

fn kill_and_start(env: &Env, acknowledged: &Acknowledged) {
    let mut random = SEED;
    for kill in 0..KILLS {
        // A number of writes that differs from round to round, so that each dies somewhere else.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let until = acknowledged.all() + 5 + usize::try_from(random >> 59).unwrap_or(0);
        eventually(&format!("writes go on after kill {kill}"), || {
            (acknowledged.all() >= until).then_some(())
        });
        kill_now(env.host().pid);
        let _ = env.run(env.dir(), &["host", "start"]).ok();
    }
}

fn rows(host: &Host, table: &str) -> Vec<Json> {
    let (mut all, mut cursor) = (Vec::new(), Json::Null);
    loop {
        let mut body = json!({ "limit": 1000 });
        if !cursor.is_null() {
            body["cursor"] = cursor;
        }
        let page = host.call("POST", &format!("{DATA}/tables/{table}/scan"), &body.to_string()).json();
        all.extend(page["items"].as_array().expect("items").iter().map(|found| found["item"].clone()));
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            return all;
        }
    }
}

#[test]
fn what_was_acknowledged_survives_twenty_kills() {
    let env = Env::new();
    let project: Project<'_> = env.project("durable", &[("sf.toml", MANIFEST), ("seen.mjs", SEEN)]);
    let _ = project.deploy();
    let (acknowledged, stop) = (Acknowledged::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for kind in ["rows", "files", "messages"] {
            let (env, acknowledged, stop) = (&env, &acknowledged, &stop);
            scope.spawn(move || write(env, kind, acknowledged, stop));
        }
        // Also when it panics: the writers must end.
        let killed =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| kill_and_start(&env, &acknowledged)));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = killed {
            std::panic::resume_unwind(panic);
        }
    });
    let host = env.host();
    let found: BTreeSet<u64> = rows(&host, "rows").iter().filter_map(|row| row["n"].as_u64()).collect();
    let lost: Vec<_> = acknowledged.of("rows").difference(&found).copied().collect();
    assert!(lost.is_empty(), "lost rows: {lost:?}");
    for number in acknowledged.of("files") {
        let object = host.call("GET", &format!("{DATA}/buckets/files/objects/{number}"), "");
        assert_eq!(
            (object.status, object.text()),
            (200, json!(content(number)).to_string()),
            "file {number}"
        );
    }
    delivered(&host, &acknowledged.of("messages"));
}

/// Every message came, and none more often than its handler can have been killed.
fn delivered(host: &Host, sent: &BTreeSet<u64>) {
    let deliveries = || {
        let mut deliveries = BTreeMap::<u64, u32>::new();
        for row in rows(host, "deliveries") {
            *deliveries
                .entry(row["message"].as_str().and_then(|text| text.parse().ok()).expect("a number"))
                .or_default() += 1;
        }
        deliveries
    };
    let deadline = Duration::from_secs(90);
    sf_e2e::eventually_within(deadline, "every acknowledged message is delivered", || {
        let found = deliveries();
        sent.iter().all(|number| found.contains_key(number)).then_some(())
    });
    eventually("the queue is empty", || {
        let status = host.call("GET", "/v1/apps/durable/dev/inboxes/queue/incoming", "").json();
        ["ready", "delayed", "in-flight", "dead"].iter().all(|count| status[count] == 0).then_some(())
    });
    let found = deliveries();
    let again: u32 = found.values().map(|times| times - 1).sum();
    println!("{} messages, {} came again", found.len(), again);
    let most = found.values().max().copied().unwrap_or(0);
    assert!(most <= KILLS + 1, "a message was delivered {most} times with {KILLS} kills");
}
