//! A cloud in memory, with faults to inject.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sf_plan::{
    Call, CallAction, Failure, Inputs, Intent, Json, Object, ObjectKey, Outcome, Outputs, RemoteId, Status,
    Value,
};
use tokio::sync::Notify;

use super::backend::{is_alone, stable_id};
use crate::{Cx, Driver, Scope};

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refused for now, without effect: a throttle, a 503.
    Throttled,
    /// Refused for good, without effect.
    Refused,
    /// It has its effect, but the answer is lost; the same call may be tried again.
    AnswerLost,
    /// The same, but the driver does not know that it may try again.
    AnswerGarbled,
    /// Something is there, but not all of it.
    HalfMade,
    /// The driver panics, without effect.
    Panics,
    /// The call never returns, and has no effect: the moment to kill the caller. See [`ModelCloud::hung`].
    HangsBefore,
    /// The call has its effect, and never returns.
    HangsAfter,
}

/// A cloud in memory. Its kinds are those of [`super::ModelBackend`]; it refuses what real ones refuse: a second object under a
/// fixed name, a change of what is not there, the deletion of what somebody refers to. Clones are the same cloud.
#[derive(Clone, Debug, Default)]
pub struct ModelCloud {
    world: Arc<Mutex<World>>,
    hung: Arc<Notify>,
}

#[derive(Debug, Default)]
struct World {
    objects: BTreeMap<(Scope, ObjectKey), Object>,
    calls: Vec<String>,
    faults: BTreeMap<usize, Fault>,
    revisions: u64,
    is_unreachable: bool,
}

impl ModelCloud {
    /// An empty cloud.
    pub fn new() -> Self {
        Self::default()
    }

    /// Spoils a call: 0 is the next one. Several calls may be spoilt.
    pub fn inject(&self, nth: usize, fault: Fault) {
        let mut world = self.world();
        let at = world.calls.len() + nth;
        world.faults.insert(at, fault);
    }

    /// Forgets all faults that were not met.
    pub fn heal(&self) {
        let mut world = self.world();
        world.faults.clear();
        world.is_unreachable = false;
    }

    /// From now on every question and every call fails.
    pub fn disconnect(&self) {
        self.world().is_unreachable = true;
    }

    /// Waits until a call hangs.
    pub async fn hung(&self) {
        self.hung.notified().await;
    }

    /// The calls since this was last asked, in their order, failed ones included: `create function/hello`.
    pub fn take_calls(&self) -> Vec<String> {
        let mut world = self.world();
        world.faults.clear();
        std::mem::take(&mut world.calls)
    }

    /// What is there.
    pub fn objects(&self, scope: &Scope) -> BTreeMap<ObjectKey, Object> {
        let world = self.world();
        let of_scope = world.objects.iter().filter(|((owner, _), _)| owner == scope);
        of_scope.map(|((_, key), object)| (key.clone(), object.clone())).collect()
    }

    /// Somebody else deletes an object; whether it was there.
    pub fn delete_outside(&self, scope: &Scope, key: &ObjectKey) -> bool {
        self.world().objects.remove(&(scope.clone(), key.clone())).is_some()
    }

    /// Somebody else changes an object's inputs; whether it was there.
    pub fn change_outside(&self, scope: &Scope, key: &ObjectKey, inputs: Inputs) -> bool {
        let mut world = self.world();
        world.objects.get_mut(&(scope.clone(), key.clone())).map(|object| object.inputs = inputs).is_some()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<T>(&self, answer: impl FnOnce(&World) -> T) -> Result<T, Failure> {
        let world = self.world();
        if world.is_unreachable { Err(transient("the cloud does not answer")) } else { Ok(answer(&world)) }
    }

    /// Logs a call and says what goes wrong with it.
    fn begin(&self, call: &Call) -> Option<Fault> {
        let mut world = self.world();
        let at = world.calls.len();
        let verb = match &call.action {
            CallAction::Create { .. } => "create",
            CallAction::Update { .. } => "update",
            CallAction::Delete { .. } => "delete",
        };
        world.calls.push(format!("{verb} {}", call.key));
        if world.is_unreachable { Some(Fault::Throttled) } else { world.faults.remove(&at) }
    }
}

impl World {
    fn apply(&mut self, scope: &Scope, call: &Call) -> Outcome {
        let done = match &call.action {
            CallAction::Create { inputs } => self.put(scope, call, inputs),
            CallAction::Update { inputs, .. } => {
                if self.objects.contains_key(&(scope.clone(), call.key.clone())) {
                    self.put(scope, call, inputs)
                } else {
                    Err(refused("not-found", &format!("`{}` does not exist", call.key)))
                }
            }
            CallAction::Delete { .. } => return self.delete(scope, &call.key),
        };
        match done {
            Ok((id, outputs)) => Outcome::Done { id, outputs },
            Err(error) => Outcome::Failed { partial: None, error },
        }
    }

    fn put(&mut self, scope: &Scope, call: &Call, inputs: &Inputs) -> Result<(RemoteId, Outputs), Failure> {
        let key = &call.key;
        if strings(inputs).is_none() {
            return Err(refused("unresolved", &format!("the inputs of `{key}` hold a reference")));
        }
        let of_addr = self.objects.keys().filter(|(owner, other)| owner == scope && other.addr == key.addr);
        let mut others = of_addr.filter(|(_, other)| other != key);
        if is_alone(&key.addr.kind) && others.next().is_some() {
            return Err(refused("already-exists", &format!("the name of `{key}` is taken")));
        }
        let at = (scope.clone(), key.clone());
        // The same put again is the same put: its revision stays.
        if let Some(object) = self.objects.get_mut(&at).filter(|object| object.inputs == *inputs) {
            object.deps = call.deps.clone();
            return Ok((object.id.clone(), object.outputs.clone()));
        }
        self.revisions += 1;
        let id = stable_id(scope, key);
        let outputs = Outputs::from([
            ("id".to_owned(), id.clone().into()),
            ("revision".to_owned(), format!("r{}", self.revisions).into()),
        ]);
        let object = Object {
            id: RemoteId(id),
            inputs: inputs.clone(),
            outputs: outputs.clone(),
            deps: call.deps.clone(),
            status: Status::Ready,
            protect: false,
        };
        let id = object.id.clone();
        self.objects.insert(at, object);
        Ok((id, outputs))
    }

    fn delete(&mut self, scope: &Scope, key: &ObjectKey) -> Outcome {
        let id = stable_id(scope, key);
        let refers =
            |object: &Object| strings(&object.inputs).is_some_and(|found| found.contains(&id.as_str()));
        let mut others = self.objects.iter().filter(|((owner, other), _)| owner == scope && other != key);
        if let Some(((_, user), _)) = others.find(|(_, object)| refers(object)) {
            let error = refused("in-use", &format!("`{key}` is used by `{user}`"));
            return Outcome::Failed { partial: None, error };
        }
        self.objects.remove(&(scope.clone(), key.clone()));
        Outcome::Deleted
    }
}

/// The texts in inputs; `None` if a reference is not resolved.
fn strings(value: &Value) -> Option<Vec<&str>> {
    Some(match value {
        Value::Lit(Json::String(text)) => vec![text],
        Value::Lit(_) | Value::Secret { .. } | Value::Artifact(_) => Vec::new(),
        Value::Ref { .. } => return None,
        Value::List(items) => items.iter().map(strings).collect::<Option<Vec<_>>>()?.concat(),
        Value::Map(map) => map.values().map(strings).collect::<Option<Vec<_>>>()?.concat(),
    })
}

fn refused(code: &str, message: &str) -> Failure {
    Failure { code: Some(code.to_owned()), ..Failure::internal(message) }
}

fn transient(message: &str) -> Failure {
    Failure { transient: true, ..refused("unavailable", message) }
}

#[async_trait]
impl Driver for ModelCloud {
    async fn read(&self, cx: &Cx, key: &ObjectKey, _: &Object) -> Result<Option<Object>, Failure> {
        self.ask(|world| world.objects.get(&(cx.scope.clone(), key.clone())).cloned())
    }

    async fn call(&self, cx: &Cx, call: &Call) -> Outcome {
        let fault = self.begin(call);
        // Others get their turn, as they would during a request.
        tokio::task::yield_now().await;
        let effect = || self.world().apply(&cx.scope, call);
        let failed = |error| Outcome::Failed { partial: None, error };
        match fault {
            None => effect(),
            Some(Fault::Throttled) => failed(transient("try again later")),
            Some(Fault::Refused) => failed(refused("denied", "it is not allowed")),
            Some(Fault::AnswerLost) => {
                effect();
                failed(transient("the connection was reset"))
            }
            Some(Fault::AnswerGarbled) => {
                effect();
                failed(refused("garbled", "the answer cannot be read"))
            }
            Some(Fault::HalfMade) => match effect() {
                Outcome::Done { id, outputs } => {
                    let partial = Some((id, outputs));
                    Outcome::Failed { partial, error: refused("half", "the second half failed") }
                }
                other => other,
            },
            #[expect(clippy::panic, reason = "this is the fault")]
            Some(Fault::Panics) => panic!("injected"),
            Some(Fault::HangsBefore) => {
                self.hung.notify_one();
                std::future::pending().await
            }
            Some(Fault::HangsAfter) => {
                effect();
                self.hung.notify_one();
                std::future::pending().await
            }
        }
    }

    async fn find(&self, cx: &Cx, intent: &Intent) -> Result<Option<Object>, Failure> {
        self.ask(|world| world.objects.get(&(cx.scope.clone(), intent.key.clone())).cloned())
    }

    async fn discover(&self, cx: &Cx) -> Result<BTreeMap<ObjectKey, Object>, Failure> {
        self.ask(|_| ()).map(|()| self.objects(&cx.scope))
    }
}
