//! What was changed or deleted outside of `sf` is told by field, and a deploy that looks puts it right.

use serde_json::{Value as Json, json};
use sf_e2e::{Env, Project};

use crate::support::pair;

const RESOURCES: &str = "/v1/apps/pair/dev/resources";

/// Changes a resource's spec through the host's control API, as somebody who does not use `sf` would.
fn change(env: &Env, address: &str, change: impl Fn(&mut Json)) {
    let host = env.host();
    let path = format!("{RESOURCES}/{address}");
    let found = host.call("GET", &path, "").json();
    let mut put = json!({ "spec": found["spec"], "annotations": found["annotations"] });
    change(&mut put["spec"]);
    let done = host.call("PUT", &path, &put.to_string());
    assert_eq!(done.status, 200, "{}", done.text());
}

fn drift(project: &Project<'_>) -> Json {
    project.sf(&["drift", "--json"]).ok().json()
}

#[test]
fn nothing_changed_is_no_drift() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.sf(&["drift"]).exits(5).says(&["does not run"]);
    let _ = project.deploy();
    let _ = project.sf(&["drift", "--exit-code"]).ok().says(&["no drift: 6 objects as recorded"]);
    assert_eq!((&drift(&project)["drift"], &drift(&project)["objects"]), (&json!([]), &json!(6)));
}

#[test]
fn a_change_outside_is_told_by_field_and_put_right() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    let state = project.read(".sf/state/self-hosted/dev.json");
    change(&env, "function/one", |spec| {
        spec["timeout-ms"] = 7000.into();
        spec["env"] = json!({ "WORD": "odd" });
    });
    let _ = project.sf(&["drift"]).ok().says(&[
        "function/one",
        "timeout-ms: 10000 -> 7000",
        "env.WORD: \"odd\" (was not set)",
        "1 of 6 objects changed outside of sf",
        "sf deploy --refresh",
    ]);
    let _ = project.sf(&["drift", "--exit-code"]).exits(9);
    let found = drift(&project);
    assert_eq!(found["drift"][0]["key"], "function/one", "{found}");
    let why = found["drift"][0]["why"].as_array().unwrap();
    let timeout = json!({
        "reason": "field", "path": ["timeout-ms"], "old": 10000, "new": 7000, "known_at_apply": false,
    });
    assert!(why.contains(&timeout), "{why:?}");
    // Looking changes nothing, and a deploy that does not look has nothing to do.
    assert_eq!(project.read(".sf/state/self-hosted/dev.json"), state);
    let _ = project.deploy().says(&["nothing to change"]);
    let _ = project.sf(&["deploy", "--refresh"]).ok().says(&["timeout-ms: 7000 -> 10000"]);
    let _ = project.sf(&["drift", "--exit-code"]).ok();
    assert!(project.plan().is_empty());
    let resource = env.host().call("GET", &format!("{RESOURCES}/function/one"), "").json();
    assert_eq!((&resource["spec"]["timeout-ms"], &resource["spec"]["env"]), (&json!(10000), &json!({})));
    assert_eq!(project.get("/one").text(), "one");
}

#[test]
fn what_was_deleted_outside_comes_back() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    change(&env, "release/current", |spec| {
        let resources = spec["resources"].as_object_mut().unwrap();
        resources.retain(|address, _| !address.ends_with("/one"));
    });
    for path in ["route/GET%20%2Fone", "function/one"] {
        assert_eq!(env.host().call("DELETE", &format!("{RESOURCES}/{path}"), "").status, 204, "{path}");
    }
    assert_eq!((project.get("/one").status, project.get("/two").text()), (404, "two".into()));
    let found = drift(&project);
    let keys: Vec<_> = found["drift"].as_array().unwrap().iter().map(|drift| &drift["key"]).collect();
    assert_eq!(keys, ["function/one", "release/current", "route/GET /one"], "{found}");
    let _ = project.sf(&["drift"]).ok().says(&["- function/one", "deleted behind sf's back"]);
    let refreshed = project.sf(&["deploy", "--refresh", "--json"]).ok().json();
    assert_eq!(refreshed["release"], 2, "{refreshed}");
    assert_eq!(project.get("/one").text(), "one");
    let _ = project.sf(&["drift", "--exit-code"]).ok();
    assert!(project.plan().is_empty());
}
