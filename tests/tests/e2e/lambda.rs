//! Handlers written for AWS Lambda, called by every event of the host: what they see is what AWS documents.

use serde_json::{Value as Json, json};
use sf_e2e::{Env, Project, eventually};

const MANIFEST: &str = r#"sf = 1
[project]
name = "lambda"
provider = "self-hosted"
[defaults]
runtime = "RUNTIME"
[functions.on-queue]
interface = "lambda"
handler = "app.handler"
on = [{ queue = "jobs", batch = 10 }]
[functions.on-topic]
interface = "lambda"
handler = "app.handler"
on = [{ topic = "news" }]
[functions.on-bucket]
interface = "lambda"
handler = "app.handler"
on = [{ bucket = "files", event = "created" }]
[functions.on-table]
interface = "lambda"
handler = "app.handler"
on = [{ table = "rows" }]
[functions.on-schedule]
interface = "lambda"
handler = "app.handler"
on = [{ schedule = "0 3 * * *" }]
[queues.jobs]
retries = 3
[topics.news]
[buckets.files]
[tables.rows]
key = { partition = "id:string" }
"#;

/// Prints what it gets; a message that says so fails, alone, at its first delivery.
const NODE: &str = r#"exports.handler = async (event) => {
  console.log(JSON.stringify({ seen: event }));
  const failed = (event.Records ?? []).filter((record) => record.body?.includes("again") && record.attributes.ApproximateReceiveCount === "1");
  return { batchItemFailures: failed.map((record) => ({ itemIdentifier: record.messageId })) };
};
"#;

const PYTHON: &str = r#"import json
def handler(event, context):
    print(json.dumps({"seen": event}), flush=True)
    records = event.get("Records", [])
    failed = [r for r in records if "again" in r.get("body", "") and r["attributes"]["ApproximateReceiveCount"] == "1"]
    return {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in failed]}
"#;

/// Every event that a function printed so far.
fn seen(project: &Project<'_>, function: &str) -> Vec<Json> {
    let logs = project.sf(&["logs", function, "--json"]).ok().stdout;
    let lines = logs.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let messages = lines.filter_map(|line| serde_json::from_str::<Json>(line["message"].as_str()?).ok());
    messages.map(|message| message["seen"].clone()).filter(|event| !event.is_null()).collect()
}

/// The first record of the first event, once it came.
fn record(project: &Project<'_>, function: &str) -> Json {
    eventually(&format!("`{function}` is called"), || {
        seen(project, function).first().map(|event| event["Records"][0].clone())
    })
}

fn every_event(runtime: &str, file: &str, code: &str) {
    let env = Env::new();
    let manifest = MANIFEST.replace("RUNTIME", runtime);
    let project = env.project("lambda", &[("sf.toml", &manifest), (file, code), ("picture", "four")]);
    let _ = project.deploy();
    queue(&project);

    let _ = project.sf(&["topic", "publish", "news", "{\"n\": 2}", "--attribute", "level=high"]).ok();
    let sns = record(&project, "on-topic");
    assert_eq!((&sns["EventSource"], &sns["EventVersion"]), (&json!("aws:sns"), &json!("1.0")));
    assert_eq!(sns["Sns"]["MessageAttributes"]["level"], json!({ "Type": "String", "Value": "high" }));
    assert_eq!(
        serde_json::from_str::<Json>(sns["Sns"]["Message"].as_str().unwrap()).unwrap(),
        json!({ "n": 2 })
    );

    let _ = project.sf(&["bucket", "put", "files", "picture", "raw/ü b.png"]).ok();
    let s3 = record(&project, "on-bucket");
    assert_eq!((&s3["eventSource"], &s3["eventName"]), (&json!("aws:s3"), &json!("ObjectCreated:Put")));
    assert_eq!(s3["s3"]["object"]["key"], "raw/%C3%BC+b.png");
    assert_eq!(s3["s3"]["object"]["size"], 4);

    let _ = project.sf(&["table", "put", "rows", "{\"id\": \"7\", \"n\": 1.5, \"list\": [true, null]}"]).ok();
    let stream = record(&project, "on-table");
    assert_eq!((&stream["eventSource"], &stream["eventName"]), (&json!("aws:dynamodb"), &json!("INSERT")));
    assert_eq!(stream["dynamodb"]["Keys"], json!({ "id": { "S": "7" } }));
    let image = json!({ "id": { "S": "7" }, "n": { "N": "1.5" }, "list": { "L": [{ "BOOL": true }, { "NULL": true }] } });
    assert_eq!(stream["dynamodb"]["NewImage"], image);

    let _ = project.sf(&["host", "clock", "--advance", "24h"]).ok();
    let tick = eventually("the schedule fires", || seen(&project, "on-schedule").first().cloned());
    assert_eq!((&tick["source"], &tick["detail-type"]), (&json!("aws.events"), &json!("Scheduled Event")));
}

/// Two messages; one fails by itself and comes again, the other does not.
fn queue(project: &Project<'_>) {
    for body in ["{\"n\": 1}", "{\"again\": true}"] {
        let _ = project.sf(&["queue", "send", "jobs", body]).ok();
    }
    let records = eventually("both are handled, one of them twice", || {
        let records: Vec<Json> = seen(project, "on-queue")
            .iter()
            .flat_map(|event| event["Records"].as_array().cloned().unwrap_or_default())
            .collect();
        (records.len() >= 3).then_some(records)
    });
    assert!(records.iter().all(|record| record["eventSource"] == "aws:sqs"), "{records:?}");
    let mut counts: Vec<_> = records
        .iter()
        .map(|record| {
            (
                record["body"].as_str().unwrap().contains("again"),
                record["attributes"]["ApproximateReceiveCount"].as_str().unwrap(),
            )
        })
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [(false, "1"), (true, "1"), (true, "2")]);
}

#[test]
fn every_event_in_node() {
    every_event("node", "app.js", NODE);
}

#[test]
fn every_event_in_python() {
    every_event("python", "app.py", PYTHON);
}
