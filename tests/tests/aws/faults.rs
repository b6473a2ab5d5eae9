//! Whatever fails, and whenever `sf` dies: the next run converges, and nothing is there twice or left behind.

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

/// An undisturbed deploy: which operations it is made of, and what is there after it.
fn undisturbed(aws: &Aws, project: &Project<'_>) -> (BTreeSet<(String, String)>, State) {
    let log = requests(aws, || drop(project.deploy()));
    let operations: BTreeSet<_> =
        mutating(&log).iter().map(|entry| (entry.service.clone(), entry.operation.clone())).collect();
    assert!(operations.len() > 15, "few operations: {operations:?}");
    (operations, aws.state().without_ids())
}

/// Nothing was ever deployed.
fn forget(aws: &Aws, project: &Project<'_>) {
    aws.reset();
    let state = project.dir.join(".sf/state");
    if state.exists() {
        std::fs::remove_dir_all(state).unwrap();
    }
}

/// Deploys to the end; what is there is what an undisturbed deploy leaves, and nothing is left to do.
#[track_caller]
fn converges(aws: &Aws, project: &Project<'_>, expected: &State, after: &str) {
    let run = project.sf(&["deploy", "--yes", "--data"]);
    assert_eq!(run.code, Some(0), "after {after}: {}", run.text());
    let found = aws.state().without_ids();
    assert!(found == *expected, "after {after}: expected {expected:?}\nfound {found:?}");
    assert_eq!(project.plan(), Vec::<String>::new(), "after {after}");
    is_clean(aws);
}

/// Lets each operation of a first deploy fail once, in turn.
fn each_operation_fails(fault: Fault) {
    let Some(aws) = Aws::start(&format!("each operation fails: {fault:?}"), AT_ONCE) else { return };
    let env = aws.env();
    let project = fixture(&env, "events");
    let (operations, expected) = undisturbed(&aws, &project);
    for (service, operation) in operations {
        let what = format!("{fault:?} of {operation}");
        forget(&aws, &project);
        aws.fault(&fault.rule(&service, &operation));
        let run = project.sf(&["deploy", "--yes"]);
        assert_eq!(aws.faults()[0]["fired"], 1, "{what} never came");
        // A refusal is tried again at once; a cut connection may be the next run's.
        if matches!(fault, Fault::Throttle | Fault::Internal) {
            assert_eq!(run.code, Some(0), "after {what}: {}", run.text());
        }
        converges(&aws, &project, &expected, &what);
    }
}

#[test]
fn each_operation_is_throttled() {
    each_operation_fails(Fault::Throttle);
}

#[test]
fn each_operation_meets_an_internal_failure() {
    each_operation_fails(Fault::Internal);
}

#[test]
fn each_operation_loses_its_connection() {
    each_operation_fails(Fault::Drop);
}

#[test]
fn each_operation_loses_its_answer() {
    each_operation_fails(Fault::Lost);
}

/// Faults everywhere, at random but the same each time: one request in ten fails, in every way.
#[test]
fn a_bad_day() {
    let Some(aws) = Aws::start("a_bad_day", &[AT_ONCE, &["--seed", "7"]].concat()) else { return };
    let env = aws.env();
    let project = fixture(&env, "events");
    let (_, expected) = undisturbed(&aws, &project);
    forget(&aws, &project);
    for fault in [Fault::Throttle, Fault::Internal, Fault::Drop, Fault::Lost] {
        let mut rule = fault.rule("*", "*");
        rule.as_object_mut().unwrap().remove("count");
        rule["probability"] = json!(0.025);
        aws.fault(&rule);
    }
    // It may give up; it may not leave anything that the next run does not find.
    let runs = (0..10).take_while(|_| project.sf(&["deploy", "--yes"]).code != Some(0)).count();
    assert!(runs < 10, "it never gets through");
    aws.clear_faults();
    converges(&aws, &project, &expected, "a bad day");
}

/// A home whose `sf` reaches AWS through a gate.
fn gated(aws: &Aws) -> (Env, Gate) {
    let gate = Gate::new(&aws.url);
    let mut env = Env::new();
    aws.enter(&mut env, &gate.url);
    (env, gate)
}

/// Kills `sf` at each request of a run in turn, after it was done and before it is answered. `prepare` makes what the run begins with.
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
    let points = (0..200).take_while(|nth| {
        forget(&aws, &project);
        project.write("sf.toml", &original);
        prepare(&project);
        change(&project);
        let died = gate.kill_at(*nth, When::After, &project, args);
        let what = format!("its death at request {nth} ({:?})", aws.log().last());
        let run = project.sf(args);
        assert_eq!(run.code, Some(0), "after {what}: {}", run.text());
        let found = aws.state().without_ids();
        assert!(found == expected, "after {what}: expected {expected:?}\nfound {found:?}");
        if args[0] == "deploy" {
            assert_eq!(project.plan(), Vec::<String>::new(), "after {what}");
        }
        died
    });
    let points = points.count();
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

#[test]
fn killed_at_each_request_of_a_removal() {
    let prepare = |project: &Project<'_>| drop(project.deploy());
    killed_at_each_request("killed_at_each_request_of_a_removal", prepare, |_| {}, &["remove", "--yes"]);
}
