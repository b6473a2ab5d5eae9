//! DynamoDB's attribute values as the items of `docs/data-api.md`:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Number, Value, json};

/// The attribute that holds an item's version: `ctx`'s own affair.
const VERSION: &str = "sf:version";

/// Attributes by name.
pub(crate) type Attributes = BTreeMap<String, Attribute>;

/// One value. Bytes are base64.
#[derive(Debug, Deserialize)]
pub(crate) enum Attribute {
    S(String),
    N(String),
    B(String),
    #[serde(rename = "BOOL")]
    Bool(bool),
    #[serde(rename = "NULL")]
    Null(IgnoredAny),
    L(Vec<Attribute>),
    M(Attributes),
    #[serde(rename = "SS")]
    Texts(Vec<String>),
    #[serde(rename = "NS")]
    Numbers(Vec<String>),
    #[serde(rename = "BS")]
    AllBytes(Vec<String>),
}

/// The item without its version; sets, which only others write, are lists.
pub(crate) fn item(attributes: &Attributes) -> Value {
    attributes
        .iter()
        .filter(|(name, _)| *name != VERSION)
        .map(|(name, value)| (name.clone(), plain(value)))
        .collect::<Map<_, _>>()
        .into()
}

fn plain(attribute: &Attribute) -> Value {
    match attribute {
        Attribute::S(text) => text.as_str().into(),
        Attribute::N(text) => number(text),
        Attribute::B(base64) => bytes(base64),
        Attribute::Bool(value) => (*value).into(),
        Attribute::Null(_) => Value::Null,
        Attribute::L(list) => list.iter().map(plain).collect(),
        Attribute::M(attributes) => {
            attributes.iter().map(|(name, value)| (name.clone(), plain(value))).collect::<Map<_, _>>().into()
        }
        Attribute::Texts(texts) => texts.iter().map(String::as_str).collect(),
        Attribute::Numbers(numbers) => numbers.iter().map(|text| number(text)).collect(),
        Attribute::AllBytes(list) => list.iter().map(|base64| bytes(base64)).collect(),
    }
}

/// DynamoDB's numbers have up to 38 digits; JSON's are what a 64-bit float or integer holds.
fn number(text: &str) -> Value {
    text.parse::<Number>().map_or_else(|_| text.into(), Value::Number)
}

fn bytes(base64: &str) -> Value {
    json!({ "$bytes": base64 })
}
