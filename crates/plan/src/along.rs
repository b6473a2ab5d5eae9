//! Deletions that need no call: what lies in a container which is deleted goes with it.
//!
//! The steps of such objects come after the container's and only forget them. A run that dies in between leaves them recorded, and the next one
//! deletes each by itself, which finds nothing.

use std::collections::BTreeMap;

use crate::addr::ObjectKey;
use crate::object::State;
use crate::schema::Schemas;
use crate::step::{Action, Change, Reason};

/// Notes for each object that is deleted whether another one's deletion takes it along.
///
/// Only an object that the manifest no longer has is such a container. One that is replaced may turn out to stay, and a leftover's name may be
/// its successor's by now, so that its deletion deletes nothing.
pub(crate) fn note(state: &State, changes: &mut [Change], schemas: &dyn Schemas) {
    if !changes.iter().any(is_gone) {
        return;
    }
    let deleted: BTreeMap<&ObjectKey, &Change> = changes
        .iter()
        .filter(|change| earliness(change).is_some())
        .map(|change| (&change.key, change))
        .collect();
    let within: BTreeMap<&ObjectKey, &ObjectKey> =
        deleted.keys().filter_map(|key| Some((*key, container(state, key, schemas)?))).collect();
    let mut goes_with: BTreeMap<ObjectKey, ObjectKey> = BTreeMap::new();
    for (key, change) in &deleted {
        let Some(container) = outermost(&within, key).and_then(|container| deleted.get(container)) else {
            continue;
        };
        // Early and late deletions do not mix: the puts lie in between.
        if is_gone(container) && earliness(container) == earliness(change) {
            goes_with.insert((*key).clone(), container.key.clone());
        }
    }
    for change in changes {
        change.goes_with = goes_with.remove(&change.key);
    }
}

/// The recorded object that this one lies in. With two that could be it there is no telling.
fn container<'a>(state: &'a State, key: &ObjectKey, schemas: &dyn Schemas) -> Option<&'a ObjectKey> {
    let uses = state.objects.get(key)?.deps.iter();
    let mut containers = uses.filter(|used| schemas.goes_with(&key.addr.kind, &used.addr.kind));
    containers.next().filter(|_| containers.next().is_none())
}

/// The container of its container, and so on, as far as they are deleted. Dependencies have no cycle, and so this ends.
fn outermost<'a>(within: &BTreeMap<&'a ObjectKey, &'a ObjectKey>, key: &ObjectKey) -> Option<&'a ObjectKey> {
    let mut outermost = *within.get(key)?;
    while let Some(further) = within.get(outermost) {
        outermost = further;
    }
    Some(outermost)
}

fn is_gone(change: &Change) -> bool {
    matches!(change.action, Action::Delete { .. }) && change.why.contains(&Reason::Gone)
}

/// Whether the object that is there is deleted before the puts; `None` if it is not deleted.
fn earliness(change: &Change) -> Option<bool> {
    match change.action {
        Action::Replace { early_delete: early } | Action::Delete { early } => Some(early),
        Action::Keep | Action::Create | Action::Update => None,
    }
}
