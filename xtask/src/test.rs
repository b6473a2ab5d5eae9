//! `cargo xtask test`: every test of the project, those of the kits in their own languages included.

use std::path::Path;
use std::process::Command;

use crate::process::{build, cargo, command, exists, root, run};

/// Runs everything even when something fails; `filter` narrows the Rust tests and leaves the others out.
pub(crate) fn test(filter: &[String]) -> Result<(), String> {
    let mut failures = Vec::new();
    if filter.is_empty() {
        // First and alone, since it installs what the counterpart of AWS needs: the kits' tests start several at once.
        failures.extend(run(&mut rust(&["counterpart::".to_owned()])).err());
        failures.extend(crate::simulate::in_tests().err());
        failures.extend(kits().into_iter().filter_map(|mut kit| run(&mut kit).err()));
    }
    // One `sf` for all end-to-end tests: each is a process of its own under nextest and would ask cargo again.
    let sf = build("sf", "dev")?;
    // Who runs the tests hides what a passing one prints.
    let skipped = root().join("target/skipped-tests");
    let _ = std::fs::remove_file(&skipped);
    failures.extend(run(rust(filter).env("SF_BIN", sf).env("SF_SKIPPED", &skipped)).err());
    if let Ok(lines) = std::fs::read_to_string(&skipped) {
        println!("\n{} tests proved nothing here:\n{lines}", lines.lines().count());
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

fn rust(filter: &[String]) -> Command {
    let mut cargo_command = cargo();
    if exists(cargo().args(["nextest", "--version"])) {
        cargo_command
            .args(["nextest", "run", "--workspace", "--no-fail-fast", "--no-tests", "pass"])
            .args(filter);
    } else {
        cargo_command.args(["test", "--workspace", "--no-fail-fast"]);
        if !filter.is_empty() {
            cargo_command.arg("--").args(filter);
        }
    }
    cargo_command
}

/// The kits' own tests; a kit without any would pass unnoticed, so that is a failure of the runner where it can tell.
fn kits() -> Vec<Command> {
    let kits = root().join("kits");
    let mut node = command("node");
    node.arg("--test").args(files(&kits.join("node/test"), ".test.mjs")).current_dir(kits.join("node"));
    let mut python = command(if cfg!(windows) { "python" } else { "python3" });
    python.args(["-m", "unittest", "discover", "-s", "test", "-t", "."]).current_dir(kits.join("python"));
    // A test that leaves byte code behind changes the kit's digest on the next build.
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    vec![node, python]
}

fn files(folder: &Path, suffix: &str) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect();
    files.sort();
    files
}
