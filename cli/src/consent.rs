//! The rule of consent: creating and updating needs none, deleting does, what holds data needs more, and what the manifest protects is not even
//! asked about: who wants it gone says so with the command.

use std::sync::Arc;

use sf_plan::{Action, Change, Plan, Reason};

use crate::args::Consent;
use crate::ends;
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::renames;
use crate::ui::{Cursor, Ui, destruction_text};

/// Refuses a plan that destroys what is protected, before anything is called.
pub(crate) fn check_protected(
    verb: &str,
    project: &Project,
    plan: &Plan,
    consent: Consent,
) -> Result<(), Error> {
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
    let lines =
        guarded.iter().map(|change| destruction_text(change)).chain(renames::forgotten(plan, &guarded));
    Err(Error::new(Exit::Consent, "protected", message)
        .details(lines.collect())
        .hint("`--data` lets it go with its data; `protect = false`, deployed first, ends the protection"))
}

/// Asks whoever has to be asked, or refuses where nobody can be.
pub(crate) async fn ask(
    ui: &Arc<Ui>,
    verb: &str,
    project: &Project,
    plan: &Plan,
    consent: Consent,
) -> Result<(), Error> {
    let data: Vec<&Change> = plan.destroyed_data().collect();
    let is_gone = |change: &&Change| {
        matches!(change.action, Action::Delete { .. }) && change.why.contains(&Reason::Gone)
    };
    let deleted: Vec<&Change> = plan.changes.iter().filter(is_gone).collect();
    let needs_flag = if !(data.is_empty() || consent.yes && consent.data) {
        "--yes --data"
    } else if !deleted.is_empty() && !consent.yes {
        "--yes"
    } else {
        return Ok(());
    };
    let what =
        if data.is_empty() { names(&deleted) } else { format!("{}, with the data in it", names(&data)) };
    let forgotten = renames::forgotten(plan, &data);
    if !ui.interactive() {
        let message = format!("{verb} `{}`: it deletes {what}", project.app.project);
        return Err(Error::new(Exit::Consent, "consent-needed", message)
            .details(forgotten)
            .hint(format!("`{needs_flag}` consents to it where nobody can be asked")));
    }
    for line in forgotten {
        ui.warn(line);
    }
    let (ui, _cursor) = (Arc::clone(ui), Cursor);
    if ends::aside(move || ui.confirm(&format!("Delete {what}?"))).await? {
        return Ok(());
    }
    Err(Error::new(Exit::Consent, "consent-refused", format!("{verb}: nothing was changed")))
}

fn names(changes: &[&Change]) -> String {
    changes.iter().map(|change| change.key.to_string()).collect::<Vec<_>>().join(", ")
}
