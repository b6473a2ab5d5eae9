//! Dependencies that a provider remembers, and that cannot all be true any more.
//!
//! A provider hears of an object's dependencies with the calls about it. When the direction between two objects turns around, and only one of
//! them is called about, the other is remembered as it was: each waits for the other, and neither could ever be deleted.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::ObjectKey;
use crate::object::Object;
use crate::value::Json;

/// Drops dependencies until none leads back to where it began: first those that no input bears out, since it is a reference that a provider
/// minds, and all of them only where that is not enough.
pub fn untangle(objects: &mut BTreeMap<ObjectKey, Object>) {
    let tangled = tangled(objects);
    if tangled.is_empty() {
        return;
    }
    drop_among(objects, &tangled, |user, used| !refers(user, used));
    let tangled = self::tangled(objects);
    drop_among(objects, &tangled, |_, _| true);
}

fn drop_among(
    objects: &mut BTreeMap<ObjectKey, Object>,
    tangled: &BTreeSet<ObjectKey>,
    is_doubtful: impl Fn(&Object, &Object) -> bool,
) {
    let kept: Vec<(ObjectKey, BTreeSet<ObjectKey>)> = tangled
        .iter()
        .filter_map(|key| {
            let user = objects.get(key)?;
            let is_kept = |dep: &&ObjectKey| {
                !tangled.contains(*dep) || objects.get(*dep).is_some_and(|used| !is_doubtful(user, used))
            };
            Some((key.clone(), user.deps.iter().filter(is_kept).cloned().collect()))
        })
        .collect();
    for (key, deps) in kept {
        if let Some(object) = objects.get_mut(&key) {
            object.deps = deps;
        }
    }
}

/// Objects in a cycle, or between two: whatever is left when those without users, and those that use nothing, are taken away.
fn tangled(objects: &BTreeMap<ObjectKey, Object>) -> BTreeSet<ObjectKey> {
    let uses = objects.iter().map(|(key, object)| {
        (key, object.deps.iter().filter(|dep| objects.contains_key(*dep)).collect::<BTreeSet<_>>())
    });
    let uses: BTreeMap<&ObjectKey, BTreeSet<&ObjectKey>> = uses.collect();
    let uses = without_ends(without_ends(uses));
    uses.into_keys().cloned().collect()
}

/// Takes away what leads nowhere until all leads somewhere, and gives what is left the other way around.
fn without_ends<'a>(
    mut leads: BTreeMap<&'a ObjectKey, BTreeSet<&'a ObjectKey>>,
) -> BTreeMap<&'a ObjectKey, BTreeSet<&'a ObjectKey>> {
    let mut back: BTreeMap<&ObjectKey, BTreeSet<&ObjectKey>> =
        leads.keys().map(|key| (*key, BTreeSet::new())).collect();
    for (from, to) in &leads {
        for to in to {
            back.entry(to).or_default().insert(from);
        }
    }
    let mut ends: Vec<&ObjectKey> =
        leads.iter().filter(|(_, to)| to.is_empty()).map(|(key, _)| *key).collect();
    while let Some(end) = ends.pop() {
        leads.remove(end);
        for from in back.remove(end).into_iter().flatten() {
            if let Some(to) = leads.get_mut(from) {
                to.remove(end);
                if to.is_empty() {
                    ends.push(from);
                }
            }
        }
    }
    for from in back.values_mut() {
        from.retain(|key| leads.contains_key(key));
    }
    back
}

/// Whether an input holds the other object's name or one of its outputs.
fn refers(user: &Object, used: &Object) -> bool {
    let outputs = used.outputs.values().filter_map(Json::as_str);
    let names: Vec<&str> = outputs.chain([used.id.0.as_str()]).filter(|name| !name.is_empty()).collect();
    holds(&user.inputs.to_json(), &names)
}

fn holds(input: &Json, names: &[&str]) -> bool {
    match input {
        Json::String(text) => names.iter().any(|name| text.contains(name)),
        Json::Array(items) => items.iter().any(|item| holds(item, names)),
        Json::Object(map) => map.values().any(|item| holds(item, names)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Addr, Outputs, RemoteId, Status, Value};

    fn key(name: &str) -> ObjectKey {
        ObjectKey { addr: Addr::new("k", name), generation: 0 }
    }

    /// Objects by name, with what they use and what their one input holds.
    fn found(objects: &[(&str, &[&str], &str)]) -> BTreeMap<ObjectKey, Object> {
        let objects = objects.iter().map(|(name, deps, input)| {
            let object = Object {
                id: RemoteId(format!("id-of-{name}")),
                inputs: Value::Map([("input".to_owned(), Value::Lit((*input).into()))].into()),
                outputs: Outputs::new(),
                deps: deps.iter().map(|name| key(name)).collect(),
                status: Status::Ready,
                protect: false,
            };
            (key(name), object)
        });
        objects.collect()
    }

    fn untangled(objects: &[(&str, &[&str], &str)]) -> Vec<(String, Vec<String>)> {
        let mut objects = found(objects);
        untangle(&mut objects);
        let names = |deps: &BTreeSet<ObjectKey>| deps.iter().map(|key| key.addr.name.clone()).collect();
        objects.iter().map(|(key, object)| (key.addr.name.clone(), names(&object.deps))).collect()
    }

    fn expected(objects: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        let names = |deps: &[&str]| deps.iter().map(|name| (*name).to_owned()).collect();
        objects.iter().map(|(name, deps)| ((*name).to_owned(), names(deps))).collect()
    }

    #[test]
    fn a_dependency_that_turned_around_is_the_one_that_an_input_holds() {
        // `b` came after `a` once; now `a` refers to `b`. Around them, all stays.
        let objects: [(&str, &[&str], &str); 4] =
            [("a", &["b"], "of id-of-b"), ("b", &["a", "low"], ""), ("low", &[], ""), ("top", &["a"], "")];
        let wanted = expected(&[("a", &["b"]), ("b", &["low"]), ("low", &[]), ("top", &["a"])]);
        assert_eq!(untangled(&objects), wanted);
    }

    #[test]
    fn what_no_input_bears_out_and_what_all_do_is_dropped() {
        let neither: [(&str, &[&str], &str); 2] = [("a", &["b"], ""), ("b", &["a"], "")];
        assert_eq!(untangled(&neither), expected(&[("a", &[]), ("b", &[])]));
        let both: [(&str, &[&str], &str); 2] = [("a", &["b"], "id-of-b"), ("b", &["a", "b"], "id-of-a")];
        assert_eq!(untangled(&both), expected(&[("a", &[]), ("b", &[])]));
    }

    #[test]
    fn what_is_no_cycle_is_left_alone() {
        let objects: [(&str, &[&str], &str); 3] =
            [("a", &["b", "c", "gone"], ""), ("b", &["c"], ""), ("c", &[], "")];
        assert_eq!(untangled(&objects), expected(&[("a", &["b", "c", "gone"]), ("b", &["c"]), ("c", &[])]));
    }
}
