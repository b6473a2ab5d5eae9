//! Keys as bytes whose order is the order of the keys, so that the database compares them as it stores them.

use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT as BASE64;
use serde_json::{Map, Number, Value as Json};

use super::{KeyDefinition, KeyKind, SortCondition, TableDefinition};
use crate::DataError;

/// Bytes of a key attribute.
const LONGEST: usize = 1024;

/// A key, encoded. `sort` is empty in a table that has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) partition: Vec<u8>,
    pub(super) sort: Vec<u8>,
}

impl TableDefinition {
    fn attributes(&self) -> impl Iterator<Item = &KeyDefinition> {
        std::iter::once(&self.partition).chain(&self.sort)
    }

    /// The key of an item, or of an object that is a key.
    pub(super) fn key_of(&self, item: &Map<String, Json>) -> Result<Key, DataError> {
        let partition = encode(&self.partition, item.get(&self.partition.name))?;
        let sort = match &self.sort {
            Some(sort) => encode(sort, item.get(&sort.name))?,
            None => Vec::new(),
        };
        Ok(Key { partition, sort })
    }

    /// The key that an object with exactly the key's attributes is.
    pub(super) fn key(&self, key: &Json) -> Result<Key, DataError> {
        let names =
            || self.attributes().map(|one| format!("`{}`", one.name)).collect::<Vec<_>>().join(" and ");
        let Json::Object(key) = key else {
            return Err(DataError::bad_request(format!("the key is not an object with {}", names())));
        };
        if let Some(other) = key.keys().find(|name| self.attributes().all(|one| one.name != **name)) {
            return Err(DataError::bad_request(format!("the key has `{other}`; it is {} alone", names())));
        }
        self.key_of(key)
    }

    /// An item's key as JSON.
    pub(super) fn key_text(&self, item: &Map<String, Json>) -> String {
        let key: Map<_, _> = self
            .attributes()
            .filter_map(|one| item.get(&one.name).map(|value| (one.name.clone(), value.clone())))
            .collect();
        Json::Object(key).to_string()
    }

    /// The partition of a query.
    pub(super) fn partition(&self, value: &Json) -> Result<Vec<u8>, DataError> {
        encode(&self.partition, Some(value))
    }

    /// The sort keys that a condition lets through.
    pub(super) fn range(&self, condition: &SortCondition) -> Result<Range, DataError> {
        let Some(sort) = &self.sort else {
            return Err(DataError::bad_request("the table has no sort key to compare"));
        };
        let bytes = |value: &Json| order(sort, value);
        let (lower, upper) = match condition {
            SortCondition::Eq(value) => (Bound::Included(bytes(value)?), Bound::Included(bytes(value)?)),
            SortCondition::Lt(value) => (Bound::Unbounded, Bound::Excluded(bytes(value)?)),
            SortCondition::Lte(value) => (Bound::Unbounded, Bound::Included(bytes(value)?)),
            SortCondition::Gt(value) => (Bound::Excluded(bytes(value)?), Bound::Unbounded),
            SortCondition::Gte(value) => (Bound::Included(bytes(value)?), Bound::Unbounded),
            SortCondition::Between(low, high) => {
                (Bound::Included(bytes(low)?), Bound::Included(bytes(high)?))
            }
            SortCondition::Prefix(prefix) => {
                if sort.kind != KeyKind::String {
                    return Err(DataError::bad_request(format!(
                        "the sort key `{}` is no string that could begin with something",
                        sort.name
                    )));
                }
                let lower = prefix.clone().into_bytes();
                let upper = after_all_that_begin_with(&lower);
                (Bound::Included(lower), upper.map_or(Bound::Unbounded, Bound::Excluded))
            }
        };
        Ok(Range { lower, upper })
    }
}

/// A range of encoded sort keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) lower: Bound<Vec<u8>>,
    pub(super) upper: Bound<Vec<u8>>,
}

impl Range {
    /// Leaves out what an earlier page had. A cursor of another range never makes this one wider.
    pub(super) fn continue_after(&mut self, last: Vec<u8>, reverse: bool) {
        let end = if reverse { &mut self.upper } else { &mut self.lower };
        let outside = match end {
            Bound::Included(bytes) | Bound::Excluded(bytes) if reverse => last > *bytes,
            Bound::Included(bytes) | Bound::Excluded(bytes) => last < *bytes,
            Bound::Unbounded => false,
        };
        if !outside {
            *end = Bound::Excluded(last);
        }
    }
}

/// The least bytes that are greater than all that begin with these; `None` if nothing is.
pub(crate) fn after_all_that_begin_with(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte < 0xff)?;
    let mut bytes = prefix.get(..=last)?.to_vec();
    *bytes.last_mut()? += 1;
    Some(bytes)
}

/// A key attribute's value, which is not empty and not too long.
fn encode(of: &KeyDefinition, value: Option<&Json>) -> Result<Vec<u8>, DataError> {
    let name = &of.name;
    let value =
        value.ok_or_else(|| DataError::bad_request(format!("the key attribute `{name}` is missing")))?;
    let bytes = order(of, value)?;
    if bytes.is_empty() {
        return Err(DataError::bad_request(format!("the key attribute `{name}` is empty")));
    }
    if bytes.len() > LONGEST {
        return Err(DataError::too_large(format!(
            "the key attribute `{name}` has {} bytes, the limit is 1,024",
            bytes.len()
        )));
    }
    Ok(bytes)
}

/// A value as bytes with its place in the order.
fn order(of: &KeyDefinition, value: &Json) -> Result<Vec<u8>, DataError> {
    let name = &of.name;
    match (of.kind, value) {
        (KeyKind::String, Json::String(text)) => Ok(text.clone().into_bytes()),
        (KeyKind::Number, Json::Number(number)) => match exact(number) {
            Some(float) => Ok(order_of_float(float).to_vec()),
            None => Err(DataError::bad_request(format!(
                "the key attribute `{name}` is {number}: a key's number is a 64-bit float, which cannot hold it exactly"
            ))),
        },
        (KeyKind::Bytes, Json::Object(object)) if object.len() == 1 => {
            let text = object.get("$bytes").and_then(Json::as_str);
            text.and_then(|text| BASE64.decode(text).ok()).ok_or_else(|| {
                DataError::bad_request(format!(
                    "the key attribute `{name}` is not {{\"$bytes\": \"base64\"}}"
                ))
            })
        }
        (kind, _) => {
            let wanted = match kind {
                KeyKind::String => "a string",
                KeyKind::Number => "a number",
                KeyKind::Bytes => "{\"$bytes\": \"base64\"}",
            };
            Err(DataError::bad_request(format!("the key attribute `{name}` is not {wanted}")))
        }
    }
}

/// A number as a float, if it is the same number. Clients whose numbers are floats (JavaScript's) read others as ones that they are not, and would then ask
/// for another item.
fn exact(number: &Number) -> Option<f64> {
    let float = number.as_f64().filter(|float| float.is_finite())?;
    let integer = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    // The cast is exact: an integer of 64 bits as a float has no fraction and fits into 128 bits.
    integer.is_none_or(|integer| float as i128 == integer).then_some(float)
}

/// Big-endian, the sign flipped; of negative numbers all bits, since theirs grow downwards. Both zeros are one.
fn order_of_float(float: f64) -> [u8; 8] {
    let bits = if float == 0.0 { 0 } else { float.to_bits() };
    let sign = 1 << 63;
    (if bits & sign == 0 { bits | sign } else { !bits }).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::ErrorKind;

    fn attribute(kind: KeyKind) -> KeyDefinition {
        KeyDefinition { name: "k".into(), kind }
    }

    proptest! {
        #[test]
        fn numbers_have_the_order_of_their_encodings(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(a.is_finite() && b.is_finite());
            let bytes = |float: f64| order(&attribute(KeyKind::Number), &json!(float)).unwrap();
            prop_assert_eq!(a.partial_cmp(&b).unwrap(), bytes(a).cmp(&bytes(b)));
        }

        #[test]
        fn integers_are_the_floats_that_they_equal(a in -(1i64 << 53)..=(1 << 53), b in any::<f64>()) {
            prop_assume!(b.is_finite());
            let bytes = |value: Json| order(&attribute(KeyKind::Number), &value).unwrap();
            prop_assert_eq!((a as f64).partial_cmp(&b).unwrap(), bytes(json!(a)).cmp(&bytes(json!(b))));
        }

        #[test]
        fn what_begins_with_a_prefix_is_what_lies_before_its_end(
            prefix in prop::collection::vec(prop_oneof![Just(0xffu8), any::<u8>()], 0..4),
            bytes in prop::collection::vec(prop_oneof![Just(0xffu8), any::<u8>()], 0..6),
        ) {
            let end = after_all_that_begin_with(&prefix);
            let within = bytes >= prefix && end.is_none_or(|end| bytes < end);
            prop_assert_eq!(within, bytes.starts_with(&prefix));
        }
    }

    #[test]
    fn both_zeros_are_one_key() {
        let bytes = |value: Json| order(&attribute(KeyKind::Number), &value).unwrap();
        assert_eq!(bytes(json!(-0.0)), bytes(json!(0)));
        assert_eq!(bytes(json!(1.0)), bytes(json!(1)));
    }

    #[test]
    fn a_number_that_a_float_cannot_hold_is_no_key() {
        for value in [json!((1i64 << 53) + 1), json!(i64::MAX), json!(u64::MAX), json!(i64::MIN + 1)] {
            let error = encode(&attribute(KeyKind::Number), Some(&value)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::BadRequest);
            assert!(error.message.contains(&value.to_string()), "{error}");
        }
        encode(&attribute(KeyKind::Number), Some(&json!(1u64 << 63))).unwrap();
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_attribute() {
        let cases = [
            (KeyKind::String, json!(""), ErrorKind::BadRequest),
            (KeyKind::String, json!(7), ErrorKind::BadRequest),
            (KeyKind::String, json!("x".repeat(1025)), ErrorKind::TooLarge),
            (KeyKind::Number, json!("7"), ErrorKind::BadRequest),
            (KeyKind::Bytes, json!("aGk="), ErrorKind::BadRequest),
            (KeyKind::Bytes, json!({"$bytes": "!"}), ErrorKind::BadRequest),
            (KeyKind::Bytes, json!({"$bytes": ""}), ErrorKind::BadRequest),
            (KeyKind::Bytes, json!({"$bytes": "aGk=", "more": 1}), ErrorKind::BadRequest),
        ];
        for (kind, value, expected) in cases {
            let error = encode(&attribute(kind), Some(&value)).unwrap_err();
            assert_eq!(error.kind, expected, "{value}");
            assert!(error.message.contains("`k`"), "{error}");
        }
        encode(&attribute(KeyKind::String), Some(&json!("é".repeat(512)))).unwrap();
        assert_eq!(encode(&attribute(KeyKind::Bytes), Some(&json!({"$bytes": "aGk="}))).unwrap(), b"hi");
    }
}
