//! Functions: the calls of each change, and what becomes of one that was broken off.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use sf_plan::{CallAction, Intent, IntentAction, Outcome};
use sf_provider::Driver as _;

use super::zips::{alias, deployed, function, ready, role};
use crate::oracle::{Aws, aws};

const OTHER: &str = "export const handler = async () => ({ code: 2 });";

/// Changes the function that is `prior`, and says with which calls.
async fn calls(aws: &Aws, prior: &sf_plan::Object, differing: &Json) -> (sf_plan::Object, Vec<String>) {
    aws.clear_log().await;
    let key = function(differing).key;
    let inputs = function(differing).inputs;
    let action = CallAction::Update { prior: prior.clone(), inputs: inputs.clone() };
    let outcome = aws.call(&key, action).await;
    let Outcome::Done { id, outputs } = outcome else { panic!("{outcome:?}") };
    let made = sf_plan::Object { id, outputs, inputs, ..prior.clone() };
    let calls = aws.mutations().await;
    assert_eq!(aws.driver.read(&aws.cx, &key, &made).await.unwrap().as_ref(), Some(&made));
    (made, calls)
}

#[tokio::test]
async fn a_function_lives() {
    let Some(mut aws) = aws().await else { return };
    let zips = ready(&mut aws).await;
    zips.put("d2", OTHER);
    let differing = json!({
        "Code": { "$artifact": "d2" },
        "MemorySize": 512,
        "Environment": { "URL": ["https://{aws:region}.example/", "x"], "OTHER": "a" },
        "EphemeralStorage": 1024,
        "TracingMode": "Active",
        "ReservedConcurrency": 3,
        "Tags": { "team": "market" },
    });
    let changes = [
        "UpdateFunctionConfiguration",
        "PutObject",
        "UpdateFunctionCode",
        "PutFunctionConcurrency",
        "TagResource",
    ];
    aws.live_through(&function(&json!({})), &function(&differing), &changes).await;
    for operation in ["CreateFunction", "PutObject", "DeleteFunction"] {
        aws.survives_a_lost_answer(&function(&json!({})), operation).await;
    }
}

#[tokio::test]
async fn each_change_is_the_calls_that_it_takes() {
    let Some(mut aws) = aws().await else { return };
    let (zips, made, _) = deployed(&mut aws).await;
    zips.put("d2", OTHER);
    zips.put("again", OTHER);
    assert_eq!(made.outputs["version"], "1");

    let memory = json!({ "MemorySize": 512 });
    let (made, settings) = calls(&aws, &made, &memory).await;
    assert_eq!(settings, ["UpdateFunctionConfiguration", "PublishVersion"]);
    assert_eq!(made.outputs["version"], "2");

    let code = json!({ "MemorySize": 512, "Code": { "$artifact": "d2" } });
    let (made, sent) = calls(&aws, &made, &code).await;
    assert_eq!(sent, ["PutObject", "UpdateFunctionCode"]);
    assert_eq!(made.outputs["version"], "3");

    let reserved = json!({ "MemorySize": 512, "Code": { "$artifact": "d2" }, "ReservedConcurrency": 0 });
    let (made, calls_for_it) = calls(&aws, &made, &reserved).await;
    assert_eq!(calls_for_it, ["PutFunctionConcurrency"]);
    assert_eq!(made.outputs["version"], "3");

    let tagged = json!({ "MemorySize": 512, "Code": { "$artifact": "d2" }, "Tags": { "team": "market" } });
    let (made, calls_for_it) = calls(&aws, &made, &tagged).await;
    assert_eq!(calls_for_it, ["DeleteFunctionConcurrency", "TagResource"]);

    let (made, calls_for_it) = calls(&aws, &made, &code).await;
    assert_eq!(calls_for_it, ["UntagResource"]);

    // What was there before is in the bucket, and need not be built again.
    zips.forget("d1");
    let (made, back) = calls(&aws, &made, &json!({ "MemorySize": 512 })).await;
    assert_eq!(back, ["UpdateFunctionCode"]);
    assert_eq!(made.outputs["version"], "4");
    let entries = aws.entries("UpdateFunctionCode").await;
    assert!(entries[0]["params"].get("S3Bucket").is_some(), "{:#}", entries[0]);
    aws.assert_no_warnings().await;
}

#[tokio::test]
async fn equal_code_is_not_sent() {
    let Some(mut aws) = aws().await else { return };
    let (zips, made, _) = deployed(&mut aws).await;
    zips.put("same", "export const handler = async (event) => ({ code: 1, event });");
    aws.clear_log().await;
    let changed = function(&json!({ "Code": { "$artifact": "same" } }));
    let action = CallAction::Update { prior: made, inputs: changed.inputs };
    let outcome = aws.call(&changed.key, action).await;
    assert!(matches!(&outcome, Outcome::Done { outputs, .. } if outputs["version"] == "1"), "{outcome:?}");
    assert_eq!(aws.mutations().await, ["PutObject"]);
}

#[tokio::test]
async fn a_change_that_broke_off_is_seen_and_brought_to_its_end() {
    let Some(mut aws) = aws().await else { return };
    let (_, made, _) = deployed(&mut aws).await;
    let refused = json!({
        "operation": "PublishVersion",
        "count": 1,
        "action": { "type": "error", "code": "CodeStorageExceededException", "status": 400, "message": "full" },
    });
    aws.fault(refused).await;
    let changed = function(&json!({ "MemorySize": 512 }));
    let action = CallAction::Update { prior: made.clone(), inputs: changed.inputs.clone() };
    let outcome = aws.call(&changed.key, action).await;
    assert!(
        matches!(&outcome, Outcome::Failed { error, .. } if error.message.contains("full")),
        "{outcome:?}"
    );

    let intent = Intent {
        key: changed.key.clone(),
        action: IntentAction::Update { inputs: changed.inputs.clone() },
        deps: BTreeSet::new(),
        protect: false,
        takes: BTreeSet::new(),
    };
    let found = aws.driver.find(&aws.cx, &intent).await.unwrap().unwrap();
    assert_ne!(found.inputs, changed.inputs, "nobody calls what is not published");
    aws.clear_log().await;
    let finished = aws.change(&found, &changed).await;
    assert_eq!(finished.outputs["version"], "2");
    assert_eq!(aws.mutations().await, ["PublishVersion"]);
}

#[tokio::test]
async fn code_of_unknown_origin_says_so_and_is_replaced() {
    let Some(mut aws) = aws().await else { return };
    let (_, made, _) = deployed(&mut aws).await;
    let code = json!({ "ZipFile": EMPTY_ZIP, "Publish": true }).to_string();
    let url = format!("{}/2015-03-31/functions/shop-dev-hello/code", aws.url);
    aws.raw("lambda", aws.http.put(url).body(code)).await.error_for_status().unwrap();
    let key = function(&json!({})).key;
    let seen = aws.driver.read(&aws.cx, &key, &made).await.unwrap().unwrap();
    let inputs = seen.inputs.to_json();
    assert!(inputs["Code"]["$artifact"].as_str().unwrap().starts_with("unknown code"), "{inputs:#}");
    aws.clear_log().await;
    let action = CallAction::Update { prior: seen, inputs: function(&json!({})).inputs };
    let outcome = aws.call(&key, action).await;
    assert!(matches!(&outcome, Outcome::Done { outputs, .. } if outputs["version"] == "3"), "{outcome:?}");
    assert_eq!(aws.mutations().await, ["UpdateFunctionCode"]);
}

/// A zip of one empty file.
const EMPTY_ZIP: &str = "UEsDBAoAAAAAAAAAIQAAAAAAAAAAAAAAAAABAAAAYVBLAQIUAAoAAAAAAAAAIQAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAABhUEsFBgAAAAABAAEALwAAAB8AAAAAAA==";

#[tokio::test]
async fn a_role_made_a_moment_ago_and_an_update_under_way_are_waited_for() {
    let Some(mut aws) = aws().await else { return };
    ready(&mut aws).await;
    let fresh = role(&["logs:PutLogEvents"]);
    let intent = sf_plan::CallAction::Create { inputs: fresh.inputs.clone() };
    let Outcome::Done { .. } = aws.call(&fresh.key, intent).await else { panic!("adopted") };
    let made = aws.make(&function(&json!({}))).await;
    let (one, two) = (function(&json!({ "MemorySize": 512 })), function(&json!({ "Timeout": 20 })));
    let update =
        |thing: &super::Thing| CallAction::Update { prior: made.clone(), inputs: thing.inputs.clone() };
    let (one, two) = tokio::join!(aws.call(&one.key, update(&one)), aws.call(&two.key, update(&two)));
    assert!(matches!(one, Outcome::Done { .. }), "{one:?}");
    assert!(matches!(two, Outcome::Done { .. }), "{two:?}");
}

#[tokio::test]
async fn old_versions_go_when_the_alias_moves_on() {
    let Some(mut aws) = aws().await else { return };
    let (_, mut made, mut live) = deployed(&mut aws).await;
    for memory in 300..322 {
        let thing = function(&json!({ "MemorySize": memory }));
        made = aws.change(&made, &thing).await;
        let version = made.outputs["version"].as_str().unwrap().to_owned();
        live = aws.change(&live, &alias(&version, &json!({}))).await;
    }
    let deleted = aws.entries("DeleteFunction").await;
    let versions: Vec<_> = deleted.iter().map(|entry| entry["params"]["Qualifier"].clone()).collect();
    assert_eq!(versions, ["1", "2", "3"]);
}

#[tokio::test]
async fn lost_answers_to_changes_do_no_harm() {
    let Some(mut aws) = aws().await else { return };
    let (zips, made, live) = deployed(&mut aws).await;
    zips.put("d2", OTHER);
    for operation in
        ["UpdateFunctionConfiguration", "UpdateFunctionCode", "PublishVersion", "UpdateAlias", "TagResource"]
    {
        aws.fault(json!({ "operation": operation, "count": 1, "action": { "type": "lost" } })).await;
    }
    let made = aws.change(&made, &function(&json!({ "MemorySize": 512 }))).await;
    let everything =
        json!({ "MemorySize": 256, "Code": { "$artifact": "d2" }, "Tags": { "team": "market" } });
    let made = aws.change(&made, &function(&everything)).await;
    let version = made.outputs["version"].as_str().unwrap();
    aws.change(&live, &alias(version, &json!({}))).await;
    aws.assert_no_warnings().await;
}

#[tokio::test]
async fn what_was_made_before_a_failure_is_told() {
    let Some(mut aws) = aws().await else { return };
    ready(&mut aws).await;
    let greedy = function(&json!({ "ReservedConcurrency": 950 }));
    let outcome = aws.call(&greedy.key, CallAction::Create { inputs: greedy.inputs.clone() }).await;
    let Outcome::Failed { partial: Some((id, _)), error } = outcome else { panic!("{outcome:?}") };
    assert!(id.0.ends_with(":function:shop-dev-hello"), "{id:?}");
    assert!(error.message.contains("UnreservedConcurrentExecution"), "{}", error.message);
    aws.make(&function(&json!({ "ReservedConcurrency": 5 }))).await;
}
