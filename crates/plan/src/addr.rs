//! Logical names: what the manifest calls a thing, never what a cloud calls it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The kind of a remote object, such as `function` or `route`. A provider defines its own set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(pub String);

/// The logical address of an object: `kind/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr {
    /// What it is.
    pub kind: Kind,
    /// Its name in the project; unique within its kind. May hold `/` (a route), since the kind never does.
    pub name: String,
}

/// One generation of an address: during a replace the old and the new object exist side by side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Whose generation it is.
    pub addr: Addr,
    /// 0 for the first object; each replacement adds one.
    pub generation: u64,
}

impl Addr {
    /// An address from its two parts.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: Kind(kind.into()), name: name.into() }
    }
}

impl ObjectKey {
    /// The key of the object that replaces this one.
    pub fn successor(&self) -> Self {
        Self { addr: self.addr.clone(), generation: self.generation.saturating_add(1) }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// `kind/name`, with `@generation` where it is not the first, or where the name itself ends as if in one.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.generation {
            0 if !reads_as_generation(&self.addr.name) => write!(f, "{}", self.addr),
            generation => write!(f, "{}@{generation}", self.addr),
        }
    }
}

fn reads_as_generation(name: &str) -> bool {
    name.rsplit_once('@').is_some_and(|(_, end)| end.parse::<u64>().is_ok())
}

/// A text that is not `kind/name`.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an address of the form kind/name")]
pub struct BadAddr(String);

impl FromStr for Addr {
    type Err = BadAddr;

    fn from_str(text: &str) -> Result<Self, BadAddr> {
        match text.split_once('/') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => Ok(Self::new(kind, name)),
            _ => Err(BadAddr(text.to_owned())),
        }
    }
}

impl FromStr for ObjectKey {
    type Err = BadAddr;

    fn from_str(text: &str) -> Result<Self, BadAddr> {
        if let Some((addr, generation)) = text.rsplit_once('@')
            && let Ok(generation) = generation.parse()
        {
            return Ok(Self { addr: addr.parse()?, generation });
        }
        Ok(Self { addr: text.parse()?, generation: 0 })
    }
}

/// Addresses and keys are written as strings, so that they can be keys of a JSON object.
macro_rules! serde_as_string {
    ($type:ty, $example:literal) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "examples": [$example] })
            }
        }
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
serde_as_string!(Addr, "function/hello");
serde_as_string!(ObjectKey, "function/hello@1");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_is_read_back(kind in "[a-z]{1,3}", name in "[a-z@/0-9 ]{1,6}", generation in 0u64..3) {
            let key = ObjectKey { addr: Addr::new(kind, name), generation };
            prop_assert_eq!(key.to_string().parse::<ObjectKey>().unwrap(), key);
        }
    }

    #[test]
    fn the_first_generation_is_not_told_unless_it_must_be() {
        let key = |name: &str| ObjectKey { addr: Addr::new("route", name), generation: 0 }.to_string();
        assert_eq!(key("GET /users"), "route/GET /users");
        assert_eq!(key("GET /users@2"), "route/GET /users@2@0");
    }
}
