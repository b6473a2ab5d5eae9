//! `cargo xtask simulate`: the simulator of deploys.

use crate::process::{build, command, run};

/// Cases that a run of all tests plays.
const IN_TESTS: &str = "20000";

/// Arguments go to `sf-simulator`: `[--seeds N] [--from SEED] [--seed ONE] [--jobs N]`.
pub(crate) fn simulate(args: &[String]) -> Result<(), String> {
    run(command(build("sf-simulator", "release")?).args(args))
}

/// As many as a run of all tests has time for. As the tests are built, and not once more with all optimisation: what is worth it is optimised
/// there, too.
pub(crate) fn in_tests() -> Result<(), String> {
    run(command(build("sf-simulator", "dev")?).args(["--seeds", IN_TESTS]))
}
