//! A release that takes over in steps: which share of a function's calls goes to its new revision, and when.
//!
//! What the shares are at a time is a pure function of the time that has passed ([`Course`]). Who carries that out, and takes it back, is
//! `apps::rollout`; who counts errors and splits calls is `worker::versions`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;
use sf_host_api::{RollingFunction, RolloutSpec};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::release::Release;
use crate::worker::{Pool, Successor};

/// The steps of all functions that change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Course(BTreeMap<String, Steps>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Steps {
    /// Ascending, from 1 to 99.
    percents: Vec<u8>,
    every: Duration,
}

impl Steps {
    fn of(spec: &RolloutSpec) -> Self {
        let percents = spec.steps.iter().copied().filter(|percent| (1..100).contains(percent)).collect();
        Self { percents, every: Duration::from_millis(spec.every_ms) }
    }

    fn end(&self) -> Duration {
        self.every.saturating_mul(u32::try_from(self.percents.len()).unwrap_or(u32::MAX))
    }

    /// Whoever is through waits for the others with its last share.
    fn percent(&self, passed: Duration) -> u8 {
        let step = passed.as_millis() / self.every.as_millis().max(1);
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        self.percents.get(step).or(self.percents.last()).copied().unwrap_or(0)
    }

    /// When each step ends.
    fn ends(&self) -> impl Iterator<Item = Duration> {
        (1..).take(self.percents.len()).map(|step| self.every.saturating_mul(step))
    }
}

impl Course {
    /// Of those functions that change; the others have nothing to roll out.
    pub(crate) fn new(specs: &BTreeMap<String, RolloutSpec>, changes: impl Fn(&str) -> bool) -> Self {
        let steps = specs.iter().filter(|(name, _)| changes(name));
        let steps = steps.map(|(name, spec)| (name.clone(), Steps::of(spec)));
        Self(steps.filter(|(_, steps)| !steps.percents.is_empty()).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the next step of any function begins, or the release takes over; `None`: it does now.
    fn next(&self, passed: Duration) -> Option<Duration> {
        self.0.values().flat_map(Steps::ends).filter(|end| *end > passed).min()
    }

    /// When the release takes over.
    fn end(&self) -> Duration {
        self.0.values().map(Steps::end).max().unwrap_or_default()
    }
}

/// A rollout under way.
pub(crate) struct Rollout {
    /// What takes over at the end.
    pub(crate) release: Arc<Release>,
    course: Course,
    turns: Vec<Turn>,
    /// When it began, or was gone on with, and what had passed until then.
    since: Instant,
    before: Duration,
    /// It ended, in whatever way.
    pub(crate) ended: CancellationToken,
}

/// A function of which two revisions answer.
struct Turn {
    name: String,
    older: Arc<Pool>,
    newer: Arc<Successor>,
}

/// The function that failed.
pub(crate) struct Fault {
    pub(crate) function: String,
    pub(crate) witnessed: String,
    pub(crate) percent: u8,
}

impl Rollout {
    /// Which functions change in steps from one release to the next.
    pub(crate) fn course(from: &Release, to: &Release) -> Course {
        let changes = |name: &str| match (from.pools.get(name), to.pools.get(name)) {
            (Some(older), Some(newer)) => !Arc::ptr_eq(older, newer),
            (None, _) | (_, None) => false,
        };
        Course::new(&to.spec.rollouts, changes)
    }

    /// Gives the new revisions their shares, those that they have after that time.
    pub(crate) fn begin(from: &Release, release: Arc<Release>, course: Course, before: Duration) -> Self {
        let turn = |name: &String| {
            let (older, newer) = (from.pools.get(name)?.clone(), release.pools.get(name)?.clone());
            let newer = Arc::new(Successor::new(newer));
            Some(Turn { name: name.clone(), older, newer })
        };
        let turns = course.0.keys().filter_map(turn).collect();
        let ended = CancellationToken::new();
        let rollout = Self { release, course, turns, since: Instant::now(), before, ended };
        rollout.share();
        for turn in &rollout.turns {
            turn.older.set_successor(Some(turn.newer.clone()));
        }
        rollout
    }

    pub(crate) fn passed(&self) -> Duration {
        self.before.saturating_add(self.since.elapsed())
    }

    /// Gives each function's new revision the share that it has now.
    pub(crate) fn share(&self) {
        let passed = self.passed();
        for turn in &self.turns {
            turn.newer.share(self.course.0.get(&turn.name).map_or(0, |steps| steps.percent(passed)));
        }
    }

    /// How long the shares stay as they are; `None`: the release takes over.
    pub(crate) fn rest(&self) -> Option<Duration> {
        let passed = self.passed();
        (passed < self.course.end())
            .then(|| self.course.next(passed).unwrap_or(passed).saturating_sub(passed))
    }

    /// Comes when a new revision has had too many errors.
    pub(crate) async fn failed(&self) {
        let waits: Vec<_> = self.turns.iter().map(|turn| Box::pin(turn.newer.pool.tally.failed())).collect();
        if !waits.is_empty() {
            select_all(waits).await;
        }
    }

    /// Who has.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let turn = self.turns.iter().find(|turn| turn.newer.pool.tally.has_failed())?;
        Some(Fault {
            function: turn.name.clone(),
            witnessed: turn.newer.pool.tally.witnessed().to_string(),
            percent: turn.newer.percent(),
        })
    }

    /// Whoever still has an older revision at hand calls that one from now on.
    pub(crate) fn end(&self) {
        self.ended.cancel();
        for turn in &self.turns {
            turn.older.set_successor(None);
        }
    }

    pub(crate) fn functions(&self) -> Vec<RollingFunction> {
        let function = |turn: &Turn| {
            let witnessed = turn.newer.pool.tally.witnessed();
            let every = self.course.0.get(&turn.name).map(|steps| steps.every).unwrap_or_default();
            RollingFunction {
                name: turn.name.clone(),
                percent: turn.newer.percent(),
                every_ms: u64::try_from(every.as_millis()).unwrap_or(u64::MAX),
                calls: witnessed.calls,
                errors: witnessed.errors,
            }
        };
        self.turns.iter().map(function).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(steps: &[u8], seconds: u64) -> RolloutSpec {
        RolloutSpec { kind: "linear".into(), steps: steps.into(), every_ms: seconds * 1000 }
    }

    fn course(specs: &[(&str, RolloutSpec)]) -> Course {
        let specs = specs.iter().map(|(name, spec)| ((*name).to_owned(), spec.clone())).collect();
        Course::new(&specs, |name| name != "same")
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn steps_last_as_long_as_they_are_to() {
        let course = course(&[("f", spec(&[10, 50], 60))]);
        let percents = [0, 59, 60, 119, 120].map(|passed| course.0["f"].percent(seconds(passed)));
        assert_eq!(percents, [10, 10, 50, 50, 50]);
        let next = [0, 59, 60, 120].map(|passed| course.next(seconds(passed)));
        assert_eq!(next, [Some(seconds(60)), Some(seconds(60)), Some(seconds(120)), None]);
        assert_eq!(course.end(), seconds(120));
    }

    #[test]
    fn functions_wait_for_one_another() {
        let course = course(&[("fast", spec(&[50], 1)), ("slow", spec(&[20, 40], 10))]);
        assert_eq!(course.end(), seconds(20));
        assert_eq!(course.0["fast"].percent(seconds(15)), 50);
        assert_eq!(course.next(seconds(0)), Some(seconds(1)));
        assert_eq!(course.next(seconds(1)), Some(seconds(10)));
    }

    #[test]
    fn what_does_not_change_and_what_has_no_steps_is_not_rolled_out() {
        assert!(
            course(&[("same", spec(&[10], 1)), ("f", spec(&[], 1)), ("g", spec(&[0, 100], 1))]).is_empty()
        );
    }
}
