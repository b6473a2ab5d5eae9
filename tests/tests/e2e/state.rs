//! The record of what is deployed: looked at, made anew, unlocked. Nobody edits it by hand.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use sf_e2e::{Env, Project, When};

use crate::support::{THROUGH_GATE, gated, pair};

const FILE: &str = ".sf/state/self-hosted/dev.json";
const KEYS: [&str; 6] =
    ["api/api", "function/one", "function/two", "release/current", "route/GET /one", "route/GET /two"];

fn keys(project: &Project<'_>) -> Vec<String> {
    let listed = project.sf(&["state", "list", "--json"]).ok().json();
    let objects = listed["objects"].as_array().unwrap();
    objects.iter().map(|object| object["key"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_record_can_be_looked_at() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.sf(&["state", "list"]).ok().says(&["no objects recorded"]);
    let _ = project.deploy();
    assert_eq!(keys(&project), KEYS);
    let _ = project.sf(&["state", "list"]).ok().says(&["route/GET /one", "ready"]);
    let shown = project.sf(&["state", "show", "route/GET /one", "--json"]).ok().json();
    assert_eq!(shown["key"], "route/GET /one", "{shown}");
    assert_eq!(shown["object"]["inputs"]["function"], "one", "{shown}");
    let _ = project.sf(&["state", "show", "function/one"]).ok().says(&["\"timeout-ms\": 10000"]);
    let _ =
        project.sf(&["state", "show", "function/three"]).exits(2).says(&["function/three", "sf state list"]);
}

#[test]
fn a_state_that_is_lost_damaged_or_of_another_time_is_rebuilt() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    let whole = project.read(FILE);
    let half = &whole[..whole.len() / 2];
    let newer = whole.replacen("\"version\": 2", "\"version\": 99", 1);
    let flipped = whole.replacen("\"objects\"", "\"objectr\"", 1);
    for damage in [half, &newer, &flipped, "", "\0\0"] {
        project.write(FILE, damage);
        let refused = project.sf(&["deploy"]).exits(1);
        assert!(refused.text().contains("dev.json"), "{}", refused.text());
        // Nobody can be asked here.
        let _ = project.sf(&["state", "rebuild"]).exits(7).says(&["--yes"]);
        assert_eq!(project.read(FILE), damage);
        let rebuilt = project.sf(&["state", "rebuild", "--yes", "--json"]).ok().json();
        assert_eq!((&rebuilt["objects"], &rebuilt["added"]), (&json!(KEYS), &json!(KEYS)), "{rebuilt}");
        assert_eq!(fs::read_to_string(rebuilt["kept_as"].as_str().unwrap()).unwrap(), damage);
        let _ = project.deploy().says(&["nothing to change: 0 calls"]);
    }
    fs::remove_file(project.dir.join(FILE)).unwrap();
    let _ = project.sf(&["state", "rebuild"]).ok().says(&["+ function/one", "rebuilt with 6 objects"]);
    let _ =
        project.sf(&["state", "rebuild"]).ok().says(&["6 objects found, as recorded: nothing to rebuild"]);

    // Last week's file: it has a function that went, and not the one that came.
    let old = project.read(FILE);
    project.edit(
        "sf.toml",
        "functions.two]\nhandler = \"two.mjs#two\"\nhttp = [\"GET /two\"]",
        "functions.three]\nhandler = \"two.mjs#two\"\nhttp = [\"GET /three\"]",
    );
    let _ = project.deploy();
    project.write(FILE, &old);
    let _ = project.sf(&["state", "rebuild"]).exits(7).says(&["- function/two", "+ function/three"]);
    let _ = project.sf(&["state", "rebuild", "--yes", "--provider", "self-hosted"]).ok();
    assert!(project.plan().is_empty(), "{:?}", project.plan());
    assert_eq!(project.get("/three").text(), "two");

    // The same file once more: what it was rebuilt to is another history, whatever its serial is.
    project.write(FILE, &old);
    let _ = project.deploy().says(&["the state is an old one", "+ function/three", "nothing to change"]);
    assert!(project.plan().is_empty(), "{:?}", project.plan());
    let _ = project.sf(&["remove", "--yes"]).ok();
    assert!(env.host().resources("pair", "dev").is_empty());
}

#[test]
fn a_lock_of_a_dead_machine_is_removed_and_one_of_a_live_process_is_not() {
    let mut env = Env::new();
    let gate = gated(&mut env);
    let project = pair(&env, "pair");
    project.write("sf.toml", &format!("{}{THROUGH_GATE}", project.read("sf.toml")));
    let _ = project.sf(&["state", "unlock"]).ok().says(&["nobody holds the lock"]);
    gate.arm(1, When::Delay);
    let first = project.start(&["deploy", "--yes"]);
    gate.await_closed();
    let _ = project.sf(&["state", "unlock", "--yes"]).exits(6).says(&["deploy", &first.id().to_string()]);
    let _ = project.sf(&["state", "rebuild", "--yes"]).exits(6);
    gate.open();
    let _ = first.wait().ok();

    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let holder = json!({
        "info": { "who": "ada", "host": "elsewhere", "pid": 7, "command": "sf deploy", "started_ms": 1 },
        "heartbeat_ms": u64::try_from(now).unwrap(),
    });
    project.write(".sf/state/self-hosted/dev.holder.json", &holder.to_string());
    let _ = project.sf(&["deploy"]).exits(6).says(&["ada on elsewhere", "sf state unlock"]);
    let _ = project.sf(&["state", "unlock"]).exits(7).says(&["ada on elsewhere", "--yes"]);
    let removed = project.sf(&["state", "unlock", "--yes", "--json"]).ok().json();
    assert_eq!(removed["removed"]["host"], "elsewhere", "{removed}");
    let _ = project.deploy().says(&["nothing to change"]);
}
