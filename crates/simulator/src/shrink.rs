//! A case that fails, made as small as it can be and still fail.

use crate::case::{Act, Case, Manifest, Node};

/// How many smaller cases are tried at most.
const TRIALS: usize = 4000;

/// The smallest case that was found and that fails as well.
pub fn shrink(case: &Case, fails: impl Fn(&Case) -> bool) -> Case {
    let mut smallest = case.clone();
    let mut trials = TRIALS;
    loop {
        let before = smallest.clone();
        let mut at = 0;
        loop {
            let Some(candidate) = candidates(&smallest).nth(at) else { break };
            if trials == 0 {
                return smallest;
            }
            trials -= 1;
            if candidate != smallest && fails(&candidate) {
                // The candidates after this one become those at its place.
                smallest = candidate;
            } else {
                at += 1;
            }
        }
        if smallest == before {
            return smallest;
        }
    }
}

/// Smaller ones, those with less first.
fn candidates(case: &Case) -> impl Iterator<Item = Case> {
    let acts = (0..case.acts.len()).map(move |at| with(case, |case| drop(case.acts.remove(at))));
    let whole = [
        with(case, |case| case.remove = false),
        with(case, |case| case.on_disk = false),
        with(case, |case| case.concurrency = 1),
    ];
    // An object that is left out of all manifests, and then out of one.
    let places = 0..case.acts.iter().flat_map(|act| act.manifest.nodes.keys()).max().map_or(0, |max| max + 1);
    let objects = places.map(move |place| {
        with(case, |case| {
            for act in &mut case.acts {
                act.manifest.nodes.remove(&place);
            }
        })
    });
    let details = (0..case.acts.len()).flat_map(move |at| details(case, at));
    acts.chain(whole).chain(objects).chain(details)
}

fn with(case: &Case, change: impl FnOnce(&mut Case)) -> Case {
    let mut changed = case.clone();
    change(&mut changed);
    changed
}

/// One act with a little less.
fn details(case: &Case, at: usize) -> Vec<Case> {
    let Some(act) = case.acts.get(at) else { return Vec::new() };
    let mut smaller: Vec<Act> = Vec::new();
    let mut less = |change: &dyn Fn(&mut Act)| {
        let mut act = act.clone();
        change(&mut act);
        smaller.push(act);
    };
    for index in 0..act.faults.len() {
        less(&|act| _ = act.faults.remove(index));
    }
    for (index, fault) in act.faults.iter().enumerate() {
        fault.earlier().for_each(|earlier| less(&|act| act.faults[index] = earlier));
    }
    for index in 0..act.before.len() {
        less(&|act| _ = act.before.remove(index));
    }
    less(&|act| act.pause_ms = 0);
    less(&|act| act.refresh = false);
    less(&|act| act.consent = true);
    less(&|act| act.manifest.order = (0..act.manifest.order.len()).collect());
    for place in act.manifest.nodes.keys() {
        less(&|act| drop(act.manifest.nodes.remove(place)));
        for change in NODE_CHANGES {
            less(&|act| on_node(&mut act.manifest, *place, *change));
        }
    }
    smaller.into_iter().filter(|less| less != act).map(|act| with(case, |case| case.acts[at] = act)).collect()
}

const NODE_CHANGES: &[fn(&mut Node)] = &[
    |node| node.refers.clear(),
    |node| _ = node.refers.pop_first(),
    |node| node.after.clear(),
    |node| node.protect = false,
    |node| node.value = 0,
    |node| node.noise = 0,
];

fn on_node(manifest: &mut Manifest, place: usize, change: fn(&mut Node)) {
    if let Some(node) = manifest.nodes.get_mut(&place) {
        change(node);
    }
}
