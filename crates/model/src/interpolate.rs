//! `${…}` in strings. What the outside world says comes through [`Lookup`].

use crate::Lookup;
use crate::app::EnvPart;
use crate::diagnostic::{Diagnostic, Span};
use crate::item::ItemKind;
use crate::names;

/// What `${…}` can be, for messages.
const FORMS: &str = "`${env:NAME}`, `${env:NAME, default}`, `${stage}`, `${project}`, `${provider}`, `${file:path}`, `${git:sha}`";

/// What placeholders stand for.
pub(crate) struct Resolver<'a> {
    /// The manifest's text, to find a placeholder's own place.
    pub(crate) source: &'a str,
    pub(crate) lookup: &'a dyn Lookup,
    /// `None` where it is being found out.
    pub(crate) stage: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) provider: Option<String>,
}

impl Resolver<'_> {
    /// The text's pieces, neighbouring texts joined; one empty text for an empty string. `span` is the string's place
    /// in the source. `None` if something is wrong, which `problems` then says.
    pub(crate) fn resolve(
        &self,
        text: &str,
        span: Span,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Vec<EnvPart>> {
        let mut parts = Parts::default();
        let mut places = Places::new(self.source, span);
        let mut good = true;
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                parts.text(before);
                parts.text("${");
                rest = &from[2..];
                continue;
            }
            parts.text(before);
            let Some(end) = from.find('}') else {
                let error = Diagnostic::error("bad-variable", places.find(from), "`${` without `}`")
                    .hint("close it, or write `$${` for the two characters themselves");
                problems.push(error);
                return None;
            };
            let (placeholder, after) = from.split_at(end + 1);
            let place = places.find(placeholder);
            match self.placeholder(placeholder[2..end].trim(), place) {
                Ok(EnvPart::Text(text)) => parts.text(&text),
                Ok(output) => parts.0.push(output),
                Err(problem) => {
                    problems.push(*problem);
                    good = false;
                }
            }
            rest = after;
        }
        parts.text(rest);
        if parts.0.is_empty() {
            parts.0.push(EnvPart::Text(String::new()));
        }
        good.then_some(parts.0)
    }

    /// What stands between `${` and `}`.
    fn placeholder(&self, inner: &str, span: Span) -> Result<EnvPart, Box<Diagnostic>> {
        let fixed = |value: &Option<String>| match value {
            Some(value) => Ok(EnvPart::Text(value.clone())),
            None => Err(Box::new(
                Diagnostic::error("bad-variable", span, format!("`${{{inner}}}` is not known here"))
                    .hint("this very value helps to decide it: write it out"),
            )),
        };
        match inner {
            "stage" => return fixed(&self.stage),
            "project" => return fixed(&self.project),
            "provider" => return fixed(&self.provider),
            _ => {}
        }
        if let Some((source, argument)) = inner.split_once(':') {
            return self.lookup(source.trim(), argument.trim(), span).map(EnvPart::Text);
        }
        output(inner, span).ok_or_else(|| {
            let error = Diagnostic::error("bad-variable", span, format!("unknown variable `${{{inner}}}`"));
            Box::new(error.hint(match names::nearest(inner, ["stage", "project", "provider", "git:sha"]) {
                Some(name) => format!("did you mean `${{{name}}}`?"),
                None => format!("there are {FORMS}, and in `env` outputs such as `${{queue.NAME.url}}`"),
            }))
        })
    }

    /// `env:NAME`, `env:NAME, default`, `file:path`, `git:sha`
    fn lookup(&self, source: &str, argument: &str, span: Span) -> Result<String, Box<Diagnostic>> {
        match (source, argument) {
            ("env", argument) => {
                let (name, default) = match argument.split_once(',') {
                    Some((name, default)) => (name.trim(), Some(default.trim())),
                    None => (argument, None),
                };
                self.lookup.env(name).or_else(|| default.map(str::to_owned)).ok_or_else(|| {
                    let message = format!("the environment variable `{name}` is not set");
                    Box::new(
                        Diagnostic::error("unset-variable", span, message)
                            .hint(format!("set it, or give a default: `${{env:{name}, value}}`")),
                    )
                })
            }
            ("file", path) => match self.lookup.file(path) {
                // A file ends with a newline that nobody means.
                Ok(text) => Ok(text.strip_suffix('\n').unwrap_or(&text).trim_end_matches('\r').to_owned()),
                Err(cause) => Err(Box::new(
                    Diagnostic::error("unreadable-file", span, format!("read `{path}`: {cause}"))
                        .hint("the path is relative to the folder of the manifest"),
                )),
            },
            ("git", "sha") => self.lookup.git_sha().map_err(|cause| {
                Box::new(
                    Diagnostic::error(
                        "no-git",
                        span,
                        format!("find the commit that is checked out: {cause}"),
                    )
                    .hint("`${git:sha}` needs a git repository with a commit"),
                )
            }),
            _ => {
                let message = format!("unknown variable `${{{source}:{argument}}}`");
                Err(Box::new(
                    Diagnostic::error("bad-variable", span, message).hint(format!("there are {FORMS}")),
                ))
            }
        }
    }
}

/// `bucket.portraits.name`, `api.url`
fn output(inner: &str, span: Span) -> Option<EnvPart> {
    let mut words = inner.split('.');
    let kind = words.next()?;
    let name = if kind == "api" {
        ""
    } else {
        ItemKind::from_singular(kind)?;
        words.next()?
    };
    let output = words.next()?;
    words.next().is_none().then(|| EnvPart::Output {
        kind: kind.into(),
        name: name.into(),
        output: output.into(),
        span,
    })
}

#[derive(Default)]
struct Parts(Vec<EnvPart>);

impl Parts {
    fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(EnvPart::Text(last)) => last.push_str(text),
            _ => self.0.push(EnvPart::Text(text.to_owned())),
        }
    }
}

/// Finds placeholders in the source one after the other: escapes and multi-line strings shift them there.
struct Places<'a> {
    raw: &'a str,
    from: usize,
    span: Span,
}

impl<'a> Places<'a> {
    fn new(source: &'a str, span: Span) -> Self {
        let raw = source.get(span.start..span.end).unwrap_or_default();
        Self { raw, from: 0, span }
    }

    /// The placeholder's place, or the whole string's where an escape hides it.
    fn find(&mut self, placeholder: &str) -> Span {
        let Some(at) = self.raw.get(self.from..).and_then(|rest| rest.find(placeholder)) else {
            return self.span;
        };
        let start = self.span.start + self.from + at;
        self.from += at + placeholder.len();
        Span { start, end: start + placeholder.len() }
    }
}
