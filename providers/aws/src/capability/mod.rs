//! What AWS cannot do of the manifest: an error at its place, one for each item that would have to change; a warning for what has another
//! effect than it seems to.
//!
//! Nothing is dropped in silence. Each hint is the nearest thing that works.

mod api;
mod clash;
mod environment;
mod events;
mod function;

use sf_model::{App, Diagnostic, Span, Workflow};

use crate::NAME;
use crate::compile::Cx;
use crate::settings::Settings;

/// Tags that AWS takes for one thing, less the three that `sf` adds.
const MOST_TAGS: usize = 50 - 3;
/// Characters of a tag's key and of its value.
const LONGEST_TAG: (usize, usize) = (128, 256);

/// Everything there is to say, in the order of their places.
pub(crate) fn check(app: &App) -> Vec<Diagnostic> {
    let (settings, mut found) = match Settings::read(app) {
        Ok(settings) => (settings, Vec::new()),
        Err(problems) => (Settings::default(), problems),
    };
    let cx = Cx::new(app, &settings);
    // What a setting that could not be read would change is not worth saying.
    if found.is_empty() {
        found.extend(api::domain(&cx));
    }
    found.extend(app.workflows.iter().map(workflow));
    found.extend(tags(app));
    found.extend(clash::check(app));
    found.extend(api::check(app));
    for function in app.functions.values() {
        found.extend(function::check(&cx, function));
        found.extend(environment::check(&cx, function));
    }
    found.extend(events::check(app));
    found.sort_by(|a, b| (a.span, &a.message).cmp(&(b.span, &b.message)));
    found
}

fn unsupported(span: Span, feature: &str, hint: &str) -> Diagnostic {
    Diagnostic::error("capability", span, format!("provider `{NAME}` does not support {feature}")).hint(hint)
}

fn workflow((name, workflow): (&String, &Workflow)) -> Diagnostic {
    unsupported(
        workflow.span,
        &format!("workflow `{name}` yet"),
        "have one function send to a queue that calls the next, or limit this to other providers with `only`",
    )
}

/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>. The model keeps no places for tags.
fn tags(app: &App) -> Vec<Diagnostic> {
    let error = |message: String, hint: &str| {
        let mut error = Diagnostic::error("bad-tag", Span::default(), message).hint(hint);
        error.span = None;
        error
    };
    let mut found = Vec::new();
    if app.tags.len() > MOST_TAGS {
        let message = format!("AWS takes {MOST_TAGS} tags besides those of `sf`, not {}", app.tags.len());
        found.push(error(message, "leave some out of `[project] tags`"));
    }
    for (key, value) in &app.tags {
        if ["aws:", "sf:"].iter().any(|prefix| key.starts_with(prefix)) {
            found.push(error(format!("the tag `{key}` is not yours to set"), "choose another name for it"));
        }
        let odd = |c: char| !c.is_alphanumeric() && !" _.:/=+-@".contains(c);
        let (longest_key, longest_value) = LONGEST_TAG;
        if key.is_empty() || key.chars().count() > longest_key || value.chars().count() > longest_value {
            let hint = format!("a key has 1 to {longest_key} characters, a value up to {longest_value}");
            found.push(error(format!("AWS does not take the tag `{key}`, for its length"), &hint));
        } else if key.contains(odd) || value.contains(odd) {
            let hint = "use letters, digits, spaces and `_ . : / = + - @`";
            found.push(error(format!("AWS does not take the tag `{key}`, for a character in it"), hint));
        }
    }
    found
}
