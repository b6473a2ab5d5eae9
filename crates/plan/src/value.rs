//! What a backend asks for: an object's inputs, some of which are known only once another object exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::addr::Addr;

/// A plain JSON value. Its maps are sorted (`serde_json` without `preserve_order`), so its text is canonical.
pub type Json = serde_json::Value;

/// A SHA-256 digest, as 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub String);

impl From<[u8; 32]> for Digest {
    fn from(hash: [u8; 32]) -> Self {
        Self(hex::encode(hash))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An input of an object. [`Value::Ref`] is the only source of edges between objects.
///
/// As JSON: literals, lists and maps stand as they are; the rest are objects with one `$` key:
/// `{"$secret": hash}`, `{"$artifact": digest}`, `{"$ref": {"of": "kind/name", "output": "url"}}`.
/// A map's own key that begins with `$` gets a second one, so that a user's data is never taken for one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A null, boolean, number or string (lists and maps are [`Value::List`] and [`Value::Map`]).
    Lit(Json),
    /// A secret's salted hash: never the secret.
    Secret {
        /// The salted hash.
        hash: Digest,
    },
    /// Built code, by its digest.
    Artifact(Digest),
    /// An output of another object, known when that object exists.
    Ref {
        /// Whose output.
        of: Addr,
        /// Which output.
        output: String,
    },
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(BTreeMap<String, Value>),
}

/// A place inside an object's inputs: map keys and list indices, outermost first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Path(pub Vec<String>);

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// An object that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// Its logical address.
    pub addr: Addr,
    /// Its inputs: a [`Value::Map`].
    pub inputs: Value,
    /// Objects that must be there first though no input refers to them.
    pub after: BTreeSet<Addr>,
    /// Refuse to delete or replace it without consent: it holds data.
    pub protect: bool,
}

impl Desired {
    /// As it is when it was written as JSON and read back: what two of them are compared by.
    #[must_use]
    pub fn normalized(mut self) -> Self {
        self.inputs.normalize();
        self
    }
}

impl Value {
    /// The JSON form documented on [`Value`].
    pub fn to_json(&self) -> Json {
        match self {
            Self::Lit(json) => json.clone(),
            Self::Secret { hash } => serde_json::json!({ "$secret": hash }),
            Self::Artifact(digest) => serde_json::json!({ "$artifact": digest }),
            Self::Ref { of, output } => serde_json::json!({ "$ref": { "of": of, "output": output } }),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Map(map) => {
                Json::Object(map.iter().map(|(key, value)| (escaped(key), value.to_json())).collect())
            }
        }
    }

    /// Plain data, such as an output, as a value: nothing in it has a meaning of its own.
    pub fn plain(json: Json) -> Self {
        match json {
            Json::Array(items) => Self::List(items.into_iter().map(Self::plain).collect()),
            Json::Object(map) => {
                Self::Map(map.into_iter().map(|(key, value)| (key, Self::plain(value))).collect())
            }
            literal => Self::Lit(literal),
        }
    }

    /// Literal lists and maps become [`Value::List`] and [`Value::Map`], as they do when they are read back from a state.
    pub(crate) fn normalize(&mut self) {
        match self {
            Self::Lit(json @ (Json::Array(_) | Json::Object(_))) => *self = Self::plain(json.take()),
            Self::List(items) => items.iter_mut().for_each(Self::normalize),
            Self::Map(map) => map.values_mut().for_each(Self::normalize),
            Self::Lit(_) | Self::Secret { .. } | Self::Artifact(_) | Self::Ref { .. } => {}
        }
    }

    /// The artifacts in it, at any depth.
    pub fn artifacts(&self) -> Vec<&Digest> {
        match self {
            Self::Artifact(digest) => vec![digest],
            Self::List(items) => items.iter().flat_map(Self::artifacts).collect(),
            Self::Map(map) => map.values().flat_map(Self::artifacts).collect(),
            Self::Lit(_) | Self::Secret { .. } | Self::Ref { .. } => Vec::new(),
        }
    }

    /// The inverse of [`Value::to_json`].
    ///
    /// # Errors
    /// An object with a `$` key that is none of the documented forms.
    pub fn from_json(json: Json) -> Result<Self, serde_json::Error> {
        match json {
            Json::Array(items) => {
                Ok(Self::List(items.into_iter().map(Self::from_json).collect::<Result<_, _>>()?))
            }
            Json::Object(map) if map.len() == 1 && map.keys().any(|key| is_marker(key)) => {
                Ok(match serde_json::from_value::<Marker>(Json::Object(map))? {
                    Marker::Secret(hash) => Self::Secret { hash },
                    Marker::Artifact(digest) => Self::Artifact(digest),
                    Marker::Ref { of, output } => Self::Ref { of, output },
                })
            }
            Json::Object(map) => {
                let entries =
                    map.into_iter().map(|(key, value)| Ok((unescaped(key), Self::from_json(value)?)));
                Ok(Self::Map(entries.collect::<Result<_, serde_json::Error>>()?))
            }
            literal => Ok(Self::Lit(literal)),
        }
    }
}

fn escaped(key: &str) -> String {
    if key.starts_with('$') { format!("${key}") } else { key.to_owned() }
}

fn unescaped(key: String) -> String {
    match key.strip_prefix('$') {
        Some(rest) if rest.starts_with('$') => rest.to_owned(),
        _ => key,
    }
}

fn is_marker(key: &str) -> bool {
    key.starts_with('$') && !key.starts_with("$$")
}

/// The `$` forms, as they stand in JSON.
#[derive(Deserialize)]
enum Marker {
    #[serde(rename = "$secret")]
    Secret(Digest),
    #[serde(rename = "$artifact")]
    Artifact(Digest),
    #[serde(rename = "$ref")]
    Ref { of: Addr, output: String },
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(Json::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Lit(Json::Null)),
            any::<bool>().prop_map(|bool| Value::Lit(bool.into())),
            any::<i64>().prop_map(|number| Value::Lit(number.into())),
            ".{0,6}".prop_map(|text: String| Value::Lit(text.into())),
            "[0-9a-f]{4}".prop_map(|hash| Value::Secret { hash: Digest(hash) }),
            "[0-9a-f]{4}".prop_map(|hash| Value::Artifact(Digest(hash))),
            ("[a-z]{1,3}", "[^ ]{1,4}")
                .prop_map(|(kind, name)| Value::Ref { of: Addr::new(kind, name), output: "out".into() }),
        ];
        let key = prop_oneof!["[a-z]{1,3}", "\\$ref", "\\$secret", "\\${0,3}[a-z]{0,2}"];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                proptest::collection::btree_map(key.clone(), inner, 0..4).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in value()) {
            let json = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
        }
    }

    #[test]
    fn plain_data_that_looks_like_a_marker_stays_data() {
        let json = serde_json::json!({ "$ref": { "of": "kind/name", "output": "url" } });
        let value = Value::plain(json.clone());
        assert!(matches!(&value, Value::Map(map) if map.contains_key("$ref")));
        assert_eq!(serde_json::from_value::<Value>(serde_json::to_value(&value).unwrap()).unwrap(), value);
        assert_ne!(Value::from_json(json).unwrap(), value);
    }

    #[test]
    fn an_unknown_marker_is_an_error() {
        assert!(Value::from_json(serde_json::json!({ "$later": 1 })).is_err());
    }
}
