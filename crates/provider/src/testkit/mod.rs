//! What any backend must pass, and a cloud in memory that does.
//!
//! A backend's tests implement [`Bench`] and expect [`conformance`] to be `Ok`. What it checks:
//!
//! 1. **Compile** is pure: twice the same App gives the same objects, and so does an App whose routes and events are listed in
//!    another order. They form a graph: every reference resolves, nothing is there twice, nothing waits for itself. Their inputs
//!    survive being written and read.
//! 2. **A deploy** of each sample, over the one before, works, and planning it again finds nothing to do.
//! 3. **Questions**: `read`, `find` and `discover` answer what is recorded; there is nothing where nothing was made, and nothing
//!    in another scope. A deploy whose state was lost has nothing to do.
//! 4. **Every call may be repeated**: each is made twice, and nothing comes of it but what came of the first.
//! 5. **A crash** before or after any call of any step from sample to sample, and the removal, is recovered from, with the state
//!    and without it: the next deploy converges, and what is there is what is recorded.
//! 6. **Removal** leaves nothing.
//!
//! Each trial has a stage of its own, so that one connection serves all, and trials cannot touch each other.

mod backend;
mod bench;
mod cloud;
mod compile;
mod rehearsal;
mod trials;

pub use backend::ModelBackend;
pub use bench::{Bench, Connection, Crashes, NoArtifacts, Sample, Violation};
pub use cloud::{Fault, ModelCloud};

/// Puts a backend to all tests; the first failed expectation ends it.
///
/// # Errors
/// The rule that the backend breaks, and how.
pub async fn conformance(bench: &dyn Bench) -> Result<(), Violation> {
    for sample in bench.samples() {
        compile::check(bench.backend(), &sample)?;
    }
    trials::run(bench).await
}
