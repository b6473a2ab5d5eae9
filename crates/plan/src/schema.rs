//! What a backend knows of its kinds, as data that the planner asks for.

use crate::addr::Kind;
use crate::value::{Path, Value};

/// What a changed input means for the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is changed where it is.
    InPlace,
    /// A new object takes its place.
    NewObject,
    /// The change is of no consequence.
    Ignore,
}

/// A backend's knowledge of its kinds.
pub trait Schemas: Send + Sync {
    /// What a change at `path` of the inputs means.
    fn effect(&self, kind: &Kind, path: &Path) -> Effect;
    /// Whether an object of this kind cannot coexist with its successor (a fixed unique name).
    fn delete_first(&self, kind: &Kind) -> bool;
    /// Whether this output survives a change in place, so that the change does not ripple to those who refer to it.
    fn stable(&self, kind: &Kind, output: &str) -> bool;
    /// Whether an object of this kind that depends on a `container` of that kind lies in it, so that the provider deletes it along with that.
    fn goes_with(&self, kind: &Kind, container: &Kind) -> bool {
        let _ = (kind, container);
        false
    }
    /// Whether a change in place of the input at `path` may change this output: by default, unless the output is stable, any may.
    fn disturbs(&self, kind: &Kind, path: &Path, output: &str) -> bool {
        let _ = path;
        !self.stable(kind, output)
    }
    /// Whether these inputs say that the object is protected: to destroy it must have been asked for beforehand. It is an input like others, so
    /// that it is recorded, found again without a record, and missed where somebody else took it away.
    fn guards(&self, kind: &Kind, inputs: &Value) -> bool {
        let _ = (kind, inputs);
        false
    }
}
