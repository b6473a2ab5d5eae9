//! Two desired states side by side, where nothing is deployed that could be looked at: what differs between two releases.

use std::collections::BTreeMap;

use crate::addr::{Addr, ObjectKey};
use crate::fields::Fields;
use crate::schema::{Effect, Schemas};
use crate::step::{Action, Change, Reason};
use crate::value::{Desired, Value};

/// What deploying `new` would change, had `old` been deployed; objects that are the same are left out. References are compared as they are written,
/// since what they will resolve to nobody knows.
pub fn compare(old: &[Desired], new: &[Desired], schemas: &dyn Schemas) -> Vec<Change> {
    let (old, new) = (by_addr(old), by_addr(new));
    let mut changes: Vec<Change> = Vec::new();
    for (addr, desired) in &new {
        let (action, why) = match old.get(addr) {
            None => (Action::Create, vec![Reason::New]),
            Some(before) => differ(before, desired, schemas),
        };
        if action != Action::Keep {
            changes.push(change(desired, action, why, schemas));
        }
    }
    for (addr, desired) in old.iter().filter(|(addr, _)| !new.contains_key(*addr)) {
        let action = Action::Delete { early: schemas.delete_first(&addr.kind) };
        changes.push(change(desired, action, vec![Reason::Gone], schemas));
    }
    changes.sort_by(|a, b| a.key.cmp(&b.key));
    changes
}

fn by_addr(all: &[Desired]) -> BTreeMap<&Addr, &Desired> {
    all.iter().map(|desired| (&desired.addr, desired)).collect()
}

fn change(of: &Desired, action: Action, why: Vec<Reason>, schemas: &dyn Schemas) -> Change {
    let guarded = schemas.guards(&of.addr.kind, &of.inputs);
    let key = ObjectKey { addr: of.addr.clone(), generation: 0 };
    Change { key, action, why, protect: of.protect, guarded, goes_with: None }
}

fn differ(old: &Desired, new: &Desired, schemas: &dyn Schemas) -> (Action, Vec<Reason>) {
    let as_written = |of: &Addr, output: &str| Some(Value::Ref { of: of.clone(), output: output.to_owned() });
    let (mut action, mut why) = (Action::Keep, Vec::new());
    for field in Fields::new(&as_written).compare(&new.inputs, &old.inputs) {
        match schemas.effect(&new.addr.kind, &field.path) {
            Effect::Ignore => continue,
            Effect::InPlace if action == Action::Keep => action = Action::Update,
            Effect::InPlace => {}
            Effect::NewObject => {
                action = Action::Replace { early_delete: schemas.delete_first(&new.addr.kind) };
            }
        }
        why.push(field.into_reason());
    }
    (action, why)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::addr::Kind;
    use crate::value::{Json, Path};

    /// `name` needs a new object, `note` is nobody's concern.
    struct Rules;

    impl Schemas for Rules {
        fn effect(&self, _: &Kind, path: &Path) -> Effect {
            match path.to_string().as_str() {
                "name" => Effect::NewObject,
                "note" => Effect::Ignore,
                _ => Effect::InPlace,
            }
        }

        fn delete_first(&self, kind: &Kind) -> bool {
            kind.0 == "route"
        }

        fn stable(&self, _: &Kind, _: &str) -> bool {
            true
        }
    }

    fn desired(addr: &str, inputs: Json) -> Desired {
        Desired {
            addr: addr.parse().unwrap(),
            inputs: serde_json::from_value(inputs).unwrap(),
            after: BTreeSet::new(),
            protect: false,
        }
    }

    #[test]
    fn what_differs_is_told_by_object_and_field() {
        let to = |name: &str| json!({ "$ref": { "of": format!("function/{name}"), "output": "arn" } });
        let old = [
            desired("function/a", json!({ "name": "a", "memory": 1, "note": 1 })),
            desired("function/b", json!({ "name": "b" })),
            desired("function/same", json!({ "name": "same", "note": 1 })),
            desired("route/x", json!({ "to": to("a") })),
            desired("route/y", json!({ "to": to("a") })),
            desired("route/z", json!({ "to": to("a") })),
        ];
        let new = [
            desired("function/a", json!({ "name": "a", "memory": 2, "note": 2 })),
            desired("function/b", json!({ "name": "c" })),
            desired("function/new", json!({})),
            desired("function/same", json!({ "name": "same", "note": 2 })),
            desired("route/x", json!({ "to": to("a") })),
            desired("route/y", json!({ "to": to("b") })),
        ];
        let told: Vec<_> = compare(&old, &new, &Rules)
            .into_iter()
            .map(|change| {
                format!("{} {}", change.key, serde_json::to_value(change.action).unwrap()["action"])
            })
            .collect();
        let expected = [
            r#"function/a "update""#,
            r#"function/b "replace""#,
            r#"function/new "create""#,
            r#"route/y "update""#,
            r#"route/z "delete""#,
        ];
        assert_eq!(told, expected);
        assert!(compare(&new, &new, &Rules).is_empty());
    }
}
