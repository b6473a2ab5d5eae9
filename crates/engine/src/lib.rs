//! The effects of a deploy, as a thin loop around the pure planner.
//!
//! ```text
//! Store::lock ─> observe (load, recover, adopt) ─> plan ─> apply (ready -> save -> call -> finish -> save) ─> unlock
//! ```
//!
//! [`Session`] is the whole way; `sf plan` is its beginning, [`observe`], without the lock. There is no other difference.

mod apply;
mod audit;
mod edit;
mod observe;
mod rebuild;
mod release;
mod session;
mod store;

pub use apply::{Applied, ApplyError, Control, Limits};
pub use audit::{
    ApiCall, BadRunId, Clock, EVENTS_VERSION, Ended, Observation, Record, Recorder, RunId, RunOutcome,
    RunWriter, Started, What, events_schema, forget_runs, read_events,
};
pub use edit::{Edit, PushError, Pushed, RenameError};
pub use observe::{ObserveError, Observed, Provider, Recovered, observe};
pub use rebuild::{News, Rebuild};
pub use release::{About, Draft, KEPT_RELEASES, Release, releases};
pub use session::{Released, Session};
pub use sf_provider::{Stop, StopHandle, stop_pair};
pub use store::{
    BadPlace, BucketAccess, Holder, LocalStore, Lock, LockInfo, LockTiming, Outdated, Patience, RemoteStore,
    STATE_FORMAT, StatePlace, Store, StoreError, Waiting, Witness, acquire, read_state, write_state,
};
