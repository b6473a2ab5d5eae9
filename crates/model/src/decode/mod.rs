//! From the tree of nodes to the typed sections of `manifest/`, going on after an error.
//!
//! [`section!`] is the one source of truth for the manifest's shape: from one list of fields it makes the struct, the
//! check for unknown and missing keys, and the JSON Schema with the doc comments as descriptions. [`Scalar`] does the
//! same for what a string can be.

mod collection;
mod scalar;
mod section;

use schemars::{Schema, SchemaGenerator};

pub(crate) use collection::{Entry, KeyRule, Map, OneOrMany};
pub(crate) use scalar::{EnvText, Scalar};
pub(crate) use section::{FieldSchema, is_required, key_of, section, section_schema};

use crate::app::EnvPart;
use crate::diagnostic::{Diagnostic, Span};
use crate::interpolate::Resolver;
use crate::names;
use crate::node::{Node, NodeKind, NodeTable};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// Something that a node can be.
pub(crate) trait Decode: Sized {
    /// `None` if something is wrong, which the decoder then knows.
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self>;
    /// What stands in for a named entry that could not be read, so that references to its name still hold.
    fn fallback() -> Option<Self> {
        None
    }
    /// Its JSON Schema.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// Goes through the tree and gathers what is wrong.
pub(crate) struct Decoder<'a> {
    pub(crate) resolver: &'a Resolver<'a>,
    pub(crate) problems: Vec<Diagnostic>,
    /// An overlay of another stage: only its shape is looked at; nothing is required and no `${…}` resolved.
    shape_only: bool,
    path: Vec<String>,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(resolver: &'a Resolver<'a>) -> Self {
        Self { resolver, problems: Vec::new(), shape_only: false, path: Vec::new() }
    }

    /// Runs with `key` added to the path that messages name.
    pub(crate) fn within<T>(&mut self, key: &str, run: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(key.to_owned());
        let result = run(self);
        self.path.pop();
        result
    }

    /// Runs with only the shape looked at.
    pub(crate) fn shape_only<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.shape_only, true);
        let result = run(self);
        self.shape_only = before;
        result
    }

    /// `` `functions.profile` ``, or `the manifest`.
    pub(crate) fn place(&self) -> String {
        if self.path.is_empty() { "the manifest".into() } else { format!("`{}`", self.path.join(".")) }
    }

    pub(crate) fn wrong_type(&mut self, node: &Node, wanted: &str) {
        let found = node.kind.describe();
        let (kind, hint) = match wanted.split_once(" such as ") {
            Some((kind, example)) => (kind, format!("write it like {example}")),
            None => match wanted {
                "a string" => (wanted, "put it in quotes".into()),
                "a whole number" => (wanted, "write digits, without quotes".into()),
                "an array" => (wanted, "put it in brackets: `[…]`".into()),
                "a table" => (wanted, "write `{ key = value }`, or a header of its own".into()),
                other => (wanted, format!("write {other}")),
            },
        };
        let message = format!("{} must be {kind}, but is {found}", self.place());
        let error = Diagnostic::error("wrong-type", node.span, message).label(found);
        self.problems.push(error.hint(hint));
    }

    pub(crate) fn spanned<T: Decode>(&mut self, node: &Node) -> Option<Spanned<T>> {
        T::decode(node, self).map(|value| Spanned { value, span: node.span })
    }

    pub(crate) fn table<'n>(&mut self, node: &'n Node) -> Option<&'n NodeTable> {
        if let NodeKind::Table(entries) = &node.kind {
            return Some(entries);
        }
        self.wrong_type(node, "a table");
        None
    }

    /// A string with its placeholders resolved.
    pub(crate) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        let mut text = String::new();
        let mut good = true;
        for part in self.parts(node, what)? {
            match part {
                EnvPart::Text(part) => text.push_str(&part),
                EnvPart::Output { span, .. } => {
                    let message = format!("{} cannot hold an output of a resource", self.place());
                    let error = Diagnostic::error("output-outside-env", span, message);
                    self.problems.push(
                        error.hint("outputs are known only after a deploy: they can stand in `env` alone"),
                    );
                    good = false;
                }
            }
        }
        good.then_some(text)
    }

    fn parts(&mut self, node: &Node, what: &str) -> Option<Vec<EnvPart>> {
        match &node.kind {
            NodeKind::String(text) if self.shape_only && text.contains("${") => None,
            NodeKind::String(text) => self.resolver.resolve(text, node.span, &mut self.problems),
            _ => {
                self.wrong_type(node, what);
                None
            }
        }
    }

    /// A section's entries; keys it does not know are reported.
    pub(crate) fn section<'n>(&mut self, node: &'n Node, keys: &[String]) -> Option<&'n NodeTable> {
        let entries = self.table(node)?;
        for (key, entry) in entries {
            if !keys.contains(key) {
                let message = format!("unknown key `{key}` in {}", self.place());
                let known = keys.iter().map(String::as_str);
                let hint = match names::nearest(key, known.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", names::list(known)),
                };
                let error = Diagnostic::error("unknown-key", entry.key, message);
                self.problems.push(error.hint(hint));
            }
        }
        Some(entries)
    }

    /// One field of a section.
    pub(crate) fn field<T: Decode>(
        &mut self,
        section: &Node,
        entries: &NodeTable,
        key: &str,
        required: bool,
        unread: &mut Vec<String>,
    ) -> Option<Spanned<T>> {
        match entries.get(key) {
            Some(entry) => {
                let value = self.within(key, |d| d.spanned(&entry.node));
                if value.is_none() {
                    unread.push(key.to_owned());
                }
                value
            }
            None if required && !self.shape_only => {
                let message = format!("{} has no `{key}`", self.place());
                let error = Diagnostic::error("missing-key", section.span, message);
                self.problems.push(error.hint(if self.path.is_empty() {
                    format!("add `[{key}]`")
                } else {
                    format!("add `{key} = …`")
                }));
                None
            }
            None => None,
        }
    }
}
