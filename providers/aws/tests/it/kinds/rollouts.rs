//! Rollouts: to the end, taken back after an error, and interrupted.

use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};
use sf_plan::{CallAction, Failure, Object, Outcome};
use sf_provider::{Progress, stop_pair};

use super::zips::{alias, deployed, function};
use crate::oracle::{Aws, aws};

/// What a kit writes when a handler fails: Lambda itself has nothing to complain of.
const FAILING: &str = "export const handler = async () => { console.log(JSON.stringify({ level: 'error', message: 'the handler failed' })); };";

fn rollout(version: &str) -> super::Thing {
    alias(version, &json!({ "Rollout": { "Kind": "canary", "Steps": [50], "EverySeconds": 1 } }))
}

/// The alias at version 1, with a version 2 of that code waiting.
async fn two_versions(aws: &mut Aws, code: &str) -> Object {
    let (zips, made, live) = deployed(aws).await;
    zips.put("d2", code);
    aws.change(&made, &function(&json!({ "Code": { "$artifact": "d2" } }))).await;
    let live = aws.change(&live, &rollout("1")).await;
    aws.clear_log().await;
    live
}

async fn move_on(aws: &Aws, live: &Object) -> Outcome {
    let inputs = rollout("2").inputs;
    aws.call(&rollout("2").key, CallAction::Update { prior: live.clone(), inputs }).await
}

/// Version and weights after each call.
async fn steps(aws: &Aws) -> Vec<(Json, Json)> {
    let of = |entry: Json| {
        let params = &entry["params"];
        (params["FunctionVersion"].clone(), params["RoutingConfig"]["AdditionalVersionWeights"].clone())
    };
    aws.entries("UpdateAlias").await.into_iter().map(of).collect()
}

fn failure(outcome: Outcome) -> Failure {
    let Outcome::Failed { partial: None, error } = outcome else { panic!("{outcome:?}") };
    error
}

#[tokio::test]
async fn a_rollout_ends_with_all_calls_at_the_new_version() {
    let Some(mut aws) = aws().await else { return };
    let live = two_versions(&mut aws, "export const handler = async () => 2;").await;
    let said = Arc::new(Mutex::new(Vec::new()));
    let listener = said.clone();
    aws.cx.progress = Progress::to(move |message| listener.lock().unwrap().push(message));
    let outcome = move_on(&aws, &live).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    assert_eq!(steps(&aws).await, [(json!("1"), json!({ "2": 0.5 })), (json!("2"), json!({}))]);
    assert_eq!(*said.lock().unwrap(), ["50 % of calls go to version 2, for 1s"]);
    aws.assert_no_warnings().await;
}

#[tokio::test]
async fn an_error_takes_a_rollout_back() {
    let Some(mut aws) = aws().await else { return };
    let live = two_versions(&mut aws, FAILING).await;
    let url = format!("{}/2015-03-31/functions/shop-dev-hello:live/invocations", aws.url);
    let calling = async {
        loop {
            aws.raw("lambda", aws.http.post(&url).body("{}")).await.error_for_status().unwrap();
        }
    };
    let outcome = tokio::select! {
        outcome = move_on(&aws, &live) => outcome,
        () = calling => unreachable!("it goes on for ever"),
    };
    let error = failure(outcome);
    assert_eq!(error.code.as_deref(), Some("rollout-failed"));
    let (told, back) = error.message.split_once(" while ").unwrap();
    assert!(told.starts_with("roll out alias/hello: version 2 had "), "{told}");
    assert_eq!(back, "50 % of calls went to it; all calls go to version 1 again");
    assert_eq!(steps(&aws).await, [(json!("1"), json!({ "2": 0.5 })), (json!("1"), json!({}))]);
}

#[tokio::test]
async fn an_interrupted_rollout_is_taken_back() {
    let Some(mut aws) = aws().await else { return };
    let live = two_versions(&mut aws, "export const handler = async () => 2;").await;
    let (handle, stop) = stop_pair();
    aws.cx.stop = stop;
    // The first step has begun.
    aws.cx.progress = Progress::to(move |_| handle.stop());
    let error = failure(move_on(&aws, &live).await);
    assert_eq!(error.code.as_deref(), Some("interrupted"));
    assert!(error.message.ends_with("all calls go to version 1 again"), "{}", error.message);
    assert_eq!(steps(&aws).await, [(json!("1"), json!({ "2": 0.5 })), (json!("1"), json!({}))]);
}

#[tokio::test]
async fn a_killed_rollout_is_begun_anew() {
    let Some(mut aws) = aws().await else { return };
    let live = two_versions(&mut aws, "export const handler = async () => 2;").await;
    let weighted =
        json!({ "FunctionVersion": "1", "RoutingConfig": { "AdditionalVersionWeights": { "2": 0.5 } } });
    let url = format!("{}/2015-03-31/functions/shop-dev-hello/aliases/live", aws.url);
    aws.raw("lambda", aws.http.put(url).body(weighted.to_string())).await.error_for_status().unwrap();
    let key = rollout("1").key;
    let seen = sf_provider::Driver::read(&aws.driver, &aws.cx, &key, &live).await.unwrap().unwrap();
    assert_eq!(seen.inputs.to_json()["FunctionVersion"], "1, 0.5 to 2");
    aws.clear_log().await;
    aws.change(&seen, &rollout("2")).await;
    assert_eq!(steps(&aws).await.last(), Some(&(json!("2"), json!({}))));
}

#[tokio::test]
async fn a_rollout_that_nobody_can_watch_is_taken_back() {
    let Some(mut aws) = aws().await else { return };
    let live = two_versions(&mut aws, "export const handler = async () => 2;").await;
    let denied = json!({
        "operation": "GetMetricData",
        "action": { "type": "error", "code": "AccessDenied", "status": 403, "message": "no" },
    });
    aws.fault(denied).await;
    let error = failure(move_on(&aws, &live).await);
    assert!(error.message.ends_with("all calls go to version 1 again"), "{}", error.message);
    assert_eq!(error.hint.as_deref(), Some("the credentials lack `cloudwatch:GetMetricData`"));
}
