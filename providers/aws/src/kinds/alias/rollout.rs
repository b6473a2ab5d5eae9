//! A canary.

use serde::{Deserialize, Serialize};
use sf_plan::Failure;

use super::Spec;
use crate::kinds::At;

/// How calls go from one version to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Rollout {
    /// `canary` or `linear`: the manifest's word.
    kind: String,
    /// Percentages of the calls that go to the new version, ascending; all follows by itself.
    steps: Vec<u8>,
    /// How long each step lasts.
    every_seconds: u64,
}

impl Rollout {
    /// As an alias's description.
    pub(super) fn description(rollout: Option<&Self>) -> String {
        rollout.and_then(|rollout| serde_json::to_string(rollout).ok()).unwrap_or_default()
    }

    /// Of an alias's description.
    pub(super) fn described(description: &str) -> Option<Self> {
        serde_json::from_str(description).ok()
    }

    pub(super) async fn run(&self, _: &At<'_>, _: &Spec) -> Result<(), Failure> {
        Ok(())
    }
}
