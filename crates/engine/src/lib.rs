//! The effects of a deploy, as a thin loop around the pure planner.
//!
//! ```text
//! Store::lock ─> observe (load, recover, adopt) ─> plan ─> apply (ready -> save -> call -> finish -> save) ─> unlock
//! ```
//!
//! `sf plan` stops before `apply` and takes no lock; there is no other difference between it and `sf deploy`.

mod apply;
mod local;
mod observe;
mod store;

pub use apply::{Applied, ApplyError, Context, Limits, Stop, StopHandle, apply, stop_pair};
pub use local::LocalStore;
pub use observe::{ObserveError, Observed, observe};
pub use store::{Lock, LockInfo, Store, StoreError};

use sf_plan::{Desired, GraphError, Plan, Schemas, State};

/// The state format that this version writes.
pub const STATE_VERSION: u32 = 1;

/// Desired objects and the state to a plan.
///
/// # Errors
/// The desired objects do not form a graph: a fault of the backend.
pub fn plan(desired: Vec<Desired>, state: &State, schemas: &dyn Schemas) -> Result<Plan, Vec<GraphError>> {
    let graph = sf_plan::graph(desired)?;
    let changes = sf_plan::diff(&graph, state, schemas);
    Ok(sf_plan::schedule(&graph, state, changes))
}
