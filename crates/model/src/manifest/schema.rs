//! The JSON Schema of the manifest, for editors.

use schemars::generate::SchemaSettings;
use serde_json::{Value as Json, json};

use super::Manifest;
use super::stage::NOT_IN_OVERLAYS;

/// The definition that `stages.*` refers to.
pub(crate) const OVERLAY: &str = "Overlay";

/// The JSON Schema (draft 2020-12) of `sf.toml`, as it is in `schema/sf.schema.json`. Whatever it refuses,
/// [`load`](crate::load) refuses; what needs more than one value to judge, only `load` does.
pub fn json_schema() -> Json {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Manifest>().to_value();
    schema["title"] = json!("sf.toml");
    add_overlays(&mut schema);
    schema
}

/// An overlay has the shape of the file with nothing required. So for every definition there is a second one,
/// `Overlay…`, that refers to such second ones.
fn add_overlays(schema: &mut Json) {
    let mut root = schema.clone();
    let removed = root.as_object_mut().and_then(|root| root.remove("$defs"));
    let Some(Json::Object(mut definitions)) = removed else {
        return;
    };
    if let Some(root) = root.as_object_mut() {
        root.retain(|key, _| !matches!(key.as_str(), "$schema" | "title"));
    }
    for key in NOT_IN_OVERLAYS {
        if let Some(properties) = root.pointer_mut("/properties").and_then(Json::as_object_mut) {
            properties.remove(key);
        }
    }
    root["description"] = json!("What differs in a stage: the shape of the whole file, merged over it.");
    definitions.insert(String::new(), root);
    let Some(target) = schema.pointer_mut("/$defs").and_then(Json::as_object_mut) else {
        return;
    };
    for (name, mut definition) in definitions {
        relax(&mut definition);
        target.insert(format!("{OVERLAY}{name}"), definition);
    }
}

/// Requires nothing, and refers to the relaxed definitions.
fn relax(schema: &mut Json) {
    match schema {
        Json::Object(map) => {
            if map.get("required").is_some_and(Json::is_array) {
                map.remove("required");
            }
            if let Some(Json::String(reference)) = map.get_mut("$ref") {
                *reference = reference.replace("#/$defs/", &format!("#/$defs/{OVERLAY}"));
            }
            map.values_mut().for_each(relax);
        }
        Json::Array(items) => items.iter_mut().for_each(relax),
        _ => {}
    }
}
