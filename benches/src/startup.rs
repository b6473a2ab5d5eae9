//! How long `sf` takes to start, and to check a small project.

use std::time::Duration;

use sf_e2e::Env;

use crate::Result;
use crate::clock::{interleaved, time};
use crate::report::Table;

/// The bar of both.
const BAR: Duration = Duration::from_millis(10);

pub(crate) fn measure(table: &mut Table) -> Result<()> {
    let env = Env::new();
    let project = env.example("hello-node");
    let [version, check, nothing] = interleaved(
        41,
        [
            &mut || time(&mut env.command(&project.dir, &["--version"])),
            &mut || time(&mut env.command(&project.dir, &["check"])),
            &mut || time(&mut std::process::Command::new("true")),
        ],
    )?;
    table.time("`sf --version`", version, BAR);
    table.time("`sf check`, small project", check, BAR);
    table.note(format!(
        "Starting a process that does nothing (`true`) took {} beside the first two.",
        crate::report::show(nothing)
    ));
    Ok(())
}
