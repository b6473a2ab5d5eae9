//! `interface = "lambda"`: a process has one call at a time.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use crate::stand::{Answer, Stand, within};

/// Counts the calls that are in its process at once. `/hang` goes on until it is told to end, whoever waits.
const CODE: &str = r#"
import { existsSync, writeFileSync } from "node:fs";
const { FOLDER } = process.env;
const turn = () => new Promise(setImmediate);
let running = 0;
export async function handler(event, context) {
  running += 1;
  let most = running;
  if (event.rawPath === "/hang") {
    writeFileSync(`${FOLDER}/hangs`, String(process.pid));
    while (!existsSync(`${FOLDER}/end`)) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (let turns = 0; turns < 20; turns++) {
    await turn();
    most = Math.max(most, running);
  }
  running -= 1;
  const { routeKey, requestContext } = event;
  return { pid: process.pid, most, routeKey, sourceIp: requestContext.http.sourceIp, memory: context.memoryLimitInMB };
}
"#;

/// So much memory that there are just [`WORKERS`].
const MEMORY: u64 = 512 << 20;
const WORKERS: usize = 8;

async fn stand(folder: &TempDir) -> Stand {
    let mut stand = Stand::new(json!({}), CODE, "").await;
    let env = json!({ "FOLDER": folder.path() });
    stand.function_with("handler", json!({ "interface": "lambda", "memory": MEMORY, "env": env })).await;
    stand.route("GET /count/{n}", "handler", json!({})).await;
    stand.route("GET /hang", "handler", json!({})).await;
    stand.release().await;
    stand
}

/// Calls at once; gives their answers.
async fn count(stand: &Stand, calls: usize) -> Vec<Value> {
    let paths: Vec<_> = (0..calls).map(|n| format!("/count/{n}")).collect();
    let answers = within("all calls are answered", join_all(paths.iter().map(|path| stand.get(path)))).await;
    answers.iter().map(Answer::json).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_wait_for_a_process_of_their_own() {
    let folder = TempDir::new().unwrap();
    let stand = stand(&folder).await;
    let answers = count(&stand, 5 * WORKERS).await;
    for answer in &answers {
        assert_eq!(answer["most"], 1, "{answer}");
        assert_eq!(answer["routeKey"], "GET /count/{n}");
        assert_eq!((&answer["sourceIp"], &answer["memory"]), (&json!("127.0.0.1"), &json!("512")));
    }
    let processes: BTreeSet<u64> = answers.iter().map(|answer| answer["pid"].as_u64().unwrap()).collect();
    assert!((1..=WORKERS).contains(&processes.len()), "{processes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_waits_for_keeps_its_process_to_itself() {
    let folder = TempDir::new().unwrap();
    let stand = stand(&folder).await;
    let mut client = stand.connect().await;
    client.write_all(b"GET /hang HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let hangs = within("the handler is called", async {
        loop {
            match std::fs::read_to_string(folder.path().join("hangs")) {
                Ok(pid) if !pid.is_empty() => return pid.parse::<u64>().unwrap(),
                _ => tokio::task::yield_now().await,
            }
        }
    });
    let hangs = hangs.await;
    drop(client);
    for answer in count(&stand, 2 * WORKERS).await {
        assert_eq!(answer["most"], 1, "{answer}");
        assert_ne!(answer["pid"], hangs);
    }
    std::fs::write(folder.path().join("end"), "").unwrap();
    // Its place is free again.
    within("the process has calls again", async {
        while count(&stand, WORKERS).await.iter().all(|answer| answer["pid"] != hangs) {}
    })
    .await;
}
