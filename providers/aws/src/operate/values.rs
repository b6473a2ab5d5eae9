//! Items as people write them, and as DynamoDB does:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>

use serde_json::{Map, Number, json};
use sf_plan::Json;

/// The attribute that holds an item's version, as the kits write it.
pub(super) const VERSION: &str = "sf:version";

/// What stands for bytes: `{"$bytes": "base64"}`.
const BYTES: &str = "$bytes";

/// A value as an attribute's.
pub(super) fn attribute(value: &Json) -> Json {
    match value {
        Json::Null => json!({ "NULL": true }),
        Json::Bool(value) => json!({ "BOOL": value }),
        Json::Number(value) => json!({ "N": value.to_string() }),
        Json::String(value) => json!({ "S": value }),
        Json::Array(values) => json!({ "L": values.iter().map(attribute).collect::<Vec<_>>() }),
        Json::Object(map) => match bytes(map) {
            Some(base64) => json!({ "B": base64 }),
            None => json!({ "M": attributes(map) }),
        },
    }
}

/// An object as an item.
pub(super) fn attributes(map: &Map<String, Json>) -> Json {
    map.iter().map(|(name, value)| (name.clone(), attribute(value))).collect::<Map<_, _>>().into()
}

fn bytes(map: &Map<String, Json>) -> Option<&str> {
    let is_alone = map.len() == 1;
    map.get(BYTES).and_then(Json::as_str).filter(|_| is_alone)
}

/// An item without its version, and that version: `""` where something else wrote the item.
pub(super) fn item(attributes: Json) -> (Json, String) {
    let Json::Object(mut attributes) = attributes else { return (Json::Null, String::new()) };
    let version = attributes.remove(VERSION);
    let version = version.and_then(|version| version["S"].as_str().map(str::to_owned));
    let plain: Map<_, _> = attributes.into_iter().map(|(name, value)| (name, plain(value))).collect();
    (plain.into(), version.unwrap_or_default())
}

/// An attribute's value; sets, which only others write, are lists.
fn plain(attribute: Json) -> Json {
    let Json::Object(attribute) = attribute else { return Json::Null };
    let Some((kind, value)) = attribute.into_iter().next() else { return Json::Null };
    let each = |value: Json, one: fn(Json) -> Json| match value {
        Json::Array(values) => values.into_iter().map(one).collect(),
        other => other,
    };
    match kind.as_str() {
        "S" | "BOOL" | "SS" => value,
        "N" => number(value),
        "NS" => each(value, number),
        "B" => in_bytes(value),
        "BS" => each(value, in_bytes),
        "L" => each(value, plain),
        "M" => match value {
            Json::Object(map) => map.into_iter().map(|(name, value)| (name, plain(value))).collect(),
            other => other,
        },
        _ => Json::Null,
    }
}

fn number(text: Json) -> Json {
    match text.as_str().map(str::parse::<Number>) {
        Some(Ok(number)) => number.into(),
        _ => text,
    }
}

fn in_bytes(base64: Json) -> Json {
    Map::from_iter([(BYTES.to_owned(), base64)]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let written = json!({
            "id": "a", "count": 3, "price": 1.5, "big": -1e20, "ok": true, "none": null,
            "tags": ["x", { "deep": [] }], "photo": { "$bytes": "AAH/" }, "plain": { "$bytes": "AA==", "more": 1 },
        });
        let mut stored = attributes(written.as_object().unwrap());
        assert_eq!(stored["photo"], json!({ "B": "AAH/" }));
        assert_eq!(stored["count"], json!({ "N": "3" }));
        assert_eq!(item(stored.clone()), (written.clone(), String::new()));
        stored[VERSION] = json!({ "S": "v1" });
        assert_eq!(item(stored), (written, "v1".to_owned()));
    }

    #[test]
    fn sets_are_lists() {
        let (plain, _) = item(json!({ "n": { "NS": ["1", "2.5"] }, "b": { "BS": ["AA=="] } }));
        assert_eq!(plain, json!({ "n": [1, 2.5], "b": [{ "$bytes": "AA==" }] }));
    }
}
