//! The clock of schedules and messages: the system's, moved forward by those who try out a nightly job by day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

/// Milliseconds since the Unix epoch, by the system's clock.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The system's clock and an offset in milliseconds.
#[derive(Default)]
pub(crate) struct Clock {
    offset_ms: watch::Sender<u64>,
}

impl Clock {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        DateTime::<Utc>::from(SystemTime::now() + Duration::from_millis(self.offset_ms()))
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        now_ms().saturating_add(self.offset_ms())
    }

    pub(crate) fn offset_ms(&self) -> u64 {
        *self.offset_ms.borrow()
    }

    /// Bounded to a century, so that no date arithmetic overflows.
    pub(crate) fn advance(&self, ms: u64) {
        const CENTURY: u64 = 100 * 366 * 24 * 3600 * 1000;
        self.offset_ms.send_modify(|offset| *offset = offset.saturating_add(ms).min(CENTURY));
    }

    /// Changes whenever the clock is moved.
    pub(crate) fn moves(&self) -> watch::Receiver<u64> {
        self.offset_ms.subscribe()
    }
}
