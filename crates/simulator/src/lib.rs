//! A deterministic simulator of deploys: the real planner and the real engine, in a world that is drawn from one number.
//!
//! ```text
//! seed ─ Case::draw ─> Case ─ play ─> Played (a violation, a trace) ─ shrink ─> the smallest case that still fails
//! ```
//!
//! A case is a history: manifests that are deployed one after the other, and what goes wrong meanwhile. It is played on a clock that only
//! moves when everybody waits, with models of a cloud, a store and a person at the keyboard. `inspect` checks each call as it is made,
//! `story` what is left at the end. Nothing here depends on the machine, so that a seed tells the same story everywhere.

mod case;
mod cloud;
mod draw;
mod inspect;
mod kinds;
mod shrink;
mod store;
mod story;
mod tally;
mod things;
mod world;

pub use case::{Act, CallFault, Case, Fault, Manifest, Node, Outside, SaveFault};
pub use shrink::shrink;
pub use story::{Played, play};
pub use tally::Tally;
