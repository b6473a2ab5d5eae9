//! Changes of the record alone: a state that is put in the place of the stored one, and an object that gets another name. Nothing is called.

use std::collections::BTreeSet;

use sf_plan::{Addr, Lineage, ObjectKey, Save, Serial, State};
use sf_provider::Scope;

use crate::store::{Lock, LockInfo, Patience, Store, StoreError, Witness, acquire};

/// The stored state, to be changed. The lock is held until it is dropped.
pub struct Edit<'a> {
    store: &'a dyn Store,
    lock: Box<dyn Lock>,
    stored: Option<State>,
    unreadable: Option<StoreError>,
}

/// What came of putting a state in the place of another.
#[derive(Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It is what is stored.
    Same,
    /// It is stored now.
    Stored {
        /// Its serial.
        serial: Serial,
        /// Where the one before is, if that cannot be in a backup.
        aside: Option<String>,
    },
}

/// Why a state was not put in the place of another.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The store's reason.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not newer.
    #[error("the stored state has serial {stored}, and this one {given}", stored = .stored.0, given = .given.0)]
    Older {
        /// The given one's serial.
        given: Serial,
        /// The stored one's serial.
        stored: Serial,
    },
    /// It is another project's, or another stage's.
    #[error("it is of `{given}`, and this is `{wanted}`")]
    Anothers {
        /// Whose it is: `PROJECT/STAGE`.
        given: String,
        /// Whose would be taken.
        wanted: String,
    },
    /// It is of something else.
    #[error("the stored state is of another history: `{stored}`, and this one of `{given}`", stored = .stored.0, given = .given.0)]
    OtherHistory {
        /// The given one's.
        given: Lineage,
        /// The stored one's.
        stored: Lineage,
    },
}

/// Why an object did not get another name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenameError {
    /// There is none of the old name.
    #[error("none of that name is recorded")]
    Unknown,
    /// There is one of the new name.
    #[error("`{0}` is recorded already")]
    Taken(Addr),
    /// An object of one kind is none of another.
    #[error("`{0}` is of another kind")]
    OtherKind(Addr),
}

impl<'a> Edit<'a> {
    /// Takes the lock, and loads what is stored. That this cannot be read is no error here.
    ///
    /// # Errors
    /// Somebody else holds the lock, or the store does not answer.
    pub async fn begin(store: &'a dyn Store, who: LockInfo) -> Result<Self, StoreError> {
        let lock = acquire(store, who, Patience::default()).await?;
        let (stored, unreadable) = match store.load().await {
            Ok(state) => (state, None),
            Err(error @ (StoreError::Corrupt { .. } | StoreError::Newer { .. })) => (None, Some(error)),
            Err(error) => return Err(error),
        };
        Ok(Self { store, lock, stored, unreadable })
    }

    /// Puts a state of `scope` in the place of the stored one. `force`: also of one that is newer, of another history, or cannot be read; what
    /// cannot be in a backup is set aside.
    ///
    /// # Errors
    /// It is not certain that nothing is lost by it, or it cannot be saved.
    pub async fn push(
        mut self,
        mut state: State,
        scope: &Scope,
        force: bool,
        witness: Option<&Witness>,
    ) -> Result<Pushed, PushError> {
        // Not even by force: a deploy that takes another's objects for its own would delete them.
        let wanted = scope.to_string();
        if let Some(given) = state.scope.as_ref().filter(|given| **given != wanted) {
            return Err(PushError::Anothers { given: given.clone(), wanted });
        }
        match self.unreadable.take() {
            Some(error) if !force => return Err(error.into()),
            _ => {}
        }
        let mut aside = None;
        match &self.stored {
            Some(stored) if *stored == state => return Ok(Pushed::Same),
            Some(stored) if stored.lineage == state.lineage => {
                if state.serial <= stored.serial && !force {
                    return Err(PushError::Older { given: state.serial, stored: stored.serial });
                }
                state.serial = Serial(stored.serial.0 + 1);
            }
            Some(stored) if !force => {
                let stored = stored.lineage.clone();
                return Err(PushError::OtherHistory { given: state.lineage, stored });
            }
            _ => aside = self.store.set_aside(self.lock.as_ref()).await?,
        }
        self.save(&state, witness).await?;
        Ok(Pushed::Stored { serial: state.serial, aside })
    }

    /// Gives an object another name in the record, in all its generations, and gives the names of the objects that depend on it.
    ///
    /// # Errors
    /// It cannot be read or saved, or (the inner error) it cannot have that name.
    pub async fn rename(
        mut self,
        from: &Addr,
        to: &Addr,
        witness: Option<&Witness>,
    ) -> Result<Result<BTreeSet<ObjectKey>, RenameError>, StoreError> {
        if let Some(error) = self.unreadable.take() {
            return Err(error);
        }
        let Some(mut state) = self.stored.take() else { return Ok(Err(RenameError::Unknown)) };
        let dependents = match rename(&mut state, from, to) {
            Ok(dependents) => dependents,
            Err(error) => return Ok(Err(error)),
        };
        state.serial.0 += 1;
        self.save(&state, witness).await?;
        Ok(Ok(dependents))
    }

    async fn save(&self, state: &State, witness: Option<&Witness>) -> Result<(), StoreError> {
        self.store.save(self.lock.as_ref(), &Save::whole(state)).await?;
        if let Err(error) = self.store.compact(self.lock.as_ref(), state).await {
            tracing::debug!(%error, "the state stays in parts");
        }
        if let Some(witness) = witness {
            witness.remember(&self.store.location(), state);
        }
        Ok(())
    }
}

fn rename(state: &mut State, from: &Addr, to: &Addr) -> Result<BTreeSet<ObjectKey>, RenameError> {
    let is_known = |state: &State, addr: &Addr| {
        let keys = state.objects.keys().chain(state.pending.values().map(|intent| &intent.key));
        keys.into_iter().any(|key| key.addr == *addr)
    };
    if from.kind != to.kind {
        return Err(RenameError::OtherKind(to.clone()));
    }
    if !is_known(state, from) {
        return Err(RenameError::Unknown);
    }
    if is_known(state, to) {
        return Err(RenameError::Taken(to.clone()));
    }
    let renamed = |key: &ObjectKey| match key.addr == *from {
        true => ObjectKey { addr: to.clone(), generation: key.generation },
        false => key.clone(),
    };
    let mut dependents = BTreeSet::new();
    let objects = std::mem::take(&mut state.objects).into_iter().map(|(key, mut object)| {
        let key = renamed(&key);
        if object.deps.iter().any(|dep| dep.addr == *from) {
            dependents.insert(key.clone());
            object.deps = object.deps.iter().map(renamed).collect();
        }
        (key, object)
    });
    state.objects = objects.collect();
    for intent in state.pending.values_mut() {
        intent.key = renamed(&intent.key);
        intent.deps = intent.deps.iter().map(renamed).collect();
        intent.takes = intent.takes.iter().map(renamed).collect();
    }
    Ok(dependents)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sf_plan::{Intent, IntentAction, Object, Outputs, RemoteId, Status, Token, Value};

    use super::*;

    fn key(kind: &str, name: &str, generation: u64) -> ObjectKey {
        ObjectKey { addr: Addr::new(kind, name), generation }
    }

    fn object(deps: &[ObjectKey]) -> Object {
        Object {
            id: RemoteId("id".into()),
            inputs: Value::Map(BTreeMap::new()),
            outputs: Outputs::new(),
            deps: deps.iter().cloned().collect(),
            status: Status::Ready,
            protect: false,
        }
    }

    fn state() -> State {
        let mut state = State::new(Lineage("line".into()));
        state.objects = [
            (key("table", "users", 0), object(&[])),
            (key("table", "users", 1), object(&[])),
            (key("table", "orders", 0), object(&[])),
            (key("function", "f", 0), object(&[key("table", "users", 1), key("table", "orders", 0)])),
        ]
        .into();
        let deps = [key("table", "users", 0)].into();
        let (action, protect) = (IntentAction::Delete, false);
        let takes = [key("table", "users", 1), key("table", "orders", 0)].into();
        let intent = Intent { key: key("table", "users", 0), action, deps, protect, takes };
        state.pending = [(Token("t".into()), intent)].into();
        state
    }

    #[test]
    fn an_object_gets_another_name_wherever_it_is_named() {
        let mut state = state();
        let people = Addr::new("table", "people");
        let dependents = rename(&mut state, &Addr::new("table", "users"), &people).unwrap();
        assert_eq!(dependents, [key("function", "f", 0)].into());
        let tables: Vec<_> =
            state.objects.keys().filter(|key| key.addr.kind.0 == "table").map(ToString::to_string).collect();
        assert_eq!(tables, ["table/orders", "table/people", "table/people@1"]);
        let deps = &state.objects[&key("function", "f", 0)].deps;
        assert_eq!(*deps, [key("table", "people", 1), key("table", "orders", 0)].into());
        let intent = &state.pending[&Token("t".into())];
        assert_eq!((&intent.key, intent.deps.first()), (&key("table", "people", 0), Some(&intent.key)));
        assert_eq!(intent.takes, [key("table", "people", 1), key("table", "orders", 0)].into());
    }

    #[test]
    fn a_name_that_it_cannot_have_is_refused() {
        let before = state();
        let refused = |from: (&str, &str), to: (&str, &str)| {
            let mut state = state();
            let refused = rename(&mut state, &Addr::new(from.0, from.1), &Addr::new(to.0, to.1)).unwrap_err();
            assert_eq!(state, before);
            refused
        };
        let (users, orders) = (("table", "users"), ("table", "orders"));
        assert_eq!(refused(users, orders), RenameError::Taken(Addr::new("table", "orders")));
        assert_eq!(refused(("table", "none"), ("table", "people")), RenameError::Unknown);
        let queue = RenameError::OtherKind(Addr::new("queue", "users"));
        assert_eq!(refused(users, ("queue", "users")), queue);
    }
}
