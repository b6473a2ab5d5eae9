//! Releases that take over in steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::ApiError;

/// How calls go from a function's one revision to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RolloutSpec {
    /// `canary` or `linear`: the manifest's word, for people.
    pub kind: String,
    /// Percentages of the calls that go to the new revision, from 1 to 99, ascending; all follows by itself.
    pub steps: Vec<u8>,
    /// Milliseconds that each step lasts.
    pub every_ms: u64,
}

/// `PUT`, `GET` and `DELETE …/rollout`: how far a release is that takes over in steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RolloutStatus {
    /// The release that it leads to; where it is done, the one that answers.
    pub revision: String,
    /// How it stands.
    pub state: RolloutState,
    /// While it is under way: the functions that have two revisions.
    #[serde(default)]
    pub functions: Vec<RollingFunction>,
    /// Why it was taken back.
    #[serde(default)]
    pub cause: Option<ApiError>,
}

/// How a rollout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutState {
    /// Old and new revisions answer.
    UnderWay,
    /// The release answers.
    Done,
    /// The release before answers all calls again.
    Back,
}

/// A function of which two revisions answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RollingFunction {
    /// Its name.
    pub name: String,
    /// The share of its calls that goes to the new revision, in percent.
    pub percent: u8,
    /// How long each step lasts, in milliseconds.
    pub every_ms: u64,
    /// Calls of the new revision that have ended.
    pub calls: u64,
    /// Those of them that failed.
    pub errors: u64,
}
