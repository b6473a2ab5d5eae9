//! The plan and what becomes of it: typed changes with their reasons, steps with their order, calls and outcomes.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::addr::{Addr, ObjectKey};
use crate::object::{Inputs, Lineage, Object, Outputs, RemoteId, Serial, Token};
use crate::value::{Json, Path, Value};

/// Why a change is made. Every change says at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Reason {
    /// It does not exist yet.
    New,
    /// The manifest no longer has it.
    Gone,
    /// An input differs.
    Field {
        /// Where.
        path: Path,
        /// What it was; `None` where it was absent.
        old: Option<Json>,
        /// What it will be; `None` where that is known only at apply, or where it becomes absent.
        new: Option<Json>,
        /// Whether the new value is known only at apply.
        #[serde(default)]
        known_at_apply: bool,
    },
    /// Its creation failed half-way.
    Tainted,
    /// It was deleted outside `sf`.
    Missing,
    /// It was replaced earlier and not deleted then.
    Leftover,
    /// Another object's replacement demands it: it gets a new reference where it cannot be changed in place, or it must
    /// go first, since what it uses does.
    ForcedBy {
        /// Which object's.
        by: Addr,
    },
}

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum Action {
    /// Nothing.
    Keep,
    /// It is made.
    Create,
    /// It is changed where it is.
    Update,
    /// A new object takes its place.
    Replace {
        /// Whether the old one must go before the new one can come.
        early_delete: bool,
    },
    /// It is deleted.
    Delete {
        /// Whether it must go before the puts.
        early: bool,
    },
}

impl Action {
    /// Whether the object that is there now will be gone.
    pub fn destroys(self) -> bool {
        match self {
            Self::Replace { .. } | Self::Delete { .. } => true,
            Self::Keep | Self::Create | Self::Update => false,
        }
    }
}

/// One object's part in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The object.
    pub key: ObjectKey,
    /// What happens to it.
    #[serde(flatten)]
    pub action: Action,
    /// Why; empty only for [`Action::Keep`].
    pub why: Vec<Reason>,
    /// Whether it holds data, by the record or by the manifest: destroying it wants consent.
    #[serde(default)]
    pub protect: bool,
    /// Whether it is protected, by the record or by the manifest: destroying it is not even asked about.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guarded: bool,
    /// The object whose deletion takes this one along: it needs no call of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goes_with: Option<ObjectKey>,
}

/// A step's number within its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub usize);

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Create or update the object.
    Put {
        /// Its inputs, references unresolved.
        inputs: Value,
        /// The generation that it takes the place of.
        replaces: Option<ObjectKey>,
        /// Whether it holds data.
        protect: bool,
        /// What it uses, to be recorded with it.
        deps: BTreeSet<Addr>,
    },
    /// Correct what is recorded of it. The object itself is as it should be: no call is made.
    Record {
        /// Whether it holds data.
        protect: bool,
        /// What it uses.
        deps: BTreeSet<Addr>,
    },
    /// Delete it.
    Delete,
    /// Forget it: it went with its container, which was deleted. No call is made.
    Forget,
}

/// One unit of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its number.
    pub id: StepId,
    /// The object.
    pub key: ObjectKey,
    /// What it does.
    pub op: Op,
    /// The steps that must have succeeded first.
    pub needs: BTreeSet<StepId>,
}

/// A complete, printable list of what a deploy will do. `sf plan` prints it; `sf deploy` runs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The state it was made from: a plan for another one is stale.
    pub base: (Lineage, Serial),
    /// Every object's change, `Keep` included, in the order of their keys.
    pub changes: Vec<Change>,
    /// The work.
    pub steps: Vec<Step>,
}

/// One call to a driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The step it belongs to.
    pub step: StepId,
    /// The recorded intent.
    pub token: Token,
    /// The object.
    pub key: ObjectKey,
    /// What it used when made, to be recorded remotely where the provider can.
    pub deps: BTreeSet<ObjectKey>,
    /// What to do.
    pub action: CallAction,
}

/// What a driver is asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallAction {
    /// Make the object.
    Create {
        /// From these resolved inputs.
        inputs: Inputs,
    },
    /// Change it.
    Update {
        /// As it was.
        prior: Object,
        /// The resolved inputs it gets.
        inputs: Inputs,
    },
    /// Delete it; that it is gone already is success.
    Delete {
        /// As it was.
        prior: Object,
    },
}

/// Why a call failed, in the provider's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// One line for a person.
    pub message: String,
    /// The API's own error code.
    #[serde(default)]
    pub code: Option<String>,
    /// The API's request id.
    #[serde(default)]
    pub request_id: Option<String>,
    /// What to do about it.
    #[serde(default)]
    pub hint: Option<String>,
    /// Whether the same call may succeed later.
    #[serde(default)]
    pub transient: bool,
}

impl Failure {
    /// A failure that no call made: a fault of `sf` itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: Some("internal".into()),
            request_id: None,
            hint: None,
            transient: false,
        }
    }
}

impl Plan {
    /// The changes that are more than `Keep`.
    pub fn actual_changes(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.action != Action::Keep)
    }

    /// The changes that destroy an object that holds data: those that want consent of their own.
    pub fn destroyed_data(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.protect && change.action.destroys())
    }

    /// The changes that destroy a protected object: those that must have been asked for beforehand.
    pub fn destroyed_guarded(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.guarded && change.action.destroys())
    }
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The object is there.
    Done {
        /// The provider's name for it.
        id: RemoteId,
        /// What the provider answered.
        outputs: Outputs,
    },
    /// It is gone.
    Deleted,
    /// It did not work.
    Failed {
        /// What was made all the same: recorded as tainted.
        partial: Option<(RemoteId, Outputs)>,
        /// Why.
        error: Failure,
    },
}

/// What a run reports as it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// A call was made.
    Started {
        /// The step.
        step: StepId,
        /// Its object.
        key: ObjectKey,
    },
    /// A call that takes long says how far it is.
    Progress {
        /// The step.
        step: StepId,
        /// Its object.
        key: ObjectKey,
        /// One line for a person.
        message: String,
    },
    /// It succeeded.
    Finished {
        /// The step.
        step: StepId,
        /// Its object.
        key: ObjectKey,
        /// What the provider answered; empty for a delete.
        outputs: BTreeMap<String, Json>,
    },
    /// Its resolved inputs equal the recorded ones: no call was made.
    Unchanged {
        /// The step.
        step: StepId,
        /// Its object.
        key: ObjectKey,
    },
    /// It failed.
    Failed {
        /// The step.
        step: StepId,
        /// Its object.
        key: ObjectKey,
        /// Why.
        error: Failure,
    },
    /// A step that it needs failed, or the run was stopped.
    Skipped {
        /// The step.
        step: StepId,
        /// Its object.
        key: ObjectKey,
    },
}
