//! The commands around a deploy: invoke, logs, info, remove; two at once; Ctrl-C.

use sf_e2e::{Env, When, eventually, signal};

use crate::support::{THROUGH_GATE, gated, manifest, pair};

const TALKING: &str = "export function talk(event) {
  console.log('said ' + JSON.stringify(event.data ?? null));
  if (event.data?.fail) throw new TypeError('asked to fail');
  return { heard: event.data };
}
export function hello(request, ctx) {
  console.log('hello ' + ctx.params.name);
  return Response.json({ hello: ctx.params.name });
}
";

fn talking(env: &Env) -> sf_e2e::Project<'_> {
    let text = "sf = 1\n\n[project]\nname = \"talking\"\nprovider = \"self-hosted\"\n\n[functions.talk]\nhandler = \"talk.mjs#talk\"\n\n\
                [functions.hello]\nhandler = \"talk.mjs#hello\"\nhttp = [\"GET /hello/{name}\"]\n";
    env.project("talking", &[("sf.toml", text), ("talk.mjs", TALKING)])
}

#[test]
fn invoke_gives_what_the_function_returns() {
    let env = Env::new();
    let project = talking(&env);
    let _ = project.deploy();
    let answer = project.sf(&["invoke", "talk", "--data", "{\"word\": \"x\"}", "--json"]).ok().json();
    assert_eq!(answer["payload"]["heard"]["word"], "x", "{answer}");
    let _ = project.sf(&["invoke", "talk", "--data", "{\"fail\": true}"]).exits(8).says(&["asked to fail"]);
    let _ = project.sf(&["invoke", "talkk"]).exits(2).says(&["talkk", "talk"]);
    let _ = project.sf(&["invoke", "talk", "--data", "{"]).exits(2);
}

#[test]
fn logs_show_what_was_printed_and_follow_what_is() {
    let env = Env::new();
    let project = talking(&env);
    let _ = project.deploy();
    let url = project.url();
    let call = |name: &str| assert_eq!(sf_e2e::http::get(&format!("{url}/hello/{name}")).status, 200);
    call("early");
    eventually("the line is in the log", || {
        project.sf(&["logs"]).ok().stdout.contains("hello early").then_some(())
    });
    let mut follow = project.start(&["logs", "hello", "-f"]);
    eventually("the follower has begun", || follow.so_far().contains("hello early").then_some(()));
    call("late");
    eventually("the new line comes", || follow.so_far().contains("hello late").then_some(()));
    assert!(follow.runs());
    signal("INT", follow.id());
    let end = follow.wait();
    assert!(matches!(end.code, Some(0 | 130)), "{end:?}");
    let other = project.sf(&["logs", "talk"]).ok();
    assert!(!other.stdout.contains("hello"), "{}", other.stdout);
}

#[test]
fn info_says_what_is_deployed() {
    let env = Env::new();
    let project = talking(&env);
    let _ = project.sf(&["info"]).says(&["not deployed"]);
    let _ = project.deploy();
    let info = project.sf(&["info", "--json"]).ok().json();
    assert_eq!(info["functions"], serde_json::json!(["hello", "talk"]), "{info}");
    let _ = project.sf(&["info"]).ok().says(&["http://127.0.0.1:", "GET /hello/{name}"]);
}

#[test]
fn check_asks_the_provider_only_if_it_is_named() {
    let mut env = Env::new();
    {
        let project = talking(&env);
        let _ =
            project.sf(&["check", "--provider", "self-hosted"]).ok().says(&["ok", "does not run here yet"]);
        assert_eq!(env.find_host().map(|host| host.pid), None, "a check starts nothing");
        let _ = project.deploy();
        let asked = project.sf(&["check", "--provider", "self-hosted", "--json"]).ok().json();
        let identity = &asked["identity"];
        assert_eq!(identity["endpoint"], env.host().url, "{asked}");
        assert_eq!(identity["location"], env.host_dir().display().to_string(), "{asked}");
        assert!(identity["version"].is_string() && identity["account"].is_null(), "{asked}");
        assert_eq!(identity["missing"], serde_json::json!([]), "{asked}");
        let _ = project.sf(&["check", "--provider", "self-hosted"]).ok().says(&[&env.host().url]);
        let _ = project.sf(&["check", "--provider", "nowhere"]).exits(2).says(&["nowhere", "self-hosted"]);
    }
    env.set("SF_PROVIDER", "self-hosted");
    let project = sf_e2e::Project::new(&env, env.dir().join("projects/talking"));
    let silent = project.sf(&["check", "--json"]).ok().json();
    assert_eq!((&silent["provider"], silent.get("identity")), (&"self-hosted".into(), None), "{silent}");
}

#[test]
fn remove_asks_and_leaves_nothing() {
    let env = Env::new();
    let project = talking(&env);
    let _ = project.deploy();
    let url = project.url();
    let _ = project.sf(&["remove"]).exits(7).says(&["--yes"]);
    assert_eq!(sf_e2e::http::get(&format!("{url}/hello/x")).status, 200);
    let _ = project.sf(&["remove", "--yes"]).ok();
    assert!(env.host().resources("talking", "dev").is_empty());
    assert!(
        sf_e2e::http::send("GET", &format!("{url}/hello/x"), &[], b"").is_err(),
        "the gateway still listens"
    );
    let apps = env.host().call("GET", "/v1/apps", "").json();
    assert_eq!(apps.as_array().map(Vec::len), Some(0), "{apps}");
    let left = env.host_dir().join("artifacts");
    eventually("the artifacts are forgotten", || {
        (std::fs::read_dir(&left).map_or(0, Iterator::count) == 0).then_some(())
    });
    // Again: nothing to do is success.
    let _ = project.sf(&["remove", "--yes"]).ok();
    // And it can come back.
    let _ = project.deploy();
    assert_eq!(project.get("/hello/again").json()["hello"], "again");
}

#[test]
fn of_two_deploys_at_once_the_second_is_refused_and_names_the_first() {
    let mut env = Env::new();
    let gate = gated(&mut env);
    let project = pair(&env, "pair");
    project.write("sf.toml", &format!("{}{THROUGH_GATE}", project.read("sf.toml")));
    gate.arm(1, When::Delay);
    let first = project.start(&["deploy", "--yes"]);
    gate.await_closed();
    let _ = project.sf(&["deploy", "--yes"]).exits(6).says(&["deploy", &first.id().to_string()]);
    gate.open();
    let _ = first.wait().ok();
    let _ = project.sf(&["deploy", "--yes"]).ok().says(&["nothing"]);
    assert_eq!(project.get("/one").text(), "one");
}

#[cfg(unix)]
#[test]
fn ctrl_c_finishes_what_is_in_flight_and_the_next_deploy_goes_on() {
    let mut env = Env::new();
    let gate = gated(&mut env);
    let project = pair(&env, "pair");
    project.write("sf.toml", &format!("{}{THROUGH_GATE}", project.read("sf.toml")));
    gate.arm(2, When::Delay);
    let first = project.start(&["deploy", "--yes"]);
    gate.await_closed();
    signal("INT", first.id());
    eventually("sf has heard it", || (!first.so_far().is_empty()).then_some(()));
    gate.open();
    let _ = first.wait().exits(130).says(&["sf deploy"]);
    // No release was made of half a project.
    let info = project.sf(&["info"]);
    assert!(!info.stdout.contains("GET /one"), "{}", info.stdout);
    let _ = project.deploy();
    assert_eq!(project.get("/one").text(), "one");
    assert_eq!(env.host().resources("pair", "dev").len(), 6);
}

#[test]
fn stages_live_side_by_side() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let text =
        manifest("pair", &[("one", "http = [\"GET /one\"]\nenv = { STAGE = \"${stage}\" }\n[stages.prod]")]);
    project.write("sf.toml", &text);
    project.write("one.mjs", "export function one() {\n  return new Response(process.env.STAGE);\n}\n");
    let _ = project.deploy();
    let _ = project.sf(&["deploy", "--stage", "prod", "--yes"]).ok();
    let url = |stage: &str| {
        let info = project.sf(&["info", "--stage", stage, "--json"]).ok().json();
        info["endpoints"][0]["url"].as_str().unwrap().trim_end_matches('/').to_owned()
    };
    let (dev, prod) = (url("dev"), url("prod"));
    assert_ne!(dev, prod);
    assert_eq!(sf_e2e::http::get(&format!("{dev}/one")).text(), "dev");
    assert_eq!(sf_e2e::http::get(&format!("{prod}/one")).text(), "prod");
    let _ = project.sf(&["remove", "--stage", "prod", "--yes"]).ok();
    assert_eq!(sf_e2e::http::get(&format!("{dev}/one")).text(), "dev");
}
