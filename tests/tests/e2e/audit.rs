//! Every run leaves its event log, whatever becomes of it; releases can be compared; what is no longer kept goes.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::{Value as Json, json};
use sf_e2e::{Answerer, Env, Project, When};

use crate::support::{THROUGH_GATE, answering, gated, manifest, pair};

fn runs(project: &Project<'_>) -> Vec<Json> {
    project.sf(&["releases", "--all", "--json"]).ok().json()["runs"].as_array().unwrap().clone()
}

fn show(project: &Project<'_>, which: &str) -> Json {
    project.sf(&["releases", "show", which, "--json"]).ok().json()
}

/// The names of the events, in their order, `api-call` and `state-saved` left out.
fn story(shown: &Json) -> Vec<String> {
    let names =
        shown["events"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap().to_owned());
    names.filter(|name| !matches!(name.as_str(), "api-call" | "state-saved")).collect()
}

fn event<'a>(shown: &'a Json, name: &str) -> &'a Json {
    shown["events"].as_array().unwrap().iter().find(|event| event["event"] == name).unwrap()
}

#[test]
fn a_release_tells_who_did_what_call_by_call() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    let shown = show(&project, "1");
    let started = event(&shown, "run-started");
    assert_eq!(shown["events"][0], *started);
    assert_eq!(
        (
            &started["version"],
            &started["command"],
            &started["project"],
            &started["provider"],
            &started["base_serial"]
        ),
        (&json!(1), &json!("sf deploy"), &json!("pair"), &json!("self-hosted"), &json!(0))
    );
    assert_eq!(event(&shown, "planned")["changes"].as_array().unwrap().len(), 6);
    let of = |name: &str| {
        shown["events"].as_array().unwrap().iter().filter(|event| event["event"] == name).count()
    };
    assert_eq!((of("started"), of("finished")), (6, 6));
    assert!(of("state-saved") >= 2, "{shown}");
    let puts: Vec<_> = shown["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["event"] == "api-call" && event["object"] == "function/one")
        .collect();
    assert!(!puts.is_empty(), "{shown}");
    for put in puts {
        assert!(put["status"].is_u64() && put["duration_ms"].is_u64() && put["step"].is_u64(), "{put}");
    }
    let times: Vec<_> =
        shown["events"].as_array().unwrap().iter().map(|event| event["time_ms"].as_u64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let ended = shown["events"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&ended["event"], &ended["outcome"], &ended["release"]),
        (&json!("run-ended"), &json!("done"), &json!(1))
    );
    let _ = project.sf(&["releases", "show", "1"]).ok().says(&[
        "sf deploy of pair",
        "function/one",
        "done: 6 done",
        "release 1",
    ]);
    let _ = project.sf(&["releases", "show", "9"]).exits(2).says(&["release 9", "there is release 1 alone"]);
    let _ = project.sf(&["releases", "show", "nothing"]).exits(2).says(&["sf releases --all"]);
}

#[test]
fn every_line_is_as_the_schema_says() {
    let schema =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../schema/events.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    project.write("one.mjs", &answering("one", "second"));
    let _ = project.deploy();
    let _ = project.sf(&["rollback"]).ok();
    let _ = project.sf(&["remove", "--yes"]).ok();
    for run in runs(&project) {
        let shown = show(&project, run["run"].as_str().unwrap());
        for line in shown["events"].as_array().unwrap() {
            let problems: Vec<_> = validator.iter_errors(line).map(|problem| problem.to_string()).collect();
            assert_eq!(problems, Vec::<String>::new(), "{line}");
        }
    }
    assert!(!validator.is_valid(&json!({ "time_ms": 1, "event": "no-such-event" })));
}

#[test]
fn runs_that_made_no_release_are_there_too() {
    let mut env = Env::new();
    let gate = gated(&mut env);
    let two = manifest("pair", &[("one", "http = [\"GET /one\"]"), ("two", "http = [\"GET /two\"]")]);
    let files = [
        ("sf.toml", two + THROUGH_GATE),
        ("one.mjs", answering("one", "one")),
        ("two.mjs", answering("two", "two")),
    ];
    let project = env.project("pair", &files.each_ref().map(|(name, text)| (*name, text.as_str())));
    // Killed: there is a log, and it has no end.
    assert!(gate.kill_at(2, When::After, &project, &["deploy", "--yes"]));
    let killed = runs(&project).remove(0);
    assert_eq!((&killed["outcome"], &killed["by"]), (&Json::Null, &json!("sf deploy")), "{killed}");
    let shown = show(&project, killed["run"].as_str().unwrap());
    assert_eq!(story(&shown)[..3], ["run-started", "observed", "planned"]);
    let _ = project
        .sf(&["releases", "show", killed["run"].as_str().unwrap()])
        .ok()
        .says(&["there is no end: the run was killed, or goes on"]);
    // The next one says that it found what was cut short; its short name is enough.
    let _ = project.deploy();
    let _ = project.deploy().says(&["nothing to change"]);
    let all = runs(&project);
    assert_eq!(all.len(), 3, "{all:?}");
    let next = all[1]["run"].as_str().unwrap().split_once('-').unwrap().1;
    assert!(!event(&show(&project, next), "observed")["recovered"].as_object().unwrap().is_empty());
    // Refused: nothing was changed.
    let _ = project.sf(&["remove"]).exits(7);
    let refused = runs(&project).remove(0);
    assert_eq!((&refused["outcome"], &refused["done"]), (&json!("refused"), &json!(0)), "{refused}");
    let _ =
        project.sf(&["releases", "--all"]).ok().says(&["no end: killed, or goes on", "refused", "release 1"]);
}

#[test]
fn a_log_that_cannot_be_written_keeps_nobody_from_deploying() {
    let env = Env::new();
    let project = pair(&env, "pair");
    project.write(".sf/state/self-hosted/dev.runs", "a file where the folder should be");
    let deployed = project.deploy();
    assert_eq!(deployed.text().matches("this run is not recorded").count(), 1, "{}", deployed.text());
    assert_eq!(project.get("/one").text(), "one");
}

#[test]
fn two_releases_are_compared_object_by_object() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    project.write("one.mjs", &answering("one", "second"));
    project.edit("sf.toml", "http = [\"GET /two\"]", "http = [\"GET /too\"]\nmemory = \"512MiB\"");
    let _ = project.deploy();
    let diff = project.sf(&["diff", "1", "--json"]).ok().json();
    assert_eq!((&diff["from"], &diff["to"]), (&json!(1), &json!(2)));
    let keys: Vec<_> = diff["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| format!("{} {}", change["action"].as_str().unwrap(), change["key"].as_str().unwrap()))
        .collect();
    for expected in
        ["update function/one", "update function/two", "create route/GET /too", "delete route/GET /two"]
    {
        assert!(keys.contains(&expected.to_owned()), "{keys:?}");
    }
    let artifacts: Vec<_> =
        diff["artifacts"].as_array().unwrap().iter().map(|code| &code["function"]).collect();
    assert_eq!(artifacts, ["one"]);
    let _ = project.sf(&["diff", "1", "2", "--exit-code"]).exits(9).says(&[
        "function/two",
        "memory",
        "code:",
        "one",
    ]);
    let _ = project.sf(&["diff", "2", "--exit-code"]).ok().says(&["are the same"]);
    let _ = project.sf(&["diff", "1", "7"]).exits(2).says(&["release 7", "releases 1 to 2"]);
    // Against nothing.
    let _ = project.sf(&["remove", "--yes"]).ok();
    let _ = project.sf(&["diff", "2"]).ok().says(&["- function/one", "no longer in the manifest"]);
}

#[test]
fn what_no_kept_release_needs_goes_and_what_another_stage_needs_stays() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let text = project.read("sf.toml");
    project.write("sf.toml", &format!("{text}\n[state]\nreleases = 2\n\n[stages.other]\n"));
    let _ = project.sf(&["deploy", "--stage", "other"]).ok();
    for text in ["b", "c", "d"] {
        project.write("one.mjs", &answering("one", text));
        let _ = project.deploy();
    }
    let listed = project.sf(&["releases", "--json"]).ok().json();
    let numbers: Vec<_> =
        listed["releases"].as_array().unwrap().iter().map(|release| release["number"].clone()).collect();
    assert_eq!(numbers, [3, 2]);
    // `one` in four versions and `two` in one: nothing is pruned that was used in this hour.
    let zips = project.artifacts();
    assert_eq!(zips.len(), 5);
    let long_ago = SystemTime::now() - Duration::from_secs(2 * 60 * 60);
    for name in zips.keys() {
        let path: PathBuf = project.dir.join(".sf/cache/artifacts").join(name);
        fs::File::options().append(true).open(path).unwrap().set_modified(long_ago).unwrap();
    }
    project.write("one.mjs", &answering("one", "e"));
    let _ = project.deploy();
    // `b` and `c` belong to releases that are kept no more; the first version is the other stage's.
    assert_eq!(project.artifacts().len(), 4);
    let _ = project.sf(&["rollback", "--yes"]).ok();
    assert_eq!(project.get("/one").text(), "d");
    fs::remove_file(project.dir.join("one.mjs")).unwrap();
    let _ = project.sf(&["rollback", "--stage", "other", "1", "--yes"]).ok();
}

#[test]
fn old_logs_go_and_those_of_kept_releases_stay() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let text = project.read("sf.toml");
    project.write("sf.toml", &format!("{text}\n[state]\nreleases = 1\n"));
    let _ = project.deploy();
    for _ in 0..4 {
        let _ = project.deploy().says(&["nothing to change"]);
    }
    let left = runs(&project);
    assert!(left.len() <= 3, "{left:?}");
    let _ = project.sf(&["releases", "show", "1"]).ok();
}

#[test]
fn a_run_is_exported_as_a_trace() {
    let mut env = Env::new();
    let (sender, bodies) = std::sync::mpsc::channel();
    let collector = Answerer::start(move |asked| {
        let key = asked.header("api-key").unwrap_or_default().to_owned();
        let _ = sender.send((format!("{} {}", asked.method, asked.path), key, asked.body.clone()));
        Some((200, "{}".to_owned()))
    });
    env.set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.clone());
    env.set("OTEL_EXPORTER_OTLP_HEADERS", "api-key=k");
    env.set("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let project = pair(&env, "pair");
    let _ = project.deploy();
    let (request, key, body) = bodies.recv_timeout(sf_e2e::DEADLINE).unwrap();
    assert_eq!((request.as_str(), key.as_str()), ("POST /v1/traces", "k"));
    let body: Json = serde_json::from_slice(&body).unwrap();
    let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
    let named = |name: &str| {
        spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("{name}: {body}"))
    };
    let (run, call) = (named("sf deploy"), named("function/one"));
    assert_eq!((&run["parentSpanId"], &run["status"]["code"]), (&json!("b7ad6b7169203331"), &json!(1)));
    assert_eq!(call["parentSpanId"], run["spanId"]);
    assert!(spans.iter().any(|span| span["parentSpanId"] == call["spanId"] && span["kind"] == 3), "{body}");
    assert!(spans.iter().all(|span| span["traceId"] == "0af7651916cd43dd8448eb211c80319c"));
    // A collector that is not there changes nothing but what is said.
    env.set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let project = pair(&env, "pair");
    let _ = project.deploy().says(&["nothing to change", "the trace of this run was not exported"]);
    assert!(bodies.try_recv().is_err(), "one run is one trace");
}
