//! Releases that take over in steps.
//!
//! ```text
//! PUT rollout ─> compiled, warmed up, recorded ─> shares by the time that has passed ─┬─> the release is put
//!                                                                                     └─> an error, DELETE: recorded as taken back
//! ```
//!
//! The host does all of this by itself, so that a deploy that is killed leaves no two revisions for ever. What is recorded says which release
//! it leads to and which step has begun: a host that was killed begins that step again.

use std::sync::Arc;
use std::time::Duration;

use sf_host_api::{ApiError, ReleaseSpec, ResourcePut, RolloutState, RolloutStatus};

use super::changes::{Change, revision_of, warm_up};
use super::{App, CURRENT, Shared, fault, lock};
use crate::records::{AppRecord, RolloutRecord};
use crate::rollout::{Fault, Rollout};

impl App {
    /// The rollout under way.
    pub(crate) fn rollout(&self) -> Option<Arc<Rollout>> {
        lock(&self.rollout).clone()
    }

    pub(super) fn set_rollout(&self, rollout: Option<Arc<Rollout>>) {
        let before = std::mem::replace(&mut *lock(&self.rollout), rollout);
        if let Some(before) = before {
            before.end();
        }
    }

    fn is_current(&self, rollout: &Arc<Rollout>) -> bool {
        self.rollout().is_some_and(|current| Arc::ptr_eq(&current, rollout))
    }

    /// How the last release is taking over; `None` if nothing is released.
    pub(crate) fn rollout_status(&self) -> Option<RolloutStatus> {
        // Before the record: of a rollout that ends just now, that is told.
        let functions = self.rollout().map(|rollout| rollout.functions()).unwrap_or_default();
        if let Some(recorded) = lock(&self.record).rollout.as_ref() {
            let state = recorded.back.as_ref().map_or(RolloutState::UnderWay, |_| RolloutState::Back);
            let (revision, cause) = (recorded.revision.clone(), recorded.back.clone());
            return Some(RolloutStatus { revision, state, functions, cause });
        }
        let revision = self.release()?.revision.clone();
        Some(RolloutStatus { revision, state: RolloutState::Done, functions: Vec::new(), cause: None })
    }
}

impl Shared {
    /// Begins a rollout, or joins it; a release in which nothing changes in steps is put as any other.
    pub(crate) async fn roll_out(
        self: &Arc<Self>,
        project: &str,
        stage: &str,
        put: ResourcePut,
    ) -> Result<RolloutStatus, ApiError> {
        let changing = self.changing.lock().await;
        let spec: ReleaseSpec = serde_json::from_value(put.spec.clone())
            .map_err(|error| fault("bad-spec", format!("bad spec: {error}")))?;
        let revision = revision_of(&put.spec);
        let app = self.app(project, stage);
        if let Some(app) = &app
            && let Some(stable) = app.release()
        {
            let mut record = app.record();
            if app.rollout().is_some_and(|rollout| rollout.release.revision == revision) {
                return app.rollout_status().ok_or_else(nothing_released);
            }
            let release = Arc::new(self.compile(app, &record, &revision, spec)?);
            let course = Rollout::course(&stable, &release);
            if !course.is_empty() {
                warm_up(app, &release).await?;
                let ResourcePut { spec, annotations } = put;
                let (passed_ms, back) = (0, None);
                record.rollout = Some(RolloutRecord { revision, spec, annotations, passed_ms, back });
                self.refresh_outputs(&mut record);
                self.remember(app, &record)?;
                self.start_rollout(app, Rollout::begin(&stable, release, course, Duration::ZERO));
                return app.rollout_status().ok_or_else(nothing_released);
            }
        }
        drop(changing);
        self.put(project, stage, "release", CURRENT, put).await?;
        self.app(project, stage).and_then(|app| app.rollout_status()).ok_or_else(nothing_released)
    }

    fn start_rollout(self: &Arc<Self>, app: &Arc<App>, rollout: Rollout) {
        let rollout = Arc::new(rollout);
        app.set_rollout(Some(rollout.clone()));
        tokio::spawn(self.clone().carry_out(app.clone(), rollout));
    }

    /// Goes on with what was under way when the host ended.
    pub(super) fn resume_rollout(self: &Arc<Self>, app: &Arc<App>) -> Result<(), ApiError> {
        let mut record = app.record();
        let Some(recorded) = record.rollout.clone().filter(|recorded| recorded.back.is_none()) else {
            return Ok(());
        };
        let Some(stable) = app.release() else { return Ok(()) };
        let resumed = serde_json::from_value(recorded.spec)
            .map_err(|error| fault("bad-spec", error.to_string()))
            .and_then(|spec| self.compile(app, &record, &recorded.revision, spec));
        match resumed {
            Ok(release) => {
                let release = Arc::new(release);
                let course = Rollout::course(&stable, &release);
                let before = Duration::from_millis(recorded.passed_ms);
                self.start_rollout(app, Rollout::begin(&stable, release, course, before));
                Ok(())
            }
            Err(cause) => {
                tracing::warn!(%cause, "a rollout cannot be gone on with");
                self.record_back(app, &mut record, cause)
            }
        }
    }

    /// Goes through the steps.
    async fn carry_out(self: Arc<Self>, app: Arc<App>, rollout: Arc<Rollout>) {
        while let Some(rest) = rollout.rest() {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                () = rollout.ended.cancelled() => return,
                () = rollout.failed() => break,
                () = tokio::time::sleep(rest) => {}
            }
            rollout.share();
            self.note_step(&app, &rollout).await;
        }
        let ended = match rollout.fault() {
            None => self.take_over(&app, &rollout).await,
            Some(fault) => Err(failed(&fault)),
        };
        if let Err(cause) = ended {
            self.end_rollout(&app, &rollout, cause).await;
        }
    }

    /// The step that has begun is begun again by a host that is killed in it.
    async fn note_step(&self, app: &Arc<App>, rollout: &Arc<Rollout>) {
        let _changing = self.changing.lock().await;
        let mut record = app.record();
        if !app.is_current(rollout) {
            return;
        }
        if let Some(recorded) = &mut record.rollout {
            recorded.passed_ms = u64::try_from(rollout.passed().as_millis()).unwrap_or(u64::MAX);
        }
        if let Err(error) = self.remember(app, &record) {
            tracing::warn!(%error, "note the step of a rollout");
        }
    }

    async fn take_over(self: &Arc<Self>, app: &Arc<App>, rollout: &Arc<Rollout>) -> Result<(), ApiError> {
        let _changing = self.changing.lock().await;
        if !app.is_current(rollout) {
            return Ok(());
        }
        if let Some(fault) = rollout.fault() {
            return Err(failed(&fault));
        }
        let record = app.record();
        let Some(recorded) = record.rollout.clone() else { return Ok(()) };
        let change = Change {
            kind: "release",
            name: CURRENT,
            revision: recorded.revision,
            put: ResourcePut { spec: recorded.spec, annotations: recorded.annotations },
            release: Some(rollout.release.clone()),
        };
        self.commit(app, record, change).await.map(drop)
    }

    /// Has the old revisions answer all calls again, and remembers why.
    async fn end_rollout(&self, app: &Arc<App>, rollout: &Arc<Rollout>, cause: ApiError) {
        let _changing = self.changing.lock().await;
        if !app.is_current(rollout) {
            return;
        }
        let mut record = app.record();
        if let Err(error) = self.record_back(app, &mut record, cause) {
            tracing::warn!(%error, "note that a rollout was taken back");
        }
    }

    fn record_back(&self, app: &Arc<App>, record: &mut AppRecord, cause: ApiError) -> Result<(), ApiError> {
        if let Some(recorded) = &mut record.rollout {
            recorded.back = Some(cause);
        }
        self.refresh_outputs(record);
        // Who asks meanwhile is told of a rollout under way, and not that all is done.
        let remembered = self.remember(app, record);
        app.set_rollout(None);
        if remembered.is_err() {
            lock(&app.record).clone_from(record);
        }
        remembered
    }

    /// Takes back a rollout that is under way.
    pub(crate) async fn take_back(&self, project: &str, stage: &str) -> Result<RolloutStatus, ApiError> {
        let app = self.app(project, stage).ok_or_else(nothing_released)?;
        if let Some(rollout) = app.rollout() {
            self.end_rollout(&app, &rollout, interrupted(&rollout)).await;
        }
        app.rollout_status().ok_or_else(nothing_released)
    }

    /// Whether an active release, or one that takes over, names a resource.
    pub(super) fn is_released(app: &App, address: &str) -> bool {
        let has = |release: &crate::release::Release| release.spec.resources.contains_key(address);
        app.release().is_some_and(|release| has(&release))
            || app.rollout().is_some_and(|rollout| has(&rollout.release))
    }
}

pub(crate) fn nothing_released() -> ApiError {
    fault("not-found", "nothing is released here")
}

fn failed(fault: &Fault) -> ApiError {
    let Fault { function, witnessed, percent } = fault;
    let message = format!(
        "the new version of function `{function}` had {witnessed} while {percent} % of calls went to it; all calls go to the old version again"
    );
    let hint = format!("look at the function's log (`sf logs {function}`), correct it and deploy again");
    ApiError { hint: Some(hint), ..super::fault("rollout-failed", message) }
}

fn interrupted(rollout: &Rollout) -> ApiError {
    let shares: Vec<_> = rollout.functions();
    let shares = shares.iter().map(|function| format!("{} % of `{}`", function.percent, function.name));
    let shares = shares.collect::<Vec<_>>().join(" and ");
    let message = format!(
        "interrupted while new versions were called ({shares}); all calls go to the old versions again"
    );
    let hint = "run the command again: the rollout begins anew".to_owned();
    ApiError { hint: Some(hint), ..super::fault("interrupted", message) }
}
