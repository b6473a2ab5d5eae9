//! Deletions that need no call: what lies in a container which is deleted goes with it.
//!
//! The steps of such objects only forget them, in one go with the end of the container's. The recorded intent of that names them too
//! ([`crate::Intent::takes`]): a run that dies in between leaves nothing recorded that is gone.
//!
//! Users go before what they use, whether by calls of their own or along with others. Contents that would have to go before their container does
//! (a function's permission names an API, whose routes lead to the function) get calls of their own, as few as are needed.

use std::collections::{BTreeMap, BTreeSet};

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
    let mut removal = Removal::of(state, changes, schemas);
    if removal.objects.iter().all(|object| object.container.is_none()) {
        return;
    }
    removal.run();
    let goes_with: BTreeMap<ObjectKey, ObjectKey> = removal.going_along().collect();
    for change in changes {
        change.goes_with = goes_with.get(&change.key).cloned();
    }
}

/// All deletions of a plan, done in their order as if each took no time.
struct Removal<'a> {
    objects: Vec<Deleted<'a>>,
    /// What nothing keeps from being deleted by a call.
    free: Vec<usize>,
    /// What waits for its container and is used by nothing any more; first of all those that keep others from being deleted.
    at_hand: BTreeSet<(bool, usize)>,
}

struct Deleted<'a> {
    key: &'a ObjectKey,
    /// What it goes with, unless it has to go before that.
    container: Option<usize>,
    /// What lies in it and waits for its end.
    contents: Vec<usize>,
    uses: Vec<usize>,
    /// What it keeps from being deleted: all that it uses, but what goes with the same container and that itself if it waits for it.
    hinders: Vec<usize>,
    /// How many use it.
    users: usize,
    /// How many hinder it.
    hindrances: usize,
    standing: Standing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    There,
    WaitsForContainer,
    Gone,
}

impl<'a> Removal<'a> {
    fn of(state: &'a State, changes: &'a [Change], schemas: &dyn Schemas) -> Self {
        let deleted: Vec<_> = changes.iter().filter(|change| earliness(change).is_some()).collect();
        let at: BTreeMap<_, _> = deleted.iter().enumerate().map(|(at, change)| (&change.key, at)).collect();
        let within: Vec<_> = deleted
            .iter()
            .map(|change| container(state, &change.key, schemas).and_then(|key| at.get(key)).copied())
            .collect();
        let uses = |change: &Change| -> Vec<usize> {
            let used = state.objects.get(&change.key).into_iter().flat_map(|object| &object.deps);
            used.filter_map(|key| at.get(key)).copied().collect()
        };
        let mut objects: Vec<_> = deleted
            .iter()
            .enumerate()
            .map(|(at, change)| Deleted {
                key: &change.key,
                // Early and late deletions do not mix: the puts lie in between.
                container: outermost(&within, at).filter(|container| {
                    let container = deleted[*container];
                    matches!(change.action, Action::Delete { .. })
                        && is_gone(container)
                        && earliness(container) == earliness(change)
                }),
                contents: Vec::new(),
                uses: uses(change),
                hinders: uses(change),
                users: 0,
                hindrances: 0,
                standing: Standing::There,
            })
            .collect();
        for user in 0..objects.len() {
            for used in objects[user].uses.clone() {
                objects[used].users += 1;
                objects[used].hindrances += 1;
            }
        }
        let free = (0..objects.len()).filter(|at| objects[*at].users == 0).collect();
        Self { objects, free, at_hand: BTreeSet::new() }
    }

    fn run(&mut self) {
        loop {
            while let Some(at) = self.free.pop() {
                match self.objects[at].container {
                    Some(container) => self.wait(at, container),
                    None => self.delete(at),
                }
            }
            // Whatever is left waits for something that waits for its container. One call may be enough to get on.
            let Some((_, at)) = self.at_hand.pop_first() else { break };
            self.objects[at].container = None;
            self.delete(at);
        }
    }

    fn wait(&mut self, at: usize, container: usize) {
        self.objects[at].standing = Standing::WaitsForContainer;
        self.objects[container].contents.push(at);
        let hinders = std::mem::take(&mut self.objects[at].hinders);
        let goes_too = |at: &usize| *at == container || self.objects[*at].container == Some(container);
        let (go_too, hindered): (Vec<_>, Vec<_>) = hinders.into_iter().partition(goes_too);
        self.objects[at].hinders = hindered;
        self.offer(at);
        for used in go_too {
            self.release(used);
        }
    }

    /// Deletes it, and with it what waits for that.
    fn delete(&mut self, at: usize) {
        let mut gone = std::mem::take(&mut self.objects[at].contents);
        // Not what got a call of its own.
        gone.retain(|content| self.objects[*content].standing == Standing::WaitsForContainer);
        gone.push(at);
        for at in &gone {
            self.at_hand.remove(&self.rank(*at));
            self.objects[*at].standing = Standing::Gone;
        }
        for at in gone {
            for used in std::mem::take(&mut self.objects[at].uses) {
                self.objects[used].users -= 1;
                self.offer(used);
            }
            for used in std::mem::take(&mut self.objects[at].hinders) {
                self.release(used);
            }
        }
    }

    fn release(&mut self, at: usize) {
        self.objects[at].hindrances -= 1;
        if self.objects[at].hindrances == 0 {
            self.free.push(at);
        }
    }

    fn offer(&mut self, at: usize) {
        let Deleted { users, standing, .. } = &self.objects[at];
        if *users == 0 && *standing == Standing::WaitsForContainer {
            self.at_hand.insert(self.rank(at));
        }
    }

    fn rank(&self, at: usize) -> (bool, usize) {
        (self.objects[at].hinders.is_empty(), at)
    }

    fn going_along(&self) -> impl Iterator<Item = (ObjectKey, ObjectKey)> {
        self.objects.iter().filter_map(|object| {
            let container = self.objects.get(object.container?)?;
            Some((object.key.clone(), container.key.clone()))
        })
    }
}

/// The recorded object that this one lies in. With two that could be it there is no telling.
fn container<'a>(state: &'a State, key: &ObjectKey, schemas: &dyn Schemas) -> Option<&'a ObjectKey> {
    let uses = state.objects.get(key)?.deps.iter();
    let mut containers = uses.filter(|used| schemas.goes_with(&key.addr.kind, &used.addr.kind));
    containers.next().filter(|_| containers.next().is_none())
}

/// The container of its container, and so on, as far as they are deleted. Dependencies have no cycle, and so this ends.
fn outermost(within: &[Option<usize>], at: usize) -> Option<usize> {
    let mut outermost = within[at]?;
    while let Some(further) = within[outermost] {
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
