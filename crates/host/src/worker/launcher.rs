//! Starting a child so that it does not outlive the host, and so that it can do no more than its plan says.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

/// What the hidden subcommand `sf __worker PARENT PLAN PROGRAM ARGS…` does: restricts this process as the plan (JSON) says, asks the
/// kernel to kill it when the host dies, then becomes the program. A step of its own because only the child can do this to itself, and
/// doing it between fork and exec needs `unsafe`. Without a program it tries the plan, and prints how that went.
///
/// # Errors
/// Something that the plan asks for cannot be had: then the program is not run. Only a trial returns otherwise.
#[cfg(unix)]
pub fn worker_exec(arguments: &[OsString]) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;
    let [parent, plan, rest @ ..] = arguments else {
        return Err(std::io::Error::other("expected PARENT PLAN [PROGRAM ARGS…]"));
    };
    #[cfg(target_os = "linux")]
    let socket = super::sandbox::restrict(plan, rest.is_empty())?;
    #[cfg(target_os = "linux")]
    die_with(parent)?;
    let _ = (parent, plan);
    let [program, rest @ ..] = rest else { return Ok(()) };
    let mut command = std::process::Command::new(program);
    #[cfg(target_os = "linux")]
    command.envs(socket);
    Err(command.args(rest).exec())
}

/// Elsewhere workers are started directly.
#[cfg(not(unix))]
pub fn worker_exec(_: &[OsString]) -> std::io::Result<()> {
    Err(std::io::Error::other("only used on Unix"))
}

/// After everything else: a change of credentials makes the kernel forget it.
#[cfg(target_os = "linux")]
fn die_with(parent: &std::ffi::OsStr) -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // The host may have died before the kernel was asked.
    let now = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    if parent.to_string_lossy() != now.to_string() {
        return Err(std::io::Error::other("the host is gone"));
    }
    Ok(())
}

/// A command in its own process group, with nothing of the host's environment.
pub(super) fn command(
    launcher: &[OsString],
    plan: &str,
    program: &Path,
    arguments: &[String],
    folder: &Path,
) -> Command {
    let mut command = match launcher {
        [first, rest @ ..] if cfg!(unix) => {
            let mut command = Command::new(first);
            command.args(rest).arg(std::process::id().to_string()).arg(plan).arg(program);
            command
        }
        _ => Command::new(program),
    };
    command.args(arguments).current_dir(folder).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// Kills a process group: the worker and whatever it left behind.
#[cfg(unix)]
pub(super) fn kill_group(group: Option<u32>) {
    let group = group.and_then(|group| i32::try_from(group).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

/// `kill_on_drop` ends the process itself.
#[cfg(not(unix))]
pub(super) fn kill_group(_: Option<u32>) {}

/// The child's process, which is its group's leader.
pub(super) fn group_of(child: &Child) -> Option<u32> {
    child.id()
}

/// Lets the child run when nobody else wants to: the system then gives it what is left of the processors' time.
#[cfg(unix)]
pub(super) fn give_way(child: &Child) {
    const LEAST: i32 = 19;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // Without it, it takes part as any other.
        let _ = rustix::process::setpriority_process(Some(pid), LEAST);
    }
}

/// The priority is left as it is.
#[cfg(not(unix))]
pub(super) fn give_way(_: &Child) {}
