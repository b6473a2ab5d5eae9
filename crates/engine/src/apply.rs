//! The loop that runs a plan: it decides nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sf_plan::{Call, Event, Outcome, Plan, Report, Run, StalePlan, State, StepId};
use sf_provider::{Cx, Driver};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::observe::Observed;
use crate::store::{Lock, Store, StoreError};

/// How hard to press.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Calls at once.
    pub concurrency: usize,
    /// Attempts at a call that fails for a passing reason.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles from there, with jitter.
    pub pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { concurrency: 16, attempts: 5, pause: Duration::from_millis(200) }
    }
}

/// Everything that `apply` works with.
pub struct Context<'a> {
    /// Whose calls.
    pub driver: Arc<dyn Driver>,
    /// What each call is given.
    pub cx: Cx,
    /// Where the state is kept.
    pub store: &'a dyn Store,
    /// The held lock.
    pub lock: &'a dyn Lock,
    /// How hard to press.
    pub limits: Limits,
    /// Told by Ctrl-C.
    pub stop: Stop,
    /// Where events go; nobody need listen.
    pub events: mpsc::UnboundedSender<Event>,
}

/// Tells a run to start nothing new.
#[derive(Clone)]
pub struct Stop(watch::Receiver<bool>);

/// The other end of a [`Stop`].
pub struct StopHandle(watch::Sender<bool>);

/// A stop signal that was not given yet.
pub fn stop_pair() -> (StopHandle, Stop) {
    let (sender, receiver) = watch::channel(false);
    (StopHandle(sender), Stop(receiver))
}

impl StopHandle {
    /// Gives the signal.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether the signal was given.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    async fn stopped(&mut self) {
        if self.0.wait_for(|stopped| *stopped).await.is_err() {
            // The handle is gone: nobody can stop the run any more.
            std::future::pending::<()>().await;
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Applied {
    /// What was done, what failed, what never had its turn.
    pub report: Report,
    /// The state afterwards.
    pub state: State,
    /// Whether it was told to stop.
    pub stopped: bool,
}

/// Why a run could not go on. What was done until then is recorded.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The plan was made for another state.
    #[error(transparent)]
    Stale(#[from] StalePlan),
    /// The state could not be saved, twice; calls in flight were waited for, and what is known is in the rescue file.
    #[error("{cause}; what was done is in `{rescue}`", rescue = .rescue.display())]
    Unsaved {
        /// The store's reason.
        cause: StoreError,
        /// Where the state is now.
        rescue: PathBuf,
    },
    /// The same, and the rescue file could not be written either.
    #[error("{0}; what was done since the last save is found again by the next deploy")]
    Lost(StoreError),
}

/// Runs a plan that was made from `observed`.
///
/// # Errors
/// The plan is stale, or the state cannot be saved. That calls failed is no error here: see [`Applied::report`].
pub async fn apply(plan: Plan, observed: Observed, context: Context<'_>) -> Result<Applied, ApplyError> {
    let mut run = Run::new(plan, observed.state)?;
    if observed.changed {
        run.touch();
    }
    let mut calls: JoinSet<(StepId, Outcome)> = JoinSet::new();
    let mut stop = context.stop.clone();
    loop {
        if stop.is_stopped() {
            run.stop();
        }
        let (ready, events) = run.ready(context.limits.concurrency.saturating_sub(calls.len()));
        // The intents are durable before the calls begin.
        if let Err(cause) = save(&mut run, &context).await {
            return Err(give_up(run, calls, cause).await);
        }
        tell(&context, events);
        for call in ready {
            calls.spawn(attempt(context.driver.clone(), context.cx.clone(), call, context.limits));
        }
        if calls.is_empty() {
            break;
        }
        tokio::select! {
            finished = calls.join_next() => fold(&mut run, &context, finished),
            () = stop.stopped(), if !stop.is_stopped() => run.stop(),
        }
        // One save covers all that finished meanwhile.
        while let Some(finished) = calls.try_join_next() {
            fold(&mut run, &context, Some(finished));
        }
    }
    let stopped = stop.is_stopped();
    let (state, report) = run.end();
    Ok(Applied { report, state, stopped })
}

fn fold(
    run: &mut Run,
    context: &Context<'_>,
    finished: Option<Result<(StepId, Outcome), tokio::task::JoinError>>,
) {
    // A driver that panicked leaves its intent pending: the next run asks what became of it.
    if let Some(Ok((step, outcome))) = finished {
        tell(context, run.finish(step, outcome));
    }
}

fn tell(context: &Context<'_>, events: Vec<Event>) {
    for event in events {
        let _ = context.events.send(event);
    }
}

async fn save(run: &mut Run, context: &Context<'_>) -> Result<(), StoreError> {
    let Some(state) = run.unsaved() else { return Ok(()) };
    match context.store.save(context.lock, state).await {
        Err(StoreError::Io { .. }) => context.store.save(context.lock, state).await,
        result => result,
    }
}

async fn give_up(mut run: Run, mut calls: JoinSet<(StepId, Outcome)>, cause: StoreError) -> ApplyError {
    while let Some(finished) = calls.join_next().await {
        if let Ok((step, outcome)) = finished {
            run.finish(step, outcome);
        }
    }
    let rescue = PathBuf::from("sf-state.rescue.json");
    let text = serde_json::to_vec_pretty(run.state()).unwrap_or_default();
    match tokio::fs::write(&rescue, text).await {
        Ok(()) => ApplyError::Unsaved { cause, rescue },
        Err(_) => ApplyError::Lost(cause),
    }
}

/// Makes one call, again where it failed for a passing reason; the last cause is kept.
async fn attempt(driver: Arc<dyn Driver>, cx: Cx, call: Call, limits: Limits) -> (StepId, Outcome) {
    let mut pause = limits.pause;
    let mut attempt = 1;
    loop {
        let outcome = driver.call(&cx, &call).await;
        let again = matches!(&outcome, Outcome::Failed { error, .. } if error.transient);
        if !again || attempt >= limits.attempts {
            return (call.step, outcome);
        }
        tracing::debug!(key = %call.key, attempt, "transient failure, trying again");
        tokio::time::sleep(jittered(pause, call.step, attempt)).await;
        pause *= 2;
        attempt += 1;
    }
}

/// Between half and the whole pause. Spread by step and attempt rather than by chance, so that a run can be repeated.
fn jittered(pause: Duration, step: StepId, attempt: u32) -> Duration {
    let spread = (step.0 as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(attempt) % 1000;
    let spread = u32::try_from(spread).unwrap_or(0);
    pause / 2 + pause * spread / 2000
}
