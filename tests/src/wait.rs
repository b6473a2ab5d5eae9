//! Waiting for conditions.

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: generous, since CI machines are slow and a passing test never waits for it.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks until there is an answer.
///
/// # Panics
/// If there is none within [`DEADLINE`]; names what was waited for.
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    eventually_within(DEADLINE, what, ask)
}

/// As [`eventually`], with a deadline of one's own.
///
/// # Panics
/// If there is no answer by then.
pub fn eventually_within<T>(deadline: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < deadline, "waited {deadline:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
