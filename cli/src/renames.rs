//! Things that are called otherwise than they were: what a plan says of them, and of those that seem to be.

use sf_model::Renames;
use sf_plan::{Action, Change, Plan, Reason};

use crate::project::Project;
use crate::ui::Ui;

/// Plans, states and logs go by first names. Whoever reads one may know the thing by another.
pub(crate) fn say(ui: &Ui, project: &Project, plan: &Plan) {
    for line in lines(&project.app.renames, plan) {
        ui.info(line);
    }
}

fn lines(renames: &Renames, plan: &Plan) -> Vec<String> {
    let concerned = renames.iter().filter(|(kind, _, first)| {
        plan.actual_changes().any(|change| {
            let addr = &change.key.addr;
            addr.kind.0 == kind.word() && addr.name == *first
        })
    });
    concerned
        .map(|(kind, now, first)| format!("{}/{first} is `{now}` in the manifest", kind.word()))
        .collect()
}

/// Whoever gives a thing another name in the manifest may think that it stays the same thing: what to write so that it does.
pub(crate) fn forgotten(plan: &Plan, gone: &[&Change]) -> Vec<String> {
    let gone = gone.iter().filter(|change| change.why.contains(&Reason::Gone));
    let line = |old: &&Change| {
        let is_new = |new: &&Change| new.action == Action::Create && new.key.addr.kind == old.key.addr.kind;
        let new = plan.changes.iter().find(is_new)?;
        Some(format!(
            "{} is another object than {}, unless it has `was = \"{}\"`",
            new.key, old.key, old.key.addr.name
        ))
    };
    gone.filter_map(line).collect()
}
