//! From the tree of nodes to the typed sections of `manifest/`, going on after an error.
//!
//! [`section!`] is the one source of truth for the manifest's shape: from one list of fields it makes the struct, the
//! check for unknown and missing keys, and the JSON Schema with the doc comments as descriptions. [`Scalar`] does the
//! same for what a string can be.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

use crate::app::EnvPart;
use crate::diagnostic::{Diagnostic, Invalid, Span};
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

/// Something that a string can be.
pub(crate) trait Scalar: Sized {
    /// With its article and an example, for messages: ``a size such as `256MiB` ``.
    const WHAT: &'static str;
    /// A regular expression that any good text matches, for the schema.
    const PATTERN: Option<&'static str> = None;
    /// All good texts, where they can be listed.
    fn values() -> Vec<&'static str> {
        Vec::new()
    }
    fn parse(text: &str) -> Result<Self, Invalid>;
}

/// Any string can hold `${…}`, of which a schema cannot know what it stands for.
const PLACEHOLDER: &str = r"\$\{";

impl<T: Scalar> Decode for T {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, T::WHAT)?;
        T::parse(&text).map_err(|invalid| d.problems.push(invalid.at(node.span))).ok()
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        let values = T::values();
        match T::PATTERN {
            _ if !values.is_empty() => json_schema!({
                "anyOf": [{ "enum": values }, { "type": "string", "pattern": PLACEHOLDER }]
            }),
            Some(pattern) => {
                json_schema!({ "type": "string", "pattern": format!("(?:{pattern})|{PLACEHOLDER}") })
            }
            None => json_schema!({ "type": "string" }),
        }
    }
}

impl Decode for u32 {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let number = match &node.kind {
            NodeKind::Integer(number) => *number,
            NodeKind::String(text) if text.contains("${") => {
                let text = d.text(node, "a whole number")?;
                match text.trim().parse() {
                    Ok(number) => number,
                    Err(_) => {
                        let message = format!("{} must be a whole number, but is `{text}`", d.place());
                        let error = Diagnostic::error("wrong-type", node.span, message);
                        d.problems.push(error.hint("let the variable hold digits alone"));
                        return None;
                    }
                }
            }
            _ => {
                d.wrong_type(node, "a whole number");
                return None;
            }
        };
        u32::try_from(number)
            .map_err(|_| {
                let message = format!("{} is out of range: {number}", d.place());
                let error = Diagnostic::error("out-of-range", node.span, message);
                d.problems.push(error.hint("write a whole number from 0 to 4294967295"));
            })
            .ok()
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 0, "maximum": u32::MAX },
                { "type": "string", "pattern": PLACEHOLDER },
            ]
        })
    }
}

impl Decode for bool {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match node.kind {
            NodeKind::Boolean(flag) => Some(flag),
            _ => {
                d.wrong_type(node, "`true` or `false`");
                None
            }
        }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

impl<T: Decode> Decode for Vec<Spanned<T>> {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let NodeKind::Array(items) = &node.kind else {
            d.wrong_type(node, "an array");
            return None;
        };
        Some(items.iter().filter_map(|item| d.spanned(item)).collect())
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": T::schema(generator) })
    }
}

/// An array, or one item without the brackets.
#[derive(Clone, Debug)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<Spanned<T>>);

impl<T: Decode> Decode for OneOrMany<T> {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match node.kind {
            NodeKind::Array(_) => Decode::decode(node, d).map(Self),
            _ => d.spanned(node).map(|one| Self(vec![one])),
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let one = T::schema(generator);
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// What the keys of a [`Map`] may be.
pub(crate) trait KeyRule {
    const PATTERN: Option<&'static str>;
    fn check(key: &str) -> Result<(), Invalid>;
}

/// A table with names that the user chose.
#[derive(Clone, Debug)]
pub(crate) struct Map<K, T> {
    pub(crate) entries: BTreeMap<String, Entry<T>>,
    rule: PhantomData<K>,
}

/// An entry of a [`Map`].
#[derive(Clone, Debug)]
pub(crate) struct Entry<T> {
    pub(crate) key: Span,
    pub(crate) span: Span,
    pub(crate) value: T,
}

impl<K, T> Default for Map<K, T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), rule: PhantomData }
    }
}

impl<K: KeyRule, T: Decode> Decode for Map<K, T> {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let entries = d.table(node)?;
        let mut map = Self::default();
        for (name, entry) in entries {
            if let Err(invalid) = K::check(name) {
                d.problems.push(invalid.at(entry.key));
            }
            let value = d.within(name, |d| T::decode(&entry.node, d));
            if let Some(value) = value.or_else(T::fallback) {
                let entry = Entry { key: entry.key, span: entry.node.span, value };
                map.entries.insert(name.clone(), entry);
            }
        }
        Some(map)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let values = T::schema(generator);
        match K::PATTERN {
            Some(pattern) => json_schema!({
                "type": "object", "propertyNames": { "pattern": pattern }, "additionalProperties": values
            }),
            None => json_schema!({ "type": "object", "additionalProperties": values }),
        }
    }
}

/// Text that may refer to outputs of resources.
#[derive(Clone, Debug)]
pub(crate) struct EnvText(pub(crate) Vec<EnvPart>);

impl Decode for EnvText {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        d.parts(node, "a string").map(Self)
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
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

/// `max_age` is `max-age` in the manifest.
pub(crate) fn key_of(field: &str) -> String {
    field.replace('_', "-")
}

/// A field of a section, as the schema needs it.
pub(crate) struct FieldSchema {
    pub(crate) key: String,
    pub(crate) required: bool,
    pub(crate) doc: &'static str,
    pub(crate) schema: Schema,
}

/// The schema of a section.
pub(crate) fn section_schema(doc: &str, fields: Vec<FieldSchema>) -> Schema {
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for mut field in fields {
        field.schema.insert("description".into(), json!(tidy(field.doc)));
        if field.required {
            required.push(field.key.clone());
        }
        properties.insert(field.key, field.schema.to_value());
    }
    json_schema!({
        "description": tidy(doc),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// Doc comments come with a space before each line.
fn tidy(doc: &str) -> String {
    let lines: Vec<&str> = doc.lines().map(str::trim).collect();
    lines.join("\n").trim().to_owned()
}

/// Declares a section of the manifest: `key: Type`, or `key: Type = required`.
macro_rules! section {
    (
        $(#[doc = $doc:literal])*
        $name:ident {
            $($(#[doc = $field_doc:literal])* $field:ident : $type:ty $(= $required:ident)?,)*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default)]
        #[allow(dead_code, reason = "some keys are only checked here, and were read before the sections")]
        pub(crate) struct $name {
            $($(#[doc = $field_doc])* pub(crate) $field: Option<$crate::decode::Spanned<$type>>,)*
            /// The keys that are there but could not be read: not to be called missing.
            pub(crate) unread: Vec<String>,
        }

        impl $crate::decode::Decode for $name {
            fn decode(node: &$crate::node::Node, d: &mut $crate::decode::Decoder<'_>) -> Option<Self> {
                let keys = [$($crate::decode::key_of(stringify!($field)),)*];
                let entries = d.section(node, &keys)?;
                let [$($field,)*] = keys;
                let mut unread = Vec::new();
                Some(Self {
                    $($field: d.field(node, entries, &$field, $crate::decode::is_required!($($required)?), &mut unread),)*
                    unread,
                })
            }

            fn fallback() -> Option<Self> {
                Some(Self {
                    unread: vec![$($crate::decode::key_of(stringify!($field)),)*],
                    ..Self::default()
                })
            }

            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<Self>()
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let fields = vec![$($crate::decode::FieldSchema {
                    key: $crate::decode::key_of(stringify!($field)),
                    required: $crate::decode::is_required!($($required)?),
                    doc: concat!($($field_doc, "\n"),*),
                    schema: <$type as $crate::decode::Decode>::schema(generator),
                },)*];
                $crate::decode::section_schema(concat!($($doc, "\n"),*), fields)
            }
        }
    };
}
pub(crate) use section;

/// Whether a field of [`section!`] is marked so; any other word does not compile.
macro_rules! is_required {
    () => {
        false
    };
    (required) => {
        true
    };
}
pub(crate) use is_required;
