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
use crate::object::{Inputs, Intent, IntentAction, Object, State, Status, Token};
use crate::step::{Call, CallAction, Event, Failure, Op, Outcome, Plan, Step, StepId};
use crate::value::Value;

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
    /// Objects put or deleted by a call.
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
    state: State,
    dirty: bool,
    steps: Vec<Step>,
    progress: Vec<Progress>,
    users: Vec<Vec<StepId>>,
    queue: VecDeque<StepId>,
    newest: BTreeMap<Addr, ObjectKey>,
    report: Report,
    stopped: bool,
}

impl Run {
    /// Begins a plan.
    ///
    /// # Errors
    /// The plan was made for another state.
    pub fn new(plan: Plan, state: State) -> Result<Self, StalePlan> {
        let (lineage, serial) = &plan.base;
        if *lineage != state.lineage || *serial != state.serial {
            return Err(StalePlan { planned: serial.0, actual: state.serial.0 });
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
        let report = Report::default();
        Ok(Self {
            state,
            dirty: false,
            steps: plan.steps,
            progress,
            users,
            queue,
            newest,
            report,
            stopped: false,
        })
    }

    /// The calls to make now, at most `slots`, each with its intent recorded in the state.
    pub fn ready(&mut self, slots: usize) -> (Vec<Call>, Vec<Event>) {
        let (mut calls, mut events) = (Vec::new(), Vec::new());
        while calls.len() < slots && !self.stopped {
            let Some(id) = self.queue.pop_front() else { break };
            let Some(step) = self.steps.get(id.0).cloned() else {
                continue;
            };
            match self.prepare(&step) {
                Prepared::Call(call) => {
                    self.progress[id.0] = Progress::Called;
                    events.push(Event::Started { step: id, key: step.key });
                    calls.push(*call);
                }
                Prepared::Nothing => {
                    self.report.unchanged.push(step.key.clone());
                    self.succeed(id);
                    events.push(Event::Unchanged { step: id, key: step.key });
                }
                Prepared::Impossible(error) => self.fail(&step, error, &mut events),
            }
        }
        (calls, events)
    }

    /// Folds the outcome of a call into the state.
    pub fn finish(&mut self, id: StepId, outcome: Outcome) -> Vec<Event> {
        let mut events = Vec::new();
        if self.progress.get(id.0) != Some(&Progress::Called) {
            return events;
        }
        let Some(step) = self.steps.get(id.0).cloned() else {
            return events;
        };
        let intent = self.state.pending.remove(&self.token(id));
        self.dirty = true;
        match outcome {
            Outcome::Deleted => {
                self.state.objects.remove(&step.key);
                if self.newest.get(&step.key.addr) == Some(&step.key) {
                    self.newest.remove(&step.key.addr);
                }
                self.report.done.push(step.key.clone());
                self.succeed(id);
                events.push(Event::Finished { step: id, key: step.key, outputs: BTreeMap::new() });
            }
            Outcome::Done { id: remote, outputs } => {
                if let Some(object) =
                    intent.and_then(|intent| object_of(intent, remote, outputs.clone(), Status::Ready))
                {
                    self.insert(&step, object);
                }
                self.report.done.push(step.key.clone());
                self.succeed(id);
                events.push(Event::Finished { step: id, key: step.key, outputs });
            }
            Outcome::Failed { partial, error } => {
                let is_create = !self.state.objects.contains_key(&step.key);
                if let (Some((remote, outputs)), Some(intent)) = (partial, intent) {
                    // A half-made object is replaced; one that exists and failed to change stays as it was recorded.
                    if let Some(object) =
                        object_of(intent, remote, outputs, Status::Tainted).filter(|_| is_create)
                    {
                        self.insert(&step, object);
                    }
                }
                self.fail(&step, error, &mut events);
            }
        }
        events
    }

    /// Starts nothing new; what was called may finish.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether nothing is left to call or to wait for.
    pub fn is_over(&self) -> bool {
        let called = self.progress.contains(&Progress::Called);
        !called && (self.stopped || self.queue.is_empty())
    }

    /// The state as it is now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Says that the state differs from the stored one already.
    pub fn touch(&mut self) {
        self.dirty = true;
    }

    /// The state with its next serial, if it changed since it was last taken.
    pub fn unsaved(&mut self) -> Option<&State> {
        if !std::mem::take(&mut self.dirty) {
            return None;
        }
        self.state.serial.0 += 1;
        Some(&self.state)
    }

    /// Ends the run: what never had its turn is reported as skipped.
    pub fn end(mut self) -> (State, Report) {
        for step in &self.steps {
            if self.progress.get(step.id.0) != Some(&Progress::Over) {
                self.report.skipped.push(step.key.clone());
            }
        }
        (self.state, self.report)
    }

    fn token(&self, id: StepId) -> Token {
        Token(format!("{}-{}", self.state.lineage.0, id.0))
    }

    fn prepare(&mut self, step: &Step) -> Prepared {
        let (action, intent_action, deps, protect) = match &step.op {
            Op::Delete => {
                let Some(prior) = self.state.objects.get(&step.key).cloned() else {
                    return Prepared::Nothing;
                };
                let (deps, protect) = (prior.deps.clone(), prior.protect);
                (CallAction::Delete { prior }, IntentAction::Delete, deps, protect)
            }
            Op::Put { inputs, protect, deps, .. } => {
                let inputs = match self.resolve(inputs) {
                    Ok(inputs) => inputs,
                    Err(error) => return Prepared::Impossible(error),
                };
                let deps: BTreeSet<ObjectKey> =
                    deps.iter().filter_map(|dep| self.newest.get(dep).cloned()).collect();
                let Some(prior) = self.state.objects.get(&step.key).cloned() else {
                    let (action, intent) =
                        (CallAction::Create { inputs: inputs.clone() }, IntentAction::Create { inputs });
                    return self.record(step, action, intent, deps, *protect);
                };
                if prior.inputs == inputs && prior.status == Status::Ready {
                    if let Some(object) =
                        self.state.objects.get_mut(&step.key).filter(|object| object.deps != deps)
                    {
                        object.deps = deps;
                        self.dirty = true;
                    }
                    return Prepared::Nothing;
                }
                let intent = IntentAction::Update { inputs: inputs.clone() };
                (CallAction::Update { prior, inputs }, intent, deps, *protect)
            }
        };
        self.record(step, action, intent_action, deps, protect)
    }

    fn record(
        &mut self,
        step: &Step,
        action: CallAction,
        intent: IntentAction,
        deps: BTreeSet<ObjectKey>,
        protect: bool,
    ) -> Prepared {
        let token = self.token(step.id);
        let intent = Intent { key: step.key.clone(), action: intent, deps: deps.clone(), protect };
        self.state.pending.insert(token.clone(), intent);
        self.dirty = true;
        Prepared::Call(Box::new(Call { step: step.id, token, key: step.key.clone(), deps, action }))
    }

    fn resolve(&self, value: &Value) -> Result<Inputs, Failure> {
        Ok(match value {
            Value::Ref { of, output } => {
                let object = self.newest.get(of).and_then(|key| self.state.objects.get(key));
                let found = object.and_then(|object| object.outputs.get(output)).cloned();
                let json =
                    found.ok_or_else(|| Failure::internal(format!("`{of}` has no output `{output}`")))?;
                Value::from_json(json)
                    .map_err(|error| Failure::internal(format!("output `{output}` of `{of}`: {error}")))?
            }
            Value::List(items) => {
                Value::List(items.iter().map(|item| self.resolve(item)).collect::<Result<_, _>>()?)
            }
            Value::Map(map) => {
                let entries = map.iter().map(|(key, item)| Ok((key.clone(), self.resolve(item)?)));
                Value::Map(entries.collect::<Result<_, Failure>>()?)
            }
            Value::Lit(_) | Value::Secret { .. } | Value::Artifact(_) => value.clone(),
        })
    }

    fn insert(&mut self, step: &Step, object: Object) {
        if let Op::Put { replaces: Some(old), .. } = &step.op
            && let Some(old) = self.state.objects.get_mut(old)
        {
            old.status = Status::Deposed;
        }
        self.newest.insert(step.key.addr.clone(), step.key.clone());
        self.state.objects.insert(step.key.clone(), object);
    }

    fn succeed(&mut self, id: StepId) {
        self.progress[id.0] = Progress::Over;
        for user in std::mem::take(&mut self.users[id.0]) {
            if let Progress::Waiting { needs } = &mut self.progress[user.0] {
                *needs -= 1;
                if *needs == 0 {
                    self.queue.push_back(user);
                }
            }
        }
    }

    /// A step failed: all that need it, directly or not, are skipped, once each.
    fn fail(&mut self, step: &Step, error: Failure, events: &mut Vec<Event>) {
        self.progress[step.id.0] = Progress::Over;
        self.report.failed.push((step.key.clone(), error.clone()));
        events.push(Event::Failed { step: step.id, key: step.key.clone(), error });
        let mut skipped = std::mem::take(&mut self.users[step.id.0]);
        while let Some(id) = skipped.pop() {
            if self.progress[id.0] == Progress::Over {
                continue;
            }
            self.progress[id.0] = Progress::Over;
            let key = self.steps[id.0].key.clone();
            self.report.skipped.push(key.clone());
            events.push(Event::Skipped { step: id, key });
            skipped.append(&mut self.users[id.0]);
        }
    }
}

enum Prepared {
    Call(Box<Call>),
    Nothing,
    Impossible(Failure),
}

fn object_of(intent: Intent, id: crate::RemoteId, outputs: crate::Outputs, status: Status) -> Option<Object> {
    match intent.action {
        IntentAction::Create { inputs } | IntentAction::Update { inputs } => {
            Some(Object { id, inputs, outputs, deps: intent.deps, status, protect: intent.protect })
        }
        IntentAction::Delete => None,
    }
}
