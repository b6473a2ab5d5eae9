//! Each kind is made, looked at, changed, found and deleted through the driver.

mod aliases;
mod events;
mod functions;
mod roles;
mod rollouts;
mod stores;
mod zips;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use sf_plan::{
    Addr, Call, CallAction, Inputs, Intent, IntentAction, Object, ObjectKey, Outcome, RemoteId, Status,
    StepId, Token, Value,
};
use sf_provider::Driver as _;

use crate::oracle::Aws;

/// An object of a test.
pub(crate) struct Thing {
    pub(crate) key: ObjectKey,
    inputs: Inputs,
}

impl Thing {
    pub(crate) fn new(kind: &str, name: &str, inputs: Json) -> Self {
        let key = ObjectKey { addr: Addr::new(kind, name), generation: 0 };
        Self { key, inputs: Value::from_json(inputs).unwrap() }
    }

    /// With one more tag of the manifest.
    fn tag(&mut self, name: &str, value: &str) {
        let Value::Map(inputs) = &mut self.inputs else { panic!("inputs are a map") };
        let tags = inputs.entry("Tags".to_owned()).or_insert_with(|| Value::Map(BTreeMap::new()));
        let Value::Map(tags) = tags else { panic!("tags are a map") };
        tags.insert(name.to_owned(), Value::Lit(value.into()));
    }

    fn changed(&self, inputs: Json) -> Self {
        Self { key: self.key.clone(), inputs: Value::from_json(inputs).unwrap() }
    }
}

impl Aws {
    async fn call(&self, key: &ObjectKey, action: CallAction) -> Outcome {
        let (step, token) = (StepId(0), Token("t".into()));
        let call = Call { step, token, key: key.clone(), deps: BTreeSet::new(), action };
        self.driver.call(&self.cx, &call).await
    }

    /// Makes it for another scope, which fails; the failure in full.
    async fn call_in(&self, cx: &sf_provider::Cx, thing: &Thing) -> String {
        let action = CallAction::Create { inputs: thing.inputs.clone() };
        let (step, token, deps) = (StepId(0), Token("t".into()), BTreeSet::new());
        let call = Call { step, token, key: thing.key.clone(), deps, action };
        match self.driver.call(cx, &call).await {
            Outcome::Failed { error, .. } => format!("{error:?}"),
            outcome => panic!("{outcome:?}"),
        }
    }

    /// Makes it, and looks whether it is what was asked for.
    pub(crate) async fn make(&self, thing: &Thing) -> Object {
        let outcome = self.call(&thing.key, CallAction::Create { inputs: thing.inputs.clone() }).await;
        let Outcome::Done { id, outputs } = outcome else { panic!("{}: {outcome:?}", thing.key) };
        let made = object(id, thing, outputs);
        let read = self.driver.read(&self.cx, &thing.key, &made).await.unwrap();
        assert_eq!(read.as_ref(), Some(&Object { protect: read.as_ref().unwrap().protect, ..made }));
        read.unwrap()
    }

    /// Changes it, and looks whether it is what was asked for.
    async fn change(&self, prior: &Object, thing: &Thing) -> Object {
        let action = CallAction::Update { prior: prior.clone(), inputs: thing.inputs.clone() };
        let outcome = self.call(&thing.key, action).await;
        let Outcome::Done { id, outputs } = outcome else { panic!("{}: {outcome:?}", thing.key) };
        let made = Object { protect: prior.protect, ..object(id, thing, outputs) };
        let read = self.driver.read(&self.cx, &thing.key, &made).await.unwrap();
        assert_eq!(read.as_ref(), Some(&made));
        made
    }

    pub(crate) async fn delete(&self, key: &ObjectKey, prior: &Object) {
        let outcome = self.call(key, CallAction::Delete { prior: prior.clone() }).await;
        assert_eq!(outcome, Outcome::Deleted, "{key}");
        assert_eq!(self.driver.read(&self.cx, key, prior).await.unwrap(), None, "{key}");
    }

    /// The whole life of an object that comes to be as `thing` and then is `changed`; `changes` are the calls for that.
    async fn live_through(&self, thing: &Thing, changed: &Thing, changes: &[&str]) {
        let made = self.make(thing).await;
        self.clear_log().await;
        let same = self.change(&made, thing).await;
        assert_eq!(same, made);
        assert_eq!(self.mutations().await, Vec::<String>::new(), "{}: nothing differs", thing.key);
        let intent = Intent {
            key: thing.key.clone(),
            action: IntentAction::Create { inputs: thing.inputs.clone() },
            deps: BTreeSet::new(),
            protect: made.protect,
            takes: BTreeSet::new(),
        };
        assert_eq!(self.driver.find(&self.cx, &intent).await.unwrap().as_ref(), Some(&made));
        self.is_discovered(&thing.key, &made).await;
        self.clear_log().await;
        let other = self.change(&made, changed).await;
        assert_eq!(self.mutations().await, changes, "{}", thing.key);
        assert_eq!(other.id, made.id);
        // A run that died before it could record what it made.
        let again = self.make(changed).await;
        assert_eq!(again, other);
        self.delete(&thing.key, &other).await;
        self.delete(&thing.key, &other).await;
        assert_eq!(self.driver.find(&self.cx, &intent).await.unwrap(), None, "{}", thing.key);
        self.assert_no_warnings().await;
    }

    async fn is_discovered(&self, key: &ObjectKey, made: &Object) {
        let found = self.driver.discover(&self.cx).await.unwrap();
        let found = found.get(key).unwrap_or_else(|| panic!("{key} is not among {:?}", found.keys()));
        assert_eq!((&found.id, &found.inputs, &found.outputs), (&made.id, &made.inputs, &made.outputs));
    }

    /// Makes it though the answer to this operation is lost.
    async fn survives_a_lost_answer(&self, thing: &Thing, operation: &str) {
        let rule = serde_json::json!({ "operation": operation, "count": 1, "action": { "type": "lost" } });
        self.fault(rule).await;
        let made = self.make(thing).await;
        self.delete(&thing.key, &made).await;
        self.assert_no_warnings().await;
    }
}

fn object(id: RemoteId, thing: &Thing, outputs: sf_plan::Outputs) -> Object {
    Object {
        id,
        inputs: thing.inputs.clone(),
        outputs,
        deps: BTreeSet::new(),
        status: Status::Ready,
        protect: false,
    }
}
