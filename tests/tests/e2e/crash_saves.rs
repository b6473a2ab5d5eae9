//! kill -9 at the saves of a run, where no request marks the moment: in the middle of a write, at every half KiB of the journal and of the
//! state, and as soon as a save is done. The next run converges, and a third one has nothing to do.
//!
//! `SF_CRASH_MATRIX=whole` tries every block and every save; else it is a sample, the same one each time.

use std::path::Path;
use std::time::SystemTime;

#[cfg(unix)]
use sf_e2e::kill::kill_at_block;
use sf_e2e::kill::kill_when;
use sf_e2e::{Env, Project};

use crate::crash::{converges, converges_with_table, write, write_with_table};
use crate::support::gated;

/// A run that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    FirstDeploy,
    /// Creates, updates and deletes.
    Update,
    /// A table gets another key.
    Replacement,
    Removal,
}

impl Run {
    const ALL: [Self; 4] = [Self::FirstDeploy, Self::Update, Self::Replacement, Self::Removal];

    /// What it begins with. Everything is built, so that the run itself writes nothing but the record.
    fn prepare(self, project: &Project<'_>, stage: &str) {
        let old = format!("{stage}-old");
        match self {
            Self::FirstDeploy => {}
            Self::Update | Self::Removal => write(project, &old, &["one", "two"]),
            Self::Replacement => write_with_table(project, &old, &["one"], "id"),
        }
        if self != Self::FirstDeploy {
            let _ = project.sf(&["deploy", "--yes", "--stage", stage]).ok();
        }
        match self {
            Self::FirstDeploy => write(project, stage, &["one", "two"]),
            Self::Update => write(project, stage, &["two", "three"]),
            Self::Replacement => write_with_table(project, stage, &["one"], "name"),
            Self::Removal => return,
        }
        let _ = project.sf(&["build", "--stage", stage]).ok();
    }

    fn args(self, stage: &str) -> Vec<&str> {
        let verb = if self == Self::Removal { "remove" } else { "deploy" };
        vec![verb, "--yes", "--data", "--stage", stage]
    }

    fn converges(self, env: &Env, project: &Project<'_>, stage: &str) {
        match self {
            Self::FirstDeploy => converges(env, project, stage, stage, &["one", "two"]),
            Self::Update => converges(env, project, stage, stage, &["two", "three"]),
            Self::Replacement => converges_with_table(env, project, stage, &["one"], "name"),
            Self::Removal => {
                let _ = project.sf(&self.args(stage)).ok();
                assert!(env.host().resources("crash", stage).is_empty(), "{stage}");
                let _ = project.sf(&self.args(stage)).ok().says(&["nothing to remove: 0 calls"]);
            }
        }
    }
}

/// Every how-manieth point is tried.
fn stride() -> usize {
    if std::env::var("SF_CRASH_MATRIX").is_ok_and(|matrix| matrix == "whole") { 1 } else { 5 }
}

/// Stages of their own for the points of each run: the manifest has a hundred.
fn stage(run: Run, point: usize) -> String {
    match run {
        Run::FirstDeploy => format!("before{point}"),
        Run::Update => format!("after{point}"),
        Run::Replacement => format!("after{}", 99 - point),
        Run::Removal => format!("before{}", 99 - point),
    }
}

#[cfg(unix)]
#[test]
fn killed_in_the_middle_of_any_write() {
    let mut env = Env::new();
    let _gate = gated(&mut env);
    let project = env.project("crash", &[]);
    for run in Run::ALL {
        let died = (1..50).step_by(stride()).take_while(|blocks| {
            let stage = stage(run, *blocks);
            run.prepare(&project, &stage);
            let died = kill_at_block(&project, &run.args(&stage), *blocks);
            run.converges(&env, &project, &stage);
            died
        });
        assert!(died.count() >= 2, "{run:?} writes next to nothing");
    }
}

/// When the files of a stage's record were written last.
type Written = (Vec<Option<(u64, SystemTime)>>, usize);

fn written(folder: &Path, stage: &str) -> Written {
    let file = |kind: &str| {
        let metadata = std::fs::metadata(folder.join(format!("{stage}.{kind}"))).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    };
    let releases = std::fs::read_dir(folder.join(format!("{stage}.releases"))).map_or(0, Iterator::count);
    (vec![file("json"), file("journal"), file("json.backup")], releases)
}

#[test]
fn killed_as_soon_as_any_save_is_done() {
    let mut env = Env::new();
    let _gate = gated(&mut env);
    let project = env.project("crash", &[]);
    let folder = project.dir.join(".sf/state/self-hosted");
    for run in Run::ALL {
        let died = (0..49).step_by(stride()).take_while(|nth| {
            let stage = stage(run, *nth);
            run.prepare(&project, &stage);
            let (mut before, mut saves) = (written(&folder, &stage), 0);
            let is_saved = || {
                let now = written(&folder, &stage);
                if now != before {
                    before = now;
                    saves += 1;
                }
                saves > *nth
            };
            let died = kill_when(&project, &run.args(&stage), is_saved);
            run.converges(&env, &project, &stage);
            died
        });
        assert!(died.count() >= 1, "{run:?} is never seen to save anything");
    }
}
