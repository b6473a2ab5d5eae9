//! Which logs are kept.

use std::collections::BTreeSet;

use crate::store::{Store, StoreError};

/// Forgets old logs: those of kept releases stay, and of the others at least the newest `keep`. To know which logs are those of releases, all of
/// these must be read, so that it is only done once there are many more.
///
/// # Errors
/// The store could not answer.
pub async fn forget_runs(store: &dyn Store, keep: usize) -> Result<(), StoreError> {
    let runs = store.runs().await?;
    if runs.len() <= keep.saturating_mul(3) {
        return Ok(());
    }
    let releases = crate::release::releases(store).await?;
    let of_releases: BTreeSet<_> = releases.into_iter().filter_map(|release| release.about.run).collect();
    let others: Vec<_> = runs.into_iter().filter(|run| !of_releases.contains(run)).collect();
    for run in &others[..others.len().saturating_sub(keep)] {
        store.forget_run(run).await?;
    }
    Ok(())
}
