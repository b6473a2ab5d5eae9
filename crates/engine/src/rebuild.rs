//! A state made anew from what the provider knows: after the record was lost, damaged, or is not to be trusted any more.

use std::collections::BTreeMap;

use sf_plan::{Drift, Object, ObjectKey, Reason, Save, Seen, State, absorb};

use crate::observe::{ObserveError, Provider, lineage};
use crate::store::{Lock, LockInfo, Store, StoreError, Witness};

/// A rebuilt state that is not saved yet: first somebody is to look at what it says. The lock is held until it is dropped.
pub struct Rebuild<'a> {
    store: &'a dyn Store,
    lock: Box<dyn Lock>,
    state: State,
    news: News,
}

/// How a rebuilt state differs from the record.
#[derive(Debug, Default)]
pub struct News {
    /// Objects that were found.
    pub found: usize,
    /// Those that were not recorded.
    pub added: Vec<ObjectKey>,
    /// Recorded ones that do not exist.
    pub gone: Vec<ObjectKey>,
    /// Recorded ones that are not as recorded, and how.
    pub changed: Vec<Drift>,
    /// Whether the record and what was found are not the same in any way, the order of the objects included.
    pub differs: bool,
    /// Recorded calls whose end was not known: what was found tells it now.
    pub settled: usize,
    /// Why the record could not be read.
    pub unreadable: Option<StoreError>,
}

impl News {
    /// Whether the record was whole and right.
    pub fn is_none(&self) -> bool {
        !self.differs && self.unreadable.is_none()
    }

    /// Whether saving takes away anything that was recorded.
    pub fn forgets(&self) -> bool {
        !self.gone.is_empty() || !self.changed.is_empty() || self.settled > 0 || self.unreadable.is_some()
    }
}

impl<'a> Rebuild<'a> {
    /// Takes the lock, and asks the provider what there is.
    ///
    /// # Errors
    /// Somebody else holds the lock, or the store or the provider could not answer. A record that cannot be read is no error here.
    pub async fn begin(
        store: &'a dyn Store,
        provider: &Provider,
        who: LockInfo,
    ) -> Result<Self, ObserveError> {
        let lock = store.lock(who.clone()).await?;
        let (recorded, unreadable) = match store.load().await {
            Ok(state) => (state, None),
            Err(error @ (StoreError::Corrupt { .. } | StoreError::Newer { .. })) => (None, Some(error)),
            Err(error) => return Err(error.into()),
        };
        let found = provider.discover().await?;
        let scope = provider.scope();
        let recorded = match recorded {
            // Another's history is not gone on with.
            Some(others) if others.scope.as_ref().is_some_and(|recorded| *recorded != scope) => {
                State { serial: others.serial, ..State::new(lineage(&who)) }
            }
            Some(recorded) => recorded,
            None => State::new(lineage(&who)),
        };
        let (mut state, mut news) = compare(&recorded, found);
        // What was found is this scope's and here, whatever was recorded.
        state.place = provider.place().await?;
        state.scope = Some(scope);
        news.differs = state != recorded;
        Ok(Self { store, lock, state, news: News { unreadable, ..news } })
    }

    /// What is new.
    pub fn news(&self) -> &News {
        &self.news
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Saves the state; the one before is kept beside it. Gives the place of one that could not be read.
    ///
    /// # Errors
    /// It cannot be saved.
    pub async fn save(mut self, witness: Option<&Witness>) -> Result<Option<String>, StoreError> {
        let aside = match self.news.unreadable {
            Some(_) => self.store.set_aside(self.lock.as_ref()).await?,
            None => None,
        };
        let place = self.store.location();
        if witness.is_some_and(|witness| witness.check(&place, &self.state).is_some()) {
            // It goes on from a backup: see `Observed::rediscover`.
            self.state.lineage = lineage(self.lock.info());
        }
        self.state.serial.0 += 1;
        self.store.save(self.lock.as_ref(), &Save::whole(&self.state)).await?;
        if let Some(witness) = witness {
            witness.remember(&place, &self.state);
        }
        Ok(aside)
    }
}

/// What is only recorded (whether an object holds data, whether it is half made) is kept for those that were found.
pub(crate) fn compare(recorded: &State, found: BTreeMap<ObjectKey, Object>) -> (State, News) {
    let mut state = recorded.clone();
    let mut news = News { found: found.len(), settled: state.pending.len(), ..News::default() };
    state.pending.clear();
    let known = state.objects.keys().map(|key| (key.clone(), found.get(key).cloned()));
    let seen = Seen { objects: known.collect(), ..Seen::default() };
    for drift in absorb(&mut state, seen) {
        if !drift.why.contains(&Reason::Missing) {
            news.changed.push(drift);
        }
    }
    let is_gone = |key: &ObjectKey| !found.contains_key(key);
    news.gone = state.objects.keys().filter(|key| is_gone(key)).cloned().collect();
    state.objects.retain(|key, _| !is_gone(key));
    for (key, object) in found {
        if let Some(known) = state.objects.get_mut(&key) {
            known.deps = object.deps;
        } else {
            news.added.push(key.clone());
            state.objects.insert(key, object);
        }
    }
    news.differs = state != *recorded;
    (state, news)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sf_plan::{Addr, Intent, IntentAction, Lineage, Outputs, RemoteId, Status, Token, Value};

    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey { addr: Addr::new("k", name), generation: 0 }
    }

    fn object(value: u8, status: Status, protect: bool) -> Object {
        let inputs = Value::Map([("value".to_owned(), Value::Lit(value.into()))].into());
        let (id, deps) = (RemoteId("id".into()), BTreeSet::new());
        Object { id, inputs, outputs: Outputs::new(), deps, status, protect }
    }

    #[test]
    fn what_was_found_stands_and_what_is_only_recorded_of_it_is_kept() {
        let mut recorded = State::new(Lineage("l".into()));
        recorded.objects = [
            (key("same"), object(1, Status::Ready, true)),
            (key("half"), object(1, Status::Tainted, false)),
            (key("other"), object(1, Status::Ready, true)),
            (key("gone"), object(1, Status::Ready, false)),
            (key("replaced"), object(1, Status::Deposed, false)),
            (key("missed"), object(1, Status::Missing, false)),
        ]
        .into();
        let intent = Intent {
            key: key("gone"),
            action: IntentAction::Delete,
            deps: BTreeSet::new(),
            protect: false,
            takes: BTreeSet::new(),
        };
        recorded.pending.insert(Token("t".into()), intent);
        let ready = |value| object(value, Status::Ready, false);
        let found: BTreeMap<_, _> = [("same", 1), ("half", 1), ("other", 2), ("new", 1)]
            .map(|(name, value)| (key(name), ready(value)))
            .into();
        let (state, news) = compare(&recorded, found);
        let objects: BTreeMap<_, _> = [
            (key("same"), object(1, Status::Ready, true)),
            (key("half"), object(1, Status::Tainted, false)),
            (key("other"), object(2, Status::Ready, true)),
            (key("new"), ready(1)),
        ]
        .into();
        assert_eq!((state.objects, state.pending.len()), (objects, 0));
        assert_eq!(news.added, [key("new")]);
        // One that was to be deleted, and is, is no news; one that was known to be missing is forgotten.
        assert_eq!(news.gone, [key("gone"), key("missed")]);
        assert_eq!(news.changed.iter().map(|drift| drift.key.clone()).collect::<Vec<_>>(), [key("other")]);
        assert_eq!((news.found, news.settled), (4, 1));
        assert!(news.forgets() && !news.is_none());
    }
}
