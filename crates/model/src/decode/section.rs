//! [`section!`], and the JSON Schema of what it declares.

use schemars::{Schema, json_schema};
use serde_json::json;

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
