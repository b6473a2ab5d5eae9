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

/// Turns changes into steps with their order.
pub fn schedule(graph: &Graph, state: &State, changes: Vec<Change>) -> Plan {
    let mut steps = Steps::default();
    for change in &changes {
        if let Action::Delete { early: true } | Action::Replace { early_delete: true } = change.action {
            steps.delete(&change.key);
        }
    }
    for change in &changes {
        steps.put(graph, change);
    }
    for change in &changes {
        if let Action::Delete { early: false } | Action::Replace { early_delete: false } = change.action {
            steps.delete(&change.key);
        }
    }
    steps.link(graph, state);
    Plan { base: (state.lineage.clone(), state.serial), changes, steps: steps.list }
}

#[derive(Default)]
struct Steps {
    list: Vec<Step>,
    puts: BTreeMap<Addr, StepId>,
    deletes: BTreeMap<ObjectKey, StepId>,
}

impl Steps {
    fn add(&mut self, key: ObjectKey, op: Op) -> StepId {
        let id = StepId(self.list.len());
        self.list.push(Step { id, key, op, needs: BTreeSet::new() });
        id
    }

    fn delete(&mut self, key: &ObjectKey) {
        let id = self.add(key.clone(), Op::Delete);
        self.deletes.insert(key.clone(), id);
    }

    fn put(&mut self, graph: &Graph, change: &Change) {
        let addr = &change.key.addr;
        let (key, replaces) = match change.action {
            Action::Create | Action::Update => (change.key.clone(), None),
            Action::Replace { .. } => {
                let successor = ObjectKey { addr: addr.clone(), generation: change.key.generation + 1 };
                (successor, Some(change.key.clone()))
            }
            Action::Keep | Action::Delete { .. } => return,
        };
        let Some(desired) = graph.get(addr) else { return };
        let op = Op::Put {
            inputs: desired.inputs.clone(),
            replaces,
            protect: desired.protect,
            deps: graph.deps(addr).clone(),
        };
        let id = self.add(key, op);
        self.puts.insert(addr.clone(), id);
    }

    fn link(&mut self, graph: &Graph, state: &State) {
        let users = users(state);
        let first_put = self.puts.values().min().copied();
        for index in 0..self.list.len() {
            let step = &self.list[index];
            let needs: BTreeSet<StepId> = match &step.op {
                Op::Put { .. } => {
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
                Op::Delete => {
                    let early = first_put.is_none_or(|put| step.id < put);
                    let own_put = self.puts.get(&step.key.addr).filter(|_| !early);
                    let former = users.get(&step.key).into_iter().flatten();
                    let former = former.flat_map(|user| {
                        let put = self.puts.get(&user.addr).filter(|_| !early);
                        self.deletes.get(*user).into_iter().chain(put)
                    });
                    former.chain(own_put).copied().collect()
                }
            };
            self.list[index].needs = needs;
        }
    }
}
