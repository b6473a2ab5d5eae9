//! kill -9 at every call of a deploy, on both sides of its effect: the next deploy converges and nothing is orphaned.

use std::collections::BTreeSet;

use sf_e2e::{Env, Project, When, http, kill_now};

use crate::support::{THROUGH_GATE, answering, gated, manifest};

/// Three functions, routes, a schedule. `version` is in everything, so that each stage has artifacts of its own to upload.
pub(crate) fn write(project: &Project<'_>, version: &str, functions: &[&str]) {
    let mut all = vec![];
    for function in functions {
        let lines = format!("http = [\"GET /{function}\"]\nenv = {{ VERSION = \"{version}\" }}");
        all.push((*function, lines));
        project.write(&format!("{function}.mjs"), &answering(function, &format!("{function} {version}")));
    }
    let all: Vec<_> = all.iter().map(|(name, lines)| (*name, lines.as_str())).collect();
    let tick = ("tick", "on = [{ schedule = \"0 3 * * *\" }]");
    project.write("tick.mjs", &format!("export function tick() {{ return {version:?}; }}\n"));
    let text = manifest("crash", &[all.as_slice(), &[tick]].concat());
    let stages: String = (0..100).map(|nth| format!("[stages.before{nth}]\n[stages.after{nth}]\n")).collect();
    project.write("sf.toml", &format!("{text}\n{stages}{THROUGH_GATE}"));
}

/// The same with a table, whose key is this attribute: under another key it is another table.
pub(crate) fn write_with_table(project: &Project<'_>, version: &str, functions: &[&str], key: &str) {
    write(project, version, functions);
    let text = project.read("sf.toml");
    project.write("sf.toml", &format!("{text}\n[tables.notes]\nkey = {{ partition = \"{key}:string\" }}\n"));
}

/// [`converges`], to a table with this key.
pub(crate) fn converges_with_table(
    env: &Env,
    project: &Project<'_>,
    stage: &str,
    functions: &[&str],
    key: &str,
) {
    converges_and_has(env, project, stage, stage, functions, &["table/notes"]);
    let item = format!("{{\"{key}\": \"a\"}}");
    let _ = project.sf(&["table", "put", "notes", &item, "--stage", stage]).ok();
}

/// Deploys, and checks that what is there is what the manifest says, all of it and nothing more.
pub(crate) fn converges(env: &Env, project: &Project<'_>, stage: &str, version: &str, functions: &[&str]) {
    converges_and_has(env, project, stage, version, functions, &[]);
}

fn converges_and_has(
    env: &Env,
    project: &Project<'_>,
    stage: &str,
    version: &str,
    functions: &[&str],
    more: &[&str],
) {
    let _ = project.sf(&["deploy", "--stage", stage, "--yes", "--data"]).ok();
    let mut expected =
        BTreeSet::from(["api/api", "function/tick", "release/current", "schedule/tick"].map(str::to_owned));
    expected.extend(more.iter().map(|name| (*name).to_owned()));
    for function in functions {
        expected.insert(format!("function/{function}"));
        expected.insert(format!("route/GET /{function}"));
    }
    let found = env.host().resources("crash", stage);
    let schedules = |name: &str| name.starts_with("schedule/");
    assert_eq!(found.iter().filter(|name| schedules(name)).count(), 1, "{stage}: {found:?}");
    let without = |names: Vec<String>| names.into_iter().filter(|name| !schedules(name)).collect::<Vec<_>>();
    assert_eq!(without(found), without(expected.into_iter().collect()), "{stage}");
    let plan = project.sf(&["plan", "--stage", stage, "--json"]).ok().json();
    let left: Vec<_> =
        plan["changes"].as_array().unwrap().iter().filter(|change| change["action"] != "keep").collect();
    assert!(left.is_empty(), "{stage}: {left:?}");
    let third = project.sf(&["deploy", "--stage", stage, "--yes"]).ok();
    let _ = third.says(&["nothing to change: 0 calls"]);
    let info = project.sf(&["info", "--stage", stage, "--json"]).ok().json();
    let url = info["endpoints"][0]["url"].as_str().unwrap().trim_end_matches('/').to_owned();
    for function in functions {
        assert_eq!(
            http::get(&format!("{url}/{function}")).text(),
            format!("{function} {version}"),
            "{stage}"
        );
    }
}

/// Every call of a first deploy.
#[test]
fn killed_at_any_call_of_a_first_deploy() {
    let mut env = Env::new();
    let gate = gated(&mut env);
    let project = env.project("crash", &[]);
    for when in [When::Before, When::After] {
        let points = (0..100).take_while(|nth| {
            let stage = format!("{when:?}{nth}").to_lowercase();
            write(&project, &stage, &["one", "two"]);
            let died = gate.kill_at(*nth, when, &project, &["deploy", "--yes", "--stage", &stage]);
            converges(&env, &project, &stage, &stage, &["one", "two"]);
            died
        });
        let points = points.count();
        assert!(points >= 8, "a first deploy is more than {points} calls");
    }
}

/// Every call of a deploy that creates, updates and deletes.
#[test]
fn killed_at_any_call_of_an_update() {
    let mut env = Env::new();
    let gate = gated(&mut env);
    let project = env.project("crash", &[]);
    for when in [When::Before, When::After] {
        let points = (0..100).take_while(|nth| {
            let stage = format!("{when:?}{nth}").to_lowercase();
            write(&project, &format!("{stage}-old"), &["one", "two"]);
            let _ = project.sf(&["deploy", "--yes", "--stage", &stage]).ok();
            write(&project, &stage, &["two", "three"]);
            let died = gate.kill_at(*nth, when, &project, &["deploy", "--yes", "--stage", &stage]);
            converges(&env, &project, &stage, &stage, &["two", "three"]);
            died
        });
        let points = points.count();
        assert!(points >= 8, "the update is more than {points} calls");
    }
}

/// Every call of a deploy that replaces a table with its data.
#[test]
fn killed_at_any_call_of_a_replacement() {
    let mut env = Env::new();
    let gate = gated(&mut env);
    let project = env.project("crash", &[]);
    for when in [When::Before, When::After] {
        let points = (0..100).take_while(|nth| {
            let stage = format!("{when:?}{nth}").to_lowercase();
            write_with_table(&project, &format!("{stage}-old"), &["one"], "id");
            let _ = project.sf(&["deploy", "--yes", "--stage", &stage]).ok();
            write_with_table(&project, &stage, &["one"], "name");
            let died = gate.kill_at(*nth, when, &project, &["deploy", "--yes", "--data", "--stage", &stage]);
            converges_with_table(&env, &project, &stage, &["one"], "name");
            died
        });
        let points = points.count();
        assert!(points >= 4, "the replacement is more than {points} calls");
    }
}

/// Every call of a removal.
#[test]
fn killed_at_any_call_of_a_removal() {
    let mut env = Env::new();
    let gate = gated(&mut env);
    let project = env.project("crash", &[]);
    for when in [When::Before, When::After] {
        let points = (0..100).take_while(|nth| {
            let stage = format!("{when:?}{nth}").to_lowercase();
            write(&project, &stage, &["one"]);
            let _ = project.sf(&["deploy", "--yes", "--stage", &stage]).ok();
            let died = gate.kill_at(*nth, when, &project, &["remove", "--yes", "--stage", &stage]);
            let _ = project.sf(&["remove", "--yes", "--stage", &stage]).ok();
            assert!(env.host().resources("crash", &stage).is_empty(), "{stage}");
            let third = project.sf(&["remove", "--yes", "--stage", &stage]).ok();
            let _ = third.says(&["nothing to remove: 0 calls"]);
            died
        });
        let points = points.count();
        assert!(points >= 5, "the removal is more than {points} calls");
    }
}

/// The host's own death: what it had acknowledged is there, at the same address.
#[test]
fn a_killed_host_restarts_with_the_same_release() {
    let env = Env::new();
    let project = env.project("crash", &[]);
    write(&project, "kept", &["one", "two"]);
    project.edit("sf.toml", THROUGH_GATE, "");
    let _ = project.deploy();
    let (url, before) = (project.url(), project.sf(&["info", "--json"]).ok().json());
    assert_eq!(http::get(&format!("{url}/one")).text(), "one kept");
    kill_now(env.host().pid);
    assert!(http::send("GET", &format!("{url}/one"), &[], b"").is_err(), "the gateway died with its process");
    let _ = env.run(env.dir(), &["host", "start"]).ok();
    assert_eq!(http::get(&format!("{url}/one")).text(), "one kept");
    assert_eq!(http::get(&format!("{url}/two")).text(), "two kept");
    assert_eq!(project.sf(&["info", "--json"]).ok().json(), before);
    assert_eq!(project.plan(), Vec::<String>::new());
}

/// A deploy finds the host dead and starts it.
#[test]
fn a_deploy_after_the_hosts_death_starts_it_again() {
    let env = Env::new();
    let project = env.project("crash", &[]);
    write(&project, "first", &["one"]);
    project.edit("sf.toml", THROUGH_GATE, "");
    let _ = project.deploy();
    let url = project.url();
    kill_now(env.host().pid);
    project.write("one.mjs", &answering("one", "second"));
    let _ = project.deploy();
    assert_eq!(http::get(&format!("{url}/one")).text(), "second");
}

/// Somebody took the API's port while the host was down: that is said, and it answers as soon as the port is free.
#[test]
fn a_port_that_was_taken_meanwhile_is_waited_for() {
    let env = Env::new();
    let project = env.project("crash", &[]);
    write(&project, "kept", &["one"]);
    project.edit("sf.toml", THROUGH_GATE, "");
    let _ = project.deploy();
    let url = project.url();
    kill_now(env.host().pid);
    let taken = std::net::TcpListener::bind(url.trim_start_matches("http://")).unwrap();
    let _ = project.deploy().says(&["the HTTP API does not answer"]);
    drop(taken);
    let answers = || http::send("GET", &format!("{url}/one"), &[], b"").ok();
    assert_eq!(sf_e2e::eventually("the gateway listens", answers).text(), "one kept");
    assert!(!project.deploy().text().contains("does not answer"));
}
