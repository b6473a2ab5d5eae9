//! `cargo xtask simulate`: the simulator of deploys, built with optimisation.

use crate::process::{build, command, run};

/// Cases that a run of all tests plays.
const IN_TESTS: &str = "20000";

/// Arguments go to `sf-simulator`: `[--seeds N] [--from SEED] [--seed ONE]`.
pub(crate) fn simulate(args: &[String]) -> Result<(), String> {
    run(command(build("sf-simulator", "release")?).args(args))
}

/// As many as a run of all tests has time for.
pub(crate) fn in_tests() -> Result<(), String> {
    simulate(&["--seeds".to_owned(), IN_TESTS.to_owned()])
}
