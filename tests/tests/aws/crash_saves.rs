//! `sf` dies in the middle of a write of its record: the next run finds in AWS what the record does not say. One counterpart for all of it.

use sf_e2e::Aws;
use sf_e2e::aws::AT_ONCE;
use sf_e2e::kill::kill_at_block;

use crate::faults::{forget, is_whole};
use crate::support::{changes, fixture};

/// Half KiBs between two deaths, unless at each.
const SAMPLED_BLOCKS: usize = 24;

#[test]
fn killed_in_the_middle_of_writes() {
    let Some(aws) = Aws::start("killed_in_the_middle_of_writes", AT_ONCE) else { return };
    let env = aws.env();
    let project = fixture(&env, "routes");
    let _ = project.sf(&["build"]).ok();
    let _ = project.deploy();
    let expected = aws.state().without_ids();
    for (args, is_removal) in [(&["deploy", "--yes"][..], false), (&["remove", "--yes"][..], true)] {
        let stride = if is_whole() { 1 } else { SAMPLED_BLOCKS };
        let died = (2..400).step_by(stride).take_while(|blocks| {
            forget(&aws, &project);
            if is_removal {
                let _ = project.deploy();
            }
            let died = kill_at_block(&project, args, *blocks);
            let what = format!("its death at block {blocks} of `sf {args:?}`");
            let again = project.sf(args);
            assert_eq!(again.code, Some(0), "after {what}: {}", again.text());
            let found = aws.state().without_ids();
            let is_as_expected = if is_removal { found.is_empty() } else { found == expected };
            assert!(is_as_expected, "after {what}: {found:?}");
            let third = changes(&aws, || drop(project.sf(args).ok()));
            assert_eq!(third, Vec::<String>::new(), "after {what}");
            died
        });
        assert!(died.count() >= 1, "`sf {args:?}` writes next to nothing");
    }
}
