//! `interface = "web"`: any program, made by a command of the user's.
//!
//! The command knows best what it depends on, so it runs whenever any file of the project (that git would not ignore) has changed, or
//! what it made has. What it made again with the same content is the same artifact.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use sf_model::{BuildCommand, Function};
use sha2::{Digest as _, Sha256};

use crate::collect::{self, Collected, Source, inside};
use crate::files::save_if_changed;
use crate::{Cause, tree};

/// The program's name where `output` is a folder: what Lambda's custom runtimes call it.
const ENTRY: &str = "bootstrap";
/// Lines that are shown again when a command fails.
const LAST_LINES: usize = 20;

/// What all functions of a build share: commands run one at a time (they share caches and locks), and each once.
#[derive(Default)]
pub(crate) struct Shared {
    done: Mutex<BTreeMap<String, Result<(), Cause>>>,
}

/// Collects a program's files.
pub(crate) fn collect(function: &Function, shared: &collect::Shared<'_>) -> Result<Collected, Cause> {
    let Some(build) = &function.build else {
        return Err(Cause::new("it has no build command")
            .at(function.span)
            .hint("build = { command = \"…\", output = \"…\" }"));
    };
    {
        let mut done = shared.web.done.lock().unwrap_or_else(PoisonError::into_inner);
        let ran =
            done.entry(build.command.clone()).or_insert_with(|| run_if_needed(&function.name, build, shared));
        ran.clone().map_err(|cause| cause.at(build.span))?;
    }
    let output = shared.root.join(&build.output);
    if !output.exists() {
        let cause = format!("`{}` did not make `{}`", build.command, build.output);
        return Err(Cause::new(cause).at(build.span).hint("output is relative to the folder of sf.toml"));
    }
    inside(&output, shared).map_err(|cause| cause.at(build.span))?;
    let mut collected = Collected::default();
    if output.is_dir() {
        for path in tree::list_all(&shared.root, &build.output)? {
            let within = path.strip_prefix(&build.output).unwrap_or(&path).trim_start_matches('/').to_owned();
            let file = inside(&shared.root.join(&path), shared)?;
            collected.add(within, Source::File(file), "build output");
        }
        if !collected.files.contains_key(ENTRY) {
            let cause = format!("the folder `{}` has no program `{ENTRY}`", build.output);
            return Err(Cause::new(cause)
                .at(build.span)
                .hint("name the program itself as output, or call it that"));
        }
        collected.entry = ENTRY.into();
    } else {
        let name = build.output.rsplit('/').next().unwrap_or(&build.output).to_owned();
        collected.add(name.clone(), Source::File(output), "build output");
        collected.entry = name;
    }
    Ok(collected)
}

fn run_if_needed(function: &str, build: &BuildCommand, shared: &collect::Shared<'_>) -> Result<(), Cause> {
    let record = shared.layout.cache.join("commands").join(hex::encode(Sha256::digest(&build.command)));
    let before = inputs(build, shared)?;
    if let Some(made) = output(build, shared)
        && fs::read_to_string(&record).is_ok_and(|last| last == format!("{before}\n{made}"))
    {
        return Ok(());
    }
    run(function, build, shared)?;
    if let Some(made) = output(build, shared) {
        save_if_changed(&record, format!("{before}\n{made}").as_bytes());
    }
    Ok(())
}

/// The state of everything the command could depend on.
fn inputs(build: &BuildCommand, shared: &collect::Shared<'_>) -> Result<String, Cause> {
    let mut hasher = Sha256::new();
    for path in shared.listing()? {
        if path == &build.output || path.starts_with(&format!("{}/", build.output)) {
            continue;
        }
        let file = shared.root.join(path);
        let hashed = shared.files.hash(&file).map(|hashed| hashed.sha256.clone()).unwrap_or_default();
        hasher.update(format!("{path}\n{hashed}\n"));
    }
    Ok(hex::encode(hasher.finalize()))
}

/// The state of what it made; `None` if there is nothing.
fn output(build: &BuildCommand, shared: &collect::Shared<'_>) -> Option<String> {
    let mut hasher = Sha256::new();
    for path in tree::list_all(&shared.root, &build.output).ok()? {
        let file = shared.root.join(&path);
        let metadata = file.metadata().ok()?;
        hasher.update(format!("{path}\n{}\n{:?}\n", metadata.len(), metadata.modified().ok()?));
    }
    shared.root.join(&build.output).exists().then(|| hex::encode(hasher.finalize()))
}

fn shell(command: &str) -> Command {
    let (program, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut shell = Command::new(program);
    // Both streams in one, in the order in which they are written.
    let redirected = if cfg!(windows) { command.to_owned() } else { format!("exec 2>&1\n{command}") };
    shell.args([flag, &redirected]);
    shell
}

fn run(function: &str, build: &BuildCommand, shared: &collect::Shared<'_>) -> Result<(), Cause> {
    let mut command = shell(&build.command);
    command.current_dir(&shared.root).stdin(Stdio::null()).stdout(Stdio::piped());
    let failed = |why: String| Cause::new(format!("run `{}`: {why}", build.command));
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let mut lines = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            shared.progress.output(function, &line);
            lines.push(line);
        }
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if status.success() {
        return Ok(());
    }
    let last =
        lines.iter().skip(lines.len().saturating_sub(LAST_LINES)).cloned().collect::<Vec<_>>().join("\n");
    Err(failed(format!("{status}\n{last}")).hint("it is run in the folder of sf.toml"))
}
