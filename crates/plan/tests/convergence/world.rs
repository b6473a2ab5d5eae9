//! A fake cloud, the manifests that are deployed to it, and what its kinds are like.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sf_plan::{
    Addr, CallAction, Desired, Effect, Inputs, Json, Kind, Object, ObjectKey, Outcome, Outputs, Path,
    RemoteId, Schemas, Status, Value,
};

/// | kind | a changed value | a changed reference | its output |
/// | --- | --- | --- | --- |
/// | `plain` | in place | in place | another one after each call |
/// | `stable` | in place | in place | survives, as its schema says |
/// | `quiet` | in place | in place | survives, though its schema does not say so |
/// | `replaced` | replaces | replaces | another one |
/// | `bound` | in place | replaces | another one |
/// | `alone` | replaces, and cannot stand beside its successor | the same | another one |
/// | `case` | in place | in place | survives |
/// | `crate` | replaces | replaces | each object's own |
/// | `part` | in place | replaces | survives |
///
/// A `part` lies in the `case`, `crate` or other `part` that it refers to, if there is but one, and goes with that.
pub(crate) const KINDS: [&str; 15] = [
    "plain", "case", "quiet", "crate", "stable", "part", "replaced", "alone", "bound", "part", "replaced",
    "alone", "part", "bound", "plain",
];

pub(crate) struct TestSchemas;

impl Schemas for TestSchemas {
    fn effect(&self, kind: &Kind, path: &Path) -> Effect {
        match (kind.0.as_str(), path.0.first().map_or("", String::as_str)) {
            (_, "noise") => Effect::Ignore,
            ("bound" | "part", "value") => Effect::InPlace,
            ("bound" | "part" | "replaced" | "crate" | "alone", _) => Effect::NewObject,
            _ => Effect::InPlace,
        }
    }
    fn delete_first(&self, kind: &Kind) -> bool {
        kind.0 == "alone"
    }
    fn stable(&self, kind: &Kind, _: &str) -> bool {
        matches!(kind.0.as_str(), "stable" | "case" | "crate" | "part")
    }
    fn goes_with(&self, kind: &Kind, container: &Kind) -> bool {
        kind.0 == "part" && is_container(container)
    }
}

fn is_container(kind: &Kind) -> bool {
    matches!(kind.0.as_str(), "case" | "crate" | "part")
}

/// One object of a manifest.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    value: u8,
    noise: u8,
    refers: BTreeSet<usize>,
    after: BTreeSet<usize>,
    protect: bool,
}

/// A manifest: which of the addresses exist, and how; now and then none at all. A node uses only nodes before it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spec(Vec<Option<Node>>);

pub(crate) fn addr(index: usize) -> Addr {
    Addr::new(KINDS[index], format!("n{index}"))
}

pub(crate) fn spec() -> impl Strategy<Value = Spec> {
    let some = |max| proptest::collection::btree_set(0..KINDS.len(), 0..max);
    let node = (0u8..3, 0u8..2, some(3), some(2), proptest::bool::weighted(0.2))
        .prop_map(|(value, noise, refers, after, protect)| Node { value, noise, refers, after, protect });
    let some = proptest::collection::vec(proptest::option::weighted(0.75, node), KINDS.len());
    prop_oneof![4 => some.prop_map(Spec), 1 => Just(Spec::default())]
}

impl Spec {
    pub(crate) fn desired(&self) -> Vec<Desired> {
        let used = |index: usize, uses: &BTreeSet<usize>| -> Vec<usize> {
            uses.iter().copied().filter(|used| *used < index && self.0[*used].is_some()).collect()
        };
        let nodes = self.0.iter().enumerate().filter_map(|(index, node)| {
            let node = node.as_ref()?;
            let literal = |value: u8| Value::Lit(value.into());
            let mut inputs = BTreeMap::from([
                ("value".to_owned(), literal(node.value)),
                ("noise".to_owned(), literal(node.noise)),
            ]);
            for used in used(index, &node.refers) {
                inputs.insert(format!("n{used}"), Value::Ref { of: addr(used), output: "out".into() });
            }
            // What a part must merely wait for is nothing that it lies in.
            let may_wait = |of: &Addr| KINDS[index] != "part" || !is_container(&of.kind);
            let after = used(index, &node.after).into_iter().map(addr).filter(may_wait).collect();
            Some(Desired { addr: addr(index), inputs: Value::Map(inputs), after, protect: node.protect })
        });
        nodes.collect()
    }
}

/// The world: objects by key, as the calls left them. Refuses what a real one refuses.
#[derive(Default)]
pub(crate) struct Cloud {
    pub(crate) objects: BTreeMap<ObjectKey, (Inputs, Outputs)>,
    counter: u64,
}

impl Cloud {
    fn outputs(&mut self, key: &ObjectKey) -> Outputs {
        self.counter += 1;
        let out = match key.addr.kind.0.as_str() {
            "stable" | "quiet" | "case" | "crate" | "part" => key.to_string(),
            _ => format!("{key}#{}", self.counter),
        };
        Outputs::from([("out".to_owned(), out.into())])
    }

    /// Makes a call. `is_late` says whether a delete comes after the puts, and so must not take away what somebody uses.
    pub(crate) fn call(&mut self, key: &ObjectKey, action: &CallAction, is_late: bool) -> Outcome {
        match action {
            CallAction::Create { inputs } | CallAction::Update { inputs, .. } => {
                let is_update = matches!(action, CallAction::Update { .. });
                assert!(!is_update || self.objects.contains_key(key), "{key} is updated and does not exist");
                let clash = |other: &&ObjectKey| {
                    other.addr == key.addr && *other != key && other.addr.kind.0 == "alone"
                };
                assert_eq!(self.objects.keys().find(clash), None, "{key} comes beside its predecessor");
                for out in references(inputs) {
                    assert!(self.owner(&out).is_some(), "{key} refers to {out}, which does not exist");
                }
                let outputs = self.outputs(key);
                self.objects.insert(key.clone(), (inputs.clone(), outputs.clone()));
                Outcome::Done { id: RemoteId(key.to_string()), outputs }
            }
            CallAction::Delete { .. } => {
                let gone = self.delete(key);
                for (user, (inputs, _)) in self.objects.iter().filter(|_| is_late) {
                    let used = references(inputs).into_iter().find(|out| gone.contains(out));
                    assert_eq!(used, None, "{user} uses it, and {key} is deleted");
                }
                Outcome::Deleted
            }
        }
    }

    /// Deletes an object and what lies in it, and gives their outputs.
    pub(crate) fn delete(&mut self, key: &ObjectKey) -> Vec<Json> {
        let Some((_, outputs)) = self.objects.get(key) else { return Vec::new() };
        let mut gone = vec![outputs["out"].clone()];
        let lies_in = |(part, (inputs, _)): (&ObjectKey, &(Inputs, Outputs))| {
            let owners: BTreeSet<_> = references(inputs).iter().filter_map(|out| self.owner(out)).collect();
            let mut containers = owners.into_iter().filter(|owner| is_container(&owner.addr.kind));
            let is_in = containers.next() == Some(key) && containers.next().is_none();
            (part.addr.kind.0 == "part" && is_in).then(|| part.clone())
        };
        let parts: Vec<_> = self.objects.iter().filter_map(lies_in).collect();
        gone.extend(parts.iter().flat_map(|part| self.delete(part)));
        self.objects.remove(key);
        gone
    }

    fn owner(&self, out: &Json) -> Option<&ObjectKey> {
        self.objects.iter().find(|(_, (_, outputs))| outputs.get("out") == Some(out)).map(|(key, _)| key)
    }

    /// What a driver's `find` and `read` answer. It knows nothing of dependencies and protection.
    pub(crate) fn find(&self, key: &ObjectKey) -> Option<Object> {
        let (inputs, outputs) = self.objects.get(key)?.clone();
        let (id, deps) = (RemoteId(key.to_string()), BTreeSet::new());
        Some(Object { id, inputs, outputs, deps, status: Status::Ready, protect: false })
    }
}

/// The outputs that inputs hold.
fn references(inputs: &Inputs) -> Vec<Json> {
    let Value::Map(map) = inputs else { return Vec::new() };
    map.iter()
        .filter(|(name, _)| name.starts_with('n') && *name != "noise")
        .map(|(_, value)| value.to_json())
        .collect()
}
