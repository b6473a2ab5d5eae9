//! The planner's promise, over random histories: whatever fails and wherever a run is killed, the state equals the cloud once
//! intents are recovered, the next run converges to an empty plan, no step runs before its needs, nothing is deleted while a
//! live object refers to it (but where a kind cannot stand beside its successor), and a plan that destroys data says so.

#![allow(clippy::unwrap_used, reason = "a failed expectation is what a test reports")]

mod world;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sf_plan::{
    Action, Addr, Event, Failure, Lineage, ObjectKey, Op, Outcome, Plan, Reason, Run, Save, Seen, State,
    Status, StepId, absorb, diff, graph, schedule,
};
use world::{Cloud, KINDS, Spec, TestSchemas, addr, spec};

/// How a deploy is disturbed, and at which of its calls.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// The call fails without effect.
    Fail(usize),
    /// The call has its effect, and its answer is lost.
    LoseAnswer(usize),
    /// A create fails half-way: something is there.
    HalfMade(usize),
    /// Killed before the call.
    KillBefore(usize),
    /// Killed after the call, its answer lost.
    KillAfter(usize),
    /// Told to stop.
    Stop(usize),
    /// Somebody deletes this object afterwards, which a refresh notices.
    DeletedOutside(usize),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::None),
        (0usize..14).prop_map(Fault::Fail),
        (0usize..14).prop_map(Fault::LoseAnswer),
        (0usize..14).prop_map(Fault::HalfMade),
        (0usize..14).prop_map(Fault::KillBefore),
        (0usize..14).prop_map(Fault::KillAfter),
        (0usize..14).prop_map(Fault::Stop),
        (0usize..KINDS.len()).prop_map(Fault::DeletedOutside),
    ]
}

/// Resolves pending intents as the engine does.
fn recover(state: &mut State, cloud: &Cloud) {
    let answer = |intent: &sf_plan::Intent| cloud.find(&intent.key);
    let intents = state.pending.iter().map(|(token, intent)| (token.clone(), answer(intent))).collect();
    assert_eq!(absorb(state, Seen { intents, ..Seen::default() }), []);
    assert!(state.pending.is_empty());
}

/// Somebody deletes the newest object of an address, and we look at everything.
fn delete_outside(addr: &Addr, state: &mut State, cloud: &mut Cloud) {
    recover(state, cloud);
    let Some(key) = cloud.objects.keys().rfind(|key| key.addr == *addr).cloned() else { return };
    let there: BTreeSet<_> = cloud.objects.keys().cloned().collect();
    let _ = cloud.delete(&key);
    let objects = state.objects.keys().map(|key| (key.clone(), cloud.find(key))).collect();
    let drift = absorb(state, Seen { objects, ..Seen::default() });
    let is_gone = |key: &ObjectKey| there.contains(key) && !cloud.objects.contains_key(key);
    assert!(drift.iter().all(|drift| is_gone(&drift.key) && drift.why == [Reason::Missing]), "{drift:?}");
}

fn plan(spec: &Spec, state: &State) -> Plan {
    let graph = graph(spec.desired()).unwrap();
    let changes = diff(&graph, state, &TestSchemas);
    schedule(&graph, state, changes)
}

fn ends(op: &Op) -> bool {
    matches!(op, Op::Delete | Op::Forget)
}

/// Whatever can be said of a plan without running it.
fn check(plan: &Plan, state: &State) {
    let told: BTreeSet<_> = plan.destroyed_data().map(|change| &change.key).collect();
    for step in plan.steps.iter().filter(|step| ends(&step.op)) {
        assert!(!state.objects[&step.key].protect || told.contains(&step.key), "{} is not told", step.key);
    }
    for change in plan.actual_changes() {
        assert!(!change.why.is_empty(), "{} says no reason", change.key);
    }
}

/// Runs one deploy and returns the state that a store would hold afterwards.
fn deploy(spec: &Spec, mut state: State, cloud: &mut Cloud, fault: Fault) -> State {
    recover(&mut state, cloud);
    let known = state.objects.iter().filter(|(_, object)| object.status != Status::Missing);
    assert!(known.map(|(key, _)| key).eq(cloud.objects.keys()), "{state:#?}");
    let plan = plan(spec, &state);
    check(&plan, &state);
    let first_put = plan.steps.iter().position(|step| !ends(&step.op)).unwrap_or(0);
    let replaced: BTreeSet<_> = plan
        .changes
        .iter()
        .filter(|change| change.action == Action::Replace { early_delete: false })
        .map(|change| change.key.clone())
        .collect();
    let needs: BTreeMap<_, _> = plan.steps.iter().map(|step| (step.id, step.needs.clone())).collect();
    let mut over = BTreeSet::new();
    let mut run = Run::new(plan, state).unwrap();
    let (mut made, mut saved) = (0, run.state().clone());
    while !run.is_over() {
        let (calls, events) = run.ready(3);
        over.extend(ended(&events));
        saved = saved_of(&mut run, saved);
        for call in calls {
            assert!(needs[&call.step].is_subset(&over), "{} runs before its needs", call.key);
            let lonely = replaced.contains(&call.key) && !cloud.objects.contains_key(&call.key.successor());
            assert!(!lonely, "{} is deleted before its successor is there", call.key);
            let error = || Failure::internal("injected");
            let failed = |partial| Outcome::Failed { partial, error: error() };
            let mut make = || cloud.call(&call.key, &call.action, call.step.0 >= first_put);
            let outcome = match fault {
                Fault::KillBefore(at) if at == made => return saved,
                Fault::KillAfter(at) if at == made => {
                    make();
                    return saved;
                }
                Fault::Fail(at) if at == made => failed(None),
                Fault::LoseAnswer(at) if at == made => {
                    make();
                    failed(None)
                }
                Fault::HalfMade(at) if at == made => match make() {
                    Outcome::Done { id, outputs } => failed(Some((id, outputs))),
                    deleted => deleted,
                },
                _ => make(),
            };
            if matches!(fault, Fault::Stop(at) if at == made) {
                run.stop();
            }
            made += 1;
            over.extend(ended(&run.finish(call.step, outcome)));
            saved = saved_of(&mut run, saved);
        }
    }
    let (mut state, report) = run.end();
    assert!(matches!(fault, Fault::None | Fault::DeletedOutside(_)) <= report.is_success(), "{report:#?}");
    if let Fault::DeletedOutside(index) = fault {
        delete_outside(&addr(index), &mut state, cloud);
    }
    state
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_converges(
        history in proptest::collection::vec((spec(), fault()), 1..5),
        last in spec(),
        remove in any::<bool>(),
    ) {
        let mut cloud = Cloud::default();
        let mut state = State::new(Lineage("test".into()));
        for (spec, fault) in history {
            state = deploy(&spec, state, &mut cloud, fault);
        }
        state = deploy(&last, state, &mut cloud, Fault::None);
        let known: BTreeMap<_, _> = state
            .objects
            .iter()
            .map(|(key, object)| (key.clone(), (object.inputs.clone(), object.outputs.clone())))
            .collect();
        prop_assert_eq!(&known, &cloud.objects);
        prop_assert!(state.pending.is_empty());

        let again = plan(&last, &state);
        prop_assert!(again.changes.iter().all(|change| change.action == Action::Keep), "{:#?}", again.changes);
        prop_assert_eq!(again.steps, vec![]);
        let expected: BTreeSet<Addr> = last.desired().into_iter().map(|node| node.addr).collect();
        let actual: BTreeSet<Addr> = state.objects.keys().map(|key| key.addr.clone()).collect();
        prop_assert_eq!(expected, actual);
        for node in last.desired() {
            let object = state.objects.iter().find(|(key, _)| key.addr == node.addr).unwrap().1;
            prop_assert_eq!(object.protect, node.protect);
        }
        if remove {
            state = deploy(&Spec::default(), state, &mut cloud, Fault::None);
            prop_assert!(state.objects.is_empty() && cloud.objects.is_empty());
        }
    }

    #[test]
    fn a_plan_does_not_depend_on_the_order_of_what_is_desired(before in spec(), after in spec()) {
        let mut cloud = Cloud::default();
        let state = deploy(&before, State::new(Lineage("test".into())), &mut cloud, Fault::None);
        let mut reversed = after.desired();
        reversed.reverse();
        let graph = graph(reversed).unwrap();
        let changes = diff(&graph, &state, &TestSchemas);
        prop_assert_eq!(schedule(&graph, &state, changes), plan(&after, &state));
    }
}

fn ended(events: &[Event]) -> impl Iterator<Item = StepId> {
    events.iter().filter_map(|event| match event {
        Event::Finished { step, .. } | Event::Unchanged { step, .. } => Some(*step),
        _ => None,
    })
}

/// What a store has after a save: whether it takes the change or the whole makes no difference.
fn saved_of(run: &mut Run, before: State) -> State {
    let Some(Save { state, delta }) = run.unsaved() else { return before };
    if let Some(delta) = delta {
        let mut changed = before;
        changed.apply(delta);
        assert_eq!(changed, *state, "the change is not all that changed");
    }
    state.clone()
}
