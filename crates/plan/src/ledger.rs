//! The state of a run, which knows what of it is not saved yet.
//!
//! Saving ten thousand objects because one changed would make every call of a large project wait for the disk, so that a run hands out
//! what changed ([`Delta`]) beside the whole.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::addr::ObjectKey;
use crate::object::{Intent, Object, Serial, State, Token};

/// What one save changes of the state before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// The serial of the state that it leads to: one above the state it applies to.
    pub serial: Serial,
    /// Objects as they are now; `None` for those that are no more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objects: BTreeMap<ObjectKey, Option<Object>>,
    /// Calls that were begun; `None` for those whose end is known now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pending: BTreeMap<Token, Option<Intent>>,
}

/// A state to be made durable.
#[derive(Clone, Debug)]
pub struct Save<'a> {
    /// The whole of it.
    pub state: &'a State,
    /// What changed since the save before; `None` if that is not known, so that all of it must be written.
    pub delta: Option<Delta>,
}

impl<'a> Save<'a> {
    /// Of a state about whose predecessor nothing is known.
    pub fn whole(state: &'a State) -> Self {
        Self { state, delta: None }
    }
}

impl State {
    /// Makes the change. Whether it belongs to this state is for the caller to know: by its serial.
    pub fn apply(&mut self, delta: Delta) {
        self.serial = delta.serial;
        for (key, object) in delta.objects {
            match object {
                Some(object) => self.objects.insert(key, object),
                None => self.objects.remove(&key),
            };
        }
        for (token, intent) in delta.pending {
            match intent {
                Some(intent) => self.pending.insert(token, intent),
                None => self.pending.remove(&token),
            };
        }
    }
}

/// A state and what of it is not saved yet.
pub(crate) struct Ledger {
    state: State,
    /// More than the following: how much is not known.
    all: bool,
    objects: BTreeSet<ObjectKey>,
    pending: BTreeSet<Token>,
}

impl Ledger {
    pub(crate) fn new(state: State) -> Self {
        Self { state, all: false, objects: BTreeSet::new(), pending: BTreeSet::new() }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn into_state(self) -> State {
        self.state
    }

    /// Says that the state differs from the saved one already.
    pub(crate) fn touch(&mut self) {
        self.all = true;
    }

    pub(crate) fn object(&self, key: &ObjectKey) -> Option<&Object> {
        self.state.objects.get(key)
    }

    pub(crate) fn put(&mut self, key: ObjectKey, object: Object) {
        self.objects.insert(key.clone());
        self.state.objects.insert(key, object);
    }

    pub(crate) fn remove(&mut self, key: &ObjectKey) {
        if self.state.objects.remove(key).is_some() {
            self.objects.insert(key.clone());
        }
    }

    /// Changes a recorded object.
    pub(crate) fn change(&mut self, key: &ObjectKey, change: impl FnOnce(&mut Object)) {
        if let Some(object) = self.state.objects.get_mut(key) {
            change(object);
            self.objects.insert(key.clone());
        }
    }

    pub(crate) fn begin(&mut self, token: Token, intent: Intent) {
        self.pending.insert(token.clone());
        self.state.pending.insert(token, intent);
    }

    pub(crate) fn end(&mut self, token: &Token) -> Option<Intent> {
        let intent = self.state.pending.remove(token)?;
        self.pending.insert(token.clone());
        Some(intent)
    }

    /// The state with its next serial, if it changed since it was last taken.
    pub(crate) fn unsaved(&mut self) -> Option<Save<'_>> {
        let (all, objects, pending) = (
            std::mem::take(&mut self.all),
            std::mem::take(&mut self.objects),
            std::mem::take(&mut self.pending),
        );
        if !all && objects.is_empty() && pending.is_empty() {
            return None;
        }
        self.state.serial.0 += 1;
        let state = &self.state;
        let delta = (!all).then(|| Delta {
            serial: state.serial,
            objects: objects.into_iter().map(|key| (key.clone(), state.objects.get(&key).cloned())).collect(),
            pending: pending
                .into_iter()
                .map(|token| (token.clone(), state.pending.get(&token).cloned()))
                .collect(),
        });
        Some(Save { state, delta })
    }
}
