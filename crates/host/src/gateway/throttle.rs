//! Limits on requests: token buckets.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sf_host_api::ThrottleSpec;
use tokio::time::Instant;

/// Nobody is told to wait longer than this, whatever the rate.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// A bucket that fills at a rate and holds a burst.
pub(crate) struct Throttle {
    pub(crate) spec: ThrottleSpec,
    state: Mutex<State>,
}

struct State {
    tokens: f64,
    at: Instant,
}

impl Throttle {
    pub(crate) fn new(spec: ThrottleSpec) -> Self {
        let state = State { tokens: f64::from(spec.burst), at: Instant::now() };
        Self { spec, state: Mutex::new(state) }
    }

    /// Lets one request through, or says after how long it is worth another try.
    pub(crate) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (rate, burst) = (f64::from(self.spec.rate), f64::from(self.spec.burst));
        let gained = now.saturating_duration_since(state.at).as_secs_f64() * rate;
        state.tokens = (state.tokens + gained).min(burst);
        state.at = state.at.max(now);
        if state.tokens >= 1.0 {
            state.tokens -= 1.0;
            return Ok(());
        }
        let missing = 1.0 - state.tokens;
        let wait = if burst < 1.0 { MAX_WAIT.as_secs_f64() } else { missing / rate };
        // A rate of 0 gives infinity, which no Duration is.
        Err(Duration::try_from_secs_f64(wait).map_or(MAX_WAIT, |wait| wait.min(MAX_WAIT)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(rate: u32, burst: u32) -> (Throttle, Instant) {
        let throttle = Throttle::new(ThrottleSpec { rate, burst });
        let start = throttle.state.lock().unwrap().at;
        (throttle, start)
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_counts() {
        let (throttle, start) = throttle(2, 3);
        for _ in 0..3 {
            assert_eq!(throttle.take(start), Ok(()));
        }
        assert_eq!(throttle.take(start), Err(Duration::from_millis(500)));
        let later = start + Duration::from_millis(500);
        assert_eq!(throttle.take(later), Ok(()));
        assert!(throttle.take(later).is_err());
        let rested = start + Duration::from_secs(3600);
        assert_eq!((0..9).filter(|_| throttle.take(rested).is_ok()).count(), 3);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let (throttle, start) = throttle(1, 1);
        let late = start + Duration::from_secs(10);
        assert_eq!(throttle.take(late), Ok(()));
        assert!(throttle.take(start).is_err());
        assert!(throttle.take(late).is_err());
    }

    #[test]
    fn nothing_passes_a_limit_of_nothing() {
        for (rate, burst) in [(0, 0), (5, 0)] {
            let (throttle, start) = throttle(rate, burst);
            assert_eq!(throttle.take(start + Duration::from_secs(9)), Err(MAX_WAIT));
        }
        let (throttle, start) = throttle(0, 1);
        assert_eq!(throttle.take(start), Ok(()));
        assert_eq!(throttle.take(start + Duration::from_secs(9)), Err(MAX_WAIT));
    }
}
