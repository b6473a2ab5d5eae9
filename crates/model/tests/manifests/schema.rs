//! The JSON Schema agrees with the loader.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use sf_model::json_schema;

use crate::broken::broken;
use crate::common::{example, load_text};

fn json(text: &str) -> Option<Json> {
    toml_edit::de::from_str(text).ok()
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&json_schema()).unwrap()
}

#[test]
fn the_example_is_valid() {
    let validator = validator();
    let example = json(&example()).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&example).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
}

/// Codes of what one value says by itself: the schema sees it as well.
const OF_SHAPE: &[&str] = &[
    "unknown-key",
    "wrong-type",
    "missing-key",
    "missing-version",
    "bad-name",
    "bad-size",
    "bad-env-name",
    "bad-origin",
    "unknown-runtime",
    "unknown-provider",
    "unknown-event",
];

/// Fixtures with such a code that a schema cannot see all the same: the provider is selected on the command line, the
/// key is required by the value of another one.
const UNSEEN: &[&str] = &["unknown-provider-selected"];

#[test]
fn broken_shapes_are_invalid() {
    let validator = validator();
    let mut seen = BTreeSet::new();
    for (path, text) in broken() {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let Some(manifest) = json(&text) else { continue };
        let codes: BTreeSet<String> =
            load_text(&text, None, None).diagnostics.into_iter().map(|diagnostic| diagnostic.code).collect();
        let of_shape = codes.iter().any(|code| OF_SHAPE.contains(&code.as_str()));
        if of_shape && !UNSEEN.contains(&name.as_str()) {
            assert!(!validator.is_valid(&manifest), "the schema takes {name}, which has {codes:?}");
            seen.extend(codes);
        }
    }
    let missed: Vec<_> = OF_SHAPE.iter().filter(|code| !seen.contains(**code)).collect();
    assert!(missed.is_empty(), "no fixture has {missed:?}");
}

#[test]
fn an_overlay_has_the_shape_of_the_file_with_nothing_required() {
    let validator = validator();
    let with = |overlay: Json| {
        validator.is_valid(
            &serde_json::json!({ "sf": 1, "project": { "name": "p" }, "stages": { "prod": overlay } }),
        )
    };
    assert!(with(
        serde_json::json!({ "tables": { "t": { "ttl": "at" } }, "defaults": { "memory": "1GiB" } })
    ));
    assert!(with(serde_json::json!({ "api": { "cors": { "credentials": true } } })));
    assert!(!with(serde_json::json!({ "defaults": { "memroy": "1GiB" } })));
    assert!(!with(serde_json::json!({ "functions": { "f": { "http": { "path": "/" } } } })));
    assert!(!with(serde_json::json!({ "sf": 1 })));
}

#[test]
fn every_key_says_what_it_is() {
    let schema = json_schema();
    let definitions = schema["$defs"].as_object().unwrap();
    for (name, definition) in definitions.iter().chain([(&String::new(), &schema)]) {
        for (key, property) in definition["properties"].as_object().unwrap() {
            let text = property["description"].as_str().unwrap_or_default();
            assert!(text.len() > 5, "{name}.{key} is not described");
        }
    }
}
