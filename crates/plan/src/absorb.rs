//! What the provider says of objects, folded into what is recorded of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::addr::ObjectKey;
use crate::fields::{Field, Fields};
use crate::object::{Intent, IntentAction, Object, State, Status, Token};
use crate::step::Reason;

/// What the provider was asked about and what it answered; `None` where there is no such object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// What became of calls whose end was never recorded.
    pub intents: BTreeMap<Token, Option<Object>>,
    /// Recorded objects as they are now.
    pub objects: BTreeMap<ObjectKey, Option<Object>>,
}

/// A difference between the record and the world that no plan of ours made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The object.
    pub key: ObjectKey,
    /// [`Reason::Missing`], or a [`Reason::Field`] for each input that is not as recorded.
    pub why: Vec<Reason>,
}

/// Folds answers into the state, and tells what was changed behind its back. A recovered call is no drift.
pub fn absorb(state: &mut State, seen: Seen) -> Vec<Drift> {
    for (token, found) in seen.intents {
        if let Some(intent) = state.pending.remove(&token) {
            settle(state, intent, found);
        }
    }
    let refreshed = seen.objects.into_iter().filter_map(|(key, found)| refresh(state, key, found));
    refreshed.collect()
}

/// A call may have been made or not, and may have taken effect or not: the object itself tells.
fn settle(state: &mut State, intent: Intent, found: Option<Object>) {
    let Intent { key, action, deps, protect, takes } = intent;
    let recorded = state.objects.get(&key);
    match (action, found) {
        (IntentAction::Delete, None) => {
            state.objects.retain(|recorded, _| *recorded != key && !takes.contains(recorded));
        }
        // It never existed, or exists no more: a recorded one is gone.
        (IntentAction::Create { .. } | IntentAction::Update { .. }, None) => {
            if let Some(object) = state.objects.get_mut(&key) {
                object.status = Status::Missing;
            }
        }
        // As recorded; the next plan deletes it again.
        (IntentAction::Delete, Some(_)) => {}
        (IntentAction::Create { inputs } | IntentAction::Update { inputs }, Some(found)) => {
            let object = if found.inputs == inputs {
                Object { deps, protect, ..found }
            } else if let Some(recorded) = recorded {
                // What it depends on did not change with a call that had no effect. One that was made by half uses some of what it used and
                // some of what it was to use.
                let mut uses = recorded.deps.clone();
                if found.inputs != recorded.inputs {
                    uses.extend(deps);
                }
                Object { deps: uses, protect: recorded.protect, ..found }
            } else {
                Object { protect, ..found }
            };
            state.objects.insert(key, object);
        }
    }
}

fn refresh(state: &mut State, key: ObjectKey, found: Option<Object>) -> Option<Drift> {
    let recorded = state.objects.get_mut(&key)?;
    let Some(found) = found else {
        // What was to be deleted anyway is nobody's loss.
        if recorded.status == Status::Deposed {
            state.objects.remove(&key);
            return None;
        }
        let is_news = std::mem::replace(&mut recorded.status, Status::Missing) != Status::Missing;
        return is_news.then(|| Drift { key, why: vec![Reason::Missing] });
    };
    let none = |_: &crate::Addr, _: &str| None;
    let fields = Fields::new(&none).compare(&found.inputs, &recorded.inputs);
    let mut why: Vec<Reason> = fields.into_iter().map(Field::into_reason).collect();
    recorded.id = found.id;
    recorded.inputs = found.inputs;
    recorded.outputs = found.outputs;
    match (recorded.status, found.status) {
        (Status::Missing, status) => recorded.status = status,
        // Another one was made in its place, by half.
        (Status::Ready, Status::Tainted) => {
            recorded.status = Status::Tainted;
            why.push(Reason::Tainted);
        }
        // A half-made object is no better for being there.
        (Status::Ready | Status::Tainted | Status::Deposed, _) => {}
    }
    (!why.is_empty()).then_some(Drift { key, why })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Addr, Lineage, Outputs, Path, RemoteId, Value};

    fn key(name: &str) -> ObjectKey {
        ObjectKey { addr: Addr::new("k", name), generation: 0 }
    }

    fn inputs(value: u8) -> Value {
        Value::Map([("value".to_owned(), Value::Lit(value.into()))].into())
    }

    fn object(value: u8, status: Status) -> Object {
        let outputs = Outputs::from([("out".to_owned(), value.into())]);
        let (id, deps) = (RemoteId("id".into()), BTreeSet::new());
        Object { id, inputs: inputs(value), outputs, deps, status, protect: false }
    }

    fn state(objects: &[(&str, Object)]) -> State {
        let mut state = State::new(Lineage("l".into()));
        state.objects = objects.iter().map(|(name, object)| (key(name), object.clone())).collect();
        state
    }

    /// A state with one recorded object and one pending call on `a`, after the provider's answer.
    fn settled(recorded: Option<Object>, action: IntentAction, found: Option<Object>) -> Option<Object> {
        let mut state = state(&recorded.map(|object| ("a", object)).into_iter().collect::<Vec<_>>());
        let deps = BTreeSet::from([key("dep")]);
        let token = Token("t".into());
        let intent = Intent { key: key("a"), action, deps, protect: true, takes: BTreeSet::new() };
        state.pending.insert(token.clone(), intent);
        let seen = Seen { intents: [(token, found)].into(), ..Seen::default() };
        assert_eq!(absorb(&mut state, seen), []);
        assert!(state.pending.is_empty());
        state.objects.remove(&key("a"))
    }

    #[test]
    fn a_create_that_took_effect_is_adopted_with_its_dependencies() {
        let create = IntentAction::Create { inputs: inputs(1) };
        let adopted = settled(None, create.clone(), Some(object(1, Status::Ready))).unwrap();
        assert!(adopted.protect && adopted.deps.contains(&key("dep")));
        assert_eq!(settled(None, create, None), None);
    }

    #[test]
    fn an_update_is_taken_from_the_object_itself() {
        let update = IntentAction::Update { inputs: inputs(2) };
        let before = object(1, Status::Ready);
        let done = settled(Some(before.clone()), update.clone(), Some(object(2, Status::Ready))).unwrap();
        assert_eq!((done.inputs, done.protect), (inputs(2), true));
        let undone = settled(Some(before.clone()), update.clone(), Some(before.clone())).unwrap();
        assert_eq!(undone, before);
        let gone = settled(Some(before), update, None).unwrap();
        assert_eq!(gone.status, Status::Missing);
    }

    #[test]
    fn an_update_that_was_made_by_half_uses_the_old_and_the_new() {
        let before = Object { deps: [key("old")].into(), ..object(1, Status::Ready) };
        let update = IntentAction::Update { inputs: inputs(3) };
        let half = settled(Some(before), update, Some(object(2, Status::Ready))).unwrap();
        assert_eq!(half.deps, [key("dep"), key("old")].into());
    }

    #[test]
    fn a_delete_is_taken_from_the_absence() {
        let before = object(1, Status::Ready);
        assert_eq!(settled(Some(before.clone()), IntentAction::Delete, None), None);
        let still = settled(Some(before.clone()), IntentAction::Delete, Some(before.clone()));
        assert_eq!(still, Some(before));
    }

    #[test]
    fn a_delete_took_along_what_it_takes() {
        let before = object(1, Status::Ready);
        let recorded = [("a", before.clone()), ("in a", before.clone()), ("b", before.clone())];
        for (found, left) in [(None, vec![key("b")]), (Some(before), vec![key("a"), key("b"), key("in a")])] {
            let mut state = state(&recorded);
            let (action, takes) = (IntentAction::Delete, BTreeSet::from([key("in a")]));
            let intent = Intent { key: key("a"), action, deps: BTreeSet::new(), protect: false, takes };
            state.pending.insert(Token("t".into()), intent);
            let seen = Seen { intents: [(Token("t".into()), found)].into(), ..Seen::default() };
            assert_eq!(absorb(&mut state, seen), []);
            assert_eq!(state.objects.into_keys().collect::<Vec<_>>(), left);
        }
    }

    /// The state is an old one, and the object that it has is gone since: its name was made again, by half.
    #[test]
    fn what_was_made_by_half_since_is_not_taken_for_whole() {
        let seen = |status| Seen { objects: [(key("a"), Some(object(1, status)))].into(), ..Seen::default() };
        let mut state = state(&[("a", object(1, Status::Ready))]);
        let drift = absorb(&mut state, seen(Status::Tainted));
        assert_eq!(drift, [Drift { key: key("a"), why: vec![Reason::Tainted] }]);
        assert_eq!(state.objects[&key("a")].status, Status::Tainted);
        assert_eq!(absorb(&mut state, seen(Status::Ready)), []);
        assert_eq!(state.objects[&key("a")].status, Status::Tainted, "it is replaced all the same");
    }

    #[test]
    fn drift_is_told_once_and_kept() {
        let ready = object(1, Status::Ready);
        let mut state =
            state(&[("a", ready.clone()), ("b", ready.clone()), ("c", object(1, Status::Deposed))]);
        let objects = [(key("a"), Some(object(2, Status::Ready))), (key("b"), None), (key("c"), None)];
        let seen = Seen { objects: objects.into(), ..Seen::default() };
        let field = Reason::Field {
            path: Path(vec!["value".into()]),
            old: Some(1.into()),
            new: Some(2.into()),
            known_at_apply: false,
        };
        let drift = absorb(&mut state, seen.clone());
        let expected =
            [Drift { key: key("a"), why: vec![field] }, Drift { key: key("b"), why: vec![Reason::Missing] }];
        assert_eq!(drift, expected);
        assert_eq!(state.objects[&key("a")].outputs["out"], 2);
        assert_eq!(state.objects.get(&key("c")), None);
        assert_eq!(absorb(&mut state, seen), []);
    }
}
