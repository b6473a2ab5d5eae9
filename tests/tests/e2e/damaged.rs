//! A record that is lost, damaged, of another time or of another project: each is told for what it is, and `sf` gets over it without anybody
//! editing anything.

use std::fs;

use sf_e2e::record::{flip_after, truncate};
use sf_e2e::{Env, Project, Record, When};

use crate::support::{THROUGH_GATE, gated, pair};

/// What an error says and advises, without this test's folder and without times.
fn refusal(project: &Project<'_>, args: &[&str]) -> String {
    let refused = project.sf(&[args, &["--json"]].concat());
    assert_ne!(refused.code, Some(0), "{}", refused.text());
    let error = refused.json()["error"].clone();
    let text = |name: &str| error[name].as_str().unwrap_or_else(|| panic!("no {name}: {error}")).to_owned();
    let all = format!("{}: {}\nhint: {}", text("code"), text("message"), text("hint"));
    let folder = fs::canonicalize(&project.dir).unwrap();
    all.replace(&*folder.to_string_lossy(), "…").replace(&*project.dir.to_string_lossy(), "…")
}

/// Nothing is left to do, and there is what the manifest says and nothing else.
#[track_caller]
fn is_converged(env: &Env, project: &Project<'_>, functions: &[&str]) {
    assert_eq!(project.plan(), Vec::<String>::new());
    let _ = project.deploy().says(&["nothing to change: 0 calls"]);
    let _ = project.sf(&["drift", "--exit-code"]).ok();
    let mut expected = vec!["api/api".to_owned(), "release/current".to_owned()];
    for function in functions {
        expected.extend([format!("function/{function}"), format!("route/GET /{function}")]);
        assert_eq!(project.get(&format!("/{function}")).status, 200, "{function}");
    }
    expected.sort();
    assert_eq!(env.host().resources("pair", "dev"), expected);
}

/// The state's own file.
#[test]
fn a_damaged_state_is_explained_and_made_anew() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    let record = Record::of(&project, "self-hosted");
    let whole = fs::read_to_string(&record.state).unwrap();
    let said = "state-corrupt: read state `…/.sf/state/self-hosted/dev.json`: it is damaged: ";
    let hint = "hint: `sf state rebuild` finds what is deployed by its tags, and keeps \
                `…/.sf/state/self-hosted/dev.json` beside the new state";
    let heal = |cause: &str| {
        let refused = refusal(&project, &["deploy"]);
        assert!(refused.starts_with(&format!("{said}{cause}")), "{refused}");
        assert!(refused.ends_with(hint), "{refused}");
        for command in [&["plan"][..], &["drift"], &["remove", "--yes"]] {
            assert_eq!(refusal(&project, command), refused, "{command:?}");
        }
        let _ = project.sf(&["state", "rebuild", "--yes"]).ok().says(&["rebuilt with 6 objects"]);
        is_converged(&env, &project, &["one", "two"]);
    };
    truncate(&record.state, 50);
    heal("it has no end");
    truncate(&record.state, 0);
    heal("it has no end");
    // Valid JSON, and a state that would be planned with.
    flip_after(&record.state, "\"id\": \"");
    heal("its content does not fit its SHA-256");
    fs::write(&record.state, whole.replacen("\"version\": 2", "\"version\": 99", 1)).unwrap();
    let refused = refusal(&project, &["deploy"]);
    assert!(
        refused.contains("it has format 99, and this sf knows formats up to 2\nhint: update sf"),
        "{refused}"
    );
    let _ = project.sf(&["state", "rebuild", "--yes"]).ok();
    is_converged(&env, &project, &["one", "two"]);
    // Without a state at all there is nothing to explain: what is deployed is found.
    record.delete();
    let _ = project.deploy().says(&["no state was recorded here: found 6 deployed objects by their tags"]);
    is_converged(&env, &project, &["one", "two"]);
}

/// The journal, which is there when a run was killed.
#[test]
fn a_damaged_journal_of_a_killed_run_is_explained_and_made_anew() {
    let mut env = Env::new();
    let gate = gated(&mut env);
    let project = pair(&env, "pair");
    project.write("sf.toml", &format!("{}{THROUGH_GATE}", project.read("sf.toml")));
    let _ = project.deploy();
    let record = Record::of(&project, "self-hosted");
    for (nth, word) in ["twice", "thrice"].into_iter().enumerate() {
        for function in ["one", "two"] {
            project.write(&format!("{function}.mjs"), &crate::support::answering(function, word));
        }
        assert!(gate.kill_at(2 + nth, When::After, &project, &["deploy", "--yes"]));
        assert!(record.journal.exists(), "a killed run leaves a journal");
        flip_after(&record.journal, "\"delta\":{\"serial\":");
        let refused = refusal(&project, &["deploy"]);
        let journal = "read state `…/.sf/state/self-hosted/dev.journal`: it is damaged";
        assert!(refused.contains(journal) && refused.contains("sf state rebuild"), "{refused}");
        let _ = project.sf(&["state", "rebuild", "--yes"]).ok();
        let _ = project.deploy();
        is_converged(&env, &project, &["one", "two"]);
        assert_eq!(project.get("/one").text(), word);
    }
    // The last line of a run that was killed while it wrote: nobody relied on that, and nobody need know.
    project.write("one.mjs", &crate::support::answering("one", "again"));
    assert!(gate.kill_at(1, When::After, &project, &["deploy", "--yes"]));
    let mut bytes = fs::read(&record.journal).unwrap();
    bytes.truncate(bytes.len() - 3);
    fs::write(&record.journal, bytes).unwrap();
    let _ = project.deploy();
    is_converged(&env, &project, &["one", "two"]);
}

/// `two` becomes `three`.
fn move_on(project: &Project<'_>) {
    let [two, three] = ["two", "three"]
        .map(|name| format!("functions.{name}]\nhandler = \"two.mjs#two\"\nhttp = [\"GET /{name}\"]"));
    project.edit("sf.toml", &two, &three);
    let _ = project.deploy();
}

/// A machine that never saw the newer state.
fn forget_what_was_seen(env: &Env) {
    fs::remove_dir_all(env.dir().join("home/sf/seen")).unwrap();
}

#[test]
fn a_state_of_last_week_is_noticed_where_a_newer_one_was() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    let record = Record::of(&project, "self-hosted");
    let last_week = record.backup();
    move_on(&project);
    for whole in [true, false] {
        // What was brought back is gone on from as another history, so that the second time it is the end of one.
        let how = if whole {
            last_week.restore();
            "it has serial"
        } else {
            last_week.restore_file(&record.state);
            "another one was begun in its place"
        };
        let old = [format!("the state is an old one: {how}"), "somebody brought back a backup".to_owned()];
        let old = old.each_ref().map(String::as_str);
        let news = ["- function/two  recorded, does not exist", "+ function/three  found, was not recorded"];
        let _ = project.sf(&["plan"]).ok().says(&old).says(&news);
        let _ = project.sf(&["drift", "--exit-code"]).exits(9).says(&old).says(&[
            "- function/two",
            "+ function/three  found, was not recorded",
            "sf deploy --refresh",
        ]);
        let _ = project.deploy().says(&old).says(&news);
        is_converged(&env, &project, &["one", "three"]);
    }
}

/// Where nobody saw the newer one, the record is believed; what it does not say shows as soon as somebody looks.
#[test]
fn a_state_of_last_week_on_another_machine() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    let record = Record::of(&project, "self-hosted");
    let (last_week, manifest) = (record.backup(), project.read("sf.toml"));
    move_on(&project);

    // The manifest of today: all that changed since is in the plan, done before or not.
    last_week.restore();
    forget_what_was_seen(&env);
    let _ = project.deploy();
    is_converged(&env, &project, &["one", "three"]);

    // The manifest of last week too: nothing differs from the record, but everything from what is there.
    last_week.restore();
    forget_what_was_seen(&env);
    project.write("sf.toml", &manifest);
    let _ = project.deploy().says(&["nothing to change"]);
    let drift = project.sf(&["drift", "--exit-code", "--json"]).exits(9).json();
    assert_eq!(drift["unrecorded"], serde_json::json!(["function/three", "route/GET /three"]), "{drift}");
    let _ = project
        .sf(&["deploy", "--refresh", "--yes"])
        .ok()
        .says(&["function/three is there and was not recorded", "function/two was changed behind sf's back"]);
    is_converged(&env, &project, &["one", "two"]);
}

/// Its objects have the same names, so that nothing but its own word tells it apart.
#[test]
fn a_state_of_another_project_is_refused() {
    let env = Env::new();
    let (project, other) = (pair(&env, "pair"), pair(&env, "twin"));
    let _ = (project.deploy(), other.deploy());
    let (record, others) = (Record::of(&project, "self-hosted"), Record::of(&other, "self-hosted"));
    fs::copy(&others.state, &record.state).unwrap();
    let refused = refusal(&project, &["deploy"]);
    assert_eq!(
        refused,
        "another-project: the state `…/.sf/state/self-hosted/dev.json` is of `twin/dev`, and this is `pair/dev`\n\
         hint: `sf state rebuild` records what is deployed of `pair/dev` instead; if the project was renamed, give it its old \
         name, run `sf remove`, and rename it then: `twin/dev` is still deployed"
    );
    assert_eq!(refusal(&project, &["remove", "--yes"]), refused);
    let before = env.host().resources("twin", "dev");
    let _ = project.sf(&["state", "rebuild", "--yes"]).ok();
    is_converged(&env, &project, &["one", "two"]);
    assert_eq!(env.host().resources("twin", "dev"), before);
}
