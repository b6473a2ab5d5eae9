//! The cloud's API, and the driver that calls it: latency, lag, throttles, lost answers, half-made things, and requests that outlive their
//! caller.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sf_plan::{Call, CallAction, Failure, Intent, Object, ObjectKey, Outcome, Value};
use sf_provider::{Cx, Driver};
use tokio::time::Instant;

use crate::case::{CallFault, value};
use crate::inspect::Inspector;
use crate::kinds::addr;
use crate::things::{Things, When, refused};
use crate::world::{LAG, World};

/// The cloud. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Cloud {
    world: Arc<World>,
    inspector: Arc<Inspector>,
    things: Arc<Mutex<Things>>,
}

impl Cloud {
    pub(crate) fn new(world: Arc<World>, inspector: Arc<Inspector>) -> Self {
        Self { world, inspector, things: Arc::default() }
    }

    /// The things, with everything done that was to be done until now.
    pub(crate) fn things(&self) -> MutexGuard<'_, Things> {
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while let Some(at) = things.late.iter().position(|(due, _)| *due <= now) {
            let (_, call) = things.late.remove(at);
            self.world.count(|tally| &mut tally.late_calls);
            self.world.tell(|| format!("the cloud does what a dead process asked for: {}", shown(&call)));
            things.apply(&call, When { now, seen: now }, false);
        }
        things
    }

    /// What is there in truth.
    pub(crate) fn objects(&self) -> BTreeMap<ObjectKey, Object> {
        self.things().there.iter().map(|(key, thing)| (key.clone(), thing.object.clone())).collect()
    }

    /// Somebody else deletes the newest object at a place.
    pub(crate) fn delete_outside(&self, place: usize) -> Option<ObjectKey> {
        let mut things = self.things();
        let key = things.there.keys().rfind(|key| key.addr == addr(place)).cloned()?;
        things.there.remove(&key);
        Some(key)
    }

    /// Somebody else changes what can be changed of it.
    pub(crate) fn change_outside(&self, place: usize, number: u8) -> Option<ObjectKey> {
        let mut things = self.things();
        let (key, thing) = things.there.iter_mut().rfind(|(key, _)| key.addr == addr(place))?;
        let is_fixed = matches!(key.addr.kind.0.as_str(), "replaced" | "alone");
        if let Value::Map(inputs) = &mut thing.object.inputs {
            let name = if is_fixed { "noise" } else { "value" };
            inputs.insert(name.to_owned(), value(number));
        }
        Some(key.clone())
    }

    fn when(&self) -> When {
        let now = Instant::now();
        let most = u64::try_from(LAG.as_millis()).unwrap_or(0);
        let lag = self.world.draw(|rng| if rng.bool() { 0 } else { rng.u64(0..most) });
        When { now, seen: now + Duration::from_millis(lag) }
    }

    fn apply(&self, call: &Call, half: bool) -> Outcome {
        let when = self.when();
        let outcome = self.things().apply(call, when, half);
        self.inspector.took_effect(call, &outcome);
        outcome
    }

    async fn ask<T: Send>(
        &self,
        what: impl Fn() -> String + Send + Sync,
        answer: impl FnOnce(&Things) -> T + Send,
    ) -> Result<T, Failure> {
        let fault = self.world.next_question();
        self.world.moment("before a question").await;
        self.pass_time().await;
        if let Some(transient) = fault {
            self.world.tell(|| format!("{}: not answered", what()));
            return Err(Failure { transient, ..refused("unavailable", "the cloud does not answer".into()) });
        }
        let answer = answer(&self.things());
        self.world.moment("after a question").await;
        self.world.tell(|| format!("{}: answered", what()));
        Ok(answer)
    }

    async fn pass_time(&self) {
        let time = self.world.draw(|rng| if rng.u8(0..8) == 0 { rng.u64(0..900) } else { rng.u64(0..120) });
        tokio::time::sleep(Duration::from_millis(time)).await;
    }

    /// The call's effect, or what is said instead.
    async fn serve(&self, call: &Call, fault: Option<CallFault>) -> Outcome {
        let failed = |error| Outcome::Failed { partial: None, error };
        match fault {
            Some(CallFault::Throttled) => {
                let error = refused("throttled", "try again later".into());
                return failed(Failure { transient: true, ..error });
            }
            Some(CallFault::Refused) => return failed(refused("denied", "it is not allowed".into())),
            // Without the hook that prints a message for each.
            Some(CallFault::Panics) => std::panic::resume_unwind(Box::new("injected")),
            _ => {}
        }
        let outcome = self.apply(call, matches!(fault, Some(CallFault::HalfMade(_))));
        self.world.moment("after a call took effect").await;
        self.pass_time().await;
        match (fault, outcome) {
            (Some(CallFault::AnswerLost), _) => {
                let error = refused("reset", "the connection was reset".into());
                failed(Failure { transient: true, ..error })
            }
            (Some(CallFault::AnswerGarbled), _) => failed(refused("garbled", "it cannot be read".into())),
            (Some(CallFault::HalfMade(is_told)), Outcome::Done { id, outputs }) => Outcome::Failed {
                partial: is_told.then_some((id, outputs)),
                error: refused("half", "the second half failed".into()),
            },
            (_, outcome) => outcome,
        }
    }
}

/// A call in words.
pub(crate) fn shown(call: &Call) -> String {
    let verb = match &call.action {
        CallAction::Create { .. } => "create",
        CallAction::Update { .. } => "update",
        CallAction::Delete { .. } => "delete",
    };
    format!("{verb} {}", call.key)
}

/// A request that did not reach the cloud yet. If its caller dies, it may do so later.
struct Request<'a> {
    cloud: &'a Cloud,
    call: Option<Call>,
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        let most = u64::try_from(LAG.as_millis()).unwrap_or(0);
        let late = self.cloud.world.draw(|rng| rng.bool().then(|| rng.u64(0..most)));
        if let Some(late) = late {
            let due = Instant::now() + Duration::from_millis(late);
            self.cloud.things().late.push((due, call));
        }
    }
}

#[async_trait]
impl Driver for Cloud {
    fn lag(&self) -> Duration {
        LAG
    }

    async fn read(&self, _: &Cx, key: &ObjectKey, object: &Object) -> Result<Option<Object>, Failure> {
        let same = |found: &&Object| found.id == object.id;
        self.ask(|| format!("read {key}"), |things| things.shown(key, Instant::now()).filter(same).cloned())
            .await
    }

    async fn call(&self, _: &Cx, call: &Call) -> Outcome {
        let fault = self.world.next_call();
        self.world.moment("before a call").await;
        self.world.tell(|| match fault {
            Some(fault) => format!("{}, which goes wrong: {fault:?}", shown(call)),
            None => shown(call),
        });
        self.inspector.is_called(call, &self.things());
        let mut request = Request { cloud: self, call: Some(call.clone()) };
        self.pass_time().await;
        request.call = None;
        let outcome = self.serve(call, fault).await;
        self.world.moment("before a call's answer arrives").await;
        self.world.tell(|| match &outcome {
            Outcome::Failed { error, .. } => format!("{}: {error}", shown(call)),
            _ => format!("{}: done", shown(call)),
        });
        self.inspector.is_answered(call, &outcome);
        outcome
    }

    async fn find(&self, _: &Cx, intent: &Intent) -> Result<Option<Object>, Failure> {
        let key = &intent.key;
        self.ask(|| format!("find {key}"), |things| things.shown(key, Instant::now()).cloned()).await
    }

    async fn discover(&self, _: &Cx) -> Result<BTreeMap<ObjectKey, Object>, Failure> {
        self.ask(|| "discover".to_owned(), |things| things.all_shown(Instant::now())).await
    }
}
