//! `function`: [`sf_host_api::FunctionSpec`]. Output: `revision`. Its artifact is uploaded before it is put.

use async_trait::async_trait;
use sf_host_api::Client;
use sf_plan::{Digest, Failure, Inputs, Json, Value};
use sf_provider::Cx;

use super::{RemoteKind, malformed, plain};
use crate::failure;

pub(crate) struct Function;

#[async_trait]
impl RemoteKind for Function {
    fn stable(&self, _output: &str) -> bool {
        false
    }

    fn spec(&self, inputs: &Inputs) -> Result<Json, Failure> {
        let mut spec = plain(inputs)?;
        if let Some(Json::Object(env)) = spec.get_mut("env") {
            for (name, value) in env {
                *value = Json::String(joined(name, value)?);
            }
        }
        Ok(spec)
    }

    async fn prepare(&self, cx: &Cx, client: &Client, inputs: &Inputs) -> Result<(), Failure> {
        let digest = artifact(inputs)?;
        let has = client.has_artifact(&digest.0).await;
        if has.map_err(|error| failure::from_client(&error))? {
            return Ok(());
        }
        let zip = cx.artifacts.path(digest).ok_or_else(|| {
            failure::new(
                "artifact-not-built",
                format!("artifact {digest} is neither on the host nor in the build cache"),
                "run the command again: it builds what is missing",
            )
        })?;
        let upload = client.put_artifact(&digest.0, &zip).await;
        upload.map_err(|error| failure::from_client(&error))
    }
}

fn artifact(inputs: &Inputs) -> Result<&Digest, Failure> {
    if let Value::Map(map) = inputs
        && let Some(Value::Artifact(digest)) = map.get("artifact")
    {
        return Ok(digest);
    }
    Err(malformed("a function has no artifact"))
}

/// An environment value of its parts (see `compile::function`): the host wants one text.
fn joined(name: &str, value: &Json) -> Result<String, Failure> {
    match value {
        Json::String(text) => Ok(text.clone()),
        Json::Number(_) | Json::Bool(_) => Ok(value.to_string()),
        Json::Array(parts) => parts.iter().map(|part| joined(name, part)).collect(),
        Json::Null | Json::Object(_) => Err(malformed(&format!("environment variable `{name}` is no text"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(inputs: Json) -> Result<Json, Failure> {
        Function.spec(&Value::from_json(inputs).unwrap())
    }

    #[test]
    fn the_parts_of_an_environment_value_are_joined() {
        let inputs = json!({
            "artifact": {"$artifact": "ab"},
            "env": {"PLAIN": "x", "DOCS": ["http://127.0.0.1:", 80, "/docs/"]},
            "tags": {"team": "market"},
            "warm": 2,
        });
        let expected = json!({
            "artifact": "ab",
            "env": {"PLAIN": "x", "DOCS": "http://127.0.0.1:80/docs/"},
            "warm": 2,
        });
        assert_eq!(spec(inputs), Ok(expected));
    }

    #[test]
    fn inputs_that_no_function_has_are_refused() {
        let unresolved = json!({"env": {"API": {"$ref": {"of": "api/api", "output": "url"}}}});
        let failure = spec(unresolved).unwrap_err();
        assert_eq!(
            failure.message,
            "the inputs cannot be sent to the host: output `url` of api/api is not resolved"
        );
        assert!(spec(json!({"env": {"SECRET": {"$secret": "ab"}}})).is_err());
        assert!(spec(json!({"env": {"NESTED": {"a": 1, "b": 2}}})).is_err());
    }
}
