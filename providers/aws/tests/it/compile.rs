use sf_plan::Desired;
use sf_provider::{Artifacts, Backend};
use sf_provider_aws::Aws;

use crate::support::{artifacts, compile, load};

/// As JSON, in the order in which `compile` gives them.
fn printed(objects: &[Desired]) -> serde_json::Value {
    let object = |object: &Desired| {
        serde_json::json!({
            "addr": object.addr,
            "inputs": object.inputs,
            "after": object.after,
            "protect": object.protect,
        })
    };
    objects.iter().map(object).collect()
}

const ABLE: &str = include_str!("fixtures/able.toml");
const MARKET: &str = include_str!("../../../../examples/talent-market/sf.toml");
const CONFORMANCE: &str = include_str!("../../../../kits/conformance/sf.toml");

#[test]
fn everything_that_a_manifest_can_say_becomes_objects() {
    insta::assert_json_snapshot!("able", printed(&compile(ABLE)));
}

#[test]
fn the_market_example_becomes_objects() {
    insta::assert_json_snapshot!("market", printed(&compile(MARKET)));
}

#[test]
fn the_conformance_project_becomes_objects() {
    insta::assert_json_snapshot!("conformance", printed(&compile(CONFORMANCE)));
}

/// Every object that one refers to is there, and none of them waits for itself.
#[test]
fn the_objects_are_a_graph_without_circles() {
    for manifest in [ABLE, MARKET, CONFORMANCE] {
        sf_plan::graph(compile(manifest)).unwrap();
    }
}

fn addrs(text: &str) -> Vec<String> {
    compile(text).iter().map(|object| object.addr.to_string()).collect()
}

const TICK: &str = r#"
sf = 1
[project]
name = "clock"
[api]
cors = { origins = ["*"] }
[functions.tick]
handler = "tick.py:tick"
runtime = "python"
on = [{ schedule = "rate(5 minutes)" }]
"#;

#[test]
fn without_routes_there_is_no_api() {
    assert!(addrs(TICK).contains(&"role/:schedules".to_owned()));
    assert!(!addrs(TICK).iter().any(|addr| addr.starts_with("http-api") || addr.starts_with("stage")));
}

/// The policy of a function would get too long.
#[test]
fn many_routes_share_one_permission() {
    let with = |count: usize| {
        let routes: Vec<String> = (0..count).map(|index| format!("\"GET /r{index}\"")).collect();
        let text = TICK.replace("runtime", &format!("http = [{}]\nruntime", routes.join(", ")));
        let permissions = addrs(&text).into_iter().filter(|addr| addr.starts_with("permission/"));
        permissions.collect::<Vec<_>>()
    };
    assert_eq!(with(20).len(), 20);
    assert_eq!(with(21), ["permission/tick:api"]);
}

#[test]
fn a_function_that_was_not_built_is_an_error() {
    let app = load(ABLE);
    let problems = Aws.compile(&app, &Artifacts::new()).unwrap_err();
    assert_eq!(problems.len(), app.functions.len());
    assert!(problems.iter().all(|problem| problem.code == "not-built"));
}

#[test]
fn an_artifact_that_lambda_could_never_unpack_is_an_error() {
    let app = load(TICK);
    let mut built = artifacts(&app);
    built.get_mut("tick").unwrap().size = 300 << 20;
    assert_eq!(Aws.compile(&app, &built).unwrap_err()[0].code, "too-large");
}

#[test]
fn what_holds_data_is_protected() {
    let objects = compile(ABLE).into_iter().filter(|object| object.protect);
    let protected: Vec<String> = objects.map(|object| object.addr.to_string()).collect();
    assert_eq!(protected, ["bucket/portraits", "secret/api-key", "secret/smtp-password", "table/profiles"]);
}

/// By DynamoDB's own deletion protection, or by a tag beside the manifest's.
#[test]
fn what_the_manifest_protects_says_so_in_its_inputs() {
    let guarded = |text: &str| -> Vec<Desired> {
        let schemas = Aws.schemas();
        compile(text).into_iter().filter(|object| schemas.guards(&object.addr.kind, &object.inputs)).collect()
    };
    assert_eq!(guarded(ABLE), []);
    let protected = ABLE
        .replace("[tables.profiles]", "[tables.profiles]\nprotect = true")
        .replace("[buckets.portraits]", "[buckets.portraits]\nprotect = true")
        .replace("[secrets.api-key]", "[secrets.api-key]\nprotect = true");
    let objects = guarded(&protected);
    let addrs: Vec<String> = objects.iter().map(|object| object.addr.to_string()).collect();
    assert_eq!(addrs, ["bucket/portraits", "secret/api-key", "table/profiles"]);
    let inputs: Vec<_> = objects.iter().map(|object| object.inputs.to_json()).collect();
    assert_eq!(inputs[0]["Tags"], serde_json::json!({ "sf:protect": "true", "team": "market" }));
    assert_eq!(inputs[2]["DeletionProtectionEnabled"], true);
    assert_eq!(inputs[2]["Tags"], serde_json::json!({ "team": "market" }));
}
