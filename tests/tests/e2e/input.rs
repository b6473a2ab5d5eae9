//! Wrong input: a clear error, the documented exit code, and nothing half-done.

use std::net::TcpListener;

use sf_e2e::Env;

use crate::support::{answering, manifest, pair};

/// Nothing was deployed, and no host was started for it.
fn untouched(env: &Env) {
    assert!(env.find_host().is_none(), "a host was started for nothing");
    assert!(env.requests().is_empty());
}

#[test]
fn no_manifest() {
    let env = Env::new();
    for command in ["check", "build", "plan", "deploy", "info", "remove", "logs"] {
        let _ = env.run(env.dir(), &[command]).exits(3).says(&["sf.toml", "sf new"]);
    }
    untouched(&env);
}

#[test]
fn a_broken_manifest_shows_every_problem_at_its_line() {
    let env = Env::new();
    let text = "sf = 1\n[project]\nname = \"broken\"\nprovider = \"self-hosted\"\n[functions.one]\nhandlr = \"one.mjs#one\"\nmemory = \"12 apples\"\n\
                http = [\"GET one\"]\n";
    let project = env.project("broken", &[("sf.toml", text)]);
    for command in ["check", "deploy"] {
        let _ =
            project.sf(&[command]).exits(3).says(&["handlr", "handler", "12 apples", "GET one", "sf.toml:6"]);
    }
    let json = project.sf(&["check", "--json"]).exits(3).json();
    let count = json
        .pointer("/error/diagnostics")
        .or(json.get("diagnostics"))
        .and_then(|list| list.as_array())
        .map(Vec::len);
    assert!(count.is_some_and(|count| count >= 3), "{json}");
    project.write("sf.toml", "sf = 1\n[project\n");
    let _ = project.sf(&["check"]).exits(3).says(&["sf.toml:2"]);
    std::fs::write(project.dir.join("sf.toml"), b"sf = 1\n\xff\xfe").unwrap();
    let _ = project.sf(&["check"]).exits(3).says(&["UTF-8"]);
    untouched(&env);
}

#[test]
fn a_handler_file_that_is_missing() {
    let env = Env::new();
    let text = manifest("lost", &[("one", "http = [\"GET /one\"]")]);
    let project = env.project("lost", &[("sf.toml", &text)]);
    let _ = project.sf(&["deploy", "--yes"]).exits(4).says(&["one.mjs", "function `one`"]);
    untouched(&env);
}

#[test]
fn an_import_that_is_missing() {
    let env = Env::new();
    let project = pair(&env, "pair");
    project.write(
        "one.mjs",
        "import { word } from './words.mjs';\nexport const one = () => new Response(word);\n",
    );
    let _ = project.sf(&["deploy", "--yes"]).exits(4).says(&["words.mjs", "one.mjs"]);
    untouched(&env);
}

#[test]
fn an_export_that_is_missing_is_said_and_harms_nobody_else() {
    let env = Env::new();
    let project = pair(&env, "pair");
    project.write("one.mjs", &answering("uno", "one"));
    let deploy = project.sf(&["deploy", "--yes"]);
    if deploy.code == Some(0) {
        // Not seen at deploy: then the first call says it, and the log.
        let answer = project.get("/one");
        assert!(answer.status >= 500, "{answer:?}");
        sf_e2e::eventually("the log says it", || {
            let logs = project.sf(&["logs", "one"]).ok().stdout;
            (logs.contains("one.mjs") && logs.contains("uno")).then_some(())
        });
        assert_eq!(project.get("/two").text(), "two");
    } else {
        let _ = deploy.says(&["one.mjs", "uno"]);
    }
}

#[test]
fn a_control_port_that_is_taken() {
    let mut env = Env::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    env.set("SF_HOST_PORT", port.clone());
    let project = pair(&env, "pair");
    let _ = project.sf(&["deploy", "--yes"]).exits(5).says(&[&port, "SF_HOST_PORT"]);
    let _ = env.run(env.dir(), &["host", "start"]).exits(5).says(&[&port]);
    untouched(&env);
    env.set("SF_HOST_PORT", "0");
    let project = sf_e2e::Project::new(&env, env.dir().join("projects/pair"));
    let _ = project.deploy();
    assert_eq!(project.get("/one").text(), "one");
}

#[test]
fn an_api_port_that_is_taken() {
    let env = Env::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let project = pair(&env, "pair");
    let text = project.read("sf.toml");
    project.write("sf.toml", &format!("{text}\n[providers.self-hosted]\nport = {port}\n"));
    let _ = project.sf(&["deploy", "--yes"]).exits(1).says(&[&port]);
    drop(taken);
    let _ = project.deploy();
    assert_eq!(project.url(), format!("http://127.0.0.1:{port}"));
    assert_eq!(project.get("/one").text(), "one");
}

#[test]
fn a_runtime_that_is_not_installed() {
    let mut env = Env::new();
    let empty = env.dir().join("no-programs");
    std::fs::create_dir(&empty).unwrap();
    env.set_path(&empty);
    let project = pair(&env, "pair");
    let deploy = project.sf(&["deploy", "--yes"]);
    assert_ne!(deploy.code, Some(0), "{}", deploy.text());
    let _ = deploy.says(&["node", "install"]);
}

#[test]
fn templates_and_names_that_lead_elsewhere() {
    let env = Env::new();
    let folder = env.dir().join("new");
    std::fs::create_dir(&folder).unwrap();
    for template in ["../node-http", "../../etc", "/etc", "node-http/../node-http", ""] {
        let _ =
            env.run(&folder, &["new", "x", "--template", template, "--yes"]).exits(2).says(&["node-http"]);
    }
    for name in ["../x", "/tmp/x", "a/b", "..", "Upper", "a b", "1x"] {
        let _ = env.run(&folder, &["new", name, "--template", "node-http", "--yes"]).exits(2);
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    let _ = env.run(&folder, &["new", "good", "--template", "node-http", "--yes"]).ok();
    let again = env.run(&folder, &["new", "good", "--template", "node-http", "--yes"]);
    assert!(matches!(again.code, Some(1 | 2)), "{again:?}");
    let _ = again.says(&["good"]);
}

#[test]
fn wrong_words_on_the_command_line() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.sf(&["deplyo"]).exits(2).says(&["deploy"]);
    let _ =
        project.sf(&["deploy", "--provider", "nowhere"]).exits(2).says(&["nowhere", "aws", "self-hosted"]);
    let _ = project.sf(&["build", "three"]).exits(2).says(&["three", "one", "two"]);
    untouched(&env);
}
