//! A step when its turn comes: with what is known by then, it is a call, or less than that.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::{Addr, ObjectKey};
use crate::ledger::Ledger;
use crate::object::{Inputs, Intent, IntentAction, Object, Status};
use crate::step::{CallAction, Failure, Op, Step};
use crate::value::Value;

/// What a step comes to.
pub(crate) enum Turn {
    /// A call.
    Call(Box<CallAction>, Box<Intent>),
    /// No call: the object is as it should be, only these may be recorded wrongly.
    Record { deps: BTreeSet<ObjectKey>, protect: bool },
    /// No call: the object that was to be replaced is as it should be.
    Spare { old: ObjectKey, deps: BTreeSet<ObjectKey>, protect: bool },
    /// No call: there is nothing to delete.
    Nothing,
    /// No call: it is deleted already.
    Forget,
    /// A fault of the backend.
    Impossible(Failure),
}

impl Turn {
    fn call(
        step: &Step,
        action: CallAction,
        intent: IntentAction,
        deps: BTreeSet<ObjectKey>,
        protect: bool,
    ) -> Self {
        let intent = Intent { key: step.key.clone(), action: intent, deps, protect, takes: BTreeSet::new() };
        Self::Call(Box::new(action), Box::new(intent))
    }
}

/// What a run knows so far.
pub(crate) struct Known<'a> {
    pub(crate) ledger: &'a Ledger,
    /// Of each address, the generation that is referred to.
    pub(crate) newest: &'a BTreeMap<Addr, ObjectKey>,
    /// Objects that were to be replaced, until it turned out that nothing about them changes.
    pub(crate) spared: &'a BTreeSet<ObjectKey>,
}

impl Known<'_> {
    /// What a step comes to, now that all that it needs is there. `contents`: what goes along with the object that it deletes.
    pub(crate) fn turn(&self, step: &Step, contents: impl FnOnce() -> BTreeSet<ObjectKey>) -> Turn {
        let prior = self.ledger.object(&step.key);
        match &step.op {
            Op::Delete => match prior {
                Some(prior) if !self.spared.contains(&step.key) => {
                    let action = CallAction::Delete { prior: prior.clone() };
                    let intent = Intent {
                        key: step.key.clone(),
                        action: IntentAction::Delete,
                        deps: prior.deps.clone(),
                        protect: prior.protect,
                        takes: contents(),
                    };
                    Turn::Call(Box::new(action), Box::new(intent))
                }
                _ => Turn::Nothing,
            },
            Op::Forget => Turn::Forget,
            Op::Record { protect, deps } => Turn::Record { deps: self.newest_of(deps), protect: *protect },
            Op::Put { inputs, protect, deps, replaces } => {
                let inputs = match self.resolve(inputs) {
                    Ok(inputs) => inputs,
                    Err(error) => return Turn::Impossible(error),
                };
                let deps = self.newest_of(deps);
                let is_same = |object: &&Object| object.status == Status::Ready && object.inputs == inputs;
                if let Some(prior) = prior.filter(|prior| prior.status != Status::Missing) {
                    if is_same(&prior) {
                        return Turn::Record { deps, protect: *protect };
                    }
                    let intent = IntentAction::Update { inputs: inputs.clone() };
                    let action = CallAction::Update { prior: prior.clone(), inputs };
                    return Turn::call(step, action, intent, deps, *protect);
                }
                let old =
                    replaces.as_ref().filter(|old| self.ledger.object(old).is_some_and(|o| is_same(&o)));
                if let Some(old) = old {
                    return Turn::Spare { old: old.clone(), deps, protect: *protect };
                }
                let intent = IntentAction::Create { inputs: inputs.clone() };
                Turn::call(step, CallAction::Create { inputs }, intent, deps, *protect)
            }
        }
    }

    fn newest_of(&self, deps: &BTreeSet<Addr>) -> BTreeSet<ObjectKey> {
        deps.iter().filter_map(|dep| self.newest.get(dep).cloned()).collect()
    }

    fn resolve(&self, value: &Value) -> Result<Inputs, Failure> {
        Ok(match value {
            Value::Ref { of, output } => {
                let object = self.newest.get(of).and_then(|key| self.ledger.object(key));
                let found = object.and_then(|object| object.outputs.get(output)).cloned();
                Value::plain(
                    found.ok_or_else(|| Failure::internal(format!("`{of}` has no output `{output}`")))?,
                )
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
}
