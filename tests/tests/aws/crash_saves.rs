//! `sf` dies in the middle of a write of its record: the next run finds in AWS what the record does not say. One counterpart for all of it.

use sf_e2e::aws::AT_ONCE;
use sf_e2e::kill::kill_at_block;
use sf_e2e::{Aws, Project};

use crate::faults::{forget, is_whole};
use crate::support::{changes, fixture};

/// Half KiBs between two deaths, unless at each.
const SAMPLED_BLOCKS: usize = 24;

/// A run that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    FirstDeploy,
    /// Creates, changes and deletes.
    Update,
    /// A table gets another key.
    Replacement,
    Removal,
}

impl Run {
    const ALL: [Self; 4] = [Self::FirstDeploy, Self::Update, Self::Replacement, Self::Removal];

    fn args(self) -> &'static [&'static str] {
        if self == Self::Removal { &["remove", "--yes", "--data"] } else { &["deploy", "--yes", "--data"] }
    }

    /// Deploys what it begins with, and writes the manifest of which it is to make the most.
    fn prepare(self, project: &Project<'_>) {
        if self == Self::Replacement {
            let text = project.read("sf.toml");
            project.write(
                "sf.toml",
                &format!("{text}\n[tables.notes]\nkey = {{ partition = \"id:string\" }}\n"),
            );
        }
        if self != Self::FirstDeploy {
            let _ = project.deploy();
        }
        match self {
            Self::FirstDeploy | Self::Removal => {}
            Self::Update => {
                project.edit("sf.toml", "[functions.bye]", "[functions.leave]");
                project.edit(
                    "sf.toml",
                    "\"GET /hello/{name}\"]",
                    "\"GET /hello/{name}\"]\nmemory = \"512MiB\"",
                );
            }
            Self::Replacement => {
                project.edit("sf.toml", "partition = \"id:string\"", "partition = \"name:string\"");
            }
        }
        // So that the run itself writes nothing but the record.
        let _ = project.sf(&["build"]).ok();
    }
}

#[test]
fn killed_in_the_middle_of_writes() {
    let Some(aws) = Aws::start("killed_in_the_middle_of_writes", AT_ONCE) else { return };
    let env = aws.env();
    let project = fixture(&env, "routes");
    let original = project.read("sf.toml");
    for run in Run::ALL {
        let begin = || {
            forget(&aws, &project);
            project.write("sf.toml", &original);
            run.prepare(&project);
        };
        begin();
        let _ = project.sf(run.args()).ok();
        let expected = aws.state().without_ids();
        let stride = if is_whole() { 1 } else { SAMPLED_BLOCKS };
        let died = (2..400).step_by(stride).take_while(|blocks| {
            begin();
            let died = kill_at_block(&project, run.args(), *blocks);
            let what = format!("the death of a {run:?} at block {blocks}");
            let again = project.sf(run.args());
            assert_eq!(again.code, Some(0), "after {what}: {}", again.text());
            let found = aws.state().without_ids();
            assert!(found == expected, "after {what}: expected {expected:?}\nfound {found:?}");
            let third = changes(&aws, || drop(project.sf(run.args()).ok()));
            assert_eq!(third, Vec::<String>::new(), "after {what}");
            died
        });
        assert!(died.count() >= 1, "a {run:?} writes next to nothing");
    }
}
