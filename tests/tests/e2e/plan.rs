//! `sf plan` lists what `sf deploy` does, each change with its reason.

use sf_e2e::{Env, Project};

use crate::support::{answering, calls, manifest, pair};

/// What the plan says the host will be asked, and what it is asked.
fn plan_and_deploy(env: &Env, project: &Project<'_>) -> (Vec<String>, Vec<String>) {
    let plan = project.sf(&["plan", "--json"]).ok().json();
    for change in plan["changes"].as_array().unwrap() {
        assert!(
            change["action"] == "keep" || !change["why"].as_array().unwrap().is_empty(),
            "no reason: {change}"
        );
    }
    let planned = project.plan().into_iter().map(|change| match change.split_once(' ') {
        Some(("create" | "update", name)) => format!("PUT {name}"),
        Some(("delete", name)) => format!("DELETE {name}"),
        _ => panic!("{change}"),
    });
    let mut planned: Vec<_> = planned.collect();
    planned.sort();
    let before = env.requests();
    // Planning changes nothing.
    assert_eq!(env.requests().len(), before.len());
    let _ = project.deploy();
    let mut called = calls(&env.requests()[before.len()..]);
    // The bytes of an artifact are part of putting its function.
    called.retain(|call| call != "PUT artifact");
    (planned, called)
}

#[test]
fn what_deploy_does_is_what_plan_lists() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let (planned, called) = plan_and_deploy(&env, &project);
    assert_eq!(planned, called);
    assert_eq!(called.len(), 6, "{called:?}");

    project.write("one.mjs", &answering("one", "changed"));
    let (planned, called) = plan_and_deploy(&env, &project);
    assert_eq!(planned, called);
    assert_eq!(called, ["PUT function/one", "PUT release/current"]);

    let lines = "http = [\"GET /one\", \"POST /one\"]\nenv = { WORD = \"new\" }";
    project.write("one.mjs", &answering("one", "again"));
    project.write("sf.toml", &manifest("pair", &[("one", lines)]));
    let (planned, called) = plan_and_deploy(&env, &project);
    assert_eq!(planned, called);

    let (planned, called) = plan_and_deploy(&env, &project);
    assert!(planned.is_empty() && called.is_empty(), "{planned:?} {called:?}");
}

#[test]
fn a_reason_names_the_field_with_its_old_and_new_value() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    project.edit("sf.toml", "http = [\"GET /one\"]", "http = [\"GET /one\"]\ntimeout = \"7s\"");
    let plan = project.sf(&["plan", "--json"]).ok().json();
    let changes = plan["changes"].as_array().unwrap();
    let change = changes.iter().find(|change| change["key"] == "function/one").unwrap();
    assert_eq!(change["action"], "update");
    let why = change["why"].as_array().unwrap();
    assert!(why.iter().any(|reason| reason["reason"] == "field" && reason["new"] == 7000), "{why:?}");
    let _ = project.sf(&["plan"]).ok().says(&["function/one", "7000"]);
}
