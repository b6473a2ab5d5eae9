//! From desired objects to the provider: observe, plan, consent, apply. `deploy` and `remove` differ in what they desire and say.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use sf_engine::{Applied, Control, Limits, LockInfo, Session, stop_pair};
use sf_host::EndSignals;
use sf_plan::{Action, Desired, Plan};
use sf_provider::{Endpoint, Info};
use tokio::sync::mpsc;

use crate::args::Consent;
use crate::errors::{Error, Exit};
use crate::pipeline::{self, Zips};
use crate::project::Project;
use crate::registry::Connection;
use crate::settings::Settings;
use crate::ui::{Counts, Live, counted, plan_text};

/// One run.
pub(crate) struct Run<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) project: &'a Project,
    pub(crate) connection: &'a Connection,
    /// `deploy` or `remove`
    pub(crate) verb: &'static str,
    pub(crate) desired: Vec<Desired>,
    pub(crate) zips: Arc<Zips>,
    pub(crate) consent: Consent,
    pub(crate) refresh: bool,
}

/// The JSON of `sf deploy` and `sf remove`.
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
    endpoints: Vec<Endpoint>,
}

impl Run<'_> {
    /// Does it all, and says what came of it.
    pub(crate) async fn run(self) -> Result<Exit, Error> {
        let started = Instant::now();
        let store = pipeline::store(self.project)?;
        let provider = pipeline::provider(self.project, self.connection, &self.zips);
        let cx = provider.cx.clone();
        let who = LockInfo::of_this_process(format!("sf {}", self.verb));
        let mut session = Session::open(&store, provider, who).await?;
        let mut info = self.connection.operate.info(&cx).await?;
        self.say_observed(&session);
        // A record of what the provider knows nothing of: its data was lost, or it is another one than last time.
        let lost = info.is_none() && !session.observed().state.objects.is_empty();
        if self.refresh || lost {
            for drift in session.refresh().await? {
                self.settings.ui.warn(format_args!("{} was changed behind sf's back", drift.key));
            }
        }
        let plan = session.plan(self.desired.clone(), self.project.backend.schemas())?;
        let counts = Counts::of(&plan);
        let steps = plan.steps.len();
        if counts.changes() > 0 {
            self.settings.ui.info(plan_text(&plan, self.settings.ui.verbose()));
        }
        self.ask(&plan)?;
        let (shown, mut live) = (plan.clone(), Live::new(&self.settings.ui, &plan));
        let applied = self.apply(session, plan, &mut live).await?;
        let calls = live.end();
        self.judge(&applied)?;
        if steps > 0 {
            info = self.connection.operate.info(&cx).await?;
        }
        self.say_done(&shown, calls, info.unwrap_or_default(), started)
    }

    fn say_observed(&self, session: &Session<'_>) {
        let observed = session.observed();
        if observed.adopted > 0 {
            self.settings.ui.info(format_args!(
                "no state was recorded here: found {} deployed objects by their tags",
                observed.adopted
            ));
        }
        for recovered in &observed.recovered {
            let fate = if recovered.exists { "exists" } else { "does not exist" };
            self.settings
                .ui
                .info(format_args!("an earlier run was cut short at {}: it {fate}", recovered.key));
        }
    }

    /// The rule of consent: creating and updating needs none, deleting does, and what holds data needs more.
    fn ask(&self, plan: &Plan) -> Result<(), Error> {
        let ui = &self.settings.ui;
        let data: Vec<_> = plan.destroyed_data().map(|change| change.key.to_string()).collect();
        let gone = |change: &&sf_plan::Change| {
            matches!(change.action, Action::Delete { .. }) && change.why.contains(&sf_plan::Reason::Gone)
        };
        let deleted: Vec<_> = plan.changes.iter().filter(gone).map(|change| change.key.to_string()).collect();
        let Consent { yes, data: data_too } = self.consent;
        let needs_flag = if !(data.is_empty() || yes && data_too) {
            "--yes --data"
        } else if !deleted.is_empty() && !yes {
            "--yes"
        } else {
            return Ok(());
        };
        let what = if data.is_empty() {
            deleted.join(", ")
        } else {
            format!("{}, with the data in it", data.join(", "))
        };
        if !ui.interactive() {
            let message = format!("{} `{}`: it deletes {what}", self.verb, self.project.app.project);
            return Err(Error::new(Exit::Consent, "consent-needed", message)
                .hint(format!("`{needs_flag}` consents to it where nobody can be asked")));
        }
        if ui.confirm(&format!("Delete {what}?"))? {
            return Ok(());
        }
        Err(Error::new(Exit::Consent, "consent-refused", format!("{}: nothing was changed", self.verb)))
    }

    /// Runs the plan. The first Ctrl-C or SIGTERM starts nothing new, the second ends at once.
    async fn apply(&self, session: Session<'_>, plan: Plan, live: &mut Live<'_>) -> Result<Applied, Error> {
        let (handle, stop) = stop_pair();
        let (events, mut coming) = mpsc::unbounded_channel();
        let rescue = pipeline::rescue(&self.project.manifest.root);
        let control = Control { limits: Limits::of(self.connection.driver.as_ref()), stop, events, rescue };
        let mut signals = EndSignals::listen().map_err(|cause| Error::io("listen for", "signals", &cause))?;
        let mut stopping = false;
        let applying = session.apply(plan, control);
        tokio::pin!(applying);
        let applied = loop {
            tokio::select! {
                biased;
                () = signals.next() => {
                    if stopping {
                        return Err(self.interrupted("ended at once: what was in flight is looked at by the next run"));
                    }
                    stopping = true;
                    handle.stop();
                    self.settings.ui.warn("stopping: what is in flight is finished; once more ends at once");
                }
                Some(event) = coming.recv() => live.event(&event),
                applied = &mut applying => break applied,
            }
        };
        while let Ok(event) = coming.try_recv() {
            live.event(&event);
        }
        Ok(applied?)
    }

    /// Whether everything was done; if not, why not.
    fn judge(&self, applied: &Applied) -> Result<(), Error> {
        let report = &applied.report;
        if let Some((key, first)) = report.failed.first() {
            let again = format!("fix the cause, then `sf {}` goes on from here", self.verb);
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
            let hint = first.hint.clone().unwrap_or(again);
            return Err(Error::new(first_cause.exit(), &first_cause.body().code, message)
                .details(lines)
                .hint(hint));
        }
        if applied.stopped && !report.skipped.is_empty() {
            let (done, left) = (report.done.len(), report.skipped.len());
            return Err(self.interrupted(&format!("{done} done, {left} not begun; the state is saved")));
        }
        Ok(())
    }

    fn interrupted(&self, how: &str) -> Error {
        let message = format!("{} `{}`: interrupted: {how}", self.verb, self.project.app.project);
        Error::new(Exit::Interrupted, "interrupted", message)
            .hint(format!("`sf {}` goes on from here", self.verb))
    }

    fn say_done(&self, plan: &Plan, calls: usize, info: Info, started: Instant) -> Result<Exit, Error> {
        let ui = &self.settings.ui;
        for problem in &info.problems {
            ui.warn(problem);
        }
        let (counts, uploads) = (Counts::of(plan), self.zips.uploads());
        if counts.changes() == 0 {
            ui.result(format_args!(
                "nothing to {}: 0 calls, 0 uploads",
                if self.verb == "remove" { "remove" } else { "change" }
            ));
        } else {
            let took = started.elapsed().as_secs_f64();
            let (calls, uploads) = (counted(calls, "call"), counted(uploads, "upload"));
            ui.result(format_args!("{} ({calls}, {uploads}, {took:.1} s)", counts.past()));
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
            endpoints: info.endpoints,
        })?;
        Ok(Exit::Ok)
    }
}
