//! Arrays, and tables with names that the user chose.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use schemars::{Schema, SchemaGenerator, json_schema};

use super::{Decode, Decoder, Spanned};
use crate::diagnostic::{Invalid, Span};
use crate::node::{Node, NodeKind};

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
