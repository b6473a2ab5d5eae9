//! A run that is told to end, or whose time is up, ends well, and the next one goes on from there.

#![cfg(unix)]

use serde_json::json;
use sf_e2e::{Env, Gate, Project, Running, When, eventually, signal};

use crate::support::{THROUGH_GATE, answering, gated, manifest};

/// Two functions whose deploys go through a gate; built already, so that a deploy comes to its calls at once.
fn through_gate<'env>(env: &'env Env) -> Project<'env> {
    let two = manifest("pair", &[("one", "http = [\"GET /one\"]"), ("two", "http = [\"GET /two\"]")]);
    let (text, one, two) = (two + THROUGH_GATE, answering("one", "one"), answering("two", "two"));
    let project = env.project("pair", &[("sf.toml", &text), ("one.mjs", &one), ("two.mjs", &two)]);
    let _ = project.sf(&["build"]).ok();
    project
}

/// Starts a command, and waits until its third call is held back.
fn held(gate: &Gate, project: &Project<'_>, args: &[&str]) -> Running {
    gate.arm(2, When::Delay);
    let running = project.start(args);
    gate.await_closed();
    running
}

fn says(running: &Running, text: &str) {
    eventually(&format!("it says {text:?}"), || running.so_far().contains(text).then_some(()));
}

/// The next deploy does the rest, and nothing more.
fn converges(project: &Project<'_>, outcome: &str) {
    let all = project.sf(&["releases", "--all", "--json"]).ok().json();
    assert_eq!(all["runs"][0]["outcome"], outcome, "{all}");
    let _ = project.deploy().says(&["release 1"]);
    assert_eq!(project.plan(), Vec::<String>::new());
    assert_eq!((project.get("/one").text(), project.get("/two").text()), ("one".into(), "two".into()));
}

#[test]
fn a_ci_runners_sigterm_is_as_ctrl_c() {
    for name in ["TERM", "INT", "HUP"] {
        let mut env = Env::new();
        let gate = gated(&mut env);
        let project = through_gate(&env);
        let running = held(&gate, &project, &["deploy", "--yes", "--json"]);
        signal(name, running.id());
        says(&running, "stopping");
        gate.open();
        let ended = running.wait().exits(130);
        let error = &ended.json()["error"];
        assert_eq!((&error["kind"], &error["code"]), (&json!("interrupted"), &json!("interrupted")));
        assert!(error["message"].as_str().unwrap().contains("not begun; the state is saved"), "{error}");
        assert_eq!(error["hint"], "`sf deploy` goes on from here");
        converges(&project, "interrupted");
    }
}

#[test]
fn the_second_signal_ends_at_once() {
    let mut env = Env::new();
    let gate = gated(&mut env);
    let project = through_gate(&env);
    let running = held(&gate, &project, &["deploy", "--yes"]);
    signal("TERM", running.id());
    says(&running, "stopping");
    signal("TERM", running.id());
    // The call is held back still: nobody waits for it.
    let _ = running.wait().exits(130).says(&["ended at once", "`sf deploy` goes on from here"]);
    gate.open();
    converges(&project, "interrupted");
}

#[test]
fn a_time_out_stops_and_saves() {
    let mut env = Env::new();
    let gate = gated(&mut env);
    let project = through_gate(&env);
    let running = held(&gate, &project, &["deploy", "--yes", "--json", "--timeout", "8s"]);
    says(&running, "out of time, stopping");
    gate.open();
    let ended = running.wait().exits(124);
    assert_eq!(ended.json()["error"]["kind"], "timed-out");
    converges(&project, "timed-out");
    // One that is long enough changes nothing, and is taken by the other two as well.
    let _ = project.sf(&["rollback", "1", "--timeout", "1h"]).ok().says(&["nothing to change"]);
    let _ = project.sf(&["remove", "--yes", "--timeout", "1h"]).ok();
}

#[test]
fn after_its_grace_a_time_out_ends_at_once() {
    let mut env = Env::new();
    let gate = gated(&mut env);
    let project = through_gate(&env);
    let running = held(&gate, &project, &["deploy", "--yes", "--timeout", "8s"]);
    let _ = running.wait().exits(124).says(&["out of time, stopping", "ended at once"]);
    gate.open();
    converges(&project, "timed-out");
}

#[test]
fn a_time_out_before_the_first_call_changes_nothing() {
    let mut env = Env::new();
    let _gate = gated(&mut env);
    let project = through_gate(&env);
    let before = env.requests();
    let _ = project.sf(&["deploy", "--yes", "--timeout", "1ms"]).exits(124).says(&["nothing was changed"]);
    assert_eq!(env.requests(), before);
    let _ = project.deploy();
}

#[test]
fn a_build_that_hangs_is_ended_as_well() {
    let env = Env::new();
    let build = "rm -f pipe; mkfifo pipe; cat pipe";
    let text = format!(
        "sf = 1\n[project]\nname = \"hangs\"\nprovider = \"self-hosted\"\n[functions.one]\ninterface = \"web\"\n\
         build = {{ command = \"{build}\", output = \"out\" }}\nhttp = [\"GET /one\"]\n"
    );
    let project = env.project("hangs", &[("sf.toml", &text)]);
    let pipe = project.dir.join("pipe");
    // Who waits to read it goes once it was written.
    let release = || {
        std::fs::write(&pipe, "").unwrap();
        std::fs::remove_file(&pipe).unwrap();
    };
    let running = project.start(&["deploy", "--yes"]);
    eventually("it builds", || pipe.exists().then_some(()));
    signal("TERM", running.id());
    let _ = running.wait().exits(130).says(&["interrupted: nothing was changed", "`sf deploy` goes on"]);
    release();
    let running = project.start(&["deploy", "--yes", "--timeout", "4s"]);
    eventually("it builds again", || pipe.exists().then_some(()));
    let _ = running.wait().exits(124).says(&["out of time: nothing was changed"]);
    release();
    assert!(env.find_host().is_none(), "the provider was not even started");
}
