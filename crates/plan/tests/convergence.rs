//! The planner's promise, over random histories: whatever fails and wherever a run is killed, the state equals the cloud once
//! intents are recovered, the next run converges to an empty plan, no step runs before its needs, and nothing is deleted while
//! a live object refers to it.

#![allow(clippy::unwrap_used, reason = "a failed expectation is what a test reports")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sf_plan::{
    Action, Addr, CallAction, Desired, Effect, Failure, Inputs, IntentAction, Kind, Lineage, Object,
    ObjectKey, Outcome, Outputs, Path, RemoteId, Run, Schemas, Serial, State, Status, Value, diff, graph,
    schedule,
};

/// Kinds by their last letter: `r` replaces on any change, `d` replaces and must be deleted first, `s` has stable outputs.
struct TestSchemas;

impl Schemas for TestSchemas {
    fn effect(&self, kind: &Kind, _: &Path) -> Effect {
        if kind.0.ends_with(['r', 'd']) { Effect::NewObject } else { Effect::InPlace }
    }
    fn delete_first(&self, kind: &Kind) -> bool {
        kind.0.ends_with('d')
    }
    fn stable(&self, kind: &Kind, _: &str) -> bool {
        kind.0.ends_with('s')
    }
}

/// A manifest: for each of a few names whether it exists, its own value, and which earlier names it refers to.
#[derive(Clone, Debug)]
struct Spec(Vec<Option<(u8, BTreeSet<usize>)>>);

const KINDS: [&str; 8] = ["plain", "other", "stables", "replacer", "deleted", "replacer", "deleted", "plain"];

fn addr(index: usize) -> Addr {
    Addr::new(KINDS[index], format!("n{index}"))
}

fn spec() -> impl Strategy<Value = Spec> {
    let node = proptest::option::weighted(0.75, (0u8..3, proptest::collection::btree_set(0usize..8, 0..3)));
    proptest::collection::vec(node, 8).prop_map(Spec)
}

impl Spec {
    fn desired(&self) -> Vec<Desired> {
        let exists = |index: &usize| self.0[*index].is_some();
        let nodes = self.0.iter().enumerate().filter_map(|(index, node)| {
            let (value, uses) = node.as_ref()?;
            let mut inputs = BTreeMap::from([("value".to_owned(), Value::Lit((*value).into()))]);
            for used in uses.iter().filter(|used| **used < index).filter(|used| exists(used)) {
                inputs.insert(format!("n{used}"), Value::Ref { of: addr(*used), output: "out".into() });
            }
            Some(Desired {
                addr: addr(index),
                inputs: Value::Map(inputs),
                after: BTreeSet::new(),
                protect: false,
            })
        });
        nodes.collect()
    }
}

/// The world: objects by key, as the calls left them. Refuses what a real one refuses.
#[derive(Default)]
struct Cloud {
    objects: BTreeMap<ObjectKey, (Inputs, Outputs)>,
    counter: u64,
}

impl Cloud {
    fn outputs(&mut self, key: &ObjectKey) -> Outputs {
        self.counter += 1;
        let out =
            if key.addr.kind.0.ends_with('s') { key.to_string() } else { format!("{key}#{}", self.counter) };
        Outputs::from([("out".to_owned(), out.into())])
    }

    fn call(&mut self, key: &ObjectKey, action: &CallAction) -> Outcome {
        match action {
            CallAction::Create { inputs } | CallAction::Update { inputs, .. } => {
                let clash = |other: &ObjectKey| {
                    other.addr == key.addr && other != key && key.addr.kind.0.ends_with('d')
                };
                assert!(!self.objects.keys().any(clash), "{key} comes while its predecessor exists");
                for (name, value) in references(inputs) {
                    let live = self.objects.values().any(|(_, outputs)| outputs.get("out") == Some(&value));
                    assert!(live, "{key} refers by {name} to {value}, which does not exist");
                }
                let outputs = self.outputs(key);
                self.objects.insert(key.clone(), (inputs.clone(), outputs.clone()));
                Outcome::Done { id: RemoteId(key.to_string()), outputs }
            }
            CallAction::Delete { .. } => {
                self.objects.remove(key);
                Outcome::Deleted
            }
        }
    }

    /// What a driver's `find` answers.
    fn find(&self, key: &ObjectKey) -> Option<&(Inputs, Outputs)> {
        self.objects.get(key)
    }
}

fn references(inputs: &Inputs) -> Vec<(String, sf_plan::Json)> {
    let Value::Map(map) = inputs else { return Vec::new() };
    map.iter()
        .filter(|(name, _)| *name != "value")
        .map(|(name, value)| (name.clone(), value.to_json()))
        .collect()
}

/// How a run is disturbed: at which call, and how.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// The call fails without effect.
    Fail(usize),
    /// Killed before the call.
    KillBefore(usize),
    /// Killed after the call, its answer lost.
    KillAfter(usize),
    /// Told to stop.
    Stop(usize),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::None),
        (0usize..12).prop_map(Fault::Fail),
        (0usize..12).prop_map(Fault::KillBefore),
        (0usize..12).prop_map(Fault::KillAfter),
        (0usize..12).prop_map(Fault::Stop),
    ]
}

/// Resolves pending intents as the engine's recovery does.
fn recover(state: &mut State, cloud: &Cloud) {
    for (_, intent) in std::mem::take(&mut state.pending) {
        match (cloud.find(&intent.key), intent.action) {
            (None, _) => {
                state.objects.remove(&intent.key);
            }
            (Some(_), IntentAction::Delete) => {}
            (Some((inputs, outputs)), IntentAction::Create { .. } | IntentAction::Update { .. }) => {
                let id = RemoteId(intent.key.to_string());
                let (inputs, outputs, deps) = (inputs.clone(), outputs.clone(), intent.deps);
                let object =
                    Object { id, inputs, outputs, deps, status: Status::Ready, protect: intent.protect };
                state.objects.insert(intent.key, object);
            }
        }
    }
}

/// Runs one deploy and returns the state that a store would hold afterwards.
fn deploy(spec: &Spec, mut state: State, cloud: &mut Cloud, fault: Fault) -> (State, usize) {
    recover(&mut state, cloud);
    let graph = graph(spec.desired()).unwrap();
    let changes = diff(&graph, &state, &TestSchemas);
    let plan = schedule(&graph, &state, changes);
    let needs: BTreeMap<_, _> = plan.steps.iter().map(|step| (step.id, step.needs.clone())).collect();
    let mut over = BTreeSet::new();
    let mut run = Run::new(plan, state).unwrap();
    let (mut made, mut saved) = (0, run.state().clone());
    while !run.is_over() {
        let (calls, events) = run.ready(3);
        for event in &events {
            if let sf_plan::Event::Unchanged { step, .. } = event {
                over.insert(*step);
            }
        }
        saved = run.unsaved().cloned().unwrap_or(saved);
        for call in calls {
            assert!(needs[&call.step].is_subset(&over), "{} runs before its needs", call.key);
            let outcome = match fault {
                Fault::KillBefore(at) if at == made => return (saved, made),
                Fault::KillAfter(at) if at == made => {
                    cloud.call(&call.key, &call.action);
                    return (saved, made);
                }
                Fault::Fail(at) if at == made => {
                    Outcome::Failed { partial: None, error: Failure::internal("injected") }
                }
                _ => cloud.call(&call.key, &call.action),
            };
            if matches!(fault, Fault::Stop(at) if at == made) {
                run.stop();
            }
            made += 1;
            if !matches!(outcome, Outcome::Failed { .. }) {
                over.insert(call.step);
            }
            run.finish(call.step, outcome);
            saved = run.unsaved().cloned().unwrap_or(saved);
        }
    }
    let (state, _) = run.end();
    (state, made)
}

fn empty() -> State {
    State {
        version: 1,
        lineage: Lineage("test".into()),
        serial: Serial(0),
        objects: BTreeMap::new(),
        pending: BTreeMap::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_converges(history in proptest::collection::vec((spec(), fault()), 1..5), last in spec()) {
        let mut cloud = Cloud::default();
        let mut state = empty();
        for (spec, fault) in history {
            (state, _) = deploy(&spec, state, &mut cloud, fault);
        }
        (state, _) = deploy(&last, state, &mut cloud, Fault::None);
        // A clean run may leave what a failed run's successor must still tidy; one more makes no difference but that.
        let known: BTreeMap<_, _> = state.objects.iter().map(|(key, o)| (key.clone(), (o.inputs.clone(), o.outputs.clone()))).collect();
        prop_assert_eq!(&known, &cloud.objects);
        prop_assert!(state.pending.is_empty());
        let graph = graph(last.desired()).unwrap();
        let changes = diff(&graph, &state, &TestSchemas);
        prop_assert!(changes.iter().all(|change| change.action == Action::Keep), "not converged: {changes:#?}");
        let expected: BTreeSet<Addr> = last.desired().into_iter().map(|node| node.addr).collect();
        let actual: BTreeSet<Addr> = state.objects.keys().map(|key| key.addr.clone()).collect();
        prop_assert_eq!(expected, actual);
    }
}
