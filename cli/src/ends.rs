//! What ends a run early: Ctrl-C, SIGTERM and SIGHUP (Ctrl-Break and the console's end on Windows), and `--timeout`.
//!
//! The first one starts nothing new, the second ends at once. A time-out counts as both, the second time after a grace.

use std::time::Duration;

use sf_host::EndSignals;
use tokio::time::Instant;

use crate::errors::{Error, Exit};
use crate::project::Project;

/// How long after `--timeout` what is in flight may take; not longer than the time-out itself.
const GRACE: Duration = Duration::from_secs(30);

/// Why a run ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Somebody said so.
    Signal,
    /// Its time was up.
    TimeOut,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Start nothing new.
    Stop(Cause),
    /// End at once.
    Abort(Cause),
}

/// Waits for all of them.
pub(crate) struct Ends {
    signals: EndSignals,
    clock: Deadline,
}

/// The decision, without the waiting.
#[derive(Debug)]
struct Deadline {
    at: Option<Instant>,
    grace: Duration,
    /// Whether the time-out came once.
    is_late: bool,
    stopping: Option<Cause>,
}

impl Cause {
    /// What the process ends with.
    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::Signal => Exit::Interrupted,
            Self::TimeOut => Exit::TimedOut,
        }
    }

    /// The name of the error, for scripts.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Signal => "interrupted",
            Self::TimeOut => "timed-out",
        }
    }

    /// What a command says that was ended by it, and how to go on.
    pub(crate) fn error(self, verb: &str, project: &Project, how: &str, again: &str) -> Error {
        let message = format!("{verb} `{}`: {}: {how}", project.app.project, self.word());
        Error::new(self.exit(), self.code(), message).hint(format!("`{again}` goes on from here"))
    }

    /// How a sentence says it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Signal => "interrupted",
            Self::TimeOut => "out of time",
        }
    }
}

impl Ends {
    /// Begins to listen. `timeout` counts from `started`.
    pub(crate) fn listen(started: std::time::Instant, timeout: Option<Duration>) -> Result<Self, Error> {
        let signals = EndSignals::listen().map_err(|cause| Error::io("listen for", "signals", &cause))?;
        let at = timeout.and_then(|timeout| Instant::from_std(started).checked_add(timeout));
        let grace = timeout.unwrap_or(GRACE).min(GRACE);
        Ok(Self { signals, clock: Deadline { at, grace, is_late: false, stopping: None } })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> End {
        loop {
            tokio::select! {
                () = self.signals.next() => return self.clock.signalled(),
                () = until(self.clock.at) => {
                    if let Some(end) = self.clock.passed() {
                        return end;
                    }
                }
            }
        }
    }

    /// What comes of work that may be dropped at any point, unless it is to end first.
    pub(crate) async fn or<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Cause> {
        tokio::select! {
            biased;
            end = self.next() => match end {
                End::Stop(cause) | End::Abort(cause) => Err(cause),
            },
            done = work => Ok(done),
        }
    }
}

/// Runs what blocks, a build or a question, on a thread of its own: one that waits for it may leave it alone, and the process ends without it.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (sender, done) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .spawn(move || sender.send(work()))
        .map_err(|cause| Error::io("start", "a thread", &cause))?;
    // A panic was printed already.
    done.await.unwrap_or_else(|_| Err(Error::internal("a thread panicked")))
}

impl Deadline {
    fn signalled(&mut self) -> End {
        match self.stopping {
            Some(cause) => End::Abort(cause),
            None => {
                self.stopping = Some(Cause::Signal);
                End::Stop(Cause::Signal)
            }
        }
    }

    /// The time is up; `None` if what is in flight has the grace still.
    fn passed(&mut self) -> Option<End> {
        if self.is_late {
            return Some(End::Abort(self.stopping.unwrap_or(Cause::TimeOut)));
        }
        self.is_late = true;
        self.at = self.at.and_then(|at| at.checked_add(self.grace));
        if self.stopping.is_some() {
            return None;
        }
        self.stopping = Some(Cause::TimeOut);
        Some(End::Stop(Cause::TimeOut))
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deadline() -> Deadline {
        Deadline { at: None, grace: GRACE, is_late: false, stopping: None }
    }

    #[test]
    fn the_second_one_ends_at_once_for_the_reason_of_the_first() {
        let mut both = deadline();
        assert_eq!(both.signalled(), End::Stop(Cause::Signal));
        assert_eq!(both.signalled(), End::Abort(Cause::Signal));
        let mut late = deadline();
        assert_eq!(late.passed(), Some(End::Stop(Cause::TimeOut)));
        assert_eq!(late.signalled(), End::Abort(Cause::TimeOut));
        let mut late = deadline();
        assert_eq!(late.passed(), Some(End::Stop(Cause::TimeOut)));
        assert_eq!(late.passed(), Some(End::Abort(Cause::TimeOut)));
    }

    #[test]
    fn a_time_out_while_it_stops_already_leaves_it_the_grace() {
        let mut ending = deadline();
        assert_eq!(ending.signalled(), End::Stop(Cause::Signal));
        assert_eq!(ending.passed(), None);
        assert_eq!(ending.passed(), Some(End::Abort(Cause::Signal)));
    }
}
