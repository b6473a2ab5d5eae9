use sf_plan::{Addr, Desired, Path};
use sf_provider::{Artifacts, Backend};
use sf_provider_self_hosted::SelfHosted;

use crate::support::{compile, load};

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

#[test]
fn a_project_becomes_objects_and_a_release_of_them() {
    let objects = compile(include_str!("fixtures/able.toml"));
    insta::assert_json_snapshot!("able", printed(&objects));
}

#[test]
fn without_routes_there_is_no_api() {
    let objects = compile(
        r#"
sf = 1
[project]
name = "clock"
[api]
cors = { origins = ["*"] }
[functions.tick]
handler = "tick.py:tick"
runtime = "python"
on = [{ schedule = "rate(5 minutes)" }]
"#,
    );
    let addrs: Vec<String> = objects.iter().map(|object| object.addr.to_string()).collect();
    assert_eq!(addrs[0], "function/tick");
    assert_eq!(addrs[2], "release/current");
    assert_eq!(addrs.len(), 3);
    assert!(addrs[1].starts_with("schedule/tick-"), "{addrs:?}");
}

#[test]
fn the_order_of_the_manifest_changes_nothing() {
    let one = compile(
        r#"
sf = 1
[project]
name = "shop"
[functions.a]
handler = "a.mjs#a"
http = ["GET /a", "POST /a"]
on = [{ schedule = "0 1 * * *" }, { schedule = "0 2 * * *" }]
env = { X = "1", Y = "${api.url}" }
[functions.b]
handler = "b.mjs#b"
"#,
    );
    let other = compile(
        r#"
sf = 1
[functions.b]
handler = "b.mjs#b"
[functions.a]
env = { Y = "${api.url}", X = "1" }
on = [{ schedule = "0 2 * * *" }, { schedule = "0 1 * * *" }]
http = ["POST /a", "GET /a"]
handler = "a.mjs#a"
[project]
name = "shop"
"#,
    );
    assert_eq!(one, other);
}

#[test]
fn a_function_that_was_not_built_is_an_error() {
    let app = load(include_str!("fixtures/able.toml"));
    let problems = SelfHosted.compile(&app, &Artifacts::new()).unwrap_err();
    assert_eq!(problems.len(), app.functions.len());
    assert!(problems.iter().all(|problem| problem.code == "not-built"));
}

#[test]
fn a_change_of_code_does_not_ripple_through_the_api() {
    let schemas = SelfHosted.schemas();
    let stable = |addr: &Addr, output: &str| schemas.stable(&addr.kind, output);
    let api = sf_provider_self_hosted::names::api();
    assert!(stable(&api, "url") && stable(&api, "port"));
    assert!(!stable(&api, "revision"));
    assert!(!stable(&sf_provider_self_hosted::names::function("a"), "revision"));

    let effect = |field: &str| schemas.effect(&api.kind, &Path(vec![field.to_owned()]));
    assert_eq!(effect("cors"), sf_plan::Effect::InPlace);
    assert_eq!(effect("port"), sf_plan::Effect::NewObject);
}

#[test]
fn the_manifest_in_the_readme_can_be_deployed() {
    let readme = include_str!("../../../../README.md");
    let (_, after) = readme.split_once("```toml\n").unwrap();
    let (manifest, _) = after.split_once("```").unwrap();
    let addrs: Vec<String> = compile(manifest).iter().map(|object| object.addr.to_string()).collect();
    assert!(addrs.contains(&"route/GET /hello/{name}".to_owned()), "{addrs:?}");
}
