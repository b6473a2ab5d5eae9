//! A plan as text, and its run as lines that come as it goes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Instant;

use anstyle::Style;
use serde::Serialize;
use sf_plan::{Action, Change, Drift, Event, Json, ObjectKey, Path, Plan, Reason, StepId};

use super::{Progress, Ui, style};

/// Reasons shown for one object; `-v` shows all.
const REASONS: usize = 3;
/// Characters of a value shown; `--json` has it whole.
const VALUE: usize = 48;
/// Why an object of a deploy is not wanted any more.
const GONE: &str = "no longer in the manifest";

/// How many objects each action concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    create: usize,
    update: usize,
    replace: usize,
    delete: usize,
    keep: usize,
}

impl Counts {
    /// Those of a plan.
    pub(crate) fn of(changes: &[Change]) -> Self {
        let mut counts = Self::default();
        for change in changes {
            *match change.action {
                Action::Create => &mut counts.create,
                Action::Update => &mut counts.update,
                Action::Replace { .. } => &mut counts.replace,
                Action::Delete { .. } => &mut counts.delete,
                Action::Keep => &mut counts.keep,
            } += 1;
        }
        counts
    }

    /// Objects to which anything happens.
    pub(crate) fn changes(self) -> usize {
        self.create + self.update + self.replace + self.delete
    }

    /// `2 to create, 1 to delete, 5 unchanged`
    pub(crate) fn future(self) -> String {
        self.say(["to create", "to update", "to replace", "to delete"])
    }

    /// `2 created, 1 deleted, 5 unchanged`
    pub(crate) fn past(self) -> String {
        self.say(["created", "updated", "replaced", "deleted"])
    }

    /// The same without what is unchanged.
    pub(crate) fn changed(self) -> String {
        Self { keep: 0, ..self }.past()
    }

    fn say(self, words: [&str; 4]) -> String {
        let counts = [self.create, self.update, self.replace, self.delete, self.keep];
        let words = words.into_iter().chain(["unchanged"]);
        let said = counts.iter().zip(words).filter(|(count, _)| **count > 0);
        said.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
    }
}

/// A line for each change with its first reason, further reasons below; no newline at the end.
pub(crate) fn plan_text(plan: &Plan, verbose: bool) -> String {
    // A removal has the manifest, and wants nothing of it.
    let gone = if wants_nothing(plan) { "removed with all the rest" } else { GONE };
    lines_of(plan.actual_changes(), gone, verbose)
}

/// The same of changes that are no plan's.
pub(crate) fn changes_text<'a>(changes: impl Iterator<Item = &'a Change>, verbose: bool) -> String {
    lines_of(changes, GONE, verbose)
}

/// `gone`: why an object is not wanted any more.
fn lines_of<'a>(changes: impl Iterator<Item = &'a Change>, gone: &str, verbose: bool) -> String {
    let changes: Vec<_> = changes.collect();
    let width = width(changes.iter().map(|change| &change.key));
    let mut text = String::new();
    for change in changes {
        let mark = mark(change.action);
        let note = match change.action.destroys() {
            true if change.guarded => "  (protected)",
            true if change.protect => "  (holds data)",
            _ => "",
        };
        let reasons: Vec<_> = change.why.iter().map(|why| reason(why, gone)).collect();
        write_object(&mut text, mark, (&change.key, width), &reasons, verbose, note);
    }
    text.truncate(text.trim_end().len());
    text
}

/// `table/profiles would be replaced: partition.name: "id" -> "email"`
pub(crate) fn destruction_text(change: &Change) -> String {
    let what = if matches!(change.action, Action::Replace { .. }) { "replaced" } else { "deleted" };
    let reasons: Vec<_> = change.why.iter().map(|why| reason(why, GONE)).collect();
    format!("{} would be {what}: {}", change.key, reasons.join("; "))
}

/// What was changed outside of `sf`: the old value is the recorded one, the new one what is there.
pub(crate) fn drift_text(drift: &[Drift], verbose: bool) -> String {
    let width = width(drift.iter().map(|drift| &drift.key));
    let mut text = String::new();
    for Drift { key, why } in drift {
        let mark = if why.contains(&Reason::Missing) { ('-', style::DELETE) } else { ('~', style::UPDATE) };
        let reasons: Vec<_> = why.iter().map(|why| reason(why, GONE)).collect();
        write_object(&mut text, mark, (key, width), &reasons, verbose, "");
    }
    text.truncate(text.trim_end().len());
    text
}

/// Whether nothing is to be there afterwards.
fn wants_nothing(plan: &Plan) -> bool {
    plan.changes.iter().all(|change| matches!(change.action, Action::Delete { .. }))
}

fn width<'a>(keys: impl Iterator<Item = &'a ObjectKey>) -> usize {
    keys.map(|key| key.to_string().chars().count()).max().unwrap_or(0).min(40)
}

/// An object in a column of that width, beside it the first reason, further ones below.
fn write_object(
    text: &mut String,
    (mark, style): (char, Style),
    (key, width): (&ObjectKey, usize),
    reasons: &[String],
    verbose: bool,
    note: &str,
) {
    let shown = if verbose || reasons.len() <= REASONS + 1 { reasons.len() } else { REASONS };
    let first = reasons.first().map_or("", String::as_str);
    let _ = write!(text, "{style}{mark} {:width$}{style:#}  {first}{note}", key.to_string());
    for reason in reasons.iter().take(shown).skip(1) {
        let _ = write!(text, "\n  {:width$}  {reason}", "");
    }
    if shown < reasons.len() {
        let _ = write!(text, "\n  {:width$}  … and {} more", "", reasons.len() - shown);
    }
    text.push('\n');
}

fn mark(action: Action) -> (char, Style) {
    match action {
        Action::Create => ('+', style::CREATE),
        Action::Update => ('~', style::UPDATE),
        Action::Replace { .. } => ('±', style::DELETE),
        Action::Delete { .. } => ('-', style::DELETE),
        Action::Keep => (' ', style::DIM),
    }
}

/// `gone`: why an object is not wanted any more.
fn reason(reason: &Reason, gone: &str) -> String {
    match reason {
        Reason::New => "new".into(),
        Reason::Gone => gone.into(),
        Reason::Field { path, old, new, known_at_apply } => {
            field(path, old.as_ref(), new.as_ref(), *known_at_apply)
        }
        Reason::Tainted => "its creation failed half-way".into(),
        Reason::Missing => "it was deleted behind sf's back".into(),
        Reason::Leftover => "left over from an earlier replacement".into(),
        Reason::ForcedBy { by } => format!("since {by} is replaced"),
    }
}

fn field(path: &Path, old: Option<&Json>, new: Option<&Json>, known_at_apply: bool) -> String {
    let hidden = |value: Option<&Json>| {
        value
            .and_then(Json::as_object)
            .is_some_and(|map| map.contains_key("$artifact") || map.contains_key("$secret"))
    };
    match (old, new) {
        (_, None) if known_at_apply => format!("{path}: known once what it refers to is there"),
        // Digests say nothing to a person.
        (Some(_), Some(_)) if hidden(old) || hidden(new) => format!("{path} changed"),
        (Some(old), Some(new)) => format!("{path}: {} -> {}", short(old), short(new)),
        (None, Some(new)) => format!("{path}: {} (was not set)", short(new)),
        (Some(old), None) => format!("{path}: no longer set (was {})", short(old)),
        (None, None) => format!("{path} changed"),
    }
}

/// A value on one line, cut where it is long.
fn short(value: &Json) -> String {
    let text = reference(value).unwrap_or_else(|| value.to_string());
    match text.char_indices().nth(VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// `{"$ref": {"of": "function/hello", "output": "version"}}`, as what it is: what differs between two releases shows it.
fn reference(value: &Json) -> Option<String> {
    let to = value.get("$ref")?;
    Some(format!("the {} of {}", to.get("output")?.as_str()?, to.get("of")?.as_str()?))
}

/// A run as it goes.
pub(crate) struct Live<'ui> {
    ui: &'ui Ui,
    progress: Progress<'ui>,
    changes: BTreeMap<ObjectKey, Action>,
    begun: BTreeMap<StepId, Instant>,
    calls: usize,
}

impl<'ui> Live<'ui> {
    /// Before the first event.
    pub(crate) fn new(ui: &'ui Ui, plan: &Plan) -> Self {
        let changes = plan.changes.iter().map(|Change { key, action, .. }| (key.clone(), *action)).collect();
        Self {
            ui,
            progress: ui.progress("applying", plan.steps.len()),
            changes,
            begun: BTreeMap::new(),
            calls: 0,
        }
    }

    /// Says what happened.
    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Started { step, key } => {
                self.calls += 1;
                self.begun.insert(*step, Instant::now());
                self.progress.working_on(key);
            }
            Event::Progress { key, message, .. } => {
                self.ui.info(format_args!("{key}: {message}"));
                self.progress.working_on(format_args!("{key}: {message}"));
            }
            Event::Finished { step, key, .. } => {
                let took = self.begun.get(step).map_or(0.0, |begun| begun.elapsed().as_secs_f64());
                self.ui.info(format_args!("{} {key} {1}{took:.2} s{1:#}", self.past(key), style::DIM));
                self.progress.advance();
            }
            Event::Unchanged { key, .. } => {
                self.ui.detail(format_args!("{key} is as it should be"));
                self.progress.advance();
            }
            Event::Failed { key, error, .. } => {
                self.ui.problem(format_args!("{key}: {error}"));
                self.progress.advance();
            }
            Event::Skipped { key, .. } => {
                self.ui.info(format_args!("{0}skipped {key}{0:#}", style::DIM));
                self.progress.advance();
            }
        }
    }

    /// The calls that were made; takes the bar away.
    pub(crate) fn end(self) -> usize {
        self.calls
    }

    fn past(&self, key: &ObjectKey) -> &'static str {
        match self.changes.get(key) {
            Some(Action::Create) => "created",
            Some(Action::Delete { .. }) => "deleted",
            // The old and the new object have keys of their own; only the old one's is in the plan.
            Some(Action::Replace { .. }) | None => "replaced",
            Some(Action::Update | Action::Keep) => "updated",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;
    use sf_plan::{Addr, Lineage, Serial};

    use super::*;

    fn change(kind: &str, name: &str, action: Action, why: Vec<Reason>) -> Change {
        Change {
            key: ObjectKey { addr: Addr::new(kind, name), generation: 0 },
            action,
            why,
            protect: kind == "table",
            guarded: false,
            goes_with: None,
        }
    }

    fn set(path: &str, old: Option<Json>, new: Option<Json>) -> Reason {
        let path = Path(path.split('.').map(str::to_owned).collect());
        Reason::Field { path, known_at_apply: new.is_none() && old.is_some(), old, new }
    }

    #[test]
    fn a_plan_says_what_happens_to_what_and_why() {
        let long = "x".repeat(100);
        let changes = vec![
            change("api", "api", Action::Keep, vec![]),
            change(
                "function",
                "hello",
                Action::Update,
                vec![
                    set("artifact", Some(json!({"$artifact": "aa"})), Some(json!({"$artifact": "bb"}))),
                    set("env.WORD", None, Some(json!(long))),
                    set("timeout-ms", Some(json!(1000)), Some(json!(7000))),
                    set("warm", Some(json!(1)), None),
                    set("memory", Some(json!(1)), Some(json!(2))),
                ],
            ),
            change("route", "GET /x", Action::Create, vec![Reason::New]),
            change("route", "GET /y", Action::Delete { early: false }, vec![Reason::Gone]),
            change(
                "table",
                "t",
                Action::Replace { early_delete: true },
                vec![set("key", Some(json!("a")), Some(json!("b")))],
            ),
        ];
        let plan = Plan { base: (Lineage("l".into()), Serial(1)), changes, steps: vec![] };
        insta::assert_snapshot!(anstream::adapter::strip_str(&plan_text(&plan, false)).to_string());
        assert_eq!(
            Counts::of(&plan.changes).future(),
            "1 to create, 1 to update, 1 to replace, 1 to delete, 1 unchanged"
        );
        let marks: BTreeSet<_> = plan.changes.iter().map(|change| mark(change.action).0).collect();
        assert_eq!(marks.len(), plan.changes.len(), "each action has a mark of its own, without colours too");
        assert!(plan_text(&plan, true).contains("memory"), "verbose shows every reason");
    }

    #[test]
    fn a_removal_does_not_say_that_the_manifest_has_changed() {
        let gone = |name| change("route", name, Action::Delete { early: false }, vec![Reason::Gone]);
        let plan = |changes| Plan { base: (Lineage("l".into()), Serial(1)), changes, steps: vec![] };
        let text = plan_text(&plan(vec![gone("a"), gone("b")]), false);
        assert!(text.contains("removed with all the rest") && !text.contains(GONE), "{text}");
        let text = plan_text(&plan(vec![gone("a"), change("api", "api", Action::Keep, vec![])]), false);
        assert!(text.contains(GONE), "{text}");
    }

    #[test]
    fn a_reference_is_told_in_words() {
        let to =
            |name: &str| Some(json!({ "$ref": { "of": format!("function/{name}"), "output": "version" } }));
        let change = change("route", "GET /x", Action::Update, vec![set("to", to("a"), to("b"))]);
        let text = changes_text([&change].into_iter(), false);
        assert!(text.contains("to: the version of function/a -> the version of function/b"), "{text}");
    }
}
