//! What AWS makes everybody wait for reaches nobody as an error: rates, roles that are not seen yet, functions that are not ready.

use sf_e2e::aws::LONG;
use sf_e2e::{Aws, Run};

use crate::support::{fixture, is_clean, leaves_nothing, nothing_changes};

/// Words of AWS's refusals, which are none of the user's business while they pass.
const REFUSALS: [&str; 7] = [
    "error",
    "throttl",
    "TooManyRequests",
    "Rate exceeded",
    "cannot be assumed",
    "ResourceConflict",
    "retry",
];

#[track_caller]
fn is_quiet(run: &Run) {
    let text = run.text();
    for word in REFUSALS {
        assert!(!text.to_lowercase().contains(&word.to_lowercase()), "{word:?} was said:\n{text}");
    }
}

fn passes_unseen(name: &str, switches: &[&str]) {
    let Some(aws) = Aws::start(name, switches) else { return };
    let env = aws.env();
    let project = fixture(&env, "events");
    is_quiet(&project.sf_within(LONG, &["deploy", "--yes"]).ok());
    nothing_changes(&aws, &project);
    // Functions that are updated are not ready for a while either.
    project.edit("events.mjs", "asked: true", "asked: \"again\"");
    project.edit("sf.toml", "[functions.talk]", "[functions.talk]\nmemory = \"512MiB\"");
    is_quiet(&project.sf_within(LONG, &["deploy", "--yes"]).ok());
    assert_eq!(project.get("/ask").json()["asked"], "again");
    is_clean(&aws);
    leaves_nothing(&aws, &project);
}

/// The published rates, and waits as they usually are.
#[test]
fn usual_limits_pass_unseen() {
    passes_unseen("usual_limits_pass_unseen", &[]);
}

/// A role that takes seconds, functions that do too, and other people's deploys in the same account.
#[test]
fn hard_limits_pass_unseen() {
    let waits = ["--iam-lag-ms", "4000", "--lambda-pending-ms", "2000", "--table-pending-ms", "2000"];
    let rates =
        ["--rate", "lambda=4:4", "--rate", "apigatewayv2=3:3", "--rate", "iam=4:4", "--rate", "logs=3:3"];
    passes_unseen("hard_limits_pass_unseen", &[waits.as_slice(), &rates].concat());
}
