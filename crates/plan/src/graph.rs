//! Desired objects and who uses whom: the checked input of the planner.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::Addr;
use crate::value::{Desired, Value};

/// Desired objects with their dependencies; every reference resolves and no cycle exists.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: BTreeMap<Addr, Desired>,
    deps: BTreeMap<Addr, BTreeSet<Addr>>,
    order: Vec<Addr>,
}

/// Why desired objects do not form a graph. These are faults of a backend, not of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two objects have one address.
    #[error("`{0}` is desired twice")]
    Duplicate(Addr),
    /// A reference leads nowhere.
    #[error("`{from}` refers to `{to}`, which is not desired")]
    Dangling {
        /// Who refers.
        from: Addr,
        /// To what.
        to: Addr,
    },
    /// Objects wait for each other; the path ends where it began.
    #[error("a cycle: {}", .0.iter().map(Addr::to_string).collect::<Vec<_>>().join(" -> "))]
    Cycle(Vec<Addr>),
}

impl Graph {
    /// The object at an address.
    pub fn get(&self, addr: &Addr) -> Option<&Desired> {
        self.nodes.get(addr)
    }

    /// All objects, by address.
    pub fn nodes(&self) -> impl Iterator<Item = &Desired> {
        self.nodes.values()
    }

    /// What an object uses directly.
    pub fn deps(&self, addr: &Addr) -> &BTreeSet<Addr> {
        static NONE: BTreeSet<Addr> = BTreeSet::new();
        self.deps.get(addr).unwrap_or(&NONE)
    }

    /// Addresses, each after all that it uses.
    pub fn in_order(&self) -> &[Addr] {
        &self.order
    }
}

/// Addresses, each after all that it uses and otherwise sorted. Those in a cycle, and those that use them, are left out.
fn order(deps: &BTreeMap<Addr, BTreeSet<Addr>>) -> Vec<Addr> {
    // Numbers instead of addresses, since comparing texts is most of the work.
    let number: BTreeMap<&Addr, usize> =
        deps.keys().enumerate().map(|(number, addr)| (addr, number)).collect();
    let mut waiting = Vec::with_capacity(deps.len());
    let mut users = vec![Vec::new(); deps.len()];
    for (user, uses) in deps.values().enumerate() {
        waiting.push(uses.len());
        for used in uses.iter().filter_map(|addr| number.get(addr)) {
            users[*used].push(user);
        }
    }
    let mut ready: BTreeSet<usize> = (0..deps.len()).filter(|number| waiting[*number] == 0).collect();
    let addrs: Vec<&Addr> = deps.keys().collect();
    let mut order = Vec::with_capacity(deps.len());
    while let Some(next) = ready.pop_first() {
        order.push(addrs[next].clone());
        for user in &users[next] {
            waiting[*user] -= 1;
            if waiting[*user] == 0 {
                ready.insert(*user);
            }
        }
    }
    order
}

/// Checks desired objects and finds their dependencies.
///
/// # Errors
/// All duplicates and dangling references at once; otherwise a cycle, if there is one.
pub fn graph(desired: Vec<Desired>) -> Result<Graph, Vec<GraphError>> {
    let mut errors = Vec::new();
    let mut nodes = BTreeMap::new();
    for mut node in desired {
        node.inputs.normalize();
        if nodes.contains_key(&node.addr) {
            errors.push(GraphError::Duplicate(node.addr));
        } else {
            nodes.insert(node.addr.clone(), node);
        }
    }
    let mut deps = BTreeMap::new();
    for (addr, node) in &nodes {
        let mut uses = node.after.clone();
        collect_refs(&node.inputs, &mut uses);
        errors.extend(
            uses.iter()
                .filter(|to| !nodes.contains_key(*to))
                .map(|to| GraphError::Dangling { from: addr.clone(), to: to.clone() }),
        );
        deps.insert(addr.clone(), uses);
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let order = order(&deps);
    if order.len() < nodes.len() {
        return Err(vec![GraphError::Cycle(cycle_among(&deps, &order))]);
    }
    Ok(Graph { nodes, deps, order })
}

fn collect_refs(value: &Value, into: &mut BTreeSet<Addr>) {
    match value {
        Value::Ref { of, .. } => {
            into.insert(of.clone());
        }
        Value::List(items) => items.iter().for_each(|item| collect_refs(item, into)),
        Value::Map(map) => map.values().for_each(|item| collect_refs(item, into)),
        Value::Lit(_) | Value::Secret { .. } | Value::Artifact(_) => {}
    }
}

/// Follows, from an address that no order reaches, always a dependency that no order reaches either: it must repeat.
fn cycle_among(deps: &BTreeMap<Addr, BTreeSet<Addr>>, order: &[Addr]) -> Vec<Addr> {
    let ordered: BTreeSet<&Addr> = order.iter().collect();
    let stuck = |addr: &&Addr| !ordered.contains(*addr);
    let mut path: Vec<&Addr> = Vec::new();
    let mut place: BTreeMap<&Addr, usize> = BTreeMap::new();
    let mut next = deps.keys().find(stuck);
    while let Some(addr) = next {
        if let Some(start) = place.insert(addr, path.len()) {
            path.push(addr);
            return path[start..].iter().map(|addr| (*addr).clone()).collect();
        }
        path.push(addr);
        next = deps.get(addr).and_then(|uses| uses.iter().find(stuck));
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, after: &[&str]) -> Desired {
        Desired {
            addr: Addr::new("k", name),
            inputs: Value::Map(BTreeMap::new()),
            after: after.iter().map(|name| Addr::new("k", *name)).collect(),
            protect: false,
        }
    }

    #[test]
    fn orders_dependencies_first() {
        let graph = graph(vec![node("a", &["b"]), node("b", &["c"]), node("c", &[])]).unwrap();
        let names: Vec<_> = graph.in_order().iter().map(|addr| addr.name.as_str()).collect();
        assert_eq!(names, ["c", "b", "a"]);
    }

    #[test]
    fn tells_all_dangling_references_and_duplicates() {
        let errors = graph(vec![node("a", &["x", "y"]), node("a", &[])]).unwrap_err();
        assert_eq!(errors.len(), 3);
    }

    #[test]
    fn shows_the_path_of_a_cycle() {
        let errors = graph(vec![node("a", &["b"]), node("b", &["c"]), node("c", &["b"]), node("d", &["a"])])
            .unwrap_err();
        assert_eq!(errors[0].to_string(), "a cycle: k/b -> k/c -> k/b");
    }
}
