//! What a run did, line by line: its event log (`docs/events.md`).
//!
//! ```text
//! cli, engine events, API calls (tracing) ─> Recorder ─ queue ─> RunWriter ─> Store::write_run
//! ```
//!
//! Whoever records never waits and never fails. The writer keeps up with the queue beside the run; that it cannot is said once, and does not end
//! the run.

mod record;
mod recorder;
mod retention;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use record::{
    ApiCall, EVENTS_VERSION, Ended, Observation, Record, RunOutcome, Started, What, events_schema,
    read_events,
};
pub use recorder::{Recorder, RunWriter};
pub use retention::forget_runs;

use crate::store::LockInfo;

/// Names a run: `<milliseconds since the Unix epoch>-<8 hexadecimal digits>`. Sorted as texts, ids are in the order of time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// A text that names no run.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no run: it should look like 1764057600000-1a2b3c4d")]
pub struct BadRunId(String);

impl RunId {
    /// Of a run that begins at `time_ms`.
    pub fn new(time_ms: u64, who: &LockInfo) -> Self {
        // FNV-1a: two runs that begin in one millisecond differ in their process or their machine.
        let seed = 0xcbf2_9ce4_8422_2325 ^ u64::from(who.pid);
        let hash = who
            .host
            .bytes()
            .chain(time_ms.to_le_bytes())
            .fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(format!("{time_ms:013}-{:08x}", hash >> 32))
    }

    /// When it began: milliseconds since the Unix epoch.
    pub fn time_ms(&self) -> u64 {
        self.0.split('-').next().and_then(|time| time.parse().ok()).unwrap_or(0)
    }

    /// Whether a person may mean this one: the whole id, or what stands after its `-`.
    pub fn is_meant_by(&self, text: &str) -> bool {
        self.0 == text || self.0.split_once('-').is_some_and(|(_, end)| end == text)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RunId {
    type Err = BadRunId;

    fn from_str(text: &str) -> Result<Self, BadRunId> {
        let is_id = text.split_once('-').is_some_and(|(time, end)| {
            time.len() >= 13
                && time.bytes().all(|byte| byte.is_ascii_digit())
                && end.len() == 8
                && end.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        if is_id { Ok(Self(text.to_owned())) } else { Err(BadRunId(text.to_owned())) }
    }
}

impl TryFrom<String> for RunId {
    type Error = BadRunId;

    fn try_from(text: String) -> Result<Self, BadRunId> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

/// Where the times of a log come from: milliseconds since the Unix epoch.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The machine's.
    pub fn system() -> Self {
        Self(Arc::new(crate::store::now_ms))
    }

    /// Another one: a test's.
    pub fn of(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_ms))
    }

    /// The time.
    pub fn now_ms(&self) -> u64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_and_nothing_else_is_one() {
        let who = LockInfo::of_this_process("sf deploy");
        let id = RunId::new(1_764_057_600_000, &who);
        assert_eq!(id.to_string().parse::<RunId>().unwrap(), id);
        assert_eq!(id.time_ms(), 1_764_057_600_000);
        assert!(id.is_meant_by(id.to_string().split_once('-').unwrap().1));
        assert!(id < RunId::new(1_764_057_600_001, &who));
        for other in ["", "3", "../../etc/passwd", "1764057600000-xyz", "1764057600000-1a2b3c4d/.."] {
            assert!(other.parse::<RunId>().is_err(), "{other}");
        }
    }
}
