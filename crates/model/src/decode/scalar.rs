//! What one value can be: the texts, numbers and flags of the manifest.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::{Decode, Decoder};
use crate::app::EnvPart;
use crate::diagnostic::{Diagnostic, Invalid};
use crate::node::{Node, NodeKind};

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
