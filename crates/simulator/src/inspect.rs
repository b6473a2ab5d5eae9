//! What must hold of every plan and of every call, whatever goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sf_plan::{
    Action, Addr, Call, CallAction, Desired, Event, Graph, IntentAction, ObjectKey, Op, Outcome, Plan, Save,
    Serial, State, StepId,
};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::things::Things;
use crate::world::World;

/// Looks over the engine's shoulder.
pub(crate) struct Inspector {
    world: Arc<World>,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    /// What would be read if the process died now.
    durable: Option<State>,
    /// The save under way, and whether it was begun after Ctrl-C.
    save: Option<(Serial, bool)>,
    /// Objects that hold data for sure: every manifest that had them since they were made said so.
    guarded: BTreeSet<ObjectKey>,
    deploy: Option<Deploy>,
}

/// The deploy under way.
struct Deploy {
    plan: Plan,
    graph: Graph,
    base: State,
    consent: bool,
    /// Those that held data for sure when it began.
    guarded: BTreeSet<ObjectKey>,
    events: UnboundedReceiver<Event>,
    /// Steps that the engine says are done.
    over: BTreeSet<StepId>,
    /// Steps whose call was answered with success.
    succeeded: BTreeSet<StepId>,
    called: BTreeSet<StepId>,
}

impl Inspector {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self { world, notes: Mutex::default() }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anything would be read if the process died now.
    pub(crate) fn is_recorded(&self) -> bool {
        self.notes().durable.is_some()
    }

    /// Whether this is what would be read, if anything would.
    pub(crate) fn is_durable(&self, state: &State) -> bool {
        self.notes().durable.as_ref().is_none_or(|durable| durable == state)
    }

    pub(crate) fn is_what_was_saved(&self, loaded: Option<&State>) -> bool {
        self.notes().durable.as_ref() == loaded
    }

    /// A save is attempted, before or after somebody pressed Ctrl-C. What counts is when it was decided: at the first attempt.
    pub(crate) fn is_saved(&self, what: &Save<'_>, is_stopped: bool) {
        let mut notes = self.notes();
        let serial = what.state.serial;
        if notes.save.is_none_or(|(known, _)| known != serial) {
            notes.save = Some((serial, is_stopped));
        }
    }

    /// The store says that the save is done.
    pub(crate) fn saved(&self, what: &Save<'_>) {
        let mut notes = self.notes();
        let is_stopped = notes.save.is_some_and(|(_, is_stopped)| is_stopped);
        let is_new =
            |token| notes.durable.as_ref().is_none_or(|durable| !durable.pending.contains_key(token));
        if is_stopped && what.state.pending.keys().any(is_new) {
            self.world.broken("nothing new is begun after Ctrl-C");
        }
        match (&what.delta, &mut notes.durable) {
            (Some(delta), Some(durable)) => {
                durable.apply(delta.clone());
                if durable != what.state {
                    durable.clone_from(what.state);
                    self.world.broken(format!("save {} says all that changed", what.state.serial.0));
                }
            }
            (_, durable) => *durable = Some(what.state.clone()),
        }
    }

    pub(crate) fn set_durable(&self, state: Option<State>) {
        self.notes().durable = state;
    }

    /// The record was lost, or another one was brought back: who knows what holds data.
    pub(crate) fn forget_guards(&self) {
        self.notes().guarded.clear();
    }

    pub(crate) fn forget_guard(&self, key: &ObjectKey) {
        self.notes().guarded.remove(key);
    }

    /// Checks a plan, and follows its run.
    pub(crate) fn begin(
        &self,
        plan: &Plan,
        desired: Vec<Desired>,
        base: &State,
        consent: bool,
        events: UnboundedReceiver<Event>,
    ) {
        self.check_plan(plan, base);
        let Ok(graph) = sf_plan::graph(desired) else {
            return self.world.broken("the manifest is a graph");
        };
        let mut notes = self.notes();
        let guarded = notes.guarded.clone();
        // Whoever ceases to protect an object in this very deploy may not destroy it in it.
        notes.guarded.retain(|key| graph.get(&key.addr).is_none_or(|node| node.protect));
        notes.deploy = Some(Deploy {
            plan: plan.clone(),
            graph,
            base: base.clone(),
            consent,
            guarded,
            events,
            over: BTreeSet::new(),
            succeeded: BTreeSet::new(),
            called: BTreeSet::new(),
        });
    }

    /// Whatever can be said of a plan without running it.
    fn check_plan(&self, plan: &Plan, base: &State) {
        let told: BTreeSet<_> = plan.destroyed_data().map(|change| &change.key).collect();
        for step in plan.steps.iter().filter(|step| step.op == Op::Delete) {
            if base.objects.get(&step.key).is_none_or(|object| object.protect && !told.contains(&step.key)) {
                self.world.broken(format!("the plan tells that it destroys the data of {}", step.key));
            }
        }
        for change in plan.actual_changes().filter(|change| change.why.is_empty()) {
            self.world.broken(format!("the plan says why it changes {}", change.key));
        }
    }

    /// The deploy is over, in whatever way.
    pub(crate) fn end(&self) {
        let mut notes = self.notes();
        notes.save = None;
        if let Some(mut deploy) = notes.deploy.take() {
            deploy.listen(&self.world);
        }
    }

    /// All that a manifest says was done.
    pub(crate) fn succeeded(&self, state: &State) {
        self.notes().guarded = protected(state);
    }

    pub(crate) fn is_called(&self, call: &Call, things: &Things) {
        let mut notes = self.notes();
        let Notes { durable, deploy, .. } = &mut *notes;
        if !durable.as_ref().is_some_and(|state| is_intended(state, call)) {
            self.world.broken(format!("the intent of {} is durable before its call", call.key));
        }
        let Some(deploy) = deploy else {
            return self.world.broken(format!("{} is called by a deploy", call.key));
        };
        deploy.listen(&self.world);
        deploy.called.insert(call.step);
        if let Err(broken) = deploy.check(call, things) {
            drop(notes);
            self.world.broken(broken);
        }
    }

    pub(crate) fn is_answered(&self, call: &Call, outcome: &Outcome) {
        if let (Some(deploy), Outcome::Done { .. } | Outcome::Deleted) = (&mut self.notes().deploy, outcome) {
            deploy.succeeded.insert(call.step);
        }
    }

    /// In the cloud, whether or not the answer arrives.
    pub(crate) fn took_effect(&self, call: &Call, outcome: &Outcome) {
        let mut notes = self.notes();
        let Notes { guarded, deploy: Some(deploy), .. } = &mut *notes else { return };
        match (&call.action, outcome) {
            (CallAction::Delete { .. }, _) => {
                guarded.remove(&call.key);
            }
            (CallAction::Create { .. }, Outcome::Done { .. }) => {
                match deploy.graph.get(&call.key.addr).is_some_and(|node| node.protect) {
                    true => guarded.insert(call.key.clone()),
                    false => guarded.remove(&call.key),
                };
            }
            _ => {}
        }
    }
}

impl Deploy {
    /// Takes in what the engine says until now.
    fn listen(&mut self, world: &World) {
        while let Ok(event) = self.events.try_recv() {
            let (what, step, key) = match &event {
                Event::Started { step, key } => ("started", step, key),
                Event::Progress { step, key, .. } => ("progress", step, key),
                Event::Unchanged { step, key } => {
                    self.over.insert(*step);
                    ("unchanged", step, key)
                }
                Event::Finished { step, key, .. } => {
                    self.over.insert(*step);
                    if self.called.contains(step) && !self.succeeded.contains(step) {
                        world.broken(format!("{key} is told to be finished when its call has succeeded"));
                    }
                    ("finished", step, key)
                }
                Event::Failed { step, key, .. } => ("failed", step, key),
                Event::Skipped { step, key } => ("skipped", step, key),
            };
            world.tell(|| format!("  step {} {what}: {key}", step.0));
        }
    }

    fn check(&self, call: &Call, things: &Things) -> Result<(), String> {
        let key = &call.key;
        let Some(step) = self.plan.steps.get(call.step.0).filter(|step| step.key == *key) else {
            return Err(format!("{key} is a step of the plan"));
        };
        if !step.needs.is_subset(&self.over) {
            return Err(format!("{key} waits for all that its step needs"));
        }
        match &call.action {
            CallAction::Create { .. } | CallAction::Update { .. } => self.check_put(key),
            CallAction::Delete { .. } => self.check_delete(call, things),
        }
    }

    /// Told from the manifest and not from the plan.
    fn check_put(&self, key: &ObjectKey) -> Result<(), String> {
        for used in self.graph.deps(&key.addr) {
            if let Some(put) = self.put_of(used).filter(|put| !self.over.contains(put)) {
                return Err(format!("{key} comes after {used}, which it uses (step {})", put.0));
            }
        }
        Ok(())
    }

    /// Told from the record and not from the plan.
    fn check_delete(&self, call: &Call, things: &Things) -> Result<(), String> {
        let key = &call.key;
        if self.guarded.contains(key) && !self.consent {
            return Err(format!("{key} holds data, and is destroyed with consent only"));
        }
        for (user, _) in self.base.objects.iter().filter(|(_, object)| object.deps.contains(key)) {
            let deletes = |step: &&sf_plan::Step| step.op == Op::Delete && step.key == *user;
            let step = self.plan.steps.iter().find(deletes);
            if step.is_some_and(|step| !self.over.contains(&step.id)) {
                return Err(format!("{key} is deleted after {user}, which uses it"));
            }
        }
        if self.is_early(call.step) {
            return Ok(());
        }
        let change = self.plan.changes.iter().find(|change| change.key == *key);
        let is_replaced = change.is_some_and(|change| matches!(change.action, Action::Replace { .. }));
        if is_replaced && !things.there.contains_key(&key.successor()) {
            return Err(format!("{key} is deleted when its successor is there"));
        }
        match things.user_of(key) {
            Some(user) => Err(format!("{key} is deleted when nobody uses it, and {user} does")),
            None => Ok(()),
        }
    }

    fn put_of(&self, addr: &Addr) -> Option<StepId> {
        let step = self.plan.steps.iter().find(|step| step.key.addr == *addr && step.op != Op::Delete);
        step.map(|step| step.id)
    }

    /// Whether a delete comes before the puts.
    fn is_early(&self, step: StepId) -> bool {
        self.plan.steps.iter().find(|step| step.op != Op::Delete).is_none_or(|put| step < put.id)
            && self.plan.changes.iter().any(|change| {
                let is_step = self.plan.steps.get(step.0).is_some_and(|step| step.key == change.key);
                let early = matches!(
                    change.action,
                    Action::Delete { early: true } | Action::Replace { early_delete: true }
                );
                is_step && early
            })
    }
}

fn is_intended(state: &State, call: &Call) -> bool {
    state.pending.get(&call.token).is_some_and(|intent| {
        intent.key == call.key
            && match (&intent.action, &call.action) {
                (IntentAction::Create { inputs }, CallAction::Create { inputs: called })
                | (IntentAction::Update { inputs }, CallAction::Update { inputs: called, .. }) => {
                    inputs == called
                }
                (IntentAction::Delete, CallAction::Delete { .. }) => true,
                _ => false,
            }
    })
}

/// Which recorded objects hold data.
fn protected(state: &State) -> BTreeSet<ObjectKey> {
    state.objects.iter().filter(|(_, object)| object.protect).map(|(key, _)| key.clone()).collect()
}

/// How a record and the cloud differ in what both know; nothing if they do not.
pub(crate) fn difference(
    recorded: &BTreeMap<ObjectKey, sf_plan::Object>,
    there: &BTreeMap<ObjectKey, sf_plan::Object>,
) -> Option<String> {
    if let Some(key) = there.keys().find(|key| !recorded.contains_key(*key)) {
        return Some(format!("{key} is there, and so is recorded"));
    }
    recorded.iter().find_map(|(key, object)| {
        let Some(found) = there.get(key) else {
            return Some(format!("{key} is recorded, and so is there"));
        };
        let is_same = (&found.id, &found.inputs, &found.outputs, found.status)
            == (&object.id, &object.inputs, &object.outputs, object.status);
        (!is_same).then(|| format!("{key} is as recorded: {found:?}, recorded {object:?}"))
    })
}
