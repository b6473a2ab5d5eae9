//! What a process needs of the system to live in the background, and to be told to end.

use std::process::Command;

/// Prepares a command for a process that outlives this one: on Windows it gets no console, so none can close it. On Unix the process
/// itself does the rest, with [`leave_session`].
#[cfg(windows)]
pub fn in_background(command: &mut Command) {
    use std::os::windows::process::CommandExt;
    // CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW:
    // <https://learn.microsoft.com/windows/win32/procthread/process-creation-flags>
    command.creation_flags(0x0000_0200 | 0x0800_0000);
}

/// Prepares a command for a process that outlives this one; see [`leave_session`].
#[cfg(not(windows))]
pub fn in_background(_: &mut Command) {}

/// Leaves the terminal's session, so that neither Ctrl-C nor the terminal's end reaches this process. The first thing that a process
/// does which was started with [`in_background`].
#[cfg(unix)]
pub fn leave_session() -> std::io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// On Windows the creation flags were all there is to do.
#[cfg(not(unix))]
pub fn leave_session() -> std::io::Result<()> {
    Ok(())
}

/// Has the system write no core file when this process dies, nor for the programs that it starts: its memory holds secrets. That it cannot be forbidden
/// is no reason not to run.
#[cfg(unix)]
pub fn forbid_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// There are no core files here, unless the administrator asks for them machine-wide.
#[cfg(not(unix))]
pub fn forbid_core_dumps() {}

/// Besides, has a system that pipes cores to a program, whatever their limit is, pipe none, and other processes of the user not read this one's memory.
/// For a short-lived process that handles a secret in clear: what it starts is not covered.
#[cfg(target_os = "linux")]
pub fn forbid_memory_reads() {
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Only Linux has such a call.
#[cfg(not(target_os = "linux"))]
pub fn forbid_memory_reads() {}

/// Requests to end: Ctrl-C, and on Unix SIGTERM and SIGHUP; on Windows Ctrl-Break too, and the end of the console, the session or the system. From its creation on they no longer end the process by themselves.
#[derive(Debug)]
pub struct EndSignals {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
    #[cfg(windows)]
    signals: WindowsSignals,
}

#[cfg(windows)]
#[derive(Debug)]
struct WindowsSignals {
    interrupt: tokio::signal::windows::CtrlC,
    terminate: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    logoff: tokio::signal::windows::CtrlLogoff,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

impl EndSignals {
    /// Begins to listen. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system refuses the handlers.
    #[cfg(unix)]
    pub fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = [
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ];
        Ok(Self { signals })
    }

    /// Begins to listen. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system refuses the handlers.
    #[cfg(windows)]
    pub fn listen() -> std::io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
        let signals = WindowsSignals {
            interrupt: ctrl_c()?,
            terminate: ctrl_break()?,
            close: ctrl_close()?,
            logoff: ctrl_logoff()?,
            shutdown: ctrl_shutdown()?,
        };
        Ok(Self { signals })
    }

    /// Begins to listen. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system refuses the handlers.
    #[cfg(not(any(unix, windows)))]
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one.
    #[cfg(unix)]
    pub async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// Waits for the next one.
    #[cfg(windows)]
    pub async fn next(&mut self) {
        let WindowsSignals { interrupt, terminate, close, logoff, shutdown } = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = close.recv() => {}
            _ = logoff.recv() => {}
            _ = shutdown.recv() => {}
        }
    }

    /// Waits for the next one.
    #[cfg(not(any(unix, windows)))]
    pub async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether a process runs that may be no child of this one. `false` where the system is not asked (not Unix), and for one that ended and
/// whose parent does not care.
#[cfg(unix)]
pub fn is_alive(pid: u32) -> bool {
    let found = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let exists = found.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok());
    exists && !is_zombie(pid)
}

/// Not asked here.
#[cfg(not(unix))]
pub fn is_alive(_: u32) -> bool {
    false
}

/// Field 3 of `/proc/PID/stat`, behind the name in parentheses; `false` where there is no such file. A process whose first thread ended
/// before the others looks like one too, but goes on.
#[cfg(unix)]
fn is_zombie(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    threads <= 1 && stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

/// Lets this process have as many files open as it may: each connection is one. Programs that it starts inherit that.
#[cfg(unix)]
pub(crate) fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    // macOS calls it unlimited, and refuses more than this (OPEN_MAX).
    const MOST: u64 = 10_240;
    for wanted in [maximum, Some(MOST)] {
        if setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum }).is_ok() {
            return;
        }
    }
}

/// Not limited here.
#[cfg(not(unix))]
pub(crate) fn raise_open_files() {}

/// How many files this process may have open; `None` if there is no limit.
#[cfg(unix)]
pub(crate) fn open_files() -> Option<usize> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Not limited here.
#[cfg(not(unix))]
pub(crate) fn open_files() -> Option<usize> {
    None
}
