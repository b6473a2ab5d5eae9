//! What is in the cloud, and what its calls do to it: it refuses what real ones refuse.

use std::collections::BTreeMap;

use sf_plan::{
    Call, CallAction, Effect, Failure, Inputs, Json, Object, ObjectKey, Outcome, Outputs, Path, RemoteId,
    Schemas, Status, Value,
};
use tokio::time::Instant;

use crate::kinds::{Knowledge, is_alone, is_numbered, is_restless};

/// One thing in the cloud.
#[derive(Clone, Debug)]
pub(crate) struct Thing {
    pub(crate) object: Object,
    /// From when on others see it.
    pub(crate) shown_from: Instant,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Things {
    pub(crate) there: BTreeMap<ObjectKey, Thing>,
    /// Deleted ones, and until when they are shown.
    pub(crate) ghosts: BTreeMap<ObjectKey, (Object, Instant)>,
    /// Requests whose caller died, and when they take effect.
    pub(crate) late: Vec<(Instant, Call)>,
    counter: u64,
}

/// When something happens, and from when on it is seen.
#[derive(Clone, Copy)]
pub(crate) struct When {
    pub(crate) now: Instant,
    pub(crate) seen: Instant,
}

impl Things {
    /// The object as those see it who ask.
    pub(crate) fn shown(&self, key: &ObjectKey, now: Instant) -> Option<&Object> {
        match self.there.get(key) {
            Some(thing) if thing.shown_from <= now => Some(&thing.object),
            Some(_) => None,
            None => self.ghosts.get(key).filter(|(_, until)| now < *until).map(|(object, _)| object),
        }
    }

    /// All that is shown.
    pub(crate) fn all_shown(&self, now: Instant) -> BTreeMap<ObjectKey, Object> {
        let keys = self.there.keys().chain(self.ghosts.keys());
        keys.filter_map(|key| Some((key.clone(), self.shown(key, now)?.clone()))).collect()
    }

    /// Whoever refers to an object.
    pub(crate) fn user_of(&self, key: &ObjectKey) -> Option<&ObjectKey> {
        let outputs = &self.there.get(key)?.object.outputs;
        let refers = |thing: &Thing| {
            references(&thing.object.inputs).iter().any(|found| outputs.values().any(|own| own == *found))
        };
        self.there.iter().find(|(user, thing)| *user != key && refers(thing)).map(|(user, _)| user)
    }

    /// Does what a call asks for; `half` of it if it is to fail in its midst.
    pub(crate) fn apply(&mut self, call: &Call, when: When, half: bool) -> Outcome {
        let result = match &call.action {
            CallAction::Create { inputs } => self.create(call, inputs, when, half),
            CallAction::Update { prior, inputs } => self.update(call, prior, inputs, when, half),
            CallAction::Delete { prior } => {
                self.delete(&call.key, prior, when);
                return Outcome::Deleted;
            }
        };
        match result {
            Ok(object) => Outcome::Done { id: object.id, outputs: object.outputs },
            Err(error) => Outcome::Failed { partial: None, error },
        }
    }

    fn create(&mut self, call: &Call, inputs: &Inputs, when: When, half: bool) -> Result<Object, Failure> {
        let key = &call.key;
        self.check_references(inputs, when.now)?;
        if let Some(there) = self.there.get(key) {
            // It was made before, and the answer was lost: names are unique.
            let prior = there.object.clone();
            if immutable(key, &prior.inputs) != immutable(key, inputs) {
                return Err(refused("already-exists", format!("`{key}` exists, and is another one")));
            }
            return self.update(call, &prior, inputs, when, half);
        }
        if is_alone(&key.addr.kind) && self.there.keys().any(|other| other.addr == key.addr) {
            return Err(refused("already-exists", format!("the name of `{key}` is taken")));
        }
        self.counter += 1;
        let id = match is_numbered(&key.addr.kind) {
            true => format!("id:{key}#{}", self.counter),
            false => format!("id:{key}"),
        };
        let object = Object {
            id: RemoteId(id.clone()),
            inputs: inputs.clone(),
            outputs: outputs(key, &id, self.counter),
            deps: call.deps.clone(),
            status: if half { Status::Tainted } else { Status::Ready },
            protect: false,
        };
        self.ghosts.remove(key);
        self.there.insert(key.clone(), Thing { object: object.clone(), shown_from: when.seen });
        Ok(object)
    }

    fn update(
        &mut self,
        call: &Call,
        prior: &Object,
        inputs: &Inputs,
        when: When,
        half: bool,
    ) -> Result<Object, Failure> {
        let key = &call.key;
        self.check_references(inputs, when.now)?;
        self.counter += 1;
        let counter = self.counter;
        let Some(Thing { object, .. }) = self.there.get_mut(key).filter(|thing| thing.object.id == prior.id)
        else {
            return Err(refused("not-found", format!("`{key}` does not exist")));
        };
        if immutable(key, &object.inputs) != immutable(key, inputs) {
            return Err(refused("immutable", format!("`{key}` cannot be changed to that")));
        }
        if object.inputs == *inputs && object.status == Status::Ready {
            object.deps = call.deps.clone();
            return Ok(object.clone());
        }
        if half {
            object.inputs = half_changed(&object.inputs, inputs);
            object.deps.extend(call.deps.iter().cloned());
        } else {
            object.inputs = inputs.clone();
            object.status = Status::Ready;
            object.deps = call.deps.clone();
        }
        object.outputs = outputs(key, &object.id.0, counter);
        Ok(object.clone())
    }

    /// That it is gone already is success; so is that it is another one.
    fn delete(&mut self, key: &ObjectKey, prior: &Object, when: When) {
        if self.there.get(key).is_some_and(|thing| thing.object.id == prior.id)
            && let Some(thing) = self.there.remove(key)
        {
            self.ghosts.insert(key.clone(), (thing.object, when.seen));
        }
    }

    /// What does not exist, or is not seen yet, cannot be referred to: a later attempt may do.
    fn check_references(&self, inputs: &Inputs, now: Instant) -> Result<(), Failure> {
        for wanted in references(inputs) {
            let is_it = |thing: &&Thing| thing.object.outputs.values().any(|own| own == wanted);
            if self.there.values().find(is_it).is_none_or(|thing| thing.shown_from > now) {
                let error = refused("no-such-thing", format!("there is no {wanted}"));
                return Err(Failure { transient: true, ..error });
            }
        }
        Ok(())
    }
}

fn outputs(key: &ObjectKey, id: &str, counter: u64) -> Outputs {
    let out = match is_restless(&key.addr.kind) {
        true => format!("out:{key}#{counter}"),
        false => format!("out:{key}"),
    };
    Outputs::from([("id".to_owned(), id.into()), ("out".to_owned(), out.into())])
}

/// The first of the inputs that differ is changed, the others are not.
fn half_changed(old: &Inputs, new: &Inputs) -> Inputs {
    let (Value::Map(old), Value::Map(new)) = (old, new) else { return old.clone() };
    let mut mixed = old.clone();
    if let Some((name, value)) = new.iter().find(|(name, value)| old.get(*name) != Some(value)) {
        mixed.insert(name.clone(), value.clone());
    } else if let Some(name) = old.keys().find(|name| !new.contains_key(*name)) {
        mixed.remove(name);
    }
    Value::Map(mixed)
}

/// The inputs that cannot be changed in place.
fn immutable<'a>(key: &ObjectKey, inputs: &'a Inputs) -> BTreeMap<&'a String, &'a Value> {
    let Value::Map(map) = inputs else { return BTreeMap::new() };
    let cannot =
        |name: &String| Knowledge.effect(&key.addr.kind, &Path(vec![name.clone()])) == Effect::NewObject;
    map.iter().filter(|(name, _)| cannot(name)).collect()
}

/// The outputs that inputs hold.
pub(crate) fn references(inputs: &Inputs) -> Vec<&Json> {
    let Value::Map(map) = inputs else { return Vec::new() };
    let other = map.iter().filter(|(name, _)| !matches!(name.as_str(), "value" | "noise"));
    other
        .filter_map(|(_, value)| match value {
            Value::Lit(json) => Some(json),
            _ => None,
        })
        .collect()
}

pub(crate) fn refused(code: &str, message: String) -> Failure {
    Failure { code: Some(code.to_owned()), ..Failure::internal(message) }
}
