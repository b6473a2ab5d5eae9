//! Which code a plan's calls may have to carry.

use std::collections::BTreeMap;

use crate::addr::ObjectKey;
use crate::object::{State, Status};
use crate::step::{Op, Plan};
use crate::value::Digest;

/// The artifacts that a plan puts into objects which do not have them yet, each with one of those objects. An object that keeps its artifact
/// while something else of it changes needs no upload.
pub fn uploads(plan: &Plan, state: &State) -> BTreeMap<Digest, ObjectKey> {
    let mut uploads = BTreeMap::new();
    for step in &plan.steps {
        let Op::Put { inputs, .. } = &step.op else { continue };
        let there = state.objects.get(&step.key).filter(|object| object.status == Status::Ready);
        let known = there.map(|object| object.inputs.artifacts()).unwrap_or_default();
        for digest in inputs.artifacts().into_iter().filter(|digest| !known.contains(digest)) {
            uploads.entry(digest.clone()).or_insert_with(|| step.key.clone());
        }
    }
    uploads
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::{Addr, Desired, Effect, Kind, Lineage, Object, Outputs, Path, RemoteId, Schemas, Value};

    struct InPlace;

    impl Schemas for InPlace {
        fn effect(&self, _: &Kind, _: &Path) -> Effect {
            Effect::InPlace
        }
        fn delete_first(&self, _: &Kind) -> bool {
            false
        }
        fn stable(&self, _: &Kind, _: &str) -> bool {
            true
        }
    }

    fn inputs(digest: &str, memory: u32) -> Value {
        Value::from_json(json!({ "code": [{ "$artifact": digest }], "memory": memory })).unwrap()
    }

    fn planned(recorded: &[(&str, &str, Status)], desired: &[(&str, &str, u32)]) -> Vec<(String, String)> {
        let mut state = State::new(Lineage("l".into()));
        for (name, digest, status) in recorded {
            let key = ObjectKey { addr: Addr::new("function", *name), generation: 0 };
            let object = Object {
                id: RemoteId((*name).into()),
                inputs: inputs(digest, 1),
                outputs: Outputs::new(),
                deps: BTreeSet::new(),
                status: *status,
                protect: false,
            };
            state.objects.insert(key, object);
        }
        let desired = desired.iter().map(|(name, digest, memory)| Desired {
            addr: Addr::new("function", *name),
            inputs: inputs(digest, *memory),
            after: BTreeSet::new(),
            protect: false,
        });
        let graph = crate::graph(desired.collect()).unwrap();
        let plan = crate::schedule(&graph, &state, crate::diff(&graph, &state, &InPlace));
        uploads(&plan, &state).into_iter().map(|(digest, key)| (digest.0, key.to_string())).collect()
    }

    #[test]
    fn only_code_that_an_object_does_not_have_is_uploaded() {
        let recorded = [
            ("same", "aa", Status::Ready),
            ("bigger", "bb", Status::Ready),
            ("newer", "cc", Status::Ready),
            ("gone", "dd", Status::Missing),
        ];
        let desired =
            [("same", "aa", 1), ("bigger", "bb", 2), ("newer", "c2", 1), ("gone", "dd", 1), ("new", "ee", 1)];
        let expected = [("c2", "function/newer"), ("dd", "function/gone"), ("ee", "function/new")];
        assert_eq!(
            planned(&recorded, &desired),
            expected.map(|(digest, key)| (digest.to_owned(), key.to_owned()))
        );
        assert_eq!(planned(&recorded, &[]), []);
    }
}
