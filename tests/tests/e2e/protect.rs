//! What the manifest protects goes only if that is asked for in so many words.

use std::fs;

use serde_json::json;
use sf_e2e::{Env, Project};

const MANIFEST: &str = r#"sf = 1

[project]
name = "shop"
provider = "self-hosted"

[functions.one]
handler = "one.mjs#one"
uses = { people = "read-write", files = "read" }

[tables.people]
key = { partition = "id:string" }
[buckets.files]

[stages.prod]
[stages.production]
tables.people.protect = false
"#;

const FUNCTION: &str = "export async function one() {}\n";

fn project(env: &Env) -> Project<'_> {
    env.project("shop", &[("sf.toml", MANIFEST), ("one.mjs", FUNCTION)])
}

/// The code of the error that a run ends with.
#[track_caller]
fn refused(project: &Project<'_>, args: &[&str]) -> (String, String) {
    let answer = project.sf(&[args, &["--json"]].concat()).exits(7).json();
    let error = &answer["error"];
    (error["code"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
}

fn people(project: &Project<'_>, stage: &str) -> serde_json::Value {
    project.sf(&["table", "scan", "people", "--stage", stage, "--json"]).ok().json()["items"][0]["item"]
        .clone()
}

#[test]
fn production_is_not_destroyed_by_mistake() {
    let env = Env::new();
    let project = project(&env);
    for stage in ["dev", "prod"] {
        let _ = project.sf(&["deploy", "--stage", stage]).ok();
        let _ = project.sf(&["table", "put", "people", "{\"id\": \"a\"}", "--stage", stage]).ok();
    }
    let changes = env.requests().len();

    let (code, message) = refused(&project, &["remove", "--stage", "prod", "--yes"]);
    assert_eq!(code, "protected");
    assert!(message.contains("bucket/files, table/people are protected"), "{message}");
    let said = ["(protected)", "table/people would be deleted", "--data", "protect = false"];
    let _ = project.sf(&["remove", "--stage", "prod", "--yes"]).exits(7).says(&said);
    // Elsewhere it is asked about, as before.
    assert_eq!(refused(&project, &["remove", "--yes"]).0, "consent-needed");

    // Another key makes another table of it; nor is it let go and destroyed in one deploy.
    project.edit("sf.toml", "\"id:string\"", "\"name:string\"");
    let (code, message) = refused(&project, &["deploy", "--stage", "prod", "--yes"]);
    assert_eq!(
        (code.as_str(), message.contains("table/people is protected")),
        ("protected", true),
        "{message}"
    );
    project.edit("sf.toml", "[buckets.files]", "protect = false\n[buckets.files]");
    assert_eq!(refused(&project, &["deploy", "--stage", "prod", "--yes"]).0, "protected");
    // What is no longer in the manifest is protected as it was when it was deployed.
    project.edit("sf.toml", "[buckets.files]\n", "");
    project.edit("sf.toml", ", files = \"read\"", "");
    let (_, message) = refused(&project, &["deploy", "--stage", "prod", "--yes"]);
    assert!(message.contains("bucket/files, table/people are protected"), "{message}");

    // Nor is it another name's.
    project.write("sf.toml", &MANIFEST.replace("people", "members"));
    let renamed = "table/members is another object than table/people, unless it has `was = \"people\"`";
    let _ = project.sf(&["deploy", "--stage", "prod", "--yes"]).exits(7).says(&[renamed]);

    let asked = env.requests().split_off(changes).into_iter().filter(|request| request.method != "GET");
    assert_eq!(asked.map(|request| request.path).collect::<Vec<_>>(), Vec::<String>::new());
    project.write("sf.toml", MANIFEST);
    assert_eq!(people(&project, "prod"), json!({ "id": "a" }));
    let _ = project.sf(&["remove", "--stage", "prod", "--yes", "--data"]).ok();
    assert!(env.host().resources("shop", "prod").is_empty());
}

#[test]
fn protection_begins_ends_and_is_found_again_without_a_record() {
    let env = Env::new();
    let project = project(&env);
    let _ = project.deploy();
    let _ = project.sf(&["table", "put", "people", "{\"id\": \"a\"}"]).ok();
    project.edit("sf.toml", "\"id:string\" }", "\"id:string\" }\nprotect = true");
    let _ = project.sf(&["plan"]).ok().says(&["table/people", "protect: true (was not set)"]);
    let _ = project.deploy().says(&["1 call", "updated table/people"]);
    let _ = project.deploy().says(&["nothing to change: 0 calls"]);

    fs::remove_file(project.dir.join(".sf/state/self-hosted/dev.json")).unwrap();
    assert_eq!(refused(&project, &["remove", "--yes"]).0, "protected");

    project.edit("sf.toml", "protect = true", "protect = false");
    let _ = project.deploy();
    assert_eq!(people(&project, "dev"), json!({ "id": "a" }));
    assert_eq!(refused(&project, &["remove", "--yes"]).0, "consent-needed");
    let _ = project.sf(&["remove", "--yes", "--data"]).ok();

    // A stage of production whose table may go; its bucket may not.
    let _ = project.sf(&["deploy", "--stage", "production"]).ok();
    let (code, message) = refused(&project, &["remove", "--stage", "production", "--yes"]);
    assert_eq!(
        (code.as_str(), message.contains("bucket/files is protected")),
        ("protected", true),
        "{message}"
    );
}
