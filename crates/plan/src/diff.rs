//! What must change and why: desired objects against recorded ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::{Addr, ObjectKey};
use crate::graph::Graph;
use crate::object::{Object, State, Status};
use crate::schema::{Effect, Schemas};
use crate::step::{Action, Change, Reason};
use crate::value::{Desired, Json, Path, Value};

/// The newest generation that was not deposed, of every address in the state.
pub(crate) fn current(state: &State) -> BTreeMap<&Addr, (&ObjectKey, &Object)> {
    let mut current = BTreeMap::new();
    for (key, object) in &state.objects {
        if object.status != Status::Deposed {
            // Keys are sorted by generation, so the newest comes last.
            current.insert(&key.addr, (key, object));
        }
    }
    current
}

/// Compares the graph with the state. Every object gets a change, `Keep` included, in the order of keys.
pub fn diff(graph: &Graph, state: &State, schemas: &dyn Schemas) -> Vec<Change> {
    let current = current(state);
    let mut decided: BTreeMap<&Addr, (Action, Vec<Reason>)> = BTreeMap::new();
    for addr in graph.in_order() {
        let Some(desired) = graph.get(addr) else { continue };
        let verdict = match current.get(addr) {
            None => (Action::Create, vec![Reason::New]),
            Some((_, object)) => compare(desired, object, &current, &decided, schemas),
        };
        decided.insert(addr, verdict);
    }

    let mut changes: Vec<Change> = decided
        .iter()
        .map(|(addr, (action, why))| Change {
            key: current.get(addr).map_or_else(|| first_key(addr, state), |(key, _)| (*key).clone()),
            action: *action,
            why: why.clone(),
        })
        .collect();
    for (key, object) in &state.objects {
        let is_current = current.get(&key.addr).is_some_and(|(newest, _)| *newest == key);
        let why = match (object.status, is_current) {
            (Status::Deposed, _) | (_, false) => Reason::Leftover,
            _ if graph.get(&key.addr).is_none() => Reason::Gone,
            _ => continue,
        };
        let early = schemas.delete_first(&key.addr.kind);
        changes.push(Change { key: key.clone(), action: Action::Delete { early }, why: vec![why] });
    }
    changes.sort_by(|a, b| a.key.cmp(&b.key));
    flow_earliness(state, &mut changes);
    changes
}

/// The key of an object that does not exist: above any deposed generation that still waits for its deletion.
fn first_key(addr: &Addr, state: &State) -> ObjectKey {
    let from = ObjectKey { addr: addr.clone(), generation: 0 };
    let to = ObjectKey { addr: addr.clone(), generation: u64::MAX };
    let generation = state.objects.range(from..=to).next_back().map_or(0, |(key, _)| key.generation + 1);
    ObjectKey { addr: addr.clone(), generation }
}

fn compare(
    desired: &Desired,
    object: &Object,
    current: &BTreeMap<&Addr, (&ObjectKey, &Object)>,
    decided: &BTreeMap<&Addr, (Action, Vec<Reason>)>,
    schemas: &dyn Schemas,
) -> (Action, Vec<Reason>) {
    let kind = &desired.addr.kind;
    let early_delete = schemas.delete_first(kind);
    if object.status == Status::Tainted {
        return (Action::Replace { early_delete }, vec![Reason::Tainted]);
    }
    let resolve = |of: &Addr, output: &str| -> Option<Json> {
        let survives = match decided.get(of).map(|(action, _)| action) {
            Some(Action::Keep) => true,
            Some(Action::Update) => schemas.stable(&of.kind, output),
            _ => false,
        };
        let (_, object) = current.get(of).filter(|_| survives)?;
        object.outputs.get(output).cloned()
    };
    let mut fields = Fields { resolve: &resolve, path: Vec::new(), reasons: Vec::new() };
    fields.compare(Some(&desired.inputs), Some(&object.inputs));
    let mut effect = None;
    let mut reasons = fields.reasons;
    reasons.retain(|reason| {
        let Reason::Field { path, .. } = reason else {
            return true;
        };
        let found = schemas.effect(kind, path);
        if found == Effect::NewObject || effect.is_none() && found == Effect::InPlace {
            effect = Some(found);
        }
        found != Effect::Ignore
    });
    match effect {
        Some(Effect::NewObject) => (Action::Replace { early_delete }, reasons),
        Some(_) => (Action::Update, reasons),
        None => (Action::Keep, Vec::new()),
    }
}

/// Earliness flows to recorded users that are deleted too: they cannot be deleted after what they use.
fn flow_earliness(state: &State, changes: &mut [Change]) {
    let index: BTreeMap<ObjectKey, usize> =
        changes.iter().enumerate().map(|(i, change)| (change.key.clone(), i)).collect();
    let users = users(state);
    let is_early = |change: &Change| {
        matches!(change.action, Action::Delete { early: true } | Action::Replace { early_delete: true })
    };
    let mut queue: Vec<ObjectKey> =
        changes.iter().filter(|change| is_early(change)).map(|change| change.key.clone()).collect();
    while let Some(key) = queue.pop() {
        for user in users.get(&key).into_iter().flatten() {
            let Some(change) = index.get(*user).and_then(|i| changes.get_mut(*i)) else {
                continue;
            };
            match &mut change.action {
                Action::Delete { early } | Action::Replace { early_delete: early } if !*early => {
                    *early = true;
                    change.why.push(Reason::ForcedBy { by: key.addr.clone() });
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

/// Walks two inputs side by side and collects a reason for each leaf that differs.
struct Fields<'a> {
    resolve: &'a dyn Fn(&Addr, &str) -> Option<Json>,
    path: Vec<String>,
    reasons: Vec<Reason>,
}

impl Fields<'_> {
    fn compare(&mut self, new: Option<&Value>, old: Option<&Value>) {
        match (new, old) {
            (Some(Value::Map(new)), Some(Value::Map(old))) => {
                let keys: BTreeSet<&String> = new.keys().chain(old.keys()).collect();
                for key in keys {
                    self.at(key.clone(), new.get(key), old.get(key));
                }
            }
            (Some(Value::List(new)), Some(Value::List(old))) => {
                for index in 0..new.len().max(old.len()) {
                    self.at(index.to_string(), new.get(index), old.get(index));
                }
            }
            (Some(Value::Ref { of, output }), old) => {
                let new = (self.resolve)(of, output);
                let old = old.map(Value::to_json);
                if new.is_none() || new != old {
                    let known_at_apply = new.is_none();
                    self.reasons.push(Reason::Field {
                        path: Path(self.path.clone()),
                        old,
                        new,
                        known_at_apply,
                    });
                }
            }
            (new, old) if new == old => {}
            (new, old) => self.reasons.push(Reason::Field {
                path: Path(self.path.clone()),
                old: old.map(Value::to_json),
                new: new.map(Value::to_json),
                known_at_apply: false,
            }),
        }
    }

    fn at(&mut self, key: String, new: Option<&Value>, old: Option<&Value>) {
        self.path.push(key);
        self.compare(new, old);
        self.path.pop();
    }
}
