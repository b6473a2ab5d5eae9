//! Whatever fails, and whenever `sf` dies: the next run converges, and nothing is there twice or left behind.
//!
//! Each operation of a deploy, of an update and of a removal can fail in each way, and `sf` can die after each request. With
//! `SF_AWS_MATRIX=whole` all of that is tried, which takes some ten minutes; else a sample of it, the same one each time.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use sf_e2e::aws::{AT_ONCE, State, mutating};
use sf_e2e::{Aws, Env, Gate, Project, When};

use crate::support::{fixture, is_clean, requests};

/// A way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Too many requests; nothing happened.
    Throttle,
    /// AWS's own failure; nothing happened.
    Internal,
    /// The connection is cut before anything happened.
    Drop,
    /// It is done, and the connection is cut before the answer.
    Lost,
}

impl Fault {
    const ALL: [Self; 4] = [Self::Throttle, Self::Internal, Self::Drop, Self::Lost];

    /// What the counterpart does to the first request of this operation.
    fn rule(self, service: &str, operation: &str) -> Json {
        let action = match self {
            Self::Throttle => {
                // As each service says it.
                let (code, status) = match service {
                    "s3" => ("SlowDown", 503),
                    "iam" | "sns" => ("Throttling", 400),
                    "lambda" | "apigatewayv2" => ("TooManyRequestsException", 429),
                    _ => ("ThrottlingException", 400),
                };
                json!({ "type": "error", "code": code, "status": status, "message": "Rate exceeded" })
            }
            Self::Internal => json!({ "type": "error", "code": "InternalFailure", "status": 500 }),
            Self::Drop => json!("drop"),
            Self::Lost => json!("lost"),
        };
        json!({ "service": service, "operation": operation, "count": 1, "action": action })
    }
}

/// Nothing was ever deployed.
pub(crate) fn forget(aws: &Aws, project: &Project<'_>) {
    aws.reset();
    let state = project.dir.join(".sf/state");
    if state.exists() {
        std::fs::remove_dir_all(state).unwrap();
    }
}

/// Whether all is to be tried.
pub(crate) fn is_whole() -> bool {
    std::env::var("SF_AWS_MATRIX").is_ok_and(|matrix| matrix == "whole")
}

/// A run of `sf` that is disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    FirstDeploy,
    Update,
    Removal,
}

impl Run {
    fn args(self) -> &'static [&'static str] {
        match self {
            Self::FirstDeploy | Self::Update => &["deploy", "--yes", "--data"],
            Self::Removal => &["remove", "--yes", "--data"],
        }
    }

    /// What it begins with.
    fn prepare(self, project: &Project<'_>) {
        if self != Self::FirstDeploy {
            let _ = project.deploy();
        }
        if self == Self::Update {
            for (from, to) in [
                ("rate = 100", "rate = 50"),
                ("https://shop", "https://market"),
                ("GET /ask", "GET /question"),
                ("secrets = [\"key\"]", "memory = \"512MiB\""),
                ("\"high\"", "\"higher\""),
                ("\"in/\"", "\"put/\""),
                ("0 3 * * *", "0 4 * * *"),
                ("retries = 3", "retries = 4"),
                ("[secrets.key]", "[secrets.other]"),
                ("chat = \"write\"", "chat = \"write\", work = \"write\""),
            ] {
                project.edit("sf.toml", from, to);
            }
        }
    }

    /// One operation in how many is tried, unless all are.
    fn stride(self) -> usize {
        match self {
            Self::FirstDeploy => 2,
            Self::Update => 3,
            Self::Removal => 4,
        }
    }
}

/// Runs to the end; what is there is what an undisturbed run leaves, and nothing is left to do.
#[track_caller]
fn converges(aws: &Aws, project: &Project<'_>, run: Run, expected: &State, after: &str) {
    let again = project.sf(run.args());
    assert_eq!(again.code, Some(0), "after {after}: {}", again.text());
    let found = aws.state().without_ids();
    assert!(found == *expected, "after {after}: expected {expected:?}\nfound {found:?}");
    if run != Run::Removal {
        assert_eq!(project.plan(), Vec::<String>::new(), "after {after}");
    }
    is_clean(aws);
}

/// Lets each operation of a run fail once, in turn.
fn each_operation_fails(run: Run) {
    let Some(aws) = Aws::start(&format!("each operation fails: {run:?}"), AT_ONCE) else { return };
    let env = aws.env();
    let project = fixture(&env, "events");
    let original = project.read("sf.toml");
    run.prepare(&project);
    let log = requests(&aws, || drop(project.sf(run.args()).ok()));
    let expected = aws.state().without_ids();
    let operations: BTreeSet<_> =
        mutating(&log).iter().map(|entry| (entry.service.clone(), entry.operation.clone())).collect();
    assert!(operations.len() > 10, "few operations: {operations:?}");
    for (index, (service, operation)) in operations.iter().enumerate() {
        let is_tried = |(way, _): &(usize, &Fault)| {
            is_whole() || index % run.stride() == 0 && index / run.stride() % Fault::ALL.len() == *way
        };
        for (_, fault) in Fault::ALL.iter().enumerate().filter(is_tried) {
            let what = format!("{fault:?} of {operation}");
            forget(&aws, &project);
            project.write("sf.toml", &original);
            run.prepare(&project);
            aws.fault(&fault.rule(service, operation));
            let disturbed = project.sf(run.args());
            assert_eq!(aws.faults()[0]["fired"], 1, "{what} never came");
            // A refusal is tried again at once; a cut connection may be the next run's.
            if matches!(fault, Fault::Throttle | Fault::Internal) {
                assert_eq!(disturbed.code, Some(0), "after {what}: {}", disturbed.text());
            }
            converges(&aws, &project, run, &expected, &what);
        }
    }
}

#[test]
fn each_operation_of_a_first_deploy_fails() {
    each_operation_fails(Run::FirstDeploy);
}

#[test]
fn each_operation_of_an_update_fails() {
    each_operation_fails(Run::Update);
}

#[test]
fn each_operation_of_a_removal_fails() {
    each_operation_fails(Run::Removal);
}

/// Faults everywhere, at random but the same each time: one request in ten fails, in every way.
#[test]
fn a_bad_day() {
    let Some(aws) = Aws::start("a_bad_day", &[AT_ONCE, &["--seed", "7"]].concat()) else { return };
    let env = aws.env();
    let project = fixture(&env, "events");
    let _ = project.deploy();
    let expected = aws.state().without_ids();
    forget(&aws, &project);
    for fault in Fault::ALL {
        let mut rule = fault.rule("*", "*");
        rule.as_object_mut().unwrap().remove("count");
        rule["probability"] = json!(0.025);
        aws.fault(&rule);
    }
    // It may give up; it may not leave anything that the next run does not find.
    let runs = (0..10).take_while(|_| project.sf(&["deploy", "--yes"]).code != Some(0)).count();
    assert!(runs < 10, "it never gets through");
    aws.clear_faults();
    converges(&aws, &project, Run::FirstDeploy, &expected, "a bad day");
}

/// `sf` dies at one request of so many, unless at all.
const SAMPLED_REQUESTS: usize = 4;

/// A home whose `sf` reaches AWS through a gate.
fn gated(aws: &Aws) -> (Env, Gate) {
    let gate = Gate::new(&aws.url);
    let mut env = Env::new();
    aws.enter(&mut env, &gate.url);
    (env, gate)
}

/// On which sides of a request's effect `sf` dies there: on both in turn, unless all is to be tried.
fn sides(nth: usize) -> &'static [When] {
    match (is_whole(), nth / SAMPLED_REQUESTS % 2) {
        (true, _) => &[When::Before, When::After],
        (false, 0) => &[When::After],
        (false, _) => &[When::Before],
    }
}

/// Kills `sf` at each request of a run in turn, before or after it was done and before it is answered. `prepare` makes what the run begins with.
fn killed_at_each_request(
    name: &str,
    prepare: impl Fn(&Project<'_>),
    change: impl Fn(&Project<'_>),
    args: &[&str],
) {
    let Some(aws) = Aws::start(name, AT_ONCE) else { return };
    let (env, gate) = gated(&aws);
    let project = fixture(&env, "routes");
    let original = project.read("sf.toml");
    let expected = {
        prepare(&project);
        change(&project);
        let _ = project.sf(args).ok();
        aws.state().without_ids()
    };
    let stride = if is_whole() { 1 } else { SAMPLED_REQUESTS };
    let dies = |nth: usize, when: When| {
        forget(&aws, &project);
        project.write("sf.toml", &original);
        prepare(&project);
        change(&project);
        let died = gate.kill_at(nth, when, &project, args);
        let what = format!("its death {when:?} request {nth} ({:?})", aws.log().last());
        let run = project.sf(args);
        assert_eq!(run.code, Some(0), "after {what}: {}", run.text());
        let found = aws.state().without_ids();
        assert!(found == expected, "after {what}: expected {expected:?}\nfound {found:?}");
        if args[0] == "deploy" {
            assert_eq!(project.plan(), Vec::<String>::new(), "after {what}");
        }
        let third = crate::support::changes(&aws, || drop(project.sf(args).ok()));
        assert_eq!(third, Vec::<String>::new(), "after {what}");
        died
    };
    let points = (0..200).step_by(stride).take_while(|nth| sides(*nth).iter().all(|when| dies(*nth, *when)));
    let points = points.count() * stride;
    assert!(points >= 6, "`sf {args:?}` is more than {points} requests");
}

#[test]
fn killed_at_each_request_of_a_first_deploy() {
    killed_at_each_request("killed_at_each_request_of_a_first_deploy", |_| {}, |_| {}, &["deploy", "--yes"]);
}

/// One that creates, changes and deletes.
#[test]
fn killed_at_each_request_of_an_update() {
    let change = |project: &Project<'_>| {
        project.edit("sf.toml", "[functions.bye]", "[functions.leave]");
        project.edit("sf.toml", "\"GET /bye\"", "\"GET /leave\"");
        project.edit("sf.toml", "\"GET /hello/{name}\"]", "\"GET /hello/{name}\"]\nmemory = \"512MiB\"");
    };
    let prepare = |project: &Project<'_>| drop(project.deploy());
    killed_at_each_request("killed_at_each_request_of_an_update", prepare, change, &["deploy", "--yes"]);
}

/// A table under another key is another table, and its stream another stream; the old one must go first, under the same name.
#[test]
fn killed_at_each_request_of_a_replacement() {
    let prepare = |project: &Project<'_>| {
        project.edit("sf.toml", "http = [\"GET /bye\"]", "on = [{ table = \"notes\" }]");
        let text = project.read("sf.toml");
        project.write("sf.toml", &format!("{text}\n[tables.notes]\nkey = {{ partition = \"id:string\" }}\n"));
        let _ = project.deploy();
    };
    let change = |project: &Project<'_>| {
        project.edit("sf.toml", "partition = \"id:string\"", "partition = \"name:string\"");
    };
    let args = &["deploy", "--yes", "--data"];
    killed_at_each_request("killed_at_each_request_of_a_replacement", prepare, change, args);
}

#[test]
fn killed_at_each_request_of_a_removal() {
    let prepare = |project: &Project<'_>| drop(project.deploy());
    killed_at_each_request("killed_at_each_request_of_a_removal", prepare, |_| {}, &["remove", "--yes"]);
}
