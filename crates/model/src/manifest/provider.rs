//! `[providers.NAME]`: settings that one provider alone has. Their shape is the backend's business.

use std::collections::BTreeMap;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value as Json;

use super::scalar::{PROVIDERS, check_provider};
use crate::decode::{Decode, Decoder, Spanned};
use crate::diagnostic::Span;
use crate::node::{Node, NodeKind};

/// `[providers]`
#[derive(Clone, Debug, Default)]
pub(crate) struct Providers {
    /// The selected provider's table: a JSON object, placeholders resolved.
    pub(crate) selected: Option<Spanned<Json>>,
    /// The functions for which any provider has settings of its own, with where that is said.
    pub(crate) functions: Vec<(String, Span)>,
}

impl Decode for Providers {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut providers = Self::default();
        for (name, entry) in d.table(node)? {
            if let Err(invalid) = check_provider(name) {
                d.problems.push(invalid.at(entry.key));
                continue;
            }
            if let Some(NodeKind::Table(functions)) =
                entry.node.get("functions").map(|entry| &entry.node.kind)
            {
                let named = functions.iter().map(|(name, entry)| (name.clone(), entry.key));
                providers.functions.extend(named);
            }
            let is_selected = d.resolver.provider.as_ref() == Some(name);
            d.within(name, |d| {
                if d.table(&entry.node).is_none() {
                } else if is_selected {
                    providers.selected =
                        json(&entry.node, d).map(|value| Spanned { value, span: entry.node.span });
                } else {
                    d.shape_only(|d| json(&entry.node, d));
                }
            });
        }
        Some(providers)
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        let table = serde_json::json!({ "type": "object" });
        let properties: BTreeMap<&str, Json> = PROVIDERS.iter().map(|name| (*name, table.clone())).collect();
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}

/// Dates become their texts.
fn json(node: &Node, d: &mut Decoder<'_>) -> Option<Json> {
    Some(match &node.kind {
        NodeKind::String(_) => Json::String(d.text(node, "a string")?),
        NodeKind::Integer(number) => Json::from(*number),
        NodeKind::Float(number) => Json::from(*number),
        NodeKind::Boolean(flag) => Json::Bool(*flag),
        NodeKind::Datetime(text) => Json::String(text.clone()),
        NodeKind::Array(items) => Json::Array(items.iter().filter_map(|item| json(item, d)).collect()),
        NodeKind::Table(entries) => {
            let pair = |(key, entry): (&String, &crate::node::NodeEntry)| {
                let value = d.within(key, |d| json(&entry.node, d))?;
                Some((key.clone(), value))
            };
            Json::Object(entries.iter().filter_map(pair).collect())
        }
    })
}
