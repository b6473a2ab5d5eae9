//! A record that is lost, damaged or of another time, where AWS's tags are what tells the truth. One counterpart for all of it: what is left of
//! one damage would show in the next.

use std::fs;

use sf_e2e::aws::{AT_ONCE, State};
use sf_e2e::record::{flip_after, truncate};
use sf_e2e::{Aws, Env, Project, Record};

use crate::support::{manifest, nothing_changes, pair};

/// Nothing is left to do, and there is what there was.
#[track_caller]
fn is_converged(aws: &Aws, project: &Project<'_>, expected: &State) {
    nothing_changes(aws, project);
    let _ = project.sf(&["drift", "--exit-code"]).ok();
    let found = aws.state().without_ids();
    assert!(found == *expected, "expected {expected:?}\nfound {found:?}");
}

/// `two` becomes `three`.
fn move_on(project: &Project<'_>) {
    project.write("three.mjs", &crate::support::answering("three", "three"));
    let text = manifest(&[("one", "http = [\"GET /one\"]"), ("three", "http = [\"GET /three\"]")]);
    project.write("sf.toml", &text);
    let _ = project.deploy();
}

/// A machine that never saw the newer state.
fn forget_what_was_seen(env: &Env) {
    fs::remove_dir_all(env.dir().join("home/sf/seen")).unwrap();
}

#[test]
fn a_damaged_or_lost_state_is_found_again_by_tags() {
    let Some(aws) = Aws::start("a_damaged_or_lost_state_is_found_again_by_tags", AT_ONCE) else { return };
    let env = aws.env();
    let project = pair(&env);
    let _ = project.deploy();
    let record = Record::of(&project, "aws");
    let expected = aws.state().without_ids();
    let damages: [&dyn Fn(); 3] =
        [&|| truncate(&record.state, 50), &|| flip_after(&record.state, "\"serial\": "), &|| {
            project.edit(".sf/state/aws/dev.json", "\"version\": 2", "\"version\": 99")
        }];
    for damage in damages {
        damage();
        let _ = project.sf(&["deploy", "--yes"]).exits(1).says(&["dev.json"]);
        let _ = project.sf(&["state", "rebuild", "--yes"]).ok().says(&["rebuilt with"]);
        let _ = project.deploy();
        is_converged(&aws, &project, &expected);
    }
    record.delete();
    let _ = project.deploy().says(&["no state was recorded here: found"]);
    is_converged(&aws, &project, &expected);
}

#[test]
fn a_state_of_last_week_is_brought_up_to_date() {
    let Some(aws) = Aws::start("a_state_of_last_week_is_brought_up_to_date", AT_ONCE) else { return };
    let env = aws.env();
    let project = pair(&env);
    let _ = project.deploy();
    let record = Record::of(&project, "aws");
    let (last_week, old_manifest) = (record.backup(), project.read("sf.toml"));
    let before = aws.state().without_ids();
    move_on(&project);
    let after = aws.state().without_ids();

    // Somebody saw the newer one here.
    last_week.restore();
    let _ = project.sf(&["drift"]).ok().says(&["the state is an old one", "function/three"]);
    let _ = project.deploy().says(&["the state is an old one"]);
    is_converged(&aws, &project, &after);

    // Nobody did, and the manifest is today's.
    last_week.restore();
    forget_what_was_seen(&env);
    let _ = project.deploy();
    is_converged(&aws, &project, &after);

    // Nobody did, and the manifest is of last week too.
    last_week.restore();
    forget_what_was_seen(&env);
    project.write("sf.toml", &old_manifest);
    let _ = project.sf(&["drift", "--exit-code"]).exits(9).says(&["function/three"]);
    let _ = project.sf(&["deploy", "--refresh", "--yes"]).ok();
    is_converged(&aws, &project, &before);
}
