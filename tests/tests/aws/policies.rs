//! Each function may do what it declares, and nothing else.

use serde_json::{Value as Json, json};
use sf_e2e::aws::{AT_ONCE, LONG};
use sf_e2e::{Aws, Issuer, MailService, Project, eventually};

use crate::support::{SCOPE, fixture, is_clean};

/// Ends of resources that AWS's grammar asks for: what is in a bucket, the streams of a log group or table, the connections of a socket, and
/// the six letters that Secrets Manager makes up.
const OPEN_ENDS: [&str; 6] = ["/*", ":*", ":log-stream:*", "/stream/*", "/@connections/*", "-??????"];
/// Actions that AWS knows no resource for.
const WITHOUT_RESOURCE: [&str; 6] = [
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeSubnets",
];

/// A list, or the one that stands for itself.
fn list(json: &Json) -> Vec<String> {
    match json {
        Json::Array(items) => items.iter().map(|item| item.as_str().unwrap_or_default().to_owned()).collect(),
        one => vec![one.as_str().unwrap_or_default().to_owned()],
    }
}

/// Every statement of a role's policies.
fn statements(aws: &Aws, role: &str) -> Vec<Json> {
    let attached = aws.sdk(&format!("client('iam').list_attached_role_policies(RoleName='{role}')"));
    assert_eq!(attached["AttachedPolicies"], json!([]), "{role} has policies of others");
    let documents = aws.sdk(&format!(
        "[client('iam').get_role_policy(RoleName='{role}', PolicyName=name)['PolicyDocument'] \
         for name in client('iam').list_role_policies(RoleName='{role}')['PolicyNames']]"
    ));
    let documents = documents.as_array().unwrap().iter();
    documents.flat_map(|document| document["Statement"].as_array().cloned().unwrap()).collect()
}

#[track_caller]
fn is_narrow(role: &str, statement: &Json) {
    let (actions, resources) = (list(&statement["Action"]), list(&statement["Resource"]));
    assert_eq!(statement["Effect"], "Allow", "{role}: {statement}");
    assert!(!actions.is_empty() && !resources.is_empty(), "{role}: {statement}");
    for action in &actions {
        assert!(!action.contains('*'), "{role} may do {action}");
    }
    for resource in &resources {
        if resource == "*" {
            let is_without = |action: &String| WITHOUT_RESOURCE.contains(&action.as_str());
            assert!(actions.iter().all(is_without), "{role} may do {actions:?} to everything");
            continue;
        }
        let end = OPEN_ENDS.iter().filter(|end| resource.ends_with(**end)).max_by_key(|end| end.len());
        let end = end.copied().unwrap_or_default();
        let whole = resource.strip_suffix(end).unwrap();
        assert!(!whole.contains(['*', '?']), "{role} may reach {resource}");
        // An API has an id for a name, and no account has a name of its own for it.
        let is_own =
            whole.contains(SCOPE) || whole.contains(":execute-api:") || whole.contains(":secret:shop/dev/");
        assert!(is_own || whole.contains("talent-market"), "{role} may reach {resource}");
    }
}

#[track_caller]
fn every_role_is_narrow(aws: &Aws) {
    let state = aws.state();
    assert!(!state.of_kind("roles").is_empty());
    assert_eq!(state.of_kind("policies"), [] as [String; 0], "roles have policies of their own");
    for role in state.of_kind("roles") {
        for statement in statements(aws, role) {
            is_narrow(role, &statement);
        }
        let trust = aws
            .sdk(&format!("client('iam').get_role(RoleName='{role}')['Role']['AssumeRolePolicyDocument']"));
        let trusted: Vec<_> =
            trust["Statement"].as_array().unwrap().iter().map(|one| &one["Principal"]).collect();
        let service = if role.ends_with("-schedules") { "scheduler" } else { "lambda" };
        assert_eq!(trusted, [&json!({ "Service": format!("{service}.amazonaws.com") })], "{role}");
    }
}

#[test]
fn roles_of_every_event_are_narrow() {
    let Some(aws) = Aws::start("roles_of_every_event_are_narrow", AT_ONCE) else { return };
    let env = aws.env();
    let _ = fixture(&env, "events").deploy();
    every_role_is_narrow(&aws);
    is_clean(&aws);
}

#[test]
fn roles_of_the_market_are_narrow() {
    let Some(aws) = Aws::start("roles_of_the_market_are_narrow", AT_ONCE) else { return };
    let (mut env, issuer, mails) = (aws.env(), Issuer::start_tls(), MailService::start());
    env.set("ISSUER", issuer.url.clone());
    env.set("MAIL_URL", mails.url.clone());
    let _ = env.example("talent-market").sf_within(LONG, &["deploy", "--yes"]).ok();
    every_role_is_narrow(&aws);
    is_clean(&aws);
    // One for each function, one for the schedules.
    assert_eq!(aws.state().of_kind("roles").len(), aws.state().of_kind("functions").len() + 1);
}

/// A Lambda handler that does with AWS's SDK what it is told, whatever the manifest grants, and says what became of it.
const FREE: &str = r#"import importlib
def handler(event, context):
    client = importlib.import_module("boto3").client(event["service"])
    try:
        getattr(client, event["method"])(**event["with"])
        return "done"
    except importlib.import_module("botocore.exceptions").ClientError as error:
        return error.response["Error"]["Code"]
"#;

const FREE_MANIFEST: &str = r#"sf = 1
[project]
name = "shop"
provider = "aws"
[functions.free]
interface = "lambda"
runtime = "python"
handler = "free.handler"
uses = { mine = "read-write", looked-at = "read", letters = "read", post = "write" }
[functions.other]
interface = "lambda"
runtime = "python"
handler = "free.handler"
[tables.mine]
key = { partition = "id:string" }
[tables.looked-at]
key = { partition = "id:string" }
[tables.theirs]
key = { partition = "id:string" }
[buckets.letters]
[queues.post]
[queues.theirs]
"#;

/// What becomes of a call that the function makes.
fn tries(project: &Project<'_>, service: &str, method: &str, with: &Json) -> String {
    let what = json!({ "service": service, "method": method, "with": with }).to_string();
    let answer = project.sf(&["invoke", "free", "--data", &what, "--json"]).ok().json();
    answer["payload"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[test]
fn a_function_is_denied_what_it_did_not_declare() {
    let Some(aws) = Aws::start("a_function_is_denied_what_it_did_not_declare", AT_ONCE) else { return };
    let env = aws.env();
    let project = env.project("shop", &[("sf.toml", FREE_MANIFEST), ("free.py", FREE)]);
    let _ = project.deploy();
    let bucket = format!("{SCOPE}-letters-{}", sf_e2e::aws::SUFFIX);
    let queue = |name: &str| format!("{}/{}/{SCOPE}-{name}", aws.url, sf_e2e::aws::ACCOUNT);
    let put =
        |table: &str| json!({ "TableName": format!("{SCOPE}-{table}"), "Item": { "id": { "S": "1" } } });
    let get = |table: &str| json!({ "TableName": format!("{SCOPE}-{table}"), "Key": { "id": { "S": "1" } } });
    let object = json!({ "Bucket": bucket, "Key": "a", "Body": "x" });
    let message = |name: &str| json!({ "QueueUrl": queue(name), "MessageBody": "x" });
    let call = json!({ "FunctionName": format!("{SCOPE}-other:live") });
    eventually("what is declared is allowed", || {
        (tries(&project, "dynamodb", "put_item", &put("mine")) == "done").then_some(())
    });
    let allowed = [
        ("dynamodb", "get_item", get("mine")),
        ("dynamodb", "get_item", get("looked-at")),
        ("s3", "list_objects_v2", json!({ "Bucket": bucket })),
        ("sqs", "send_message", message("post")),
    ];
    for (service, method, with) in &allowed {
        assert_eq!(tries(&project, service, method, with), "done", "{method} {with}");
    }
    let denied = [
        ("dynamodb", "put_item", put("looked-at")),
        ("dynamodb", "get_item", get("theirs")),
        ("dynamodb", "delete_table", json!({ "TableName": format!("{SCOPE}-mine") })),
        ("s3", "put_object", object),
        ("sqs", "send_message", message("theirs")),
        ("sqs", "receive_message", json!({ "QueueUrl": queue("post") })),
        ("lambda", "invoke", call),
        ("iam", "list_roles", json!({})),
        ("secretsmanager", "list_secrets", json!({})),
    ];
    for (service, method, with) in &denied {
        let code = tries(&project, service, method, with);
        assert!(code.contains("AccessDenied") || code == "AuthorizationError", "{method} {with}: {code}");
    }
}
