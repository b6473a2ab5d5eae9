//! Every deploy that changes something is a release, and any that is kept can be deployed again, without sources and without a build.

use std::fs;

use serde_json::{Value as Json, json};
use sf_e2e::{Env, Project, When};

use crate::support::{THROUGH_GATE, answering, calls, gated, manifest, pair};

/// `pair`, deployed as `one` and then with `second` in its place: releases 1 and 2.
fn twice(env: &Env) -> Project<'_> {
    let project = pair(env, "pair");
    let _ = project.deploy().says(&["release 1"]);
    project.write("one.mjs", &answering("one", "second"));
    let _ = project.deploy().says(&["release 2"]);
    assert_eq!(project.get("/one").text(), "second");
    project
}

fn releases(project: &Project<'_>) -> Vec<Json> {
    project.sf(&["releases", "--json"]).ok().json()["releases"].as_array().unwrap().clone()
}

/// What a rollback asks of the host.
fn rollback(env: &Env, project: &Project<'_>, args: &[&str]) -> Vec<String> {
    let before = env.requests().len();
    let _ = project.sf(&[&["rollback", "--yes"], args].concat()).ok();
    calls(&env.requests()[before..])
}

/// Neither sources nor the build cache are there any more.
fn without_sources(project: &Project<'_>) {
    fs::remove_dir_all(project.dir.join(".sf/cache")).unwrap();
    for file in ["one.mjs", "two.mjs"] {
        fs::remove_file(project.dir.join(file)).unwrap();
    }
}

#[test]
fn a_rollback_brings_the_old_code_back_and_a_second_one_undoes_it() {
    let env = Env::new();
    let project = twice(&env);
    without_sources(&project);
    assert_eq!(rollback(&env, &project, &[]), ["PUT function/one", "PUT release/current"]);
    assert_eq!((project.get("/one").text(), project.get("/two").text()), ("one".into(), "two".into()));
    assert_eq!(rollback(&env, &project, &[]), ["PUT function/one", "PUT release/current"]);
    assert_eq!(project.get("/one").text(), "second");
    // By its number, whatever was live before.
    let _ = rollback(&env, &project, &["1"]);
    assert_eq!(project.get("/one").text(), "one");
    let again = project.sf(&["rollback", "1", "--json"]).ok().json();
    assert_eq!((&again["calls"], &again["release"]), (&json!(0), &Json::Null), "{again}");
}

#[test]
fn releases_say_who_did_what_and_which_one_is_live() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.sf(&["releases"]).ok().says(&["no releases yet"]);
    let _ = project.sf(&["rollback"]).exits(1).says(&["no release yet", "hint"]);
    let _ = project.deploy();
    let _ = project.deploy().says(&["nothing to change"]);
    let _ = project.sf(&["rollback"]).exits(1).says(&["the only one"]);
    let _ = project.sf(&["rollback", "7"]).exits(2).says(&["release 7", "there is release 1 alone"]);
    project.write("one.mjs", &answering("one", "second"));
    let deployed = project.sf(&["deploy", "--json"]).ok().json();
    assert_eq!(deployed["release"], 2, "{deployed}");
    let back = project.sf(&["rollback", "--json"]).ok().json();
    assert_eq!((&back["release"], &back["rollback_to"], &back["uploads"]), (&json!(3), &json!(1), &json!(0)));

    let listed = releases(&project);
    let field = |name: &str| listed.iter().map(|release| release[name].clone()).collect::<Vec<_>>();
    assert_eq!(field("number"), [3, 2, 1]);
    assert_eq!(field("live"), [true, false, false]);
    assert_eq!(field("by"), ["sf rollback", "sf deploy", "sf deploy"]);
    assert_eq!(field("rollback_to"), [json!(1), Json::Null, Json::Null]);
    assert_eq!(listed[2]["summary"]["create"], 6, "{}", listed[2]);
    assert_eq!(listed[0]["artifacts"], listed[2]["artifacts"]);
    assert_ne!(listed[0]["artifacts"]["one"], listed[1]["artifacts"]["one"]);
    let text = project.sf(&["releases"]).ok().stdout;
    let first = text.lines().next().unwrap();
    assert!(first.starts_with('3') && first.contains("rollback to 1") && first.ends_with("live"), "{text}");
}

#[test]
fn a_rollback_that_deletes_asks_and_what_was_removed_comes_back() {
    let env = Env::new();
    let project = pair(&env, "pair");
    project.write("sf.toml", &manifest("pair", &[("one", "http = [\"GET /one\"]")]));
    let _ = project.deploy();
    let both = [("one", "http = [\"GET /one\"]"), ("two", "http = [\"GET /two\"]")];
    project.write("sf.toml", &manifest("pair", &both));
    let _ = project.deploy();
    let _ = project.sf(&["rollback"]).exits(7).says(&["function/two", "--yes"]);
    assert_eq!(project.get("/two").text(), "two");
    let _ = rollback(&env, &project, &[]);
    assert_eq!(project.get("/two").status, 404);

    let _ = project.sf(&["remove", "--yes"]).ok();
    assert!(releases(&project).iter().all(|release| release["live"] == false));
    // The host forgot everything; the build cache has the code.
    let _ = rollback(&env, &project, &["2"]);
    assert_eq!((project.get("/one").text(), project.get("/two").text()), ("one".into(), "two".into()));
}

#[test]
fn a_release_whose_code_is_nowhere_is_refused_before_anything_is_changed() {
    let env = Env::new();
    let project = twice(&env);
    let commit = |args: &[&str]| {
        let identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.com"];
        let run = project.run("git", &[&identity, args].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        run.stdout.trim().to_owned()
    };
    commit(&["init", "-q"]);
    commit(&["add", "sf.toml"]);
    commit(&["commit", "-qm", "third"]);
    project.write("one.mjs", &answering("one", "third"));
    let _ = project.deploy();
    let sha = commit(&["rev-parse", "HEAD"]);
    assert_eq!(releases(&project)[0]["git_sha"], json!(sha));
    project.write("one.mjs", &answering("one", "fourth"));
    let _ = project.deploy();
    without_sources(&project);
    fs::remove_dir_all(env.host_dir().join("artifacts")).unwrap();
    fs::create_dir(env.host_dir().join("artifacts")).unwrap();
    let (state, requests) = (project.read(".sf/state/self-hosted/dev.json"), env.requests());
    let refused = project.sf(&["rollback", "3"]).exits(1);
    let refused =
        refused.says(&["`function/one`", "neither in the build cache nor at the provider", &sha[..12]]);
    assert!(refused.text().contains("nothing was changed"));
    let _ = project.sf(&["rollback", "1"]).exits(1).says(&["check out the sources"]);
    assert_eq!((project.read(".sf/state/self-hosted/dev.json"), env.requests()), (state, requests));
    assert_eq!(project.get("/one").text(), "fourth");
}

#[test]
fn after_a_deploy_that_was_cut_short_a_rollback_leads_to_the_live_release() {
    let mut env = Env::new();
    let gate = gated(&mut env);
    let project = pair(&env, "pair");
    project.write("sf.toml", &format!("{}{THROUGH_GATE}", project.read("sf.toml")));
    let _ = project.deploy();
    project.write("one.mjs", &answering("one", "second"));
    project.write("two.mjs", &answering("two", "second"));
    // The release itself is the last call of five.
    gate.arm(4, When::Before);
    let second = project.start(&["deploy", "--yes"]);
    gate.await_closed();
    let _ = second.kill();
    gate.open();
    let _ = project.sf(&["rollback"]).ok().says(&["going back to release 1"]);
    assert!(project.plan().iter().all(|change| change.starts_with("update ")), "{:?}", project.plan());
    assert_eq!((project.get("/one").text(), project.get("/two").text()), ("one".into(), "two".into()));
    assert_eq!(releases(&project)[0]["rollback_to"], 1);
    // And what was cut short can still be done.
    let _ = project.deploy();
    assert_eq!((project.get("/one").text(), project.get("/two").text()), ("second".into(), "second".into()));
}
