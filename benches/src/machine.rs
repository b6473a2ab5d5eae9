//! What the numbers were measured on.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Whether a program can be started.
pub(crate) fn has(program: &str, args: &[&str]) -> bool {
    // wrk answers `--version` with a status of 1.
    Command::new(program).args(args).output().is_ok()
}

/// One line for the page.
pub(crate) fn facts() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let client = if has("wrk", &["--version"]) { "wrk" } else { "a built-in load generator" };
    format!(
        "Machine: {cores} cores, {} {}, Node.js {}, {}. HTTP load: {client}, on the same machine.\n",
        std::env::consts::OS,
        std::env::consts::ARCH,
        version("node"),
        version("python3"),
    )
}

fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    output.map_or_else(
        |_| "none".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// A command pinned to one core where that can be done, for comparisons "on one core each".
pub(crate) fn one_core(program: impl AsRef<std::ffi::OsStr>) -> Command {
    if has("taskset", &["--version"]) {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}
