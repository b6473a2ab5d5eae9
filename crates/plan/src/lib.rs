//! The decisions of a deploy, as pure functions over values.
//!
//! ```text
//! Vec<Desired> ─ graph ─> Graph ─ diff(State, Schemas) ─> Vec<Change> ─ schedule ─> Plan ─ Run ─> Calls
//! ```
//!
//! Nothing here does I/O, reads a clock or spawns a task: equal inputs give equal outputs on every machine.
//! The effects are in `sf-engine`, which only loops: `Run::ready` -> save -> `Driver::call` -> `Run::finish` -> save.

mod absorb;
mod addr;
mod along;
mod compare;
mod diff;
mod fields;
mod graph;
mod ledger;
mod object;
mod run;
mod schedule;
mod schema;
mod step;
mod turn;
mod untangle;
mod uploads;
mod value;

pub use absorb::{Drift, Seen, absorb};
pub use addr::{Addr, Kind, ObjectKey};
pub use compare::compare;
pub use diff::diff;
pub use graph::{Graph, GraphError, graph};
pub use ledger::{Delta, Save};
pub use object::{
    Inputs, Intent, IntentAction, Lineage, Object, Outputs, RemoteId, Serial, State, Status, Token,
};
pub use run::{Report, Run, StalePlan};
pub use schedule::schedule;
pub use schema::{Effect, Schemas};
pub use step::{Action, Call, CallAction, Change, Event, Failure, Op, Outcome, Plan, Reason, Step, StepId};
pub use untangle::untangle;
pub use uploads::uploads;
pub use value::{Desired, Digest, Json, Path, Value};
