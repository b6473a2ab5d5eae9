//! `cargo xtask bench`: builds `sf` and the benchmarks with optimisation and writes `docs/benchmarks.md`.

use crate::process::{build, command, run};

/// Arguments go to `sf-benches`: names of the parts to run; none for all.
pub(crate) fn bench(args: &[String]) -> Result<(), String> {
    // As it is handed out.
    let sf = build("sf", "dist")?;
    let benches = build("sf-benches", "release")?;
    run(command(benches).args(args).env("SF_BIN", sf))
}
