//! The event log of a run on AWS has every request, whatever came of it.

use serde_json::{Value as Json, json};
use sf_e2e::Aws;

use crate::support::{pair, requests};

fn api_calls(shown: &Json) -> Vec<&Json> {
    shown["events"].as_array().unwrap().iter().filter(|event| event["event"] == "api-call").collect()
}

#[test]
fn a_log_has_every_request_with_its_attempts_and_causes() {
    let Some(aws) = Aws::start("a_log_has_every_request_with_its_attempts_and_causes", &[]) else { return };
    let env = aws.env();
    let project = pair(&env);
    let busy = json!({ "type": "error", "code": "TooManyRequestsException", "status": 429, "message": "Rate exceeded" });
    aws.fault(&json!({ "service": "lambda", "operation": "CreateFunction", "count": 2, "action": busy }));
    aws.fault(&json!({ "service": "apigatewayv2", "operation": "GetApis", "count": 1, "action": "drop" }));
    let asked = requests(&aws, || {
        let _ = project.sf_within(sf_e2e::aws::LONG, &["deploy", "--yes"]).ok();
    });
    let shown = project.sf(&["releases", "show", "1", "--json"]).ok().json();
    let calls = api_calls(&shown);

    // What AWS was asked to change is what the log says it was, answer by answer.
    let answered = |operation: &str, status: Option<u64>| format!("{operation} {status:?}");
    let mut told: Vec<_> = calls
        .iter()
        .map(|call| answered(call["operation"].as_str().unwrap(), call["status"].as_u64()))
        .filter(|call| asked.iter().any(|entry| entry.is_mutating() && call.starts_with(&entry.operation)))
        .collect();
    let mut seen: Vec<_> = asked
        .iter()
        .filter(|entry| entry.is_mutating())
        .map(|entry| answered(&entry.operation, entry.status))
        .collect();
    told.sort();
    seen.sort();
    assert_eq!(told, seen);

    let refused: Vec<_> = calls.iter().filter(|call| call["status"] == 429).collect();
    assert_eq!(refused.len(), 2, "{calls:?}");
    for call in refused {
        assert_eq!((&call["error"], &call["again"]), (&json!("TooManyRequestsException"), &json!(true)));
        assert!(
            call["object"].is_string() && call["step"].is_u64() && call["request_id"].is_string(),
            "{call}"
        );
    }
    // A connection that broke off has no status, and says why.
    let lost: Vec<_> = calls.iter().filter(|call| call["status"].is_null()).collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!((&lost[0]["operation"], &lost[0]["again"]), (&json!("GetApis"), &json!(true)));
    assert!(lost[0]["error"].as_str().unwrap().starts_with("Unreachable: "), "{lost:?}");

    let made_again =
        calls.iter().filter(|call| call["operation"] == "CreateFunction" && call["attempt"] != 1);
    assert!(made_again.count() > 0, "{calls:?}");
    let _ = project.sf(&["releases", "show", "1"]).ok().says(&["429 TooManyRequestsException", "; again"]);
}
