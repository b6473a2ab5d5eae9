//! Starting other programs, and naming them when they fail.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// A command that runs in the workspace's folder.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The cargo that started this program.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs to the end, with this process's output.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|cause| format!("start {}: {cause}", show(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", show(command))) }
}

/// Runs to the end and gives its stdout as text.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| format!("start {}: {cause}", show(command)))?;
    if !output.status.success() {
        return Err(format!("{} ended with {}", show(command), output.status));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| format!("{} printed something that is not UTF-8", show(command)))
}

/// Whether a program can be started at all.
pub(crate) fn exists(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Builds a binary of the workspace and says where it is, wherever the target folder may be.
pub(crate) fn build(package: &str, profile: &str) -> Result<PathBuf, String> {
    let messages = output(
        cargo()
            .args(["build", "--package", package, "--profile", profile])
            .args(["--message-format", "json-render-diagnostics"]),
    )?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .ok_or_else(|| format!("build {package}: cargo named no executable"))
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    format!("`{}`", words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "))
}
