//! Says what was observed before anything was decided.

use sf_engine::{News, Observed, Outdated};
use sf_plan::{Drift, ObjectKey};

use crate::ui::{Ui, counted, drift_text};

/// Objects that were adopted, and calls of earlier runs whose end is known now.
pub(crate) fn say(ui: &Ui, observed: &Observed) {
    if observed.adopted > 0 {
        let found = counted(observed.adopted, "deployed object");
        ui.info(format_args!("no state was recorded here: found {found} by their tags"));
    }
    for recovered in &observed.recovered {
        let fate = if recovered.exists { "exists" } else { "does not exist" };
        ui.info(format_args!("an earlier run was cut short at {}: it {fate}", recovered.key));
    }
}

/// What a look at every object told: each was changed, or is there and was not recorded.
pub(crate) fn say_refreshed(ui: &Ui, drift: &[Drift], unrecorded: &[ObjectKey]) {
    for Drift { key, .. } in drift {
        ui.warn(format_args!("{key} was changed behind sf's back"));
    }
    for key in unrecorded {
        ui.warn(format_args!("{key} is there and was not recorded"));
    }
}

/// That the record is not the newest one, and what is done about it.
pub(crate) fn say_outdated(ui: &Ui, outdated: Outdated) {
    let why = match outdated {
        Outdated::Older { found, seen } => {
            format!("it has serial {}, and serial {} was here before", found.0, seen.0)
        }
        Outdated::Ended => "another one was begun in its place".to_owned(),
    };
    ui.warn(format_args!("the state is an old one: {why}, so that somebody brought back a backup"));
    ui.info("looking for everything that is deployed");
}

/// How a record differs from what was found.
pub(crate) fn say_news(ui: &Ui, news: &News) {
    if let Some(cause) = &news.unreadable {
        ui.warn(cause);
    }
    for key in &news.added {
        ui.info(format_args!("+ {key}  found, was not recorded"));
    }
    for key in &news.gone {
        ui.info(format_args!("- {key}  recorded, does not exist"));
    }
    if !news.changed.is_empty() {
        ui.info(drift_text(&news.changed, ui.verbose()));
    }
    if news.settled > 0 {
        ui.info(format_args!("{} cut short and settled now", counted(news.settled, "call")));
    }
}
