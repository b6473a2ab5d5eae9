use serde_json::json;
use sf_plan::Digest;
use sf_provider::BuiltArtifact;

use super::*;
use crate::kinds;
use crate::testing::load;

fn artifacts(app: &App) -> Artifacts {
    let artifact = BuiltArtifact { digest: Digest("ab".repeat(32)), size: 1, entry: "src/a.mjs".into() };
    app.functions.keys().map(|name| (name.clone(), artifact.clone())).collect()
}

/// With a text in the place of every reference, as if what they refer to were there.
fn resolved(value: &Value) -> Json {
    match value {
        Value::Ref { .. } => json!("an-output"),
        Value::List(items) => items.iter().map(resolved).collect(),
        Value::Map(map) => map.iter().map(|(key, value)| (key.clone(), resolved(value))).collect(),
        Value::Lit(_) | Value::Secret { .. } | Value::Artifact(_) => value.to_json(),
    }
}

/// What is compiled is what the driver reads: nothing is missing, nothing is called otherwise, and nothing is read past.
#[test]
fn every_kind_knows_its_inputs() {
    let app = load(include_str!("../../tests/it/fixtures/able.toml"));
    for object in compile(&app, &artifacts(&app)).unwrap() {
        let Some(kind) = kinds::kind_of(&object.addr.kind) else { continue };
        let inputs = resolved(&object.inputs);
        let read = kind.reread(inputs.clone()).unwrap_or_else(|error| panic!("{}: {error}", object.addr));
        assert_eq!(read, inputs, "{}", object.addr);
    }
}
