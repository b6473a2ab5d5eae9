//! What must change and why: desired objects against recorded ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::{Addr, Kind, ObjectKey};
use crate::along;
use crate::fields::Fields;
use crate::graph::Graph;
use crate::object::{Object, State, Status};
use crate::schema::{Effect, Schemas};
use crate::step::{Action, Change, Reason};
use crate::value::{Desired, Value};

/// The newest generation of every address in the state, unless it was deposed: then what took its place is gone, and nothing older counts again.
pub(crate) type Current<'a> = BTreeMap<&'a Addr, (&'a ObjectKey, &'a Object)>;

pub(crate) fn current(state: &State) -> Current<'_> {
    let mut current = Current::new();
    for (key, object) in &state.objects {
        // Keys are sorted by generation, so the newest comes last.
        current.insert(&key.addr, (key, object));
    }
    current.retain(|_, (_, object)| object.status != Status::Deposed);
    current
}

/// Compares the graph with the state. Every object gets a change, `Keep` included, in the order of keys.
pub fn diff(graph: &Graph, state: &State, schemas: &dyn Schemas) -> Vec<Change> {
    let mut comparison = Comparison { current: current(state), decided: BTreeMap::new(), schemas };
    for addr in graph.in_order() {
        let Some(desired) = graph.get(addr) else { continue };
        let verdict = comparison.decide(desired);
        comparison.decided.insert(addr, verdict);
    }
    let Comparison { current, decided, .. } = comparison;

    let mut changes: Vec<Change> = Vec::with_capacity(decided.len());
    for (addr, (action, why)) in decided {
        let (desired, recorded) = (graph.get(addr), current.get(addr));
        // Who ceases to protect an object may not destroy it at once.
        let protect = desired.is_some_and(|desired| desired.protect)
            || recorded.is_some_and(|(_, object)| object.protect);
        let guarded = desired.is_some_and(|desired| schemas.guards(&addr.kind, &desired.inputs))
            || recorded.is_some_and(|(_, object)| schemas.guards(&addr.kind, &object.inputs));
        let key = recorded.map_or_else(|| first_key(addr, state), |(key, _)| (*key).clone());
        changes.push(Change { key, action, why, protect, guarded, goes_with: None });
    }
    for (key, object) in &state.objects {
        let is_current = current.get(&key.addr).is_some_and(|(newest, _)| *newest == key);
        let why = match is_current {
            false => Reason::Leftover,
            true if graph.get(&key.addr).is_none() => Reason::Gone,
            true => continue,
        };
        let early = schemas.delete_first(&key.addr.kind);
        let (key, protect) = (key.clone(), object.protect);
        let guarded = schemas.guards(&key.addr.kind, &object.inputs);
        let action = Action::Delete { early };
        changes.push(Change { key, action, why: vec![why], protect, guarded, goes_with: None });
    }
    changes.sort_by(|a, b| a.key.cmp(&b.key));
    flow_earliness(state, &mut changes);
    along::note(state, &mut changes, schemas);
    changes
}

/// The key of an object that does not exist: above any deposed generation that still waits for its deletion.
fn first_key(addr: &Addr, state: &State) -> ObjectKey {
    let from = ObjectKey { addr: addr.clone(), generation: 0 };
    let to = ObjectKey { addr: addr.clone(), generation: u64::MAX };
    let newest = state.objects.range(from..=to).next_back();
    let generation = newest.map_or(0, |(key, _)| key.generation.saturating_add(1));
    ObjectKey { addr: addr.clone(), generation }
}

/// The comparison under way: dependencies are decided before those who use them.
struct Comparison<'a> {
    current: Current<'a>,
    decided: BTreeMap<&'a Addr, (Action, Vec<Reason>)>,
    schemas: &'a dyn Schemas,
}

impl Comparison<'_> {
    fn decide(&self, desired: &Desired) -> (Action, Vec<Reason>) {
        let Some((_, object)) = self.current.get(&desired.addr) else {
            return (Action::Create, vec![Reason::New]);
        };
        match object.status {
            Status::Missing => (Action::Create, vec![Reason::Missing]),
            Status::Tainted => (self.replace(&desired.addr), vec![Reason::Tainted]),
            Status::Ready | Status::Deposed => self.compare(desired, object),
        }
    }

    fn replace(&self, addr: &Addr) -> Action {
        Action::Replace { early_delete: self.schemas.delete_first(&addr.kind) }
    }

    fn compare(&self, desired: &Desired, object: &Object) -> (Action, Vec<Reason>) {
        let resolve = |of: &Addr, output: &str| self.resolve(of, output);
        let mut action = Action::Keep;
        let mut reasons = Vec::new();
        let mut forced = BTreeSet::new();
        for field in Fields::new(&resolve).compare(&desired.inputs, &object.inputs) {
            match self.schemas.effect(&desired.addr.kind, &field.path) {
                Effect::Ignore => continue,
                Effect::InPlace if action == Action::Keep => action = Action::Update,
                Effect::InPlace => {}
                Effect::NewObject => {
                    action = self.replace(&desired.addr);
                    forced.extend(field.waits_for.clone().filter(|of| self.is_replaced(of)));
                }
            }
            reasons.push(field.into_reason());
        }
        reasons.extend(forced.into_iter().map(|by| Reason::ForcedBy { by }));
        (action, reasons)
    }

    fn is_replaced(&self, addr: &Addr) -> bool {
        matches!(self.decided.get(addr), Some((Action::Replace { .. }, _)))
    }

    /// Whether a change in place for that reason leaves the output as it is.
    fn leaves(&self, kind: &Kind, reason: &Reason, output: &str) -> bool {
        match reason {
            Reason::Field { path, .. } => !self.schemas.disturbs(kind, path, output),
            _ => self.schemas.stable(kind, output),
        }
    }

    /// An output as it will be; `None` if only the apply will tell.
    fn resolve(&self, of: &Addr, output: &str) -> Option<Value> {
        let survives = match self.decided.get(of) {
            Some((Action::Keep, _)) => true,
            Some((Action::Update, why)) => why.iter().all(|reason| self.leaves(&of.kind, reason, output)),
            Some((Action::Create | Action::Replace { .. } | Action::Delete { .. }, _)) | None => false,
        };
        let (_, object) = self.current.get(of).filter(|_| survives)?;
        object.outputs.get(output).cloned().map(Value::plain)
    }
}

/// Earliness flows to recorded users that are deleted too: they cannot be deleted after what they use.
fn flow_earliness(state: &State, changes: &mut [Change]) {
    let is_early = |change: &&Change| {
        matches!(change.action, Action::Delete { early: true } | Action::Replace { early_delete: true })
    };
    let mut queue: Vec<ObjectKey> =
        changes.iter().filter(is_early).map(|change| change.key.clone()).collect();
    if queue.is_empty() {
        return;
    }
    let index: BTreeMap<ObjectKey, usize> =
        changes.iter().enumerate().map(|(i, change)| (change.key.clone(), i)).collect();
    let users = users(state);
    while let Some(key) = queue.pop() {
        for user in users.get(&key).into_iter().flatten() {
            let Some(change) = index.get(*user).and_then(|i| changes.get_mut(*i)) else {
                continue;
            };
            match &mut change.action {
                Action::Delete { early } | Action::Replace { early_delete: early } if !*early => {
                    *early = true;
                    let forced = Reason::ForcedBy { by: key.addr.clone() };
                    if !change.why.contains(&forced) {
                        change.why.push(forced);
                    }
                    queue.push(change.key.clone());
                }
                _ => {}
            }
        }
    }
}

/// Who recorded a use of each object.
pub(crate) fn users(state: &State) -> BTreeMap<&ObjectKey, Vec<&ObjectKey>> {
    let mut users: BTreeMap<&ObjectKey, Vec<&ObjectKey>> = BTreeMap::new();
    for (key, object) in &state.objects {
        for dep in &object.deps {
            users.entry(dep).or_default().push(key);
        }
    }
    users
}
