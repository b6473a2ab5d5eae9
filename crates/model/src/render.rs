//! Diagnostics as text for a person (rustc's style) and as JSON for a program.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use crate::Source;
use crate::diagnostic::{Diagnostic, Severity, Span};

/// One block for each diagnostic, with an excerpt of the source and the hint, separated by blank lines; `""` if there
/// are none. `color`: with ANSI escapes. The text ends with a newline.
///
/// ```text
/// error[unknown-key]: unknown key `hander` in `functions.profile`
///  --> sf.toml:12:1
///   |
/// 12 | hander = "src/a.mjs#a"
///   | ^^^^^^
///   |
///   = hint: did you mean `handler`?
/// ```
pub fn render(source: &Source, diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in diagnostics {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&renderer.render(&[group(source, diagnostic)]));
        text.push('\n');
    }
    text
}

fn group<'a>(source: &'a Source, diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(&diagnostic.message).id(&diagnostic.code);
    let mut group = match diagnostic.span {
        Some(span) => {
            let span = clamp(&source.text, span);
            let annotation =
                AnnotationKind::Primary.span(span.start..span.end).label(diagnostic.label.as_deref());
            title.element(Snippet::source(&source.text).path(&source.name).annotation(annotation))
        }
        None => Group::with_title(title),
    };
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint));
    }
    group
}

/// Diagnostics may come from elsewhere (a backend, another version of the file): a span outside the text, or inside a
/// character, is moved to the nearest place that exists.
fn clamp(text: &str, span: Span) -> Span {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start);
    Span { start, end: floor(span.end).max(start) }
}

/// A place in the source, counted from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in Unicode scalar values.
    pub column: usize,
}

/// One entry of [`to_json`].
#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    diagnostic: &'a Diagnostic,
    file: &'a str,
    #[serde(flatten)]
    start: Option<Position>,
    end: Option<Position>,
}

/// An array with an object for each diagnostic: `severity`, `code`, `message`, `label`, `hint`, `file`, `span`
/// (`start` and `end` in bytes), `line` and `column` of its start and `end: {line, column}`, both counted from 1.
/// What concerns no place has `span: null`, `end: null` and neither `line` nor `column`.
pub fn to_json(source: &Source, diagnostics: &[Diagnostic]) -> serde_json::Value {
    let lines = LineIndex::new(&source.text);
    let entry = |diagnostic: &Diagnostic| {
        let span = diagnostic.span.map(|span| clamp(&source.text, span));
        let entry = Entry {
            diagnostic,
            file: &source.name,
            start: span.map(|span| lines.position(span.start)),
            end: span.map(|span| lines.position(span.end)),
        };
        serde_json::to_value(entry).unwrap_or_default()
    };
    diagnostics.iter().map(entry).collect()
}

/// Where each line begins, so that many look-ups in one text cost one scan.
pub(crate) struct LineIndex<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// `offset` is on a character boundary of the text.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        Position { line, column: column + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        Source { name: "sf.toml".into(), text: "sf = 1\n[proj\u{e9}ct]\nname = 3\n".into() }
    }

    #[test]
    fn text_has_code_place_and_hint() {
        let diagnostic =
            Diagnostic::error("wrong-type", Span { start: 25, end: 26 }, "`name` must be a string")
                .label("this is an integer")
                .hint("put it in quotes");
        insta::assert_snapshot!(render(&source(), &[diagnostic], false), @r"
        error[wrong-type]: `name` must be a string
         --> sf.toml:3:8
          |
        3 | name = 3
          |        ^ this is an integer
          |
          = hint: put it in quotes
        ");
    }

    #[test]
    fn json_counts_lines_and_characters_from_one() {
        let diagnostic = Diagnostic::error("x", Span { start: 13, end: 14 }, "m");
        let json = to_json(&source(), &[diagnostic]);
        assert_eq!(json[0]["line"], 2);
        assert_eq!(json[0]["column"], 6, "the two bytes of `\u{e9}` are one column: {json}");
        assert_eq!(json[0]["span"]["start"], 13);
    }

    #[test]
    fn a_span_outside_the_text_is_shown_at_its_end() {
        let diagnostic = Diagnostic::error("x", Span { start: 900, end: 950 }, "m");
        assert!(render(&source(), std::slice::from_ref(&diagnostic), true).contains("sf.toml"));
        assert_eq!(to_json(&source(), &[diagnostic])[0]["line"], 4);
    }
}
