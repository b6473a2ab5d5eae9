//! What changes an app: resources are put and deleted, and a release takes effect.
//!
//! **The order of effects.** What a put defines is defined before the record names it, and defining it again changes nothing; what a delete
//! drops is dropped after the record stopped naming it, and the record remembers until then that it is to be dropped. So a host that
//! is killed in between finds out at its start what is left to do.

use std::sync::Arc;

use serde_json::Value;
use sf_host_api::{ApiError, FunctionSpec, ReleaseSpec, Resource, ResourcePut};
use sha2::Digest as _;

use super::resources::holds_data;
use super::specs::{self, Spec};
use super::{App, CURRENT, RELEASE, Shared, data_fault, fault, io_fault, lock};
use crate::records::{AppRecord, Stored};
use crate::release::{self, Release};
use crate::worker::FunctionContext;

/// A put that was prepared.
pub(super) struct Change<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) revision: String,
    pub(super) put: ResourcePut,
    /// What answers from then on.
    pub(super) release: Option<Arc<Release>>,
}

impl Shared {
    /// Stores a resource; a release takes effect.
    pub(crate) async fn put(
        self: &Arc<Self>,
        project: &str,
        stage: &str,
        kind: &str,
        name: &str,
        put: ResourcePut,
    ) -> Result<Resource, ApiError> {
        let _changing = self.changing.lock().await;
        let spec = specs::check(&self.store, kind, name, &put.spec)?;
        let app =
            self.app(project, stage).unwrap_or_else(|| Arc::new(App::new(AppRecord::new(project, stage))));
        let mut record = app.record();
        let address = format!("{kind}/{name}");
        let revision = revision_of(&put.spec);
        if record.dropping.contains(&address) {
            self.finish_drops(&app.id, &mut record).await?;
        }
        let release = self.prepare(&app, &mut record, name, &revision, spec).await?;
        let change = Change { kind, name, revision, put, release };
        self.commit(&app, record, change).await
    }

    /// Records a put, and has its release answer.
    pub(super) async fn commit(
        &self,
        app: &Arc<App>,
        mut record: AppRecord,
        change: Change<'_>,
    ) -> Result<Resource, ApiError> {
        let Change { kind, name, revision, put, release } = change;
        let address = format!("{kind}/{name}");
        if release.is_some() {
            record.rollout = None;
        }
        let resource = Resource {
            kind: kind.into(),
            name: name.into(),
            revision: revision.clone(),
            spec: put.spec.clone(),
            annotations: put.annotations,
            outputs: self.outputs(&record, kind, name, &revision),
        };
        let known = record.resources.get(&address);
        let mut revisions = known.map(|stored| stored.revisions.clone()).unwrap_or_default();
        revisions.insert(revision, put.spec);
        record.resources.insert(address.clone(), Arc::new(Stored { newest: resource.clone(), revisions }));
        if let Some(release) = &release {
            let before = app.release().map(|before| before.artifacts()).unwrap_or_default();
            record.outdate(before, &release.artifacts());
        }
        let active = release.clone().or_else(|| app.release());
        let rolling = app.rollout().filter(|_| release.is_none()).map(|rollout| rollout.release.clone());
        // Only a release changes what is needed of others.
        let concerned = release.is_none().then_some(address);
        forget_unused(
            &mut record,
            active.as_ref().map(|release| &release.spec),
            rolling.as_ref().map(|release| &release.spec),
            concerned.as_deref(),
        );
        if record.port != app.record().port {
            self.refresh_outputs(&mut record);
        }
        self.remember(app, &record)?;
        if release.is_some() {
            self.activate(app, release).await?;
            self.collect();
        }
        Ok(resource)
    }

    /// Does what a put does before it is recorded: a port is taken, data is defined, a release is compiled and its functions are started.
    async fn prepare(
        &self,
        app: &Arc<App>,
        record: &mut AppRecord,
        name: &str,
        revision: &str,
        spec: Spec,
    ) -> Result<Option<Arc<Release>>, ApiError> {
        match spec {
            Spec::Api(spec) => record.port = Some(self.gateway_port(app, record, spec.port).await?),
            Spec::Socket => record.port = Some(self.gateway_port(app, record, None).await?),
            Spec::Data(definition) => self.define(&app.id, name, definition).await?,
            Spec::Release(spec) if name == CURRENT => {
                let release = self.compile(app, record, revision, spec)?;
                warm_up(app, &release).await?;
                return Ok(Some(Arc::new(release)));
            }
            Spec::Release(_) | Spec::Released => {}
        }
        Ok(None)
    }

    /// Deletes a resource; `false` if it was not there. The app ends with its last one, but for secrets that were set without being declared.
    pub(crate) async fn delete(
        self: &Arc<Self>,
        project: &str,
        stage: &str,
        address: &str,
    ) -> Result<bool, ApiError> {
        let _changing = self.changing.lock().await;
        let Some(app) = self.app(project, stage) else { return Ok(false) };
        let mut record = app.record();
        if !record.resources.contains_key(address) {
            // An earlier delete may have failed to drop its data.
            let is_left = record.dropping.contains(address);
            self.end_deleted(&app, &mut record).await?;
            return Ok(is_left);
        }
        if Self::is_released(&app, address) {
            return Err(fault("in-use", format!("delete `{address}`: the active release has it")));
        }
        record.resources.remove(address);
        if address == RELEASE {
            record.rollout = None;
        }
        if address.split_once('/').is_some_and(|(kind, _)| holds_data(kind)) {
            record.dropping.insert(address.to_owned());
        }
        let mut kinds = record.resources.values().map(|stored| stored.newest.kind.as_str());
        let is_served = kinds.any(|kind| matches!(kind, "api" | "socket"));
        if !is_served {
            record.port = None;
        }
        self.remember(&app, &record)?;
        if address == RELEASE {
            self.activate(&app, None).await?;
        }
        if !is_served && let Some(gateway) = app.gateway.lock().await.take() {
            tokio::spawn(gateway.close());
        }
        self.end_deleted(&app, &mut record).await?;
        self.collect();
        Ok(true)
    }

    /// Drops the data of what was deleted, and what an app without resources leaves behind.
    pub(super) async fn end_deleted(&self, app: &Arc<App>, record: &mut AppRecord) -> Result<(), ApiError> {
        if !record.dropping.is_empty() {
            self.finish_drops(&app.id, record).await?;
            self.remember(app, record)?;
        }
        if record.is_empty() && self.data.secrets(&app.id).await.map_err(data_fault)?.is_empty() {
            self.data.drop_app(&app.id).await.map_err(data_fault)?;
        }
        Ok(())
    }

    /// Makes a changed record durable, and known.
    pub(super) fn remember(&self, app: &Arc<App>, record: &AppRecord) -> Result<(), ApiError> {
        let key = (record.project.clone(), record.stage.clone());
        if record.is_empty() {
            let removed = self.store.remove_app(&record.project, &record.stage);
            removed.map_err(|error| io_fault("remove the app", &error))?;
            lock(&self.apps).remove(&key);
        } else {
            self.store.save_app(&app.record(), record).map_err(|error| io_fault("store the app", &error))?;
            lock(&self.apps).insert(key, app.clone());
        }
        lock(&app.record).clone_from(record);
        Ok(())
    }

    /// Has a release answer, or none, and its subscriptions delivered. What the one before had taken from an inbox, it still handles.
    async fn activate(&self, app: &App, release: Option<Arc<Release>>) -> Result<(), ApiError> {
        self.subscribe(&app.id, release.as_deref()).await?;
        drop(app.set_release(release.clone()));
        app.set_rollout(None);
        self.schedules_changed.notify_waiters();
        self.deliveries.switch(&app.id, release.as_deref());
        Ok(())
    }

    /// Makes the inboxes that a release wants, and drops those that it does not.
    pub(super) async fn subscribe(
        &self,
        app: &sf_data::AppId,
        release: Option<&Release>,
    ) -> Result<(), ApiError> {
        let wanted = release.map(crate::deliver::subscriptions).unwrap_or_default();
        self.data.set_subscriptions(app, wanted).await.map_err(data_fault)
    }

    pub(super) fn compile(
        &self,
        app: &App,
        record: &AppRecord,
        revision: &str,
        spec: ReleaseSpec,
    ) -> Result<Release, ApiError> {
        let folder = self.store.logs(&record.project, &record.stage);
        let context = |function: &str, spec: &FunctionSpec| {
            let called = spec.names.called("function", function);
            let (grants, names) = (spec.grants.clone(), spec.names.clone());
            let token = self.tokens.issue(app.id.clone(), called, grants, names);
            Ok(FunctionContext {
                project: record.project.clone(),
                stage: record.stage.clone(),
                function: called.to_owned(),
                interface: spec.interface.clone(),
                payload: spec.payload.clone(),
                data_url: self.data_url(&app.id),
                token: Arc::new(token.map_err(|error| io_fault("make the function's token", &error))?),
                launcher: self.config.worker_launcher.clone().into(),
                sandbox: self.sandbox.clone(),
                sockets: self.sockets.path().to_owned(),
                sink: self.logs.sink(&folder, function),
            })
        };
        release::compile(record, revision, spec, app.release().as_deref(), context, |digest| {
            self.store.unpacked(digest)
        })
    }
}

/// Starts workers of changed functions before the switch, so that no request waits for one: as many as are to be kept ready, and
/// one where the previous revision had any.
pub(super) async fn warm_up(app: &App, release: &Release) -> Result<(), ApiError> {
    let previous = app.release();
    for (name, pool) in &release.pools {
        let before = previous.as_ref().and_then(|previous| previous.pools.get(name));
        let had_any = before.is_some_and(|before| !Arc::ptr_eq(before, pool) && before.worker_count() > 0);
        pool.warm_up(u32::from(had_any)).await.map_err(|error| {
            let mut fault = fault(error.code(), format!("start function `{name}`: {error}"));
            fault.hint =
                Some(format!("`sf logs {name}` shows what it printed; the previous release goes on"));
            fault
        })?;
    }
    Ok(())
}

/// Keeps the newest revision of each resource, or of the one that is concerned, and those that the releases name: the active one, and one that takes
/// over in steps.
pub(super) fn forget_unused(
    record: &mut AppRecord,
    active: Option<&ReleaseSpec>,
    rolling: Option<&ReleaseSpec>,
    concerned: Option<&str>,
) {
    for (address, stored) in &mut record.resources {
        if concerned.is_some_and(|one| one != address) {
            continue;
        }
        let released = [active, rolling].map(|spec| spec.and_then(|spec| spec.resources.get(address)));
        let newest = &stored.newest.revision;
        let is_needed = |revision: &String| revision == newest || released.contains(&Some(revision));
        if !stored.revisions.keys().all(is_needed) {
            let mut kept = stored.as_ref().clone();
            kept.revisions.retain(|revision, _| is_needed(revision));
            *stored = Arc::new(kept);
        }
    }
}

/// Equal specs have equal revisions: maps are sorted, so the text is canonical.
pub(super) fn revision_of(spec: &Value) -> String {
    let digest = sha2::Sha256::digest(spec.to_string().as_bytes());
    hex::encode(&digest[..12])
}
