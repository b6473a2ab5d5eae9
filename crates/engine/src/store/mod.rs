//! Where a state is kept, and who may change it.

mod format;
mod journal;
mod local;
mod lock;
mod patience;
mod release_files;
mod remote;
mod run_files;
mod witness;

use std::env;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::{Save, State};

use crate::audit::RunId;
use crate::release::Release;
pub use format::STATE_FORMAT;
pub(crate) use format::write as encode;
pub use local::LocalStore;
pub(crate) use lock::now_ms;
pub use patience::{Patience, Waiting, acquire};
pub use remote::{BadPlace, BucketAccess, LockTiming, RemoteStore, StatePlace};
pub use witness::{Outdated, Witness};

/// The state in a file of any format that this `sf` knows; `at` is the file's path.
///
/// # Errors
/// It is none, it is damaged, or a later `sf` wrote it.
pub fn read_state(bytes: &[u8], at: &str) -> Result<State, StoreError> {
    format::read(bytes).map_err(|cause| match cause {
        format::Unreadable::Newer(found) => {
            StoreError::Newer { at: at.to_owned(), found, known: STATE_FORMAT }
        }
        cause => StoreError::Corrupt { at: at.to_owned(), cause: cause.to_string() },
    })
}

/// A state as a file, in the newest format.
///
/// # Errors
/// It cannot be written as JSON: a bug.
pub fn write_state(state: &State) -> serde_json::Result<Vec<u8>> {
    format::write(state)
}

/// Who holds a lock, for those who are refused it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockInfo {
    /// The user's name.
    pub who: String,
    /// The machine's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The command: `sf deploy`.
    pub command: String,
    /// When it was taken: milliseconds since the Unix epoch.
    pub started_ms: u64,
}

impl LockInfo {
    /// This process, running `command` (`sf deploy`), from now on.
    pub fn of_this_process(command: impl Into<String>) -> Self {
        let who = ["USER", "USERNAME", "LOGNAME"].iter().find_map(|name| env::var(name).ok());
        Self {
            who: who.unwrap_or_else(|| "somebody".into()),
            host: host_name().unwrap_or_else(|| "this machine".into()),
            pid: std::process::id(),
            command: command.into(),
            started_ms: lock::now_ms(),
        }
    }
}

/// The standard library has no call for it: the variables of Windows and of some shells, Linux's file, then the command that
/// every system has.
fn host_name() -> Option<String> {
    let named = |text: String| Some(text.trim().to_owned()).filter(|name| !name.is_empty());
    let variable = || ["COMPUTERNAME", "HOSTNAME"].iter().find_map(|name| named(env::var(name).ok()?));
    let file = || named(std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?);
    let command = || {
        let output = std::process::Command::new("hostname").output().ok()?;
        named(String::from_utf8(output.stdout).ok()?)
    };
    variable().or_else(file).or_else(command)
}

/// Who holds a lock, and when that was last certain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Who.
    pub info: LockInfo,
    /// When it last said that it lives: milliseconds since the Unix epoch.
    pub heartbeat_ms: u64,
}

impl Holder {
    /// Whether it may still work: on another machine, since it was heard of not long ago. On this one the operating system knows, and
    /// [`Store::unlock`] asks it.
    pub fn may_live(&self) -> bool {
        let here = host_name().unwrap_or_default();
        lock::is_alive(self, &here, lock::now_ms())
    }
}

/// A held lock; dropping it releases it, as does the death of the process. Where that takes a request, [`Store::close`] waits for it.
pub trait Lock: Send + Sync {
    /// What was said when it was taken.
    fn info(&self) -> &LockInfo;
}

/// Why a store could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else is deploying.
    #[error("the state is locked by {who}", who = named(.0.as_deref()))]
    Locked(Option<Box<Holder>>),
    /// The file is no state.
    #[error("read state `{at}`: {cause}")]
    Corrupt {
        /// The file's path or URL.
        at: String,
        /// Why.
        cause: String,
    },
    /// The file is no release.
    #[error("read release `{at}`: {cause}")]
    BadRelease {
        /// The file's path or URL.
        at: String,
        /// Why.
        cause: String,
    },
    /// A later `sf` wrote it.
    #[error("read `{at}`: it has format {found}, and this sf knows formats up to {known}")]
    Newer {
        /// The file's path or URL.
        at: String,
        /// The file's format.
        found: u64,
        /// The newest known one.
        known: u32,
    },
    /// Somebody else saved it meanwhile.
    #[error("save state `{at}`: it was changed meanwhile (serial {found}, expected {expected})")]
    Conflict {
        /// The file's path or URL.
        at: String,
        /// The stored serial.
        found: u64,
        /// The serial that the save was based on.
        expected: u64,
    },
    /// Whoever held the lock holds it no more: another machine took it for dead, or somebody removed it.
    #[error("hold the lock `{at}`: it was {how}", how = taken(.by.as_deref()))]
    LockLost {
        /// The lock's URL.
        at: String,
        /// Who holds it now.
        by: Option<Box<Holder>>,
    },
    /// Whoever keeps it elsewhere refused, or does not answer.
    #[error("{operation} `{at}`: {cause}")]
    Remote {
        /// What was attempted.
        operation: &'static str,
        /// On what: a URL.
        at: String,
        /// Its words.
        cause: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The file system refused.
    #[error("{operation} `{at}`: {cause}")]
    Io {
        /// What was attempted.
        operation: &'static str,
        /// On what.
        at: String,
        /// The system's words.
        cause: std::io::Error,
    },
}

impl StoreError {
    /// Whether the same may work when it is tried again.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Remote { .. })
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Locked(_) => {
                "wait until it is done, or let `--lock-timeout 5m` wait: the lock ends with its process, or a minute after \
                 its machine was heard of last. `sf state unlock` removes it by hand"
                    .into()
            }
            Self::Corrupt { at, .. } => {
                format!(
                    "`sf state rebuild` finds what is deployed by its tags, and keeps `{at}` beside the new state"
                )
            }
            Self::BadRelease { at, .. } => {
                format!("delete `{at}`: the other releases do not need it")
            }
            Self::Newer { .. } => "update sf".into(),
            Self::Conflict { .. } => "run the command again".into(),
            Self::LockLost { .. } => "when nobody else is at work, run the command again: it finds what was done".into(),
            Self::Remote { hint, .. } => return hint.clone(),
            Self::Io { .. } => return None,
        })
    }
}

fn taken(by: Option<&Holder>) -> String {
    by.map_or_else(|| "removed".into(), |by| format!("taken by {}", named(Some(by))))
}

fn named(holder: Option<&Holder>) -> String {
    holder.map_or_else(
        || "another process".into(),
        |Holder { info, .. }| {
            let LockInfo { who, host, pid, command, started_ms } = info;
            let minutes = lock::now_ms().saturating_sub(*started_ms) / 60_000;
            let since = if minutes == 0 { "just now".into() } else { format!("{minutes} min ago") };
            format!("{who} on {host} (process {pid}, `{command}`, started {since})")
        },
    )
}

/// Keeps one state, and the releases that led to it. Saves are compare-and-swap on the serial.
#[async_trait]
pub trait Store: Send + Sync {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`StoreError::Locked`] names the holder.
    async fn lock(&self, info: LockInfo) -> Result<Box<dyn Lock>, StoreError>;

    /// The state; `None` if there never was one.
    async fn load(&self) -> Result<Option<State>, StoreError>;

    /// Where the state is, for people: a path or URL.
    fn location(&self) -> String;

    /// Makes a state durable. Its serial must be one above the stored one; where there is none, a whole one may have any.
    async fn save(&self, lock: &dyn Lock, what: &Save<'_>) -> Result<(), StoreError>;

    /// Writes a state whole that was saved in parts. Called at the end of a run: that it fails loses nothing.
    async fn compact(&self, lock: &dyn Lock, state: &State) -> Result<(), StoreError> {
        let _ = (lock, state);
        Ok(())
    }

    /// Moves a state that cannot be read out of the way of a new one, and says where it is; `None` if there is none.
    async fn set_aside(&self, lock: &dyn Lock) -> Result<Option<String>, StoreError>;

    /// Who holds the lock, as far as is written down: a dead holder's name may stand there still.
    async fn holder(&self) -> Result<Option<Holder>, StoreError>;

    /// Whether a holder may still be at work: see [`Holder::may_live`].
    fn is_heard_of(&self, holder: &Holder) -> bool {
        holder.may_live()
    }

    /// Removes the lock that a dead process left behind, and says whose it was; `None` if there was none.
    ///
    /// # Errors
    /// Its process on this machine lives: [`StoreError::Locked`].
    async fn unlock(&self) -> Result<Option<Holder>, StoreError>;

    /// The numbers of the releases that are kept, oldest first.
    async fn releases(&self) -> Result<Vec<u64>, StoreError>;

    /// A release; `None` if there is none of that number (any more).
    async fn release(&self, number: u64) -> Result<Option<Release>, StoreError>;

    /// Makes a release durable, and forgets the oldest ones that are more than it keeps.
    async fn record(&self, lock: &dyn Lock, release: &Release) -> Result<(), StoreError>;

    /// Writes the event log of a run as far as it is known: the whole of it is `log`, of which the first `written` bytes were written before.
    /// Called again with the same after a failure, and after a call that was given up.
    async fn write_run(&self, id: &RunId, log: &[u8], written: usize) -> Result<(), StoreError> {
        let _ = (id, log, written);
        Ok(())
    }

    /// How long to wait between two writes of a log: where each writes all of it, a few seconds.
    fn run_pace(&self) -> Duration {
        Duration::ZERO
    }

    /// The runs whose logs are kept, oldest first.
    async fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        Ok(Vec::new())
    }

    /// A run's event log, as far as it was written; `None` if there is none (any more).
    async fn run(&self, id: &RunId) -> Result<Option<Vec<u8>>, StoreError> {
        let _ = id;
        Ok(None)
    }

    /// Forgets a run's event log; that there is none is no error.
    async fn forget_run(&self, id: &RunId) -> Result<(), StoreError> {
        let _ = id;
        Ok(())
    }

    /// Waits until locks that were dropped are released. To be called before the process ends.
    ///
    /// # Errors
    /// One is not released, and keeps others out until it expires.
    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
