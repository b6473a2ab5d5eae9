//! The one owner of ordering rules.
//!
//! Steps form three strata: early deletes, puts, late deletes. Puts follow desired dependencies, deletes follow recorded ones
//! (users first), and a late delete waits for the put of every former user. No edge leads back to an earlier stratum, so there
//! is no cycle as long as neither dependency relation has one.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::{Addr, ObjectKey};
use crate::diff::users;
use crate::graph::Graph;
use crate::object::State;
use crate::step::{Action, Change, Op, Plan, Step, StepId};
use crate::value::Desired;

type Users<'a> = BTreeMap<&'a ObjectKey, Vec<&'a ObjectKey>>;

/// Turns changes into steps with their order.
pub fn schedule(graph: &Graph, state: &State, changes: Vec<Change>) -> Plan {
    let mut steps = Steps::default();
    for change in &changes {
        let newest = match change.action {
            Action::Keep | Action::Create | Action::Update => change.key.clone(),
            Action::Replace { .. } => change.key.successor(),
            Action::Delete { .. } => continue,
        };
        steps.newest.insert(change.key.addr.clone(), newest);
    }
    for change in &changes {
        if let Action::Delete { early: true } | Action::Replace { early_delete: true } = change.action {
            steps.delete(change);
        }
    }
    for change in &changes {
        steps.put(graph, state, change);
    }
    for change in &changes {
        if let Action::Delete { early: false } | Action::Replace { early_delete: false } = change.action {
            steps.delete(change);
        }
    }
    steps.link(graph, state);
    Plan { base: (state.lineage.clone(), state.serial), changes, steps: steps.list }
}

#[derive(Default)]
struct Steps {
    list: Vec<Step>,
    /// The object that an address will have when the plan is done.
    newest: BTreeMap<Addr, ObjectKey>,
    puts: BTreeMap<Addr, StepId>,
    deletes: BTreeMap<ObjectKey, StepId>,
    /// What goes with another object, and with which.
    containers: BTreeMap<ObjectKey, ObjectKey>,
    /// The same the other way round.
    contents: BTreeMap<ObjectKey, Vec<ObjectKey>>,
}

impl Steps {
    fn add(&mut self, key: ObjectKey, op: Op) -> StepId {
        let id = StepId(self.list.len());
        self.list.push(Step { id, key, op, needs: BTreeSet::new() });
        id
    }

    fn delete(&mut self, change: &Change) {
        let key = &change.key;
        let op = if change.goes_with.is_some() { Op::Forget } else { Op::Delete };
        let id = self.add(key.clone(), op);
        self.deletes.insert(key.clone(), id);
        if let Some(container) = &change.goes_with {
            self.containers.insert(key.clone(), container.clone());
            self.contents.entry(container.clone()).or_default().push(key.clone());
        }
    }

    fn put(&mut self, graph: &Graph, state: &State, change: &Change) {
        let addr = &change.key.addr;
        let Some(desired) = graph.get(addr) else { return };
        let (key, replaces) = match change.action {
            Action::Create | Action::Update => (change.key.clone(), None),
            Action::Replace { .. } => (change.key.successor(), Some(change.key.clone())),
            Action::Keep => return self.record(graph, state, desired, &change.key),
            Action::Delete { .. } => return,
        };
        let op = Op::Put {
            inputs: desired.inputs.clone(),
            replaces,
            protect: desired.protect,
            deps: graph.deps(addr).clone(),
        };
        let id = self.add(key, op);
        self.puts.insert(addr.clone(), id);
    }

    /// An object that stays as it is may yet depend on others than before, or begin or cease to be protected.
    fn record(&mut self, graph: &Graph, state: &State, desired: &Desired, key: &ObjectKey) {
        let Some(object) = state.objects.get(key) else { return };
        let deps = graph.deps(&desired.addr);
        let is_recorded = |addr: &Addr| {
            let newest = self.newest.get(addr);
            newest.is_some_and(|key| object.deps.contains(key))
        };
        if object.protect == desired.protect
            && object.deps.len() == deps.len()
            && deps.iter().all(is_recorded)
        {
            return;
        }
        let op = Op::Record { protect: desired.protect, deps: deps.clone() };
        let id = self.add(key.clone(), op);
        self.puts.insert(desired.addr.clone(), id);
    }

    /// What must be done before an object goes, whether by a call of its own or with its container: its own put and its former users', and the
    /// deletion of its users, or of what they go with.
    fn before_the_end(&self, key: &ObjectKey, users: &Users<'_>, early: bool) -> BTreeSet<StepId> {
        let put = |addr: &Addr| self.puts.get(addr).filter(|_| !early).copied();
        let mut before: BTreeSet<StepId> = put(&key.addr).into_iter().collect();
        for user in users.get(key).into_iter().flatten() {
            before.extend(put(&user.addr));
            before.extend(self.deletes.get(self.containers.get(*user).unwrap_or(user)));
        }
        before
    }

    fn link(&mut self, graph: &Graph, state: &State) {
        let users = users(state);
        let first_put = self.puts.values().min().copied();
        for index in 0..self.list.len() {
            let step = &self.list[index];
            let needs: BTreeSet<StepId> = match &step.op {
                Op::Put { .. } | Op::Record { .. } => {
                    let addr = &step.key.addr;
                    let used = graph.deps(addr).iter().filter_map(|dep| self.puts.get(dep));
                    // Its own predecessors that must go first stand before it in the list.
                    let from = ObjectKey { addr: addr.clone(), generation: 0 };
                    let gone = self
                        .deletes
                        .range(from..=step.key.clone())
                        .map(|(_, id)| id)
                        .filter(|id| **id < step.id);
                    used.chain(gone).copied().collect()
                }
                Op::Forget => {
                    let container = self.containers.get(&step.key);
                    container.and_then(|container| self.deletes.get(container)).copied().into_iter().collect()
                }
                Op::Delete => {
                    let early = first_put.is_none_or(|put| step.id < put);
                    let contents = self.contents.get(&step.key).into_iter().flatten();
                    let all = std::iter::once(&step.key).chain(contents);
                    let before = all.flat_map(|key| self.before_the_end(key, &users, early));
                    before.filter(|id| *id != step.id).collect()
                }
            };
            self.list[index].needs = needs;
        }
    }
}
