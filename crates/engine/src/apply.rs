//! The loop that runs a plan: it decides nothing.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use sf_plan::{Call, Event, Failure, Outcome, Plan, Report, Run, StalePlan, State, StepId, Token};
use sf_provider::{Cx, Driver, Progress, Stop};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::observe::{ObserveError, Observed, Provider};
use crate::store::{Lock, Store, StoreError, Witness, encode};

/// How hard to press.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Calls at once.
    pub concurrency: usize,
    /// Attempts at a call that fails for a passing reason.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles from there, with jitter.
    pub pause: Duration,
    /// What the pause does not grow beyond.
    pub longest_pause: Duration,
}

impl Limits {
    /// As the driver of a provider has it.
    pub fn of(driver: &dyn Driver) -> Self {
        Self { concurrency: driver.concurrency(), ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 16,
            attempts: 5,
            pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(10),
        }
    }
}

/// How a run is steered and watched.
#[derive(Clone)]
pub struct Control {
    /// How hard to press.
    pub limits: Limits,
    /// Told by Ctrl-C.
    pub stop: Stop,
    /// Where events go; nobody need listen.
    pub events: mpsc::UnboundedSender<Event>,
    /// Where the state goes if the store cannot take it: `sf-state.rescue.json` in the project's folder.
    pub rescue: PathBuf,
}

/// What a run works with.
pub(crate) struct Work<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) store: &'a dyn Store,
    pub(crate) lock: &'a dyn Lock,
    pub(crate) witness: Option<&'a Witness>,
    pub(crate) control: Control,
}

impl Work<'_> {
    /// The provider, whose driver can say how far this call is, and hear that it is to end.
    fn for_call(&self, call: &Call) -> Provider {
        let (events, step, key) = (self.control.events.clone(), call.step, call.key.clone());
        let progress = Progress::to(move |message| {
            let _ = events.send(Event::Progress { step, key: key.clone(), message });
        });
        let cx = Cx { progress, stop: self.control.stop.clone(), ..self.provider.cx.clone() };
        Provider { driver: self.provider.driver.clone(), cx }
    }

    fn remember(&self, state: &State) {
        if let Some(witness) = self.witness {
            witness.remember(&self.store.location(), state);
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

/// Why a run could not go on. What was done until then is recorded, or found again by the next run.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The plan was made for another state.
    #[error(transparent)]
    Stale(#[from] StalePlan),
    /// Nobody knows where calls would go, or it is not where the recorded objects are.
    #[error(transparent)]
    Place(#[from] ObserveError),
    /// The state could not be saved, twice; calls in flight were waited for, and what is known is in the rescue file.
    #[error("{cause}; what was done is in `{rescue}`", rescue = .rescue.display())]
    Unsaved {
        /// The store's reason.
        cause: StoreError,
        /// Where the state is now.
        rescue: PathBuf,
        /// Where it should be.
        location: String,
    },
    /// The same, and the rescue file could not be written either.
    #[error("{0}; what was done since the last save is found again by the next deploy")]
    Lost(StoreError),
}

impl ApplyError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Place(cause) => cause.hint(),
            Self::Stale(_) => Some("run the command again".into()),
            Self::Unsaved {
                cause: StoreError::Conflict { .. } | StoreError::LockLost { .. },
                rescue,
                ..
            } => Some(format!(
                "when nobody else is at work, run the command again: it finds what was done; then delete `{}`",
                rescue.display()
            )),
            Self::Unsaved { rescue, location, .. } => Some(format!(
                "when `{location}` can be written again, `sf state push {}` puts it there; then run the command again",
                rescue.display()
            )),
            Self::Lost(cause) => cause.hint(),
        }
    }
}

/// Runs a plan that was made from `observed`. See [`crate::Session::apply`].
pub(crate) async fn apply(plan: Plan, observed: Observed, work: Work<'_>) -> Result<Applied, ApplyError> {
    let mut run = Run::new(plan, observed.state)?;
    if observed.changed {
        run.touch();
    }
    if let Some(witness) = &work.witness {
        witness.meet(run.state());
    }
    let limits = work.control.limits;
    let base = run.state().serial;
    let mut is_begun = false;
    let mut calls: JoinSet<(StepId, Outcome)> = JoinSet::new();
    let mut stop = work.control.stop.clone();
    loop {
        if stop.is_stopped() {
            tell(&work, run.stop());
        }
        let (ready, events) = run.ready(limits.concurrency.max(1).saturating_sub(calls.len()));
        // The intents are durable before the calls begin.
        if let Err(cause) = save(&mut run, &work).await {
            return Err(give_up(run, calls, cause, &work).await);
        }
        if !is_begun && run.state().serial > base {
            // From here on the state before this run is an old one, even if the run never comes to its end.
            work.remember(run.state());
            is_begun = true;
        }
        tell(&work, events);
        for call in ready {
            // What is traced of the API's calls says by this whose they are.
            let span = tracing::debug_span!(target: "sf::call", "call", key = %call.key, step = call.step.0);
            calls.spawn(attempt(work.for_call(&call), call, limits).instrument(span));
        }
        if calls.is_empty() {
            break;
        }
        // In this order always, so that a run can be repeated exactly.
        tokio::select! {
            biased;
            () = stop.stopped(), if !stop.is_stopped() => {}
            finished = calls.join_next() => fold(&mut run, &work, finished),
        }
        // One save covers all that finished meanwhile.
        while let Some(finished) = calls.try_join_next() {
            fold(&mut run, &work, Some(finished));
        }
    }
    let stopped = stop.is_stopped();
    let (state, report) = run.end();
    work.remember(&state);
    if let Err(error) = work.store.compact(work.lock, &state).await {
        tracing::debug!(%error, "the state stays in parts");
    }
    Ok(Applied { report, state, stopped })
}

type Finished = Result<(StepId, Outcome), tokio::task::JoinError>;

fn fold(run: &mut Run, work: &Work<'_>, finished: Option<Finished>) {
    // A task that was cancelled leaves its intent pending: the next run asks what became of it.
    if let Some(Ok((step, outcome))) = finished {
        tell(work, run.finish(step, outcome));
    }
}

fn tell(work: &Work<'_>, events: Vec<Event>) {
    for event in events {
        let _ = work.control.events.send(event);
    }
}

async fn save(run: &mut Run, work: &Work<'_>) -> Result<(), StoreError> {
    let Some(what) = run.unsaved() else { return Ok(()) };
    let (serial, begun) = (what.state.serial.0, Instant::now());
    let result = match work.store.save(work.lock, &what).await {
        Err(cause) if cause.is_passing() => work.store.save(work.lock, &what).await,
        result => result,
    };
    if result.is_ok() {
        tracing::debug!(target: "sf::state", serial, duration_ms = begun.elapsed().as_millis(), "saved");
    }
    result
}

async fn give_up(
    mut run: Run,
    mut calls: JoinSet<(StepId, Outcome)>,
    cause: StoreError,
    work: &Work<'_>,
) -> ApplyError {
    while let Some(finished) = calls.join_next().await {
        fold(&mut run, work, Some(finished));
    }
    tell(work, run.stop());
    // What was recorded since is newer than what the store may have after all.
    let _ = run.unsaved();
    let rescue = work.control.rescue.clone();
    let written = match encode(run.state()) {
        Ok(bytes) => tokio::fs::write(&rescue, bytes).await.is_ok(),
        Err(_) => false,
    };
    match written {
        true => ApplyError::Unsaved { cause, rescue, location: work.store.location() },
        false => ApplyError::Lost(cause),
    }
}

/// Makes one call, again where it failed for a passing reason, unless the run is to end; the last cause is kept.
async fn attempt(provider: Provider, call: Call, limits: Limits) -> (StepId, Outcome) {
    let mut pause = limits.pause;
    let mut attempt = 1;
    loop {
        // A driver that panics must not take the other calls' results with it.
        let outcome = AssertUnwindSafe(provider.driver.call(&provider.cx, &call)).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_| Outcome::Failed {
            partial: None,
            error: Failure::internal(format!("the provider's driver panicked at {}", call.key)),
        });
        let cause = match &outcome {
            Outcome::Failed { partial: None, error } if error.transient => &error.message,
            _ => return (call.step, outcome),
        };
        if attempt >= limits.attempts {
            return (call.step, outcome);
        }
        tracing::debug!(target: "sf::retry", attempt, cause, "trying again");
        tokio::select! {
            biased;
            () = provider.cx.stopped() => return (call.step, outcome),
            () = tokio::time::sleep(jittered(pause, &call.token, attempt)) => {}
        }
        pause = pause.saturating_mul(2).min(limits.longest_pause);
        attempt += 1;
    }
}

/// Between half and the whole pause. Spread by what is called and not by chance, so that a run can be repeated, and by the
/// state's lineage with it, so that two projects do not press at the same moments.
fn jittered(pause: Duration, token: &Token, attempt: u32) -> Duration {
    // FNV-1a.
    let seed = 0xcbf2_9ce4_8422_2325 ^ u64::from(attempt);
    let hash =
        token.0.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let share = u32::try_from((hash >> 32) % 1000).unwrap_or(0);
    pause / 2 + pause / 2000 * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_spread_over_half_their_length() {
        let pause = Duration::from_millis(200);
        let pauses: Vec<_> =
            (0..100).map(|step| jittered(pause, &Token(format!("lineage-7-{step}")), 1)).collect();
        assert!(pauses.iter().all(|found| (pause / 2..=pause).contains(found)), "{pauses:?}");
        let early = pauses.iter().filter(|found| **found < pause * 3 / 4).count();
        assert!((25..75).contains(&early), "{early} of 100 are in the first half");
    }
}
