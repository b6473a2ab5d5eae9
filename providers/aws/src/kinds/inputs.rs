//! Inputs as the kinds' own types, and back: with the account and region in them on the way out, without on the way in.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sf_plan::{Failure, Inputs, Json, Value};

use super::{At, Made, Recorded, Seen};
use crate::names::Place;

/// Built code, by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Artifact {
    #[serde(rename = "$artifact")]
    pub(crate) digest: String,
}

/// A text, or the parts that make it up where some were outputs of other objects.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Text {
    Whole(String),
    Number(serde_json::Number),
    Parts(Vec<Text>),
}

impl Text {
    /// The whole.
    pub(crate) fn joined(&self) -> String {
        match self {
            Self::Whole(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Parts(parts) => parts.iter().map(Self::joined).collect(),
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.joined() == other.joined()
    }
}

/// Resolved inputs as the kind's own type, account and region in it.
pub(crate) fn to_spec<S: DeserializeOwned>(at: &At<'_>, inputs: &Inputs) -> Result<S, Failure> {
    let concrete = map_texts(inputs.to_json(), &|text| at.place.concrete(text));
    serde_json::from_value(concrete).map_err(|error| malformed(at, &error))
}

/// Every kind's input that is the manifest's own words.
pub(crate) const TAGS: &str = "Tags";

/// The kind's own type as inputs: general, but for those that are the manifest's own words. Even in these, names end with the suffix.
fn from_spec<S: Serialize>(at: &At<'_>, spec: &S, verbatim: &[&str]) -> Result<Inputs, Failure> {
    let mut json = serde_json::to_value(spec).map_err(|error| malformed(at, &error))?;
    for (name, value) in json.as_object_mut().into_iter().flatten() {
        let is_verbatim = name == TAGS || verbatim.contains(&name.as_str());
        let general = |text: &str| match is_verbatim {
            true => at.place.with_general_suffix(text),
            false => at.place.general(text),
        };
        *value = map_texts(value.take(), &general);
    }
    Value::from_json(json).map_err(|error| malformed(at, &error))
}

/// A recorded object for its kind.
pub(super) fn seen<S: DeserializeOwned>(at: &At<'_>, recorded: &Recorded<'_>) -> Result<Seen<S>, Failure> {
    let outputs = recorded
        .outputs
        .iter()
        .map(|(name, value)| (name.clone(), map_texts(value.clone(), &|text| at.place.concrete(text))));
    let made = Made { id: at.place.concrete(recorded.id), outputs: outputs.collect() };
    Ok(Seen { made, spec: to_spec(at, recorded.inputs)?, key: recorded.key.clone() })
}

/// What a kind saw, for the state.
pub(super) fn general_seen<S: Serialize>(
    at: &At<'_>,
    seen: Seen<S>,
    verbatim: &[&str],
) -> Result<Seen<Inputs>, Failure> {
    let spec = from_spec(at, &seen.spec, verbatim)?;
    Ok(Seen { made: general_made(at.place, seen.made), spec, key: seen.key })
}

/// What a kind made, for the state.
pub(super) fn general_made(place: &Place, made: Made) -> Made {
    let general = |text: &str| place.general(text);
    let outputs = made.outputs.into_iter().map(|(name, value)| (name, map_texts(value, &general)));
    Made { id: place.general(&made.id), outputs: outputs.collect() }
}

/// What is seen, in the words of what is recorded wherever both mean the same: a text may be recorded in parts, or name the account itself.
pub(crate) fn merged(place: &Place, recorded: &Inputs, seen: &Inputs) -> Inputs {
    if meaning(place, recorded) == meaning(place, seen) {
        return recorded.clone();
    }
    let (Value::Map(recorded), Value::Map(seen)) = (recorded, seen) else {
        return seen.clone();
    };
    let entries = seen.iter().map(|(key, seen)| {
        let value = recorded.get(key).map_or_else(|| seen.clone(), |recorded| merged(place, recorded, seen));
        (key.clone(), value)
    });
    Value::Map(entries.collect())
}

/// Concrete, with texts in parts joined, wherever they are.
fn meaning(place: &Place, value: &Inputs) -> Json {
    joined(map_texts(value.to_json(), &|text| place.concrete(text)))
}

fn joined(json: Json) -> Json {
    match json {
        Json::Array(items) => {
            let items: Vec<Json> = items.into_iter().map(joined).collect();
            if !items.is_empty() && items.iter().all(Json::is_string) {
                items.iter().filter_map(Json::as_str).collect::<String>().into()
            } else {
                items.into()
            }
        }
        Json::Object(map) => map.into_iter().map(|(key, value)| (key, joined(value))).collect(),
        other => other,
    }
}

fn map_texts(json: Json, change: &dyn Fn(&str) -> String) -> Json {
    match json {
        Json::String(text) => change(&text).into(),
        Json::Array(items) => items.into_iter().map(|item| map_texts(item, change)).collect(),
        Json::Object(map) => {
            map.into_iter().map(|(key, value)| (change(&key), map_texts(value, change))).collect()
        }
        other => other,
    }
}

fn malformed(at: &At<'_>, error: &serde_json::Error) -> Failure {
    at.failure(
        "bad-inputs",
        "read the inputs of",
        &error.to_string(),
        "was the state written by another version of sf? otherwise this is a defect of the AWS provider: please report it",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place() -> Place {
        Place { partition: "aws".into(), region: "eu-west-1".into(), account: "123456789012".into() }
    }

    fn inputs(json: Json) -> Inputs {
        Value::from_json(json).unwrap()
    }

    #[test]
    fn what_means_the_same_keeps_its_recorded_words() {
        let recorded = inputs(json!({
            "Environment": {"URL": ["https://sqs.{aws:region}.amazonaws.com/{aws:account}/q", "?x"], "OWNER": "123456789012"},
            "Timeout": 3,
            "Statement": [{"Resource": [["arn:", "a"], "b"]}],
            "Code": {"$artifact": "ab"},
        }));
        let seen = inputs(json!({
            "Environment": {"URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/q?x", "OWNER": "{aws:account}"},
            "Timeout": 3,
            "Statement": [{"Resource": ["arn:a", "b"]}],
            "Code": {"$artifact": "ab"},
        }));
        assert_eq!(merged(&place(), &recorded, &seen), recorded);
    }

    #[test]
    fn what_differs_is_as_it_is_seen() {
        let recorded = inputs(json!({"Timeout": 3, "Name": "a", "Gone": true}));
        let seen = inputs(json!({"Timeout": 4, "Name": "a"}));
        assert_eq!(merged(&place(), &recorded, &seen), seen);
    }
}
