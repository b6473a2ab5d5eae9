//! The manifest's text as a tree in which every key and value knows its place. The only file that knows `toml_edit`.

use std::collections::BTreeMap;

use toml_edit::{Document, Item, TableLike, Value};

use crate::diagnostic::{Diagnostic, Span};

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The value's bytes; of a table, those of its header `[functions.profile]`; of one that only dotted keys made,
    /// those of the key.
    pub(crate) span: Span,
    pub(crate) kind: NodeKind,
}

#[derive(Clone, Debug)]
pub(crate) enum NodeKind {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(NodeTable),
}

/// Sorted, so that the order in the file is forgotten at the first step.
pub(crate) type NodeTable = BTreeMap<String, NodeEntry>;

/// A key's place and its value.
#[derive(Clone, Debug)]
pub(crate) struct NodeEntry {
    pub(crate) key: Span,
    pub(crate) node: Node,
}

/// Reads TOML.
///
/// # Errors
/// The first syntax error, a duplicate key among them.
pub(crate) fn parse(text: &str) -> Result<Node, Box<Diagnostic>> {
    let document = Document::parse(text).map_err(|error| {
        let span = span_of(error.span(), Span::default());
        let message = error.message().trim().replace('\n', ", ");
        let error = Diagnostic::error("syntax", span, format!("not valid TOML: {message}"));
        Box::new(error.hint("see https://toml.io for the syntax"))
    })?;
    Ok(Node { span: Span::default(), kind: NodeKind::Table(table(document.as_table())) })
}

fn span_of(range: Option<std::ops::Range<usize>>, otherwise: Span) -> Span {
    range.map_or(otherwise, |range| Span { start: range.start, end: range.end })
}

fn table(source: &dyn TableLike) -> NodeTable {
    let entry = |(name, item): (&str, &Item)| {
        let key = span_of(source.key(name).and_then(toml_edit::Key::span), Span::default());
        let node = self::item(item, key)?;
        Some((name.to_owned(), NodeEntry { key, node }))
    };
    source.iter().filter_map(entry).collect()
}

fn item(item: &Item, key: Span) -> Option<Node> {
    let (span, kind) = match item {
        Item::None => return None,
        Item::Value(source) => return Some(value(source, key)),
        Item::Table(source) => (span_of(source.span(), key), NodeKind::Table(table(source))),
        Item::ArrayOfTables(source) => {
            let node = |element: &toml_edit::Table| Node {
                span: span_of(element.span(), key),
                kind: NodeKind::Table(table(element)),
            };
            (key, NodeKind::Array(source.iter().map(node).collect()))
        }
    };
    Some(Node { span, kind })
}

fn value(source: &Value, key: Span) -> Node {
    let kind = match source {
        Value::String(text) => NodeKind::String(text.value().clone()),
        Value::Integer(number) => NodeKind::Integer(*number.value()),
        Value::Float(number) => NodeKind::Float(*number.value()),
        Value::Boolean(flag) => NodeKind::Boolean(*flag.value()),
        Value::Datetime(time) => NodeKind::Datetime(time.value().to_string()),
        Value::Array(items) => NodeKind::Array(items.iter().map(|item| value(item, key)).collect()),
        Value::InlineTable(entries) => NodeKind::Table(table(entries)),
    };
    Node { span: span_of(source.span(), key), kind }
}

impl NodeKind {
    /// With its article, for messages.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Boolean(_) => "a boolean",
            Self::Datetime(_) => "a date",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// The node under `key`, if this is a table that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&NodeEntry> {
        match &self.kind {
            NodeKind::Table(entries) => entries.get(key),
            _ => None,
        }
    }
}
