//! What a deploy leaves to be gone back to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sf_plan::{Change, Desired, Digest};

use crate::audit::RunId;
use crate::store::{Lock, LockInfo, Store, StoreError};

/// How many releases are kept, unless the manifest says otherwise: the newest.
pub const KEPT_RELEASES: usize = 20;

/// What is to be recorded of a deploy if all of it is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The objects that it wants.
    pub desired: Vec<Desired>,
    /// The code of each function.
    pub artifacts: BTreeMap<String, Digest>,
    /// The commit that it was made from.
    pub git_sha: Option<String>,
    /// The release that it goes back to.
    pub rollback_to: Option<u64>,
    /// The run that does it.
    pub run: Option<RunId>,
}

/// What was deployed once, whole: enough to deploy it again without its sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The format's version: [`Release::VERSION`] in what this version of `sf` writes.
    pub version: u32,
    /// What there is to say about it.
    pub about: About,
    /// The objects that it wanted.
    pub desired: Vec<Desired>,
}

/// A release without its objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Counted from 1; the newest is the live one, unless it is of nothing.
    pub number: u64,
    /// When it was done: milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Who did it, where, and with which command.
    pub by: LockInfo,
    /// The commit that it was made from, if it was made from one.
    #[serde(default)]
    pub git_sha: Option<String>,
    /// The release that it went back to.
    #[serde(default)]
    pub rollback_to: Option<u64>,
    /// The run that did it, for its event log.
    #[serde(default)]
    pub run: Option<RunId>,
    /// The code of each function.
    pub artifacts: BTreeMap<String, Digest>,
    /// What the deploy changed.
    pub changes: Vec<Change>,
}

impl Release {
    /// The format that this version of `sf` writes.
    pub const VERSION: u32 = 1;

    /// Whether it left nothing: a removal.
    pub fn is_empty(&self) -> bool {
        self.desired.is_empty()
    }

    /// Whether it wanted the same objects.
    fn wants(&self, desired: &[Desired]) -> bool {
        self.desired == desired
    }
}

/// All releases that are kept, oldest first.
///
/// # Errors
/// The store could not answer, or one of them is no release.
pub async fn releases(store: &dyn Store) -> Result<Vec<Release>, StoreError> {
    let mut all = Vec::new();
    for number in store.releases().await? {
        all.extend(store.release(number).await?);
    }
    Ok(all)
}

/// Records a deploy that was done whole, and gives the number of its release.
///
/// None is made of a deploy that changed nothing and wanted what the newest release is. That it changed nothing is not enough: the run that
/// did the work may have been killed before it came to this.
pub(crate) async fn record(
    store: &dyn Store,
    lock: &dyn Lock,
    draft: Draft,
    changes: Vec<Change>,
) -> Result<Option<u64>, StoreError> {
    let Draft { desired, artifacts, git_sha, rollback_to, run } = draft;
    let desired: Vec<_> = desired.into_iter().map(Desired::normalized).collect();
    let newest = store.releases().await?.last().copied();
    if changes.is_empty() {
        let is_known = match newest {
            // One that cannot be read is none to go back to.
            Some(number) => {
                let newest = store.release(number).await.ok().flatten();
                newest.is_some_and(|release| release.wants(&desired))
            }
            None => desired.is_empty(),
        };
        if is_known {
            return Ok(None);
        }
    }
    let number = newest.unwrap_or(0) + 1;
    let time_ms = crate::store::now_ms();
    let about =
        About { number, time_ms, by: lock.info().clone(), git_sha, rollback_to, run, artifacts, changes };
    store.record(lock, &Release { version: Release::VERSION, about, desired }).await?;
    Ok(Some(number))
}
