//! The event log of one run: what is recorded when, and where it goes.

mod tap;

use sf_engine::{
    Clock, EVENTS_VERSION, Ended, LockInfo, Observation, Observed, Recorder, RunId, RunOutcome, RunWriter,
    Started, Store, StoreError, What, forget_runs, read_events,
};
use sf_plan::{Action, Plan};

use crate::errors::{Error, Exit};
use crate::otel;
use crate::project::Project;
use crate::settings::Settings;
pub(crate) use tap::Tap;

/// A run that is recorded, from its beginning to its end.
pub(crate) struct Audit {
    began_ms: u64,
    id: RunId,
    recorder: Recorder,
    tap: Tap,
    who: LockInfo,
    tally: std::cell::Cell<Tally>,
}

/// What a run came to, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    done: usize,
    unchanged: usize,
    failed: usize,
    skipped: usize,
    release: Option<u64>,
}

impl Audit {
    /// From now on what is traced is part of this run.
    pub(crate) fn begin(settings: &Settings, who: LockInfo) -> Self {
        let clock = Clock::system();
        let began_ms = clock.now_ms();
        let recorder = Recorder::new(clock);
        settings.tap.turn_to(Some(recorder.clone()));
        Self {
            began_ms,
            id: RunId::new(began_ms, &who),
            recorder,
            tap: settings.tap.clone(),
            who,
            tally: std::cell::Cell::default(),
        }
    }

    /// Its name.
    pub(crate) fn id(&self) -> RunId {
        self.id.clone()
    }

    /// Records an event.
    pub(crate) fn record(&self, what: What) {
        let mut tally = self.tally.get();
        match what {
            What::Finished { .. } => tally.done += 1,
            What::Unchanged { .. } => tally.unchanged += 1,
            What::Failed { .. } => tally.failed += 1,
            What::Skipped { .. } => tally.skipped += 1,
            _ => {}
        }
        self.tally.set(tally);
        self.recorder.record(what);
    }

    /// The state was found: from here on there is a log.
    pub(crate) fn observed(
        &self,
        project: &Project,
        store: &dyn Store,
        observed: &Observed,
        commit: Option<String>,
    ) {
        let LockInfo { who, host, pid, command, .. } = self.who.clone();
        let started = Started {
            version: EVENTS_VERSION,
            sf: env!("CARGO_PKG_VERSION").to_owned(),
            run: self.id.to_string(),
            command,
            who,
            host,
            pid,
            project: project.app.project.clone(),
            stage: project.app.stage.clone(),
            provider: project.app.provider.clone(),
            state: store.location(),
            lineage: observed.state.lineage.0.clone(),
            base_serial: observed.state.serial.0,
            git_commit: commit,
        };
        self.recorder.record_first(self.began_ms, What::RunStarted(started));
        let recovered = observed.recovered.iter().map(|call| (call.key.to_string(), call.exists));
        self.record(What::Observed(Observation {
            objects: observed.state.objects.len(),
            adopted: observed.adopted,
            recovered: recovered.collect(),
        }));
    }

    /// The plan is known.
    pub(crate) fn planned(&self, plan: &Plan) {
        let keep = plan.changes.iter().filter(|change| change.action == Action::Keep).count();
        self.record(What::Planned { changes: plan.actual_changes().cloned().collect(), keep });
    }

    /// It was done, and is a release.
    pub(crate) fn released(&self, release: Option<u64>) {
        self.tally.set(Tally { release, ..self.tally.get() });
    }

    /// Writes the log while the run goes on, and ends it with what came of the run. Nothing that happens to the log happens to the run.
    pub(crate) async fn accompany(
        &self,
        settings: &Settings,
        store: &dyn Store,
        keep: usize,
        run: impl Future<Output = Result<Exit, Error>>,
    ) -> Result<Exit, Error> {
        let warn = |cause: &StoreError| {
            settings.ui.warn(format_args!("this run is not recorded: {cause}"));
        };
        let mut writer = RunWriter::new(self.recorder.clone(), self.id.clone());
        let result = tokio::select! {
            biased;
            result = run => result,
            () = writer.keep_up(store, &warn) => {
                Err(Error::internal("the event log ended before its run"))
            }
        };
        self.tap.turn_to(None);
        // A run that never got as far as the state is none.
        if !self.recorder.has_begun() {
            return result;
        }
        self.recorder.record_last(What::RunEnded(self.end(&result)));
        let log = writer.finish(store, &warn).await;
        if let Err(cause) = otel::export(&read_events(&log)).await {
            settings.ui.warn(format_args!("the trace of this run was not exported: {cause}"));
        }
        if let Err(cause) = forget_runs(store, keep).await {
            settings.ui.detail(format_args!("old event logs are still there: {cause}"));
        }
        result
    }

    fn end(&self, result: &Result<Exit, Error>) -> Ended {
        let outcome = match result.as_ref().map_or_else(Error::exit, |exit| *exit) {
            Exit::Ok => RunOutcome::Done,
            Exit::Consent => RunOutcome::Refused,
            Exit::Interrupted => RunOutcome::Interrupted,
            Exit::TimedOut => RunOutcome::TimedOut,
            _ => RunOutcome::Failed,
        };
        let error = result.as_ref().err().map(|error| error.body().message.clone());
        let Tally { done, unchanged, failed, skipped, release } = self.tally.get();
        Ended { outcome, error, done, unchanged, failed, skipped, release }
    }
}
