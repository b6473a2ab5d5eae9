//! Two hundred functions with a route each in one project: CloudFormation stops at five hundred resources, of which each takes five.

use std::fmt::Write as _;
use std::time::Duration;

use sf_e2e::Aws;
use sf_e2e::aws::AT_ONCE;

use crate::support::{SCOPE, answering, is_clean, manifest, nothing_changes};

const FUNCTIONS: usize = 200;
/// On a machine that does ten other things.
const PATIENCE: Duration = Duration::from_secs(600);

#[test]
fn two_hundred_functions_in_one_project() {
    let Some(aws) = Aws::start("two_hundred_functions_in_one_project", AT_ONCE) else { return };
    let env = aws.env();
    let project = env.project("shop", &[]);
    let mut text = manifest(&[]);
    for number in 0..FUNCTIONS {
        let name = format!("f{number}");
        write!(text, "\n[functions.{name}]\nhandler = \"{name}.mjs#{name}\"\nhttp = [\"GET /{name}\"]\n")
            .unwrap();
        project.write(&format!("{name}.mjs"), &answering(&name, &name));
    }
    project.write("sf.toml", &text);
    let _ = project.sf_within(PATIENCE, &["deploy", "--yes"]).ok();
    let state = aws.state();
    for kind in ["functions", "roles", "routes", "log_groups"] {
        assert_eq!(state.of_kind(kind).len(), FUNCTIONS, "{kind}");
    }
    assert!(state.of_kind("functions").iter().all(|name| name.starts_with(SCOPE)));
    for number in [0, 99, FUNCTIONS - 1] {
        assert_eq!(project.get(&format!("/f{number}")).text(), format!("f{number}"));
    }
    nothing_changes(&aws, &project);
    is_clean(&aws);
    let _ = project.sf_within(PATIENCE, &["remove", "--yes"]).ok();
    assert!(aws.state().is_empty(), "left behind: {:?}", aws.state());
}
