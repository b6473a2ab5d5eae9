//! What is remembered on the host with each resource, so that a lost state is found again: the object is read back exactly
//! as it was recorded.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use sf_host_api::Resource;
use sf_plan::{Addr, Failure, Inputs, Json, Object, ObjectKey, Status, Value};
use sf_provider::Scope;

use crate::failure;
use crate::names::{self, DEPS_ANNOTATION, GENERATION_ANNOTATION, INPUTS_ANNOTATION};

/// What to remember with a resource.
pub(crate) fn annotations(
    key: &ObjectKey,
    inputs: &Inputs,
    deps: &BTreeSet<ObjectKey>,
) -> BTreeMap<String, Json> {
    let deps = deps.iter().map(|dep| dep.to_string().into()).collect();
    BTreeMap::from([
        (INPUTS_ANNOTATION.to_owned(), inputs.to_json()),
        (DEPS_ANNOTATION.to_owned(), Json::Array(deps)),
        (GENERATION_ANNOTATION.to_owned(), key.generation.into()),
    ])
}

/// The object that a resource is; `None` if somebody else put it.
pub(crate) fn owned(scope: &Scope, resource: &Resource) -> Result<Option<(ObjectKey, Object)>, Failure> {
    if !resource.annotations.contains_key(GENERATION_ANNOTATION) {
        return Ok(None);
    }
    let addr = Addr::new(resource.kind.clone(), resource.name.clone());
    let mut outputs = resource.outputs.clone();
    outputs
        .entry("revision".to_owned())
        .or_insert_with(|| resource.revision.clone().into());
    let object = Object {
        id: names::remote_id(scope, &addr),
        inputs: annotation::<Value>(resource, INPUTS_ANNOTATION)?,
        outputs,
        deps: annotation(resource, DEPS_ANNOTATION)?,
        status: Status::Ready,
        protect: false,
    };
    let generation = annotation(resource, GENERATION_ANNOTATION)?;
    Ok(Some((ObjectKey { addr, generation }, object)))
}

fn annotation<T: DeserializeOwned>(resource: &Resource, name: &str) -> Result<T, Failure> {
    let value = resource.annotations.get(name).cloned().unwrap_or(Json::Null);
    serde_json::from_value(value).map_err(|error| {
        failure::new(
            "bad-annotation",
            format!(
                "{}/{}: its annotation `{name}` cannot be read: {error}",
                resource.kind, resource.name
            ),
            "was it put by a newer version of sf, or changed by hand? delete the resource and deploy again",
        )
    })
}
