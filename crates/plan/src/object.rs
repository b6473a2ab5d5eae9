//! What is recorded of the objects that exist.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::addr::ObjectKey;
use crate::value::{Json, Value};

/// A resolved [`Value`]: it holds no [`Value::Ref`].
pub type Inputs = Value;

/// What a provider answered about an object: its ARN, URL, revision.
pub type Outputs = BTreeMap<String, Json>;

/// The provider's own name for an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RemoteId(pub String);

/// Identifies one history of a state, so that two projects' states are never confused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lineage(pub String);

/// Counts saves of a state; a store refuses a save whose base is not the stored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Serial(pub u64);

/// Identifies one intended call; recorded before the call is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub String);

/// Whether an object can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// As recorded.
    Ready,
    /// Its creation failed half-way: replaced at the next deploy.
    Tainted,
    /// Replaced by a later generation and not deleted yet.
    Deposed,
    /// Somebody else deleted it: made again at the next deploy.
    Missing,
}

/// A remote object as last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// The provider's name for it.
    pub id: RemoteId,
    /// What it was made from.
    pub inputs: Inputs,
    /// What the provider answered.
    pub outputs: Outputs,
    /// The objects it used when it was made: they are deleted after it.
    pub deps: BTreeSet<ObjectKey>,
    /// Whether it can be relied on.
    pub status: Status,
    /// Refuse to delete or replace it without consent: it holds data.
    #[serde(default)]
    pub protect: bool,
}

/// What an interrupted call was about to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntentAction {
    /// To create the object from these inputs.
    Create {
        /// The resolved inputs.
        inputs: Inputs,
    },
    /// To change it to these inputs.
    Update {
        /// The resolved inputs.
        inputs: Inputs,
    },
    /// To delete it.
    Delete,
}

/// A call recorded before it was made: if the run dies, the next one asks the provider what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The object it concerns.
    pub key: ObjectKey,
    /// What it was to do.
    pub action: IntentAction,
    /// The dependencies the object would have had.
    #[serde(default)]
    pub deps: BTreeSet<ObjectKey>,
    /// Whether it holds data.
    #[serde(default)]
    pub protect: bool,
    /// What a deletion takes along.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub takes: BTreeSet<ObjectKey>,
}

/// Everything that is known to exist for one project, stage and provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Which history this is.
    pub lineage: Lineage,
    /// How many times it was saved.
    pub serial: Serial,
    /// Whose objects these are: `PROJECT/STAGE`; `None` in states that were written before this was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Which account and region (or whatever else tells places of a provider apart) the objects are in; `None` where there is one place only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The objects.
    pub objects: BTreeMap<ObjectKey, Object>,
    /// Calls that were begun and whose end was never recorded.
    pub pending: BTreeMap<Token, Intent>,
}

impl State {
    /// The state of something that was never deployed.
    pub fn new(lineage: Lineage) -> Self {
        let (objects, pending) = (BTreeMap::new(), BTreeMap::new());
        Self { lineage, serial: Serial(0), scope: None, place: None, objects, pending }
    }
}
