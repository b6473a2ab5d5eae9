//! A plan under way, as a state machine without effects: the engine asks what to call next and tells what became of it.
//!
//! ```text
//! loop { (calls, events) = run.ready(slots); save(run.unsaved()); …call…; events = run.finish(step, outcome); save(run.unsaved()) }
//! ```
//!
//! `ready` records an intent in the state for each call it hands out. The caller must make the state durable before it makes
//! the calls: that is what lets the next run find what a killed one began.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::addr::{Addr, ObjectKey};
use crate::ledger::{Ledger, Save};
use crate::object::{Intent, IntentAction, Object, Outputs, RemoteId, Serial, State, Status, Token};
use crate::step::{Call, Event, Failure, Op, Outcome, Plan, Step, StepId};
use crate::turn::{Known, Turn};

/// The plan was made for another state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plan is stale: it was made for serial {planned} and the state is at {actual}")]
pub struct StalePlan {
    /// The serial it was made for.
    pub planned: u64,
    /// The state's.
    pub actual: u64,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Objects put or deleted by a call, or gone with their container.
    pub done: Vec<ObjectKey>,
    /// Objects whose resolved inputs turned out to be the recorded ones.
    pub unchanged: Vec<ObjectKey>,
    /// Objects whose call failed.
    pub failed: Vec<(ObjectKey, Failure)>,
    /// Objects whose turn never came.
    pub skipped: Vec<ObjectKey>,
}

impl Report {
    /// Whether everything was done.
    pub fn is_success(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting { needs: usize },
    Called,
    Over,
}

/// A plan under way.
pub struct Run {
    ledger: Ledger,
    /// The serial that the plan was made for: with the lineage, it names the run in its tokens.
    base: Serial,
    steps: Vec<Step>,
    progress: Vec<Progress>,
    users: Vec<Vec<StepId>>,
    queue: VecDeque<StepId>,
    called: usize,
    newest: BTreeMap<Addr, ObjectKey>,
    /// Objects that were to be replaced, until it turned out that nothing about them changes.
    spared: BTreeSet<ObjectKey>,
    report: Report,
    stopped: bool,
}

impl Run {
    /// Begins a plan.
    ///
    /// # Errors
    /// The plan was made for another state.
    pub fn new(mut plan: Plan, state: State) -> Result<Self, StalePlan> {
        let (lineage, serial) = &plan.base;
        if *lineage != state.lineage || *serial != state.serial {
            return Err(StalePlan { planned: serial.0, actual: state.serial.0 });
        }
        // A plan may come from anywhere; from here on, a step's number is its place.
        for (index, step) in plan.steps.iter_mut().enumerate() {
            step.id = StepId(index);
        }
        let mut users = vec![Vec::new(); plan.steps.len()];
        for step in &plan.steps {
            for need in &step.needs {
                if let Some(list) = users.get_mut(need.0) {
                    list.push(step.id);
                }
            }
        }
        let progress = plan.steps.iter().map(|step| Progress::Waiting { needs: step.needs.len() }).collect();
        let queue = plan.steps.iter().filter(|step| step.needs.is_empty()).map(|step| step.id).collect();
        let newest = crate::diff::current(&state)
            .into_iter()
            .map(|(addr, (key, _))| (addr.clone(), key.clone()))
            .collect();
        Ok(Self {
            base: state.serial,
            ledger: Ledger::new(state),
            steps: plan.steps,
            progress,
            users,
            queue,
            called: 0,
            newest,
            spared: BTreeSet::new(),
            report: Report::default(),
            stopped: false,
        })
    }

    /// The calls to make now, at most `slots`, each with its intent recorded in the state.
    pub fn ready(&mut self, slots: usize) -> (Vec<Call>, Vec<Event>) {
        let (mut calls, mut events) = (Vec::new(), Vec::new());
        while calls.len() < slots && !self.stopped {
            let Some(id) = self.queue.pop_front() else { break };
            let Some(step) = self.steps.get(id.0) else { continue };
            let key = step.key.clone();
            match self.known().turn(step, || self.contents(step)) {
                Turn::Call(action, intent) => {
                    let token = self.token(id);
                    let deps = intent.deps.clone();
                    self.ledger.begin(token.clone(), *intent);
                    self.progress[id.0] = Progress::Called;
                    self.called += 1;
                    events.push(Event::Started { step: id, key: key.clone() });
                    calls.push(Call { step: id, token, key, deps, action: *action });
                }
                Turn::Record { deps, protect } => {
                    self.record(&key, deps, protect);
                    self.unchanged(id, key, &mut events);
                }
                Turn::Spare { old, deps, protect } => {
                    self.record(&old, deps, protect);
                    self.spared.insert(old);
                    self.unchanged(id, key, &mut events);
                }
                Turn::Nothing => self.unchanged(id, key, &mut events),
                Turn::Forget => self.forget_along(id, &mut events),
                Turn::Impossible(error) => self.fail(id, error, &mut events),
            }
        }
        (calls, events)
    }

    /// Folds the outcome of a call into the state.
    ///
    /// A call that failed may have taken effect all the same, if only its answer was lost. So its intent stays pending unless
    /// the outcome says what was made, and the next run asks the provider.
    pub fn finish(&mut self, id: StepId, outcome: Outcome) -> Vec<Event> {
        let mut events = Vec::new();
        if self.progress.get(id.0) != Some(&Progress::Called) {
            return events;
        }
        let Some(key) = self.steps.get(id.0).map(|step| step.key.clone()) else { return events };
        self.called -= 1;
        let token = self.token(id);
        let intent = self.ledger.end(&token);
        let is_delete = matches!(&intent, Some(Intent { action: IntentAction::Delete, .. }));
        match (outcome, intent) {
            (Outcome::Deleted, Some(_)) if is_delete => {
                self.forget(&key);
                self.done(id, key, Outputs::new(), &mut events);
            }
            (Outcome::Done { id: remote, outputs }, Some(intent)) if !is_delete => {
                self.insert(id, object_of(intent, remote, outputs.clone(), Status::Ready));
                self.done(id, key, outputs, &mut events);
            }
            (Outcome::Failed { partial: Some((remote, outputs)), error }, Some(intent))
                if !is_delete && self.ledger.object(&key).is_none() =>
            {
                // A half-made object is replaced by the next run.
                self.insert(id, object_of(intent, remote, outputs, Status::Tainted));
                self.fail(id, error, &mut events);
            }
            (Outcome::Failed { error, .. }, intent) => {
                self.begin_again(token, intent);
                self.fail(id, error, &mut events);
            }
            (Outcome::Deleted | Outcome::Done { .. }, intent) => {
                self.begin_again(token, intent);
                let error = Failure::internal("the driver answered another question than it was asked");
                self.fail(id, error, &mut events);
            }
        }
        events
    }

    /// Starts nothing new: what was not called is skipped; what was called may finish, and takes along what goes with it.
    pub fn stop(&mut self) -> Vec<Event> {
        self.stopped = true;
        self.queue.clear();
        let mut events = Vec::new();
        for index in 0..self.steps.len() {
            if matches!(self.progress[index], Progress::Waiting { .. }) && !self.may_go_along(StepId(index)) {
                self.skip(StepId(index), &mut events);
            }
        }
        events
    }

    /// Whether nothing is left to call or to wait for.
    pub fn is_over(&self) -> bool {
        self.called == 0 && self.queue.is_empty()
    }

    /// The state as it is now.
    pub fn state(&self) -> &State {
        self.ledger.state()
    }

    /// Says that the state differs from the stored one already.
    pub fn touch(&mut self) {
        self.ledger.touch();
    }

    /// The state with its next serial, if it changed since it was last taken.
    pub fn unsaved(&mut self) -> Option<Save<'_>> {
        self.ledger.unsaved()
    }

    /// Ends the run: what never had its turn is reported as skipped.
    pub fn end(mut self) -> (State, Report) {
        self.stop();
        (self.ledger.into_state(), self.report)
    }

    fn known(&self) -> Known<'_> {
        Known { ledger: &self.ledger, newest: &self.newest, spared: &self.spared }
    }

    fn token(&self, id: StepId) -> Token {
        Token(format!("{}-{}-{}", self.state().lineage.0, self.base.0, id.0))
    }

    fn forget(&mut self, key: &ObjectKey) {
        self.ledger.remove(key);
        if self.newest.get(&key.addr) == Some(key) {
            self.newest.remove(&key.addr);
        }
    }

    /// In one go with the deletion of its container: no saved state says that the one is gone and the other is not.
    fn forget_along(&mut self, id: StepId, events: &mut Vec<Event>) {
        let key = self.steps[id.0].key.clone();
        self.forget(&key);
        self.done(id, key, Outputs::new(), events);
    }

    /// What goes with the object that a step deletes.
    fn contents(&self, step: &Step) -> BTreeSet<ObjectKey> {
        let users = self.users.get(step.id.0).into_iter().flatten();
        let steps = users.filter_map(|user| self.steps.get(user.0));
        steps.filter(|step| matches!(step.op, Op::Forget)).map(|step| step.key.clone()).collect()
    }

    /// Whether its container is being deleted.
    fn may_go_along(&self, id: StepId) -> bool {
        let Step { op, needs, .. } = &self.steps[id.0];
        matches!(op, Op::Forget) && needs.iter().all(|need| self.progress[need.0] == Progress::Called)
    }

    fn record(&mut self, key: &ObjectKey, deps: BTreeSet<ObjectKey>, protect: bool) {
        if self.ledger.object(key).is_some_and(|object| object.deps != deps || object.protect != protect) {
            self.ledger.change(key, |object| {
                object.deps = deps;
                object.protect = protect;
            });
        }
    }

    /// A call that may have taken effect stays pending.
    fn begin_again(&mut self, token: Token, intent: Option<Intent>) {
        if let Some(intent) = intent {
            self.ledger.begin(token, intent);
        }
    }

    fn insert(&mut self, id: StepId, object: Option<Object>) {
        let (Some(step), Some(object)) = (self.steps.get(id.0), object) else { return };
        if let Op::Put { replaces: Some(old), .. } = &step.op {
            self.ledger.change(old, |old| old.status = Status::Deposed);
        }
        self.newest.insert(step.key.addr.clone(), step.key.clone());
        self.ledger.put(step.key.clone(), object);
    }

    fn done(&mut self, id: StepId, key: ObjectKey, outputs: Outputs, events: &mut Vec<Event>) {
        self.report.done.push(key.clone());
        events.push(Event::Finished { step: id, key, outputs });
        self.succeed(id, events);
    }

    fn unchanged(&mut self, id: StepId, key: ObjectKey, events: &mut Vec<Event>) {
        self.report.unchanged.push(key.clone());
        events.push(Event::Unchanged { step: id, key });
        self.succeed(id, events);
    }

    fn succeed(&mut self, id: StepId, events: &mut Vec<Event>) {
        self.progress[id.0] = Progress::Over;
        for user in std::mem::take(&mut self.users[id.0]) {
            if let Progress::Waiting { needs } = &mut self.progress[user.0] {
                *needs -= 1;
                match self.steps[user.0].op {
                    _ if *needs > 0 => {}
                    Op::Forget => self.forget_along(user, events),
                    Op::Put { .. } | Op::Record { .. } | Op::Delete => self.queue.push_back(user),
                }
            }
        }
    }

    /// A step failed: all that need it, directly or not, are skipped, once each.
    fn fail(&mut self, id: StepId, error: Failure, events: &mut Vec<Event>) {
        self.progress[id.0] = Progress::Over;
        let key = self.steps[id.0].key.clone();
        self.report.failed.push((key.clone(), error.clone()));
        events.push(Event::Failed { step: id, key, error });
        let mut skipped = std::mem::take(&mut self.users[id.0]);
        while let Some(id) = skipped.pop() {
            if self.progress[id.0] != Progress::Over {
                self.skip(id, events);
                skipped.append(&mut self.users[id.0]);
            }
        }
    }

    fn skip(&mut self, id: StepId, events: &mut Vec<Event>) {
        self.progress[id.0] = Progress::Over;
        let key = self.steps[id.0].key.clone();
        self.report.skipped.push(key.clone());
        events.push(Event::Skipped { step: id, key });
    }
}

fn object_of(intent: Intent, id: RemoteId, outputs: Outputs, status: Status) -> Option<Object> {
    match intent.action {
        IntentAction::Create { inputs } | IntentAction::Update { inputs } => {
            Some(Object { id, inputs, outputs, deps: intent.deps, status, protect: intent.protect })
        }
        IntentAction::Delete => None,
    }
}
