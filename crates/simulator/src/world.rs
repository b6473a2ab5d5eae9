//! What surrounds a deploy: the clock, chance, the moments at which the process can die, and the record of what happened.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use sf_engine::StopHandle;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::case::{Act, CallFault, Fault, SaveFault};
use crate::tally::Tally;

/// For how long at most the cloud does not show what was done to it, or does it after its caller died.
pub(crate) const LAG: Duration = Duration::from_millis(1200);

/// The surroundings of one case.
pub(crate) struct World {
    start: Instant,
    script: Mutex<Script>,
    died: Notify,
}

struct Script {
    rng: Rng,
    /// `None` if nobody wants to know.
    trace: Option<Vec<String>>,
    broken: Option<String>,
    faults: Vec<Fault>,
    /// In this deploy.
    counted: Counted,
    /// In the whole case.
    tally: Tally,
    is_dead: bool,
    stop: Option<StopHandle>,
}

/// What happened in this deploy so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    moments: usize,
    calls: usize,
    questions: usize,
    saves: usize,
}

impl Counted {
    /// Whether no more than so many questions were asked, nobody was called, and nothing written.
    pub(crate) fn is_at_most(self, questions: usize) -> bool {
        (self.calls, self.saves) == (0, 0) && self.questions <= questions
    }
}

impl World {
    /// The world of a seed; its clock starts now.
    pub(crate) fn new(seed: u64, is_recorded: bool) -> Self {
        let script = Script {
            rng: Rng::with_seed(!seed),
            trace: is_recorded.then(Vec::new),
            broken: None,
            faults: Vec::new(),
            counted: Counted::default(),
            tally: Tally::default(),
            is_dead: false,
            stop: None,
        };
        Self { start: Instant::now(), script: Mutex::new(script), died: Notify::new() }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new process, with what is to go wrong.
    pub(crate) fn begin(&self, act: &Act, stop: StopHandle) {
        let mut script = self.script();
        script.faults = act.faults.clone();
        script.counted = Counted::default();
        script.tally.deploys += 1;
        script.is_dead = false;
        script.stop = Some(stop);
    }

    pub(crate) fn counted(&self) -> Counted {
        self.script().counted
    }

    /// Counts something.
    pub(crate) fn count(&self, count: impl FnOnce(&mut Tally) -> &mut u64) {
        *count(&mut self.script().tally) += 1;
    }

    pub(crate) fn tally(&self) -> Tally {
        self.script().tally
    }

    pub(crate) fn tell(&self, line: impl FnOnce() -> String) {
        let mut script = self.script();
        if let Some(trace) = &mut script.trace {
            trace.push(format!("{:>9.3} s  {}", self.start.elapsed().as_secs_f64(), line()));
        }
    }

    /// A rule was broken; the first one stands.
    pub(crate) fn broken(&self, what: impl Into<String>) {
        let what = what.into();
        self.tell(|| format!("BROKEN: {what}"));
        self.script().broken.get_or_insert(what);
    }

    /// The rule that was broken, if one was.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        self.script().broken.clone().map_or(Ok(()), Err)
    }

    pub(crate) fn take_trace(&self) -> Vec<String> {
        self.script().trace.take().unwrap_or_default()
    }

    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.script().rng)
    }

    /// A moment at which the process may die, or be told to stop. What is dead does not go on.
    pub(crate) async fn moment(&self, what: &str) {
        if self.dies_now(what) {
            std::future::pending::<()>().await;
        }
    }

    /// The same where something is left behind by who dies in its midst.
    pub(crate) fn dies_now(&self, what: &str) -> bool {
        let mut script = self.script();
        let now = script.counted.moments;
        script.counted.moments += 1;
        if script.faults.contains(&Fault::Stop(now))
            && let Some(stop) = script.stop.take()
        {
            stop.stop();
            script.tally.stops += 1;
            drop(script);
            self.tell(|| format!("Ctrl-C, {what}"));
            script = self.script();
        }
        if !script.is_dead && script.faults.contains(&Fault::Crash(now)) {
            script.is_dead = true;
            script.tally.deaths += 1;
            drop(script);
            self.tell(|| format!("the process dies, {what}"));
            self.died.notify_one();
            return true;
        }
        script.is_dead
    }

    /// Whether somebody pressed Ctrl-C.
    pub(crate) fn is_stopped(&self) -> bool {
        self.script().stop.is_none()
    }

    /// Waits until the process dies.
    pub(crate) async fn died(&self) {
        // One that failed in the moment of its death has left a notification.
        while !self.is_dead() {
            self.died.notified().await;
        }
    }

    /// Whether the process died.
    pub(crate) fn is_dead(&self) -> bool {
        self.script().is_dead
    }

    /// Counts an attempt at a call, and says what goes wrong with it.
    pub(crate) fn next_call(&self) -> Option<CallFault> {
        let mut script = self.script();
        let now = script.counted.calls;
        script.counted.calls += 1;
        script.tally.calls += 1;
        let struck = script.faults.iter().find_map(|fault| match fault {
            Fault::Call(at, fault) if *at == now => Some(*fault),
            _ => None,
        });
        script.tally.call_faults += u64::from(struck.is_some());
        struck
    }

    /// The same of a question; whether asking again would help.
    pub(crate) fn next_question(&self) -> Option<bool> {
        let mut script = self.script();
        let now = script.counted.questions;
        script.counted.questions += 1;
        script.tally.questions += 1;
        let struck = script.faults.iter().find_map(|fault| match fault {
            Fault::Question(at, is_transient) if *at == now => Some(*is_transient),
            _ => None,
        });
        script.tally.question_faults += u64::from(struck.is_some());
        struck
    }

    /// The same of a save.
    pub(crate) fn next_save(&self) -> Option<SaveFault> {
        let mut script = self.script();
        let now = script.counted.saves;
        script.counted.saves += 1;
        script.tally.saves += 1;
        let struck = script.faults.iter().find_map(|fault| match fault {
            Fault::Save(at, fault) if *at == now => Some(*fault),
            _ => None,
        });
        script.tally.save_faults += u64::from(struck.is_some());
        struck
    }

    /// Whether the release cannot be recorded.
    pub(crate) fn loses_release(&self) -> bool {
        let mut script = self.script();
        let is_lost = script.faults.contains(&Fault::Record);
        script.tally.lost_releases += u64::from(is_lost);
        is_lost
    }
}
