//! The calls of a deploy, as golden transcripts: which, on what, and in which order where an order is needed.
//!
//! Calls that do not need each other are made at once, so their order is free. A transcript has a line for each object with its calls in
//! order; [`in_order`] checks the order between objects. To take new transcripts for good: `INSTA_UPDATE=always`, and read the diff.

use std::collections::BTreeMap;

use sf_e2e::aws::{AT_ONCE, Entry, mutating};
use sf_e2e::{Aws, Project};

use crate::support::{fixture, manifest, pair, requests};

/// Operations in the order that they need, on things of one name: a role, its function, the function's alias.
const OF_ONE_NAME: [&[&str]; 4] = [
    &["CreateRole", "PutRolePolicy", "CreateFunction", "PublishVersion", "CreateAlias", "AddPermission"],
    &["UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"],
    &["DeleteEventSourceMapping", "DeleteAlias", "DeleteFunction", "DeleteRolePolicy", "DeleteRole"],
    &["CreateQueue", "DeleteQueue"],
];
/// The same among all calls, whatever they are about.
const OF_ANY_NAME: [&[&str]; 4] = [
    &["CreateApi", "CreateIntegration", "CreateRoute", "CreateStage"],
    &["CreateAlias", "CreateEventSourceMapping"],
    &["CreateAlias", "CreateSchedule"],
    &["DeleteRoute", "DeleteIntegration"],
];

/// A line for each object: its name, then its calls in order. `CreateAlias shop-dev-one live` is a call of `shop-dev-one live`.
fn transcript(log: &[Entry]) -> String {
    let mut objects: BTreeMap<(String, String), Vec<(String, usize)>> = BTreeMap::new();
    for entry in mutating(log) {
        assert!(entry.is_ok(), "refused: {}", entry.in_full());
        let calls = objects.entry((entry.service.clone(), entry.object())).or_default();
        // The same call again, on things whose ids are made up: how many there are is said once.
        // How many artifacts are stored is not said: functions with the same code that are made at once may each store it.
        if entry.operation == "PutObject" && !calls.is_empty() {
            continue;
        }
        match calls.last_mut() {
            Some((operation, times)) if *operation == entry.operation => *times += 1,
            _ => calls.push((entry.operation.clone(), 1)),
        }
    }
    let call = |(operation, times): &(String, usize)| match times {
        1 => operation.clone(),
        times => format!("{operation} x{times}"),
    };
    let lines = objects.iter().map(|((service, object), calls)| {
        format!("{service} {object}: {}", calls.iter().map(call).collect::<Vec<_>>().join(", "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn in_order(log: &[Entry]) {
    let calls = mutating(log);
    let name = |entry: &Entry| entry.names().first().cloned().unwrap_or_default();
    let check = |order: &[&str], calls: &[&Entry]| {
        let place = |entry: &Entry| order.iter().position(|operation| *operation == entry.operation);
        let places: Vec<_> = calls.iter().filter_map(|entry| place(entry)).collect();
        assert!(places.is_sorted(), "not in the order {order:?}:\n{calls:#?}");
    };
    for order in OF_ONE_NAME {
        let mut by_name: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
        for entry in &calls {
            by_name.entry(name(entry)).or_default().push(entry);
        }
        by_name.values().for_each(|calls| check(order, calls));
    }
    for order in OF_ANY_NAME {
        // The same API, or the function that both are about.
        let of = |entry: &Entry| entry.params["ApiId"].as_str().unwrap_or_default().to_owned();
        let apis: std::collections::BTreeSet<_> = calls.iter().map(|entry| of(entry)).collect();
        for api in apis {
            let of_it: Vec<_> = calls.iter().filter(|entry| of(entry) == api).copied().collect();
            check(order, &of_it);
        }
    }
}

/// The transcript of what a deploy does after a change, with its order checked.
fn after(aws: &Aws, project: &Project<'_>, change: impl FnOnce(&Project<'_>)) -> String {
    let _ = project.deploy();
    change(project);
    let log = requests(aws, || {
        let _ = project.sf(&["deploy", "--yes", "--data"]).ok();
    });
    in_order(&log);
    assert_eq!(project.plan(), Vec::<String>::new());
    transcript(&log)
}

fn first_deploy(name: &str) -> Option<String> {
    let aws = Aws::start(name, AT_ONCE)?;
    let env = aws.env();
    let project = fixture(&env, name);
    let log = requests(&aws, || drop(project.deploy()));
    in_order(&log);
    Some(transcript(&log))
}

#[test]
fn a_first_deploy_of_routes() {
    let Some(transcript) = first_deploy("routes") else { return };
    insta::assert_snapshot!("first_deploy_routes", transcript);
}

#[test]
fn a_first_deploy_of_every_event() {
    let Some(transcript) = first_deploy("events") else { return };
    insta::assert_snapshot!("first_deploy_events", transcript);
}

#[test]
fn a_changed_function() {
    let Some(aws) = Aws::start("a_changed_function", AT_ONCE) else { return };
    let env = aws.env();
    let project = fixture(&env, "routes");
    let _ = project.deploy();
    project.edit("bye.mjs", "\"bye\"", "\"good bye\"");
    let log = requests(&aws, || drop(project.deploy()));
    in_order(&log);
    let call = |entry: &&Entry| format!("{} {}", entry.operation, entry.names()[0]);
    let calls: Vec<_> = mutating(&log).iter().map(call).collect();
    let stored = format!("PutObject shop-dev-sf-artifacts-{}", sf_e2e::aws::SUFFIX);
    // The code is published as it is updated: one call.
    let updated = ["UpdateFunctionCode", "UpdateAlias"];
    let updated = updated.map(|operation| format!("{operation} shop-dev-bye"));
    assert_eq!(calls, [&[stored], updated.as_slice()].concat());
    assert_eq!(project.get("/bye").text(), "good bye");
}

/// A comment in the manifest, another order, another time of the file.
#[test]
fn what_is_no_change_is_no_call() {
    let Some(aws) = Aws::start("what_is_no_change_is_no_call", AT_ONCE) else { return };
    let env = aws.env();
    let project = pair(&env);
    let transcript = after(&aws, &project, |project| {
        let swapped = manifest(&[("two", "http = [\"GET /two\"]"), ("one", "http = [\"GET /one\"]")]);
        project.write("sf.toml", &format!("# The same.\n{swapped}"));
        project.write("README.md", "Nobody imports this.\n");
    });
    assert_eq!(transcript, "");
}

#[test]
fn changed_memory() {
    let Some(aws) = Aws::start("changed_memory", AT_ONCE) else { return };
    let env = aws.env();
    let project = pair(&env);
    let transcript = after(&aws, &project, |project| {
        project.edit("sf.toml", "http = [\"GET /one\"]", "http = [\"GET /one\"]\nmemory = \"512MiB\"");
    });
    insta::assert_snapshot!(transcript, @r"
    lambda shop-dev-one: UpdateFunctionConfiguration, PublishVersion
    lambda shop-dev-one live: UpdateAlias
    ");
}

#[test]
fn a_changed_route() {
    let Some(aws) = Aws::start("a_changed_route", AT_ONCE) else { return };
    let env = aws.env();
    let project = pair(&env);
    let transcript = after(&aws, &project, |project| project.edit("sf.toml", "GET /one", "GET /uno"));
    assert_eq!((project.get("/uno").text().as_str(), project.get("/one").status), ("one", 404));
    insta::assert_snapshot!("changed_route", transcript);
}

#[test]
fn a_removed_function() {
    let Some(aws) = Aws::start("a_removed_function", AT_ONCE) else { return };
    let env = aws.env();
    let project = pair(&env);
    let transcript = after(&aws, &project, |project| {
        project.write("sf.toml", &manifest(&[("one", "http = [\"GET /one\"]")]));
    });
    assert_eq!((project.get("/one").text().as_str(), project.get("/two").status), ("one", 404));
    let state = aws.state();
    for kind in ["functions", "roles", "log_groups"] {
        assert!(state.of_kind(kind).iter().all(|name| !name.contains("two")), "{state:?}");
    }
    insta::assert_snapshot!("removed_function", transcript);
}

/// The new queue is there, and called upon, before the old one goes.
#[test]
fn a_renamed_queue() {
    let Some(aws) = Aws::start("a_renamed_queue", AT_ONCE) else { return };
    let env = aws.env();
    let project = fixture(&env, "events");
    let _ = project.deploy();
    let text = project.read("sf.toml").replace("work = \"write\"", "jobs = \"write\"");
    let text = text.replace("queue = \"work\"", "queue = \"jobs\"").replace("[queues.work]", "[queues.jobs]");
    project.write("sf.toml", &text);
    let log = requests(&aws, || {
        let _ = project.sf(&["deploy", "--yes", "--data"]).ok();
    });
    in_order(&log);
    let calls: Vec<_> = mutating(&log).iter().map(ToString::to_string).collect();
    let place = |call: &str| {
        calls.iter().position(|one| one == call).unwrap_or_else(|| panic!("no {call}: {calls:#?}"))
    };
    assert!(place("CreateQueue shop-dev-jobs") < place("DeleteQueue shop-dev-work"), "{calls:#?}");
    insta::assert_snapshot!("renamed_queue", transcript(&log));
}

/// A table's key cannot be changed: it is deleted first, since the new one has its name. Not without consent.
#[test]
fn a_changed_table_key() {
    let Some(aws) = Aws::start("a_changed_table_key", AT_ONCE) else { return };
    let env = aws.env();
    let project = fixture(&env, "events");
    let _ = project.deploy();
    project.edit("sf.toml", "partition = \"id:string\"", "partition = \"name:string\"");
    let asked = crate::support::changes(&aws, || {
        let _ = project.sf(&["deploy", "--yes"]).exits(7).says(&["table/items", "--data"]);
    });
    assert_eq!(asked, Vec::<String>::new());
    let log = requests(&aws, || {
        let _ = project.sf(&["deploy", "--yes", "--data"]).ok();
    });
    let table = |operation: &str| {
        let is_it = |entry: &&Entry| {
            entry.operation == operation && entry.is_ok() && entry.names()[0] == "shop-dev-items"
        };
        log.iter().find(is_it).unwrap_or_else(|| panic!("no {operation}")).number
    };
    assert!(table("DeleteTable") < table("CreateTable"));
    insta::assert_snapshot!("changed_table_key", transcript(&log));
}
