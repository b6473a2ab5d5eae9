//! What the manifest protects is not even asked about: who wants it gone says so with the command.

use sf_plan::{Action, Change, Plan, Reason};

use crate::args::Consent;
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::ui::destruction_text;

/// Refuses a plan that destroys what is protected, before anything is called.
pub(crate) fn check(verb: &str, project: &Project, plan: &Plan, consent: Consent) -> Result<(), Error> {
    let guarded: Vec<&Change> = plan.destroyed_guarded().collect();
    if guarded.is_empty() || consent.data {
        return Ok(());
    }
    let names: Vec<_> = guarded.iter().map(|change| change.key.to_string()).collect();
    let are = if names.len() == 1 { "is" } else { "are" };
    let message = format!(
        "{verb} `{}`: {} {are} protected; nothing was changed",
        project.app.project,
        names.join(", ")
    );
    let lines = guarded.iter().map(|change| destruction_text(change)).chain(renames(plan, &guarded));
    Err(Error::new(Exit::Consent, "protected", message)
        .details(lines.collect())
        .hint("`--data` lets it go with its data; `protect = false`, deployed first, ends the protection"))
}

/// Who gives a thing another name in the manifest may think that it stays the same thing.
fn renames(plan: &Plan, guarded: &[&Change]) -> Vec<String> {
    let gone = guarded.iter().filter(|change| change.why.contains(&Reason::Gone));
    let line = |old: &&Change| {
        let is_new = |new: &&Change| new.action == Action::Create && new.key.addr.kind == old.key.addr.kind;
        let new = plan.changes.iter().find(is_new)?;
        Some(format!(
            "{} is another object than {}: what is in the one is not in the other",
            new.key, old.key
        ))
    };
    gone.filter_map(line).collect()
}
