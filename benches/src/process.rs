//! Commands that are watched while they run.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::report::show;

/// What a run took.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    pub(crate) time: Duration,
    /// Peak of the resident memory in MiB, where `/proc` tells.
    pub(crate) memory: Option<u64>,
}

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", show(self.time))?;
        self.memory.map_or(Ok(()), |mib| write!(f, ", {mib} MiB"))
    }
}

/// Runs a command to its end, and sees how much memory it has at most.
pub(crate) fn watched(command: &mut Command) -> Result<Took> {
    let messages = tempfile::NamedTempFile::new()?;
    command.stdin(Stdio::null()).stdout(messages.reopen()?).stderr(messages.reopen()?);
    let start = Instant::now();
    let mut child = command.spawn().map_err(|cause| format!("start {command:?}: {cause}"))?;
    let mut memory = None;
    let status = loop {
        // The kernel keeps the peak while the process lives: only what comes in its last moment is missed.
        memory = peak(&child).max(memory);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let time = start.elapsed();
    if !status.success() {
        let said = fs::read_to_string(messages.path())?;
        return Err(format!("{:?} ended with {status}: {said}", command.get_program()).into());
    }
    Ok(Took { time, memory })
}

/// The peak of a process's resident memory in MiB.
fn peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib.div_ceil(1024))
}
