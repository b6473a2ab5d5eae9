//! What is remembered on the host with each resource, so that a lost state is found again: the object is read back exactly
//! as it was recorded.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use sf_host_api::Resource;
use sf_plan::{Addr, Digest, Failure, Inputs, Json, Object, ObjectKey, Status, Value};
use sf_provider::Scope;

use super::{holds_data, kind};
use crate::failure;
use crate::names::{self, DEPS_ANNOTATION, GENERATION_ANNOTATION, INPUTS_ANNOTATION};

/// The output of a release, and the input of what is found, that names the release that takes its place in steps.
const ROLLOUT: &str = "rollout";

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
    outputs.entry("revision".to_owned()).or_insert_with(|| resource.revision.clone().into());
    let inputs = annotation::<Value>(resource, INPUTS_ANNOTATION)?;
    let mut inputs = as_found(&addr, inputs, &resource.spec);
    // A release beside which another one answers is not as anybody wants it: the next deploy goes on with that one or puts it aside.
    if let (Some(rolling), Value::Map(inputs)) = (outputs.remove(ROLLOUT), &mut inputs) {
        inputs.insert(ROLLOUT.to_owned(), Value::Lit(rolling));
    }
    let object = Object {
        id: names::remote_id(scope, &addr),
        inputs,
        outputs,
        deps: annotation(resource, DEPS_ANNOTATION)?,
        status: Status::Ready,
        protect: holds_data(&addr.kind),
    };
    let generation = annotation(resource, GENERATION_ANNOTATION)?;
    Ok(Some((ObjectKey { addr, generation }, object)))
}

/// The inputs that the resource was put with are in its annotations; where its spec is not what they make, somebody else changed it, and what is
/// there counts.
fn as_found(addr: &Addr, inputs: Inputs, spec: &Json) -> Inputs {
    match kind(&addr.kind).map(|kind| kind.spec(&inputs)) {
        Some(Ok(own)) if own != *spec => overlaid(&inputs, &own, spec),
        _ => inputs,
    }
}

/// Inputs are named as the fields of the spec that they make (`own`). Those that make none, the tags, stay as they are.
fn overlaid(inputs: &Inputs, own: &Json, found: &Json) -> Inputs {
    match (inputs, own, found) {
        (inputs, own, found) if own == found => inputs.clone(),
        (Value::Map(inputs), Json::Object(own), Json::Object(found)) => {
            let unsaid = inputs.iter().filter(|(name, _)| !own.contains_key(*name));
            let said = found.iter().map(|(name, found)| {
                let value = match (inputs.get(name), own.get(name)) {
                    (Some(inputs), Some(own)) => overlaid(inputs, own, found),
                    _ => Value::plain(found.clone()),
                };
                (name.clone(), value)
            });
            Value::Map(unsaid.map(|(name, value)| (name.clone(), value.clone())).chain(said).collect())
        }
        (Value::Artifact(_), _, Json::String(digest)) => Value::Artifact(Digest(digest.clone())),
        (_, _, found) => Value::plain(found.clone()),
    }
}

fn annotation<T: DeserializeOwned>(resource: &Resource, name: &str) -> Result<T, Failure> {
    let value = resource.annotations.get(name).cloned().unwrap_or(Json::Null);
    serde_json::from_value(value).map_err(|error| {
        failure::new(
            "bad-annotation",
            format!("{}/{}: its annotation `{name}` cannot be read: {error}", resource.kind, resource.name),
            "was it put by a newer version of sf, or changed by hand? delete the resource and deploy again",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use sf_plan::Outputs;

    use super::*;

    fn scope() -> Scope {
        Scope { project: "shop".into(), stage: "dev".into() }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(|number| Value::Lit(number.into())),
            "[a-z$ ]{0,8}".prop_map(|text| Value::Lit(text.into())),
            "[0-9a-f]{64}".prop_map(|hex| Value::Artifact(Digest(hex))),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::btree_map("[a-z/ ]{1,8}", inner, 0..4).prop_map(Value::Map),
            ]
        })
    }

    fn key() -> impl Strategy<Value = ObjectKey> {
        ("(route|function|table)", "[a-zA-Z /{}+-]{1,20}", 0..3_u64)
            .prop_map(|(kind, name, generation)| ObjectKey { addr: Addr::new(kind, name), generation })
    }

    fn stored(key: &ObjectKey, annotations: BTreeMap<String, Json>) -> Resource {
        Resource {
            kind: key.addr.kind.0.clone(),
            name: key.addr.name.clone(),
            revision: "r7".into(),
            spec: Json::Null,
            annotations,
            outputs: BTreeMap::from([("url".to_owned(), "http://127.0.0.1:1".into())]),
        }
    }

    #[test]
    fn what_somebody_else_changed_counts() {
        let addr = Addr::new("function", "hello");
        let inputs = serde_json::json!({
            "artifact": { "$artifact": "aa" },
            "env": { "DOCS": ["http://", "x"], "WORD": "hi" },
            "tags": { "team": "market" },
            "timeout-ms": 1000,
        });
        let inputs = Value::from_json(inputs).unwrap();
        let spec = kind(&addr.kind).unwrap().spec(&inputs).unwrap();
        assert_eq!(as_found(&addr, inputs.clone(), &spec), inputs);
        let mut changed = spec;
        changed["artifact"] = "bb".into();
        changed["env"] = serde_json::json!({ "DOCS": "http://x", "NEW": "1" });
        changed["warm"] = 2.into();
        changed.as_object_mut().unwrap().remove("timeout-ms");
        let expected = serde_json::json!({
            "artifact": { "$artifact": "bb" },
            "env": { "DOCS": ["http://", "x"], "NEW": "1" },
            "tags": { "team": "market" },
            "warm": 2,
        });
        assert_eq!(as_found(&addr, inputs, &changed).to_json(), expected);
    }

    proptest! {
        #[test]
        fn an_object_is_read_back_as_it_was_recorded(
            key in key(),
            inputs in prop::collection::btree_map("[a-z]{1,8}", value(), 0..4).prop_map(Value::Map),
            deps in prop::collection::btree_set(key(), 0..4),
        ) {
            let mut resource = stored(&key, annotations(&key, &inputs, &deps));
            resource.spec = kind(&key.addr.kind).and_then(|kind| kind.spec(&inputs).ok()).unwrap_or_default();
            let (read_key, object) = owned(&scope(), &resource).unwrap().unwrap();
            prop_assert_eq!(read_key, key.clone());
            prop_assert_eq!(object, Object {
                id: names::remote_id(&scope(), &key.addr),
                inputs,
                outputs: Outputs::from([
                    ("revision".to_owned(), "r7".into()),
                    ("url".to_owned(), "http://127.0.0.1:1".into()),
                ]),
                deps,
                status: Status::Ready,
                protect: key.addr.kind.0 == "table",
            });
        }
    }

    #[test]
    fn what_somebody_else_put_is_not_ours() {
        let key = ObjectKey { addr: names::function("hello"), generation: 0 };
        let resource = stored(&key, BTreeMap::from([("owner".to_owned(), "me".into())]));
        assert_eq!(owned(&scope(), &resource), Ok(None));
    }

    #[test]
    fn a_release_under_a_rollout_is_not_as_wanted() {
        let key = ObjectKey { addr: names::release(), generation: 0 };
        let inputs = Value::from_json(serde_json::json!({ "resources": { "api/api": "r1" } })).unwrap();
        let mut resource = stored(&key, annotations(&key, &inputs, &BTreeSet::new()));
        resource.spec = kind(&key.addr.kind).unwrap().spec(&inputs).unwrap();
        let (_, alone) = owned(&scope(), &resource).unwrap().unwrap();
        assert_eq!(alone.inputs, inputs);
        resource.outputs.insert(ROLLOUT.into(), "r8".into());
        let (_, beside) = owned(&scope(), &resource).unwrap().unwrap();
        assert_eq!(beside.inputs.to_json()[ROLLOUT], "r8");
        assert_eq!(beside.outputs, alone.outputs);
    }

    #[test]
    fn an_unreadable_annotation_is_an_error_with_a_way_out() {
        let key = ObjectKey { addr: names::function("hello"), generation: 0 };
        let mut kept = annotations(&key, &Value::Map(BTreeMap::new()), &BTreeSet::new());
        kept.insert(DEPS_ANNOTATION.to_owned(), "everything".into());
        let failure = owned(&scope(), &stored(&key, kept)).unwrap_err();
        assert!(
            failure.message.starts_with("function/hello: its annotation `sf.deps` cannot be read: "),
            "{failure}"
        );
        assert!(failure.hint.is_some() && !failure.transient);
    }
}
