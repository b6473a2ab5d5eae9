//! Starting a child so that it does not outlive the host.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

/// What the hidden subcommand `sf __worker PARENT PROGRAM ARGS…` does: asks the kernel to kill this process when the host dies,
/// then becomes the program. A step of its own because only the child can ask, and doing it between fork and exec needs `unsafe`.
/// Returns only if that failed, with the reason.
#[cfg(unix)]
pub fn worker_exec(arguments: &[OsString]) -> std::io::Error {
    use std::os::unix::process::CommandExt;
    let [parent, program, rest @ ..] = arguments else {
        return std::io::Error::other("expected PARENT PROGRAM [ARGS…]");
    };
    #[cfg(target_os = "linux")]
    {
        if let Err(error) =
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        {
            return error.into();
        }
        // The host may have died before the kernel was asked.
        let now = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
        if parent.to_string_lossy() != now.to_string() {
            return std::io::Error::other("the host is gone");
        }
    }
    let _ = parent;
    std::process::Command::new(program).args(rest).exec()
}

/// Elsewhere workers are started directly.
#[cfg(not(unix))]
pub fn worker_exec(_: &[OsString]) -> std::io::Error {
    std::io::Error::other("only used on Unix")
}

/// A command in its own process group, with nothing of the host's environment.
pub(super) fn command(launcher: &[OsString], program: &Path, arguments: &[String], folder: &Path) -> Command {
    let mut command = match launcher {
        [first, rest @ ..] if cfg!(unix) => {
            let mut command = Command::new(first);
            command.args(rest).arg(std::process::id().to_string()).arg(program);
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
