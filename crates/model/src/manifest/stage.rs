//! `[stages.NAME]`: what differs in a stage.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::Manifest;
use super::schema::OVERLAY;
use crate::decode::{Decode, Decoder};
use crate::diagnostic::Diagnostic;
use crate::names;
use crate::node::Node;

/// `[stages]`, of which only the shape is looked at: the selected stage was merged over the file before, and taken out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stages;

impl Decode for Stages {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        for (name, entry) in d.table(node)? {
            d.within(name, |d| overlay(name, &entry.node, d));
            if let Err(invalid) = names::check_name(name, 63) {
                d.problems.push(invalid.at(entry.key));
            }
        }
        Some(Self)
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": { "pattern": names::NAME_PATTERN },
            "additionalProperties": { "$ref": format!("#/$defs/{OVERLAY}") },
        })
    }
}

fn overlay(name: &str, node: &Node, d: &mut Decoder<'_>) {
    d.problems.extend(misplaced(name, node));
    d.shape_only(|d| Manifest::decode(node, d));
}

/// Keys that make no sense in an overlay.
pub(crate) fn misplaced(name: &str, overlay: &Node) -> Vec<Diagnostic> {
    let refuse = |key: &str| {
        let entry = overlay.get(key)?;
        let message = format!("`{key}` cannot stand in `stages.{name}`");
        Some(Diagnostic::error("unknown-key", entry.key, message).hint("it belongs to the whole file"))
    };
    NOT_IN_OVERLAYS.iter().filter_map(|key| refuse(key)).collect()
}

/// What an overlay does not have.
pub(crate) const NOT_IN_OVERLAYS: [&str; 2] = ["sf", "stages"];
