//! Two revisions of a function side by side: whose a call is, and what the newer one's calls came to.
//!
//! A pool that has a successor hands a share of its calls to it. Nobody who calls the older one needs to know: routes, schedules, subscriptions and
//! functions that call functions are all split in the same place.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::{CallError, Invocation, Pool};

/// What the calls of one revision came to.
#[derive(Default)]
pub(crate) struct Tally {
    calls: AtomicU64,
    errors: AtomicU64,
    failed: CancellationToken,
}

/// What a tally says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Witnessed {
    /// Calls that have ended.
    pub(crate) calls: u64,
    /// Of which so many failed.
    pub(crate) errors: u64,
}

impl Witnessed {
    /// Whether a rollout may go on. One error ends it, as on AWS.
    pub(crate) fn is_good(self) -> bool {
        self.errors == 0
    }
}

impl fmt::Display for Witnessed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        let Self { calls, errors } = *self;
        write!(f, "{errors} error{} in {calls} call{}", plural(errors), plural(calls))
    }
}

impl Tally {
    /// A call has ended.
    pub(super) fn count(&self, is_error: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if is_error {
            self.error();
        }
    }

    /// A call that was counted failed after all: its answer broke off.
    pub(super) fn error(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        if !self.witnessed().is_good() {
            self.failed.cancel();
        }
    }

    pub(crate) fn witnessed(&self) -> Witnessed {
        let errors = self.errors.load(Ordering::Relaxed);
        Witnessed { calls: self.calls.load(Ordering::Relaxed).max(errors), errors }
    }

    /// Whether it had more errors than a rollout takes.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.is_cancelled()
    }

    /// Comes when it has.
    pub(crate) async fn failed(&self) {
        self.failed.cancelled().await;
    }
}

/// The newer revision of a function, and its share of the calls.
pub(crate) struct Successor {
    pub(crate) pool: Arc<Pool>,
    percent: AtomicU8,
}

impl Successor {
    /// Without a share.
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self { pool, percent: AtomicU8::new(0) }
    }

    pub(crate) fn percent(&self) -> u8 {
        self.percent.load(Ordering::Relaxed)
    }

    pub(crate) fn share(&self, percent: u8) {
        self.percent.store(percent, Ordering::Relaxed);
    }

    /// Whether it answers that call: no more after the first error, whoever has yet to hear of that.
    pub(super) fn takes(&self, key: &str) -> bool {
        !self.pool.tally.has_failed() && is_newer(key, self.percent())
    }
}

/// Whether that share of all keys has this one. What has it in a small share, has it in a larger one: nobody is sent back and forth by the steps.
fn is_newer(key: &str, percent: u8) -> bool {
    let digest = Sha256::digest(key.as_bytes());
    let number = digest.iter().take(8).fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
    number % 100 < u64::from(percent)
}

/// Which answers of a program that serves HTTP are failures: it cannot throw.
#[derive(Clone, Copy)]
pub(super) enum Expected {
    /// A client's request, or its wish to connect, may be refused.
    NoServerError,
    /// An event is handled or it is not.
    Success,
}

impl Expected {
    pub(super) fn of(invocation: &Invocation) -> Self {
        let is_connect = |event: &serde_json::Value| event["type"] == "sf.socket.connect";
        match invocation {
            Invocation::Http { .. } => Self::NoServerError,
            Invocation::Event { event, .. } if is_connect(event) => Self::NoServerError,
            Invocation::Event { .. } => Self::Success,
        }
    }

    pub(super) fn is_missed(self, status: http::StatusCode) -> bool {
        match self {
            Self::NoServerError => status.is_server_error(),
            Self::Success => !status.is_success(),
        }
    }
}

/// Whether a call failed through its function. A client that went away and a function that is busy say nothing about a revision.
pub(super) fn is_functions_fault(error: &CallError) -> bool {
    match error {
        CallError::Start { .. }
        | CallError::Threw { .. }
        | CallError::TimedOut(_)
        | CallError::Crashed
        | CallError::Broken(_) => true,
        CallError::Busy(_) | CallError::BrokenOff(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_are_split_by_the_shares() {
        for percent in [0, 1, 10, 50, 99, 100] {
            let newer = (0..10_000).filter(|call| is_newer(&format!("call-{call}"), percent)).count();
            let expected = usize::from(percent) * 100;
            assert!(newer.abs_diff(expected) < 200, "{percent} %: {newer} of 10,000");
            assert_eq!((percent == 0, percent == 100), (newer == 0, newer == 10_000));
        }
    }

    proptest! {
        #[test]
        fn a_larger_share_has_what_a_smaller_one_has(key in ".{0,40}", smaller in 0..=100u8, larger in 0..=100u8) {
            prop_assume!(smaller <= larger);
            prop_assert!(!is_newer(&key, smaller) || is_newer(&key, larger));
        }
    }

    #[tokio::test]
    async fn one_error_is_too_much() {
        let tally = Tally::default();
        tally.count(false);
        assert!(!tally.has_failed() && tally.witnessed().is_good());
        tally.count(true);
        tally.failed().await;
        assert_eq!(tally.witnessed(), Witnessed { calls: 2, errors: 1 });
        assert_eq!(tally.witnessed().to_string(), "1 error in 2 calls");
        tally.error();
        assert_eq!(tally.witnessed().to_string(), "2 errors in 2 calls");
    }

    #[test]
    fn a_client_that_went_away_is_no_fault_of_the_function() {
        assert!(!is_functions_fault(&CallError::BrokenOff("the request's body broke off".into())));
        assert!(!is_functions_fault(&CallError::Busy(10)));
        assert!(is_functions_fault(&CallError::TimedOut(10)) && is_functions_fault(&CallError::Crashed));
    }

    #[test]
    fn a_program_fails_with_its_status() {
        let event = |kind: &str| Invocation::Event {
            event: json!({ "type": kind }),
            data: Default::default(),
            id: String::new(),
            trace: String::new(),
        };
        let missed = |kind: &str, status| Expected::of(&event(kind)).is_missed(status);
        assert!(missed("sf.queue", StatusCode::NOT_FOUND));
        assert!(!missed("sf.queue", StatusCode::NO_CONTENT));
        assert!(!missed("sf.socket.connect", StatusCode::FORBIDDEN));
        assert!(missed("sf.socket.connect", StatusCode::BAD_GATEWAY));
    }
}
