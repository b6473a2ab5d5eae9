//! What was: releases, `<stage>.releases/<number>.json`, and the event logs of runs, `<stage>.runs/<id>.ndjson`.

use bytes::Bytes;
use object_store::path::Path;

use super::objects::{Expected, Objects, Written, numbered};
use crate::audit::RunId;
use crate::release::{KEPT_RELEASES, Release};
use crate::store::StoreError;
use crate::store::release_files::parse;

/// One stage's.
#[derive(Debug)]
pub(super) struct History {
    objects: Objects,
    releases: Path,
    runs: Path,
    kept: usize,
}

impl History {
    pub(super) fn new(objects: Objects, releases: Path, runs: Path) -> Self {
        Self { objects, releases, runs, kept: KEPT_RELEASES }
    }

    /// At least the newest release is kept.
    pub(super) fn keeping(self, releases: usize) -> Self {
        Self { kept: releases.max(1), ..self }
    }

    pub(super) async fn releases(&self) -> Result<Vec<u64>, StoreError> {
        let found = self.objects.numbered(&self.releases).await?;
        Ok(found.into_iter().map(|(number, _)| number).collect())
    }

    pub(super) async fn release(&self, number: u64) -> Result<Option<Release>, StoreError> {
        let at = numbered(&self.releases, number);
        let Some(found) = self.objects.read(&at).await? else { return Ok(None) };
        parse(&found.bytes, &self.objects.url(&at)).map(Some)
    }

    /// Writes it, and forgets the oldest ones that are more than are kept.
    pub(super) async fn record(&self, release: &Release) -> Result<(), StoreError> {
        let number = release.about.number;
        let at = numbered(&self.releases, number);
        let mut bytes = serde_json::to_vec_pretty(release)
            .map_err(|error| self.objects.unwritable(self.objects.url(&at), &error))?;
        bytes.push(b'\n');
        if let Written::Refused(_) = self.objects.write(&at, bytes, Expected::Nothing).await? {
            let (at, expected) = (self.objects.url(&at), number.saturating_sub(1));
            return Err(StoreError::Conflict { at, found: number, expected });
        }
        let numbers = self.releases().await?;
        for number in &numbers[..numbers.len().saturating_sub(self.kept)] {
            self.objects.remove(&numbered(&self.releases, *number)).await?;
        }
        Ok(())
    }

    fn run_at(&self, id: &RunId) -> Path {
        self.runs.clone().join(format!("{id}.ndjson"))
    }

    /// Objects do not grow: each time it is written whole. Nobody else writes that of this run.
    pub(super) async fn write_run(&self, id: &RunId, log: &[u8]) -> Result<(), StoreError> {
        self.objects.overwrite(&self.run_at(id), Bytes::copy_from_slice(log)).await
    }

    /// Oldest first. Objects with other names are nobody's concern.
    pub(super) async fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        let listed = self.objects.listed(&self.runs).await?;
        let id = |name: &str| name.strip_suffix(".ndjson")?.parse().ok();
        let mut ids: Vec<RunId> = listed.iter().filter_map(|(name, _)| id(name)).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    pub(super) async fn run(&self, id: &RunId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.objects.read(&self.run_at(id)).await?.map(|found| found.bytes.to_vec()))
    }

    pub(super) async fn forget_run(&self, id: &RunId) -> Result<(), StoreError> {
        self.objects.remove(&self.run_at(id)).await
    }
}
