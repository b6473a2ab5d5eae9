//! From desired objects to the provider: observe, plan, consent, apply, record. `deploy`, `rollback` and `remove` differ in what they desire
//! and say.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use sf_engine::{
    Applied, Control, Draft, Holder, Limits, LockInfo, Patience, Provider, Released, Session, Store,
    StoreError, What, stop_pair,
};
use sf_plan::{Action, Plan};
use sf_provider::{Endpoint, Info};
use tokio::sync::mpsc;

use crate::args::{Consent, LockWait};
use crate::audit::Audit;
use crate::commands::data::secret;
use crate::commands::plan;
use crate::consent;
use crate::ends::{Cause, End, Ends};
use crate::errors::{Error, Exit};
use crate::observed;
use crate::pipeline::{self, Zips};
use crate::project::{Project, git_sha};
use crate::registry::Connection;
use crate::releases;
use crate::renames;
use crate::retention;
use crate::settings::{self, Settings};
use crate::stores;
use crate::ui::{Counts, Live, counted, plan_text};

/// One run.
pub(crate) struct Run<'a> {
    settings: &'a Settings,
    project: &'a Project,
    connection: &'a Connection,
    /// `deploy`, `rollback` or `remove`
    verb: &'static str,
    goal: Goal,
    zips: Arc<Zips>,
    consent: Consent,
    wait: LockWait,
    refresh: bool,
}

/// All that is known before anything is changed.
struct Prepared<'s> {
    session: Session<'s>,
    plan: Plan,
    draft: Draft,
}

/// What is wanted.
pub(crate) enum Goal {
    /// This.
    Draft(Draft),
    /// What was wanted once: by the release of that number, or an earlier one.
    Release(Option<u64>),
}

/// What came of it.
struct Ended<'a> {
    plan: &'a Plan,
    draft: &'a Draft,
    calls: usize,
    release: Option<u64>,
    info: Info,
    started: Instant,
}

/// The JSON of `sf deploy`, `sf rollback` and `sf remove`.
#[derive(Serialize)]
struct Done<'a> {
    command: &'a str,
    project: &'a str,
    stage: &'a str,
    provider: &'a str,
    changes: Vec<&'a sf_plan::Change>,
    summary: Counts,
    calls: usize,
    uploads: usize,
    /// The number of the release that this is, if it is a new one.
    release: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rollback_to: Option<u64>,
    endpoints: Vec<Endpoint>,
}

impl<'a> Run<'a> {
    /// One that asks before it deletes, and trusts the record.
    pub(crate) fn new(
        settings: &'a Settings,
        project: &'a Project,
        connection: &'a Connection,
        verb: &'static str,
        goal: Goal,
    ) -> Self {
        let (zips, consent, wait) = (Zips::of(project), Consent::default(), LockWait::default());
        Self { settings, project, connection, verb, goal, zips, consent, wait, refresh: false }
    }

    /// What may be done without asking.
    #[must_use]
    pub(crate) fn consent(self, consent: Consent) -> Self {
        Self { consent, ..self }
    }

    /// How long another run is waited for.
    #[must_use]
    pub(crate) fn wait(self, wait: LockWait) -> Self {
        Self { wait, ..self }
    }

    /// Whether every deployed object is looked at first.
    #[must_use]
    pub(crate) fn refresh(self, refresh: bool) -> Self {
        Self { refresh, ..self }
    }

    /// Does it all unless it is to end before, and says what came of it.
    pub(crate) async fn run(self, mut ends: Ends) -> Result<Exit, Error> {
        stores::with(self.settings, self.project, async |store| self.recorded(store, &mut ends).await).await
    }

    /// With a log of what happens.
    async fn recorded(&self, store: &dyn Store, ends: &mut Ends) -> Result<Exit, Error> {
        let who = LockInfo::of_this_process(format!("sf {}", self.verb));
        let audit = Audit::begin(self.settings, who.clone());
        let keep = pipeline::kept_releases(self.project);
        audit.accompany(self.settings, store, keep, self.steps(store, who, (ends, &audit))).await
    }

    async fn steps(
        &self,
        store: &dyn Store,
        who: LockInfo,
        (ends, audit): (&mut Ends, &Audit),
    ) -> Result<Exit, Error> {
        let started = Instant::now();
        let prepared = ends.or(self.prepare(store, who, audit)).await;
        let Prepared { session, plan, draft } =
            prepared.map_err(|cause| self.interrupted(cause, "nothing was changed", &self.again(None)))??;
        let mut live = Live::new(&self.settings.ui, &plan);
        let again = self.again(draft.rollback_to);
        let released = self.apply(session, &plan, &draft, &mut live, (ends, audit)).await;
        let (Released { applied, release }, stopped) = released?;
        let calls = live.end();
        let release = self.release_of(release);
        audit.released(release);
        self.judge(&applied, stopped, &again)?;
        if release.is_some() {
            retention::forget_artifacts(self.settings, self.project, &draft).await;
        }
        // All of it was done: who is in a hurry now need not know where it answers.
        let info = ends.or(self.info(&applied)).await.unwrap_or_else(|_| Ok(Info::default()))?;
        self.say_done(Ended { plan: &plan, draft: &draft, calls, release, info, started })
    }

    async fn info(&self, applied: &Applied) -> Result<Info, Error> {
        Ok(match self.connection.operate.endpoints(&applied.state.objects) {
            Some(endpoints) => Info { endpoints, ..Info::default() },
            None => self.connection.operate.info(&plan::context(self.project)).await?.unwrap_or_default(),
        })
    }

    /// Observes, plans and asks. It may be dropped at any point: nothing was changed.
    async fn prepare<'s>(
        &self,
        store: &'s dyn Store,
        who: LockInfo,
        audit: &Audit,
    ) -> Result<Prepared<'s>, Error> {
        let provider = pipeline::provider(self.project, self.connection, &self.zips);
        let cx = provider.cx.clone();
        let mut session = self.open(store, provider, who).await?;
        let commit = git_sha(&self.project.manifest.root).ok();
        audit.observed(self.project, store, session.observed(), commit.clone());
        observed::say(&self.settings.ui, session.observed());
        if let Some(outdated) = session.outdated() {
            observed::say_outdated(&self.settings.ui, outdated);
            observed::say_news(&self.settings.ui, &session.rediscover().await?);
        }
        // A record of what the provider knows nothing of: its data was lost, or it is another one than last time.
        let lost =
            !session.observed().state.objects.is_empty() && self.connection.operate.is_bare(&cx).await?;
        if self.refresh || lost {
            let drift = session.refresh().await?;
            let unrecorded = if lost { Vec::new() } else { session.adopt().await? };
            observed::say_refreshed(&self.settings.ui, &drift, &unrecorded);
        }
        let draft = self.draft(store, &session).await?;
        // What is gone back to was made from a commit of its own, or from none.
        let commit = if draft.rollback_to.is_some() { draft.git_sha.clone() } else { commit };
        let draft = Draft { git_sha: commit, run: Some(audit.id()), ..draft };
        let plan = session.plan(draft.desired.clone(), self.project.backend.schemas())?;
        audit.planned(&plan);
        retention::keep_artifacts(self.settings, self.project, &draft);
        releases::provide(self.project, &session, &plan, &draft, &self.zips).await?;
        if Counts::of(&plan.changes).changes() > 0 {
            self.settings.ui.info(plan_text(&plan, self.settings.ui.verbose()));
            renames::say(&self.settings.ui, self.project, &plan);
        }
        consent::check_protected(self.verb, self.project, &plan, self.consent)?;
        // What changes nothing asks the provider nothing, and what is removed needs no secrets.
        if plan.actual_changes().any(|change| !matches!(change.action, Action::Delete { .. })) {
            secret::warn_of_missing(self.settings, self.project, self.connection).await?;
        }
        consent::ask(&self.settings.ui, self.verb, self.project, &plan, self.consent).await?;
        Ok(Prepared { session, plan, draft })
    }

    /// Waits for the lock as long as it is to.
    async fn open<'s>(
        &self,
        store: &'s dyn Store,
        provider: Provider,
        who: LockInfo,
    ) -> Result<Session<'s>, Error> {
        let ui = &self.settings.ui;
        let waiting = |holder: Option<&Holder>| stores::say_waiting(ui, holder);
        let longest = self.wait.lock_timeout.unwrap_or_default();
        let patience = Patience { longest, waiting: Some(&waiting) };
        let session = Session::open_patiently(store, provider, who, patience).await?;
        Ok(session.witnessed(settings::witness()))
    }

    async fn draft(&self, store: &dyn Store, session: &Session<'_>) -> Result<Draft, Error> {
        match &self.goal {
            Goal::Draft(draft) => Ok(draft.clone()),
            Goal::Release(number) => {
                let draft = releases::back_to(self.project, store, session, *number).await?;
                if let Some(number) = draft.rollback_to {
                    self.settings.ui.info(format_args!("going back to release {number}"));
                }
                Ok(draft)
            }
        }
    }

    /// The command that goes on from where this one stopped.
    fn again(&self, rollback_to: Option<u64>) -> String {
        let asked_for = match self.goal {
            Goal::Release(number) => number,
            Goal::Draft(_) => None,
        };
        match rollback_to.or(asked_for) {
            Some(number) => format!("sf {} {number}", self.verb),
            None => format!("sf {}", self.verb),
        }
    }

    /// What cannot be recorded is deployed all the same.
    fn release_of(&self, release: Result<Option<u64>, StoreError>) -> Option<u64> {
        release.unwrap_or_else(|cause| {
            self.settings.ui.warn(format_args!("this is no release to go back to: {cause}"));
            self.settings.ui.hint("the next `sf deploy` makes up for it");
            None
        })
    }

    /// Runs the plan, and says why it was stopped, if it was. The first end starts nothing new, the second ends at once.
    async fn apply(
        &self,
        session: Session<'_>,
        plan: &Plan,
        draft: &Draft,
        live: &mut Live<'_>,
        (ends, audit): (&mut Ends, &Audit),
    ) -> Result<(Released, Option<Cause>), Error> {
        let (handle, stop) = stop_pair();
        let (events, mut coming) = mpsc::unbounded_channel();
        let rescue = pipeline::rescue(&self.project.manifest.root);
        let control = Control { limits: Limits::of(self.connection.driver.as_ref()), stop, events, rescue };
        let mut stopped = None;
        let applying = session.release(plan.clone(), draft.clone(), control);
        tokio::pin!(applying);
        let released = loop {
            tokio::select! {
                biased;
                end = ends.next() => match end {
                    End::Abort(cause) => {
                        let how = "ended at once: what was in flight is looked at by the next run";
                        return Err(self.interrupted(cause, how, &self.again(draft.rollback_to)));
                    }
                    End::Stop(cause) => {
                        stopped = Some(cause);
                        audit.record(What::Stopping { cause: cause.code().to_owned() });
                        handle.stop();
                        self.settings.ui.warn(format_args!(
                            "{}, stopping: what is in flight is finished; once more ends at once",
                            cause.word()
                        ));
                    }
                },
                Some(event) = coming.recv() => {
                    audit.record(What::from(&event));
                    live.event(&event);
                }
                released = &mut applying => break released,
            }
        };
        while let Ok(event) = coming.try_recv() {
            audit.record(What::from(&event));
            live.event(&event);
        }
        Ok((released?, stopped))
    }

    /// Whether everything was done; if not, why not.
    fn judge(&self, applied: &Applied, stopped: Option<Cause>, again: &str) -> Result<(), Error> {
        let report = &applied.report;
        if let Some((key, first)) = report.failed.first() {
            let fix = format!("fix the cause, then `{again}` goes on from here");
            let (failed, skipped) = (report.failed.len(), report.skipped.len());
            let rest = if skipped > 0 { format!(" ({skipped} more were not begun)") } else { String::new() };
            let first_cause = Error::from(first.clone());
            let message = if failed == 1 {
                format!("{} `{key}`: {first}{rest}", self.verb)
            } else {
                format!("{} `{}`: {failed} objects failed{rest}", self.verb, self.project.app.project)
            };
            let lines = if failed == 1 {
                Vec::new()
            } else {
                report.failed.iter().map(|(key, why)| format!("{key}: {why}")).collect()
            };
            let hint = first.hint.clone().unwrap_or(fix);
            return Err(Error::new(first_cause.exit(), &first_cause.body().code, message)
                .details(lines)
                .hint(hint));
        }
        if applied.stopped && !report.skipped.is_empty() {
            let (done, left) = (report.done.len(), report.skipped.len());
            let how = format!("{done} done, {left} not begun; the state is saved");
            return Err(self.interrupted(stopped.unwrap_or(Cause::Signal), &how, again));
        }
        Ok(())
    }

    fn interrupted(&self, cause: Cause, how: &str, again: &str) -> Error {
        cause.error(self.verb, self.project, how, again)
    }

    fn say_done(&self, ended: Ended<'_>) -> Result<Exit, Error> {
        let Ended { plan, draft, calls, release, info, started } = ended;
        let ui = &self.settings.ui;
        for problem in &info.problems {
            ui.warn(problem);
        }
        let (counts, uploads) = (Counts::of(&plan.changes), self.zips.uploads());
        if counts.changes() == 0 {
            ui.result(format_args!(
                "nothing to {}: 0 calls, 0 uploads",
                if self.verb == "remove" { "remove" } else { "change" }
            ));
        } else {
            let took = started.elapsed().as_secs_f64();
            let (calls, uploads) = (counted(calls, "call"), counted(uploads, "upload"));
            let which = release.map_or_else(String::new, |number| format!(", release {number}"));
            ui.result(format_args!("{} ({calls}, {uploads}, {took:.1} s){which}", counts.past()));
        }
        if self.verb != "remove" {
            for endpoint in &info.endpoints {
                ui.endpoint(endpoint);
            }
        }
        ui.json_result(&Done {
            command: self.verb,
            project: &self.project.app.project,
            stage: &self.project.app.stage,
            provider: &self.project.app.provider,
            changes: plan.actual_changes().collect(),
            summary: counts,
            calls,
            uploads,
            release,
            rollback_to: draft.rollback_to,
            endpoints: info.endpoints,
        })?;
        Ok(Exit::Ok)
    }
}
