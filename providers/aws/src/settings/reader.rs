//! A table of settings, read key by key; what nobody asked for is an error that names what there is.
//!
//! The model keeps one place for the whole of a provider's settings, so every diagnostic points there and names the key.

use serde_json::{Map, Value as Json};
use sf_model::{Diagnostic, Span};

use crate::NAME;

pub(super) struct Reader<'a> {
    /// `functions.resize.`; empty at the top.
    within: String,
    table: Option<&'a Map<String, Json>>,
    span: Span,
    known: Vec<&'static str>,
    problems: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(value: &'a Json, span: Span) -> Self {
        Self {
            within: String::new(),
            table: value.as_object(),
            span,
            known: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// What was found, once every key was asked for.
    pub(super) fn finish(mut self) -> Result<(), Vec<Diagnostic>> {
        self.refuse_unknown();
        if self.problems.is_empty() { Ok(()) } else { Err(self.problems) }
    }

    pub(super) fn problem(&mut self, code: &str, message: String, hint: &str) {
        self.problems.push(Diagnostic::error(code, self.span, message).hint(hint));
    }

    /// A text that is good.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        what: &str,
        good: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let text =
            |value: &Json| value.as_str().filter(|text| !text.is_empty() && good(text)).map(str::to_owned);
        self.parsed(key, what, text)
    }

    pub(super) fn number(&mut self, key: &'static str, what: &str) -> Option<u64> {
        self.parsed(key, what, number)
    }

    /// A value that `parse` makes something of.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        what: &str,
        parse: impl Fn(&Json) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let parsed = parse(value);
        if parsed.is_none() {
            self.wrong(key, value, what);
        }
        parsed
    }

    /// A list of texts that are all good.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        what: &str,
        good: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let Some(items) = value.as_array() else {
            self.wrong(key, value, &format!("a list, each {what}"));
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items {
            match item.as_str().filter(|text| good(text)) {
                Some(text) => texts.push(text.to_owned()),
                None => self.wrong(key, item, what),
            }
        }
        texts
    }

    /// The table of that key, where there is one.
    pub(super) fn table(&mut self, key: &'static str, read: impl FnOnce(&mut Self)) {
        let Some(value) = self.take(key) else { return };
        self.inner(key, value, read);
    }

    /// Every table in the table of that key.
    pub(super) fn tables(&mut self, key: &'static str, mut read: impl FnMut(&str, &mut Self)) {
        let Some(value) = self.take(key) else { return };
        let Some(entries) = value.as_object() else {
            self.wrong(key, value, "a table");
            return;
        };
        for (name, value) in entries {
            self.inner(&format!("{key}.{name}"), value, |inner| read(name, inner));
        }
    }

    fn inner(&mut self, path: &str, value: &'a Json, read: impl FnOnce(&mut Self)) {
        if !value.is_object() {
            self.wrong(path, value, "a table");
            return;
        }
        let mut inner = Self::new(value, self.span);
        inner.within = format!("{}{path}.", self.within);
        read(&mut inner);
        inner.refuse_unknown();
        self.problems.append(&mut inner.problems);
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Json> {
        self.known.push(key);
        self.table?.get(key)
    }

    fn wrong(&mut self, key: &str, value: &Json, what: &str) {
        let message = format!("`{}{key}` of provider `{NAME}` cannot be {value}", self.within);
        self.problem("bad-value", message, &format!("write {what}"));
    }

    fn refuse_unknown(&mut self) {
        let keys = self.table.into_iter().flat_map(Map::keys);
        let unknown: Vec<&String> = keys.filter(|key| !self.known.contains(&key.as_str())).collect();
        for key in unknown {
            let message = format!("provider `{NAME}` has no setting `{}{key}`", self.within);
            let known: Vec<String> = self.known.iter().map(|known| format!("`{known}`")).collect();
            let near = match nearest(key, &self.known) {
                Some(near) => format!("did you mean `{near}`? "),
                None => String::new(),
            };
            self.problem("unknown-key", message, &format!("{near}there are {}", known.join(", ")));
        }
    }
}

/// A number, or its text: what comes from `${env:X}` arrives as text.
pub(super) fn number(value: &Json) -> Option<u64> {
    match value {
        Json::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

/// What was probably meant.
fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let distances = known.iter().map(|name| (strsim::damerau_levenshtein(wrong, name), *name));
    let near = distances.filter(|(distance, name)| *distance <= 1 + name.len().min(wrong.len()) / 4);
    near.min().map(|(_, name)| name)
}
