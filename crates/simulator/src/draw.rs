//! Cases drawn from a seed: small enough that one object fails with another often, wild enough that no order of things is missed.

use fastrand::Rng;

use crate::case::{Act, CallFault, Case, Fault, Manifest, Node, Outside, SaveFault};
use crate::kinds::KINDS;

/// One case in so many keeps its state in files: a disk is slow.
const ON_DISK: u64 = 512;

impl Case {
    /// The case of a seed.
    pub fn draw(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut acts = Vec::new();
        let mut manifest = Manifest::default();
        for _ in 0..rng.usize(3..=8) {
            manifest = next_manifest(&mut rng, manifest);
            acts.push(act(&mut rng, manifest.clone(), acts.len()));
        }
        let on_disk = seed % ON_DISK == ON_DISK - 1;
        Self { seed, concurrency: rng.usize(1..=6), on_disk, acts, remove: rng.bool() }
    }
}

fn chance(rng: &mut Rng, percent: u8) -> bool {
    rng.u8(0..100) < percent
}

fn act(rng: &mut Rng, manifest: Manifest, number: usize) -> Act {
    let mut before = Vec::new();
    if number > 0 {
        while chance(rng, 15) {
            before.push(match rng.u8(0..10) {
                0..4 => Outside::Delete(rng.usize(0..KINDS.len())),
                4..7 => Outside::Change(rng.usize(0..KINDS.len()), rng.u8(0..3)),
                7 => Outside::LoseState,
                _ => Outside::RestoreState(rng.usize(1..=3)),
            });
        }
    }
    let pause_ms = if chance(rng, 60) { rng.u64(0..1500) } else { rng.u64(1500..20_000) };
    let mut faults = Vec::new();
    if chance(rng, 75) {
        faults.push(fault(rng));
        while chance(rng, 50) {
            faults.push(fault(rng));
        }
    }
    Act { before, pause_ms, manifest, refresh: chance(rng, 20), consent: chance(rng, 70), faults }
}

fn fault(rng: &mut Rng) -> Fault {
    match rng.u8(0..100) {
        // A deploy has some dozen such moments; most processes are to die in the midst of it.
        0..40 => Fault::Crash(if rng.bool() { rng.usize(0..25) } else { rng.usize(0..100) }),
        40..48 => Fault::Stop(rng.usize(0..60)),
        48..80 => Fault::Call(rng.usize(0..16), call_fault(rng)),
        80..86 => Fault::Question(rng.usize(0..6), rng.bool()),
        86..96 => {
            let fault = if rng.bool() { SaveFault::Fails } else { SaveFault::LooksFailed };
            Fault::Save(rng.usize(0..16), fault)
        }
        _ => Fault::Record,
    }
}

fn call_fault(rng: &mut Rng) -> CallFault {
    match rng.u8(0..7) {
        0 => CallFault::Throttled,
        1 => CallFault::Refused,
        2 => CallFault::AnswerLost,
        3 => CallFault::AnswerGarbled,
        4 => CallFault::HalfMade(true),
        5 => CallFault::HalfMade(false),
        _ => CallFault::Panics,
    }
}

/// As people change a manifest: mostly a little, at times all of it, or nothing.
fn next_manifest(rng: &mut Rng, mut manifest: Manifest) -> Manifest {
    match rng.u8(0..100) {
        0..4 => Manifest::default(),
        4..14 => manifest,
        14..50 if !manifest.nodes.is_empty() => {
            for _ in 0..rng.usize(1..4) {
                change(rng, &mut manifest);
            }
            manifest
        }
        _ => {
            let mut order: Vec<usize> = (0..KINDS.len()).collect();
            if chance(rng, 30) {
                rng.shuffle(&mut order);
            }
            let share = rng.u8(30..95);
            let places: Vec<usize> = (0..KINDS.len()).filter(|_| chance(rng, share)).collect();
            let nodes = places.into_iter().map(|place| (place, node(rng))).collect();
            Manifest { nodes, order }
        }
    }
}

fn change(rng: &mut Rng, manifest: &mut Manifest) {
    let place = rng.usize(0..KINDS.len());
    let Some(node) = manifest.nodes.get_mut(&place) else {
        manifest.nodes.insert(place, self::node(rng));
        return;
    };
    match rng.u8(0..8) {
        0..3 => node.value = rng.u8(0..6),
        3 => node.noise = rng.u8(0..2),
        4 => node.refers = places(rng, 3).into_iter().map(|place| (place, rng.bool())).collect(),
        5 => node.after = places(rng, 2).into_iter().collect(),
        6 => node.protect = !node.protect,
        _ => {
            manifest.nodes.remove(&place);
        }
    }
}

fn node(rng: &mut Rng) -> Node {
    Node {
        value: rng.u8(0..6),
        noise: rng.u8(0..2),
        refers: places(rng, 3).into_iter().map(|place| (place, rng.bool())).collect(),
        after: places(rng, 2).into_iter().collect(),
        protect: chance(rng, 20),
    }
}

fn places(rng: &mut Rng, below: usize) -> Vec<usize> {
    let count = rng.usize(0..below);
    (0..count).map(|_| rng.usize(0..KINDS.len())).collect()
}
