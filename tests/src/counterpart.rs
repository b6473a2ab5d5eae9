//! Programs that stand for a cloud: each is started for a test, on a port of its own, and ended with it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::env::repository;
use crate::wait::eventually;

/// How long the very first start may take: it installs packages of Python and Node.js.
pub(crate) const INSTALLATION: Duration = Duration::from_secs(600);

/// Starts the program, and ends it when nobody holds the other end of stdin any more: also when the test's process was killed. Its own
/// stdout is closed, so that the end of the program is the end of the pipe.
const KEEPER: &str =
    r#""$@" & child=$!; exec >&-; cat >/dev/null; kill -TERM "$child" 2>/dev/null; wait "$child""#;

/// A running one; ended when dropped, and with the test's own process whatever becomes of that.
pub(crate) struct Counterpart {
    pub(crate) port: u16,
    keeper: Child,
    folder: TempDir,
}

/// The program that starts the counterpart of a cloud (`aws`, `gcp`), if this machine has it.
pub(crate) fn find(cloud: &str) -> Option<PathBuf> {
    let oracles = std::env::var_os("SF_ORACLES")
        .map_or_else(|| repository().join("../shared/oracles"), |path| repository().join(path));
    Some(oracles.join(cloud).join("start")).filter(|start| cfg!(unix) && start.is_file())
}

/// Starts the program with these switches, and with the port that [`Counterpart::ready`] chooses.
pub(crate) fn command(start: &Path, switches: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let words = r#"set -- "$@" --port "$SF_ORACLE_PORT"; "#;
    command.args(["-c", &format!("{words}{KEEPER}"), "sh"]).arg(start).args(switches);
    command
}

impl Counterpart {
    /// Starts it until it is ready.
    ///
    /// # Panics
    /// If it does not start.
    pub(crate) fn ready(command: &mut Command, deadline: Duration) -> Self {
        // Somebody may take the port between the moment it is found free and the moment it is listened on.
        let mut causes = Vec::new();
        while causes.len() < 3 {
            match Self::attempt(command, deadline) {
                Ok(counterpart) => return counterpart,
                Err(cause) => causes.push(cause),
            }
        }
        panic!("the counterpart does not start:\n{}", causes.join("\n"));
    }

    fn attempt(command: &mut Command, deadline: Duration) -> Result<Self, String> {
        let folder =
            tempfile::Builder::new().prefix("sf-counterpart-").tempdir().expect("a temporary folder");
        let messages = File::create(folder.path().join("stderr")).expect("a file of one's own");
        let port = free_port();
        let mut keeper = command
            .env("SF_ORACLE_PORT", port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(messages)
            .spawn()
            .map_err(|cause| format!("start {command:?}: {cause}"))?;
        let mut lines = BufReader::new(keeper.stdout.take().expect("piped"));
        let counterpart = Self { port, keeper, folder };
        let (sender, said) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            // An empty line is the end: it ended by itself.
            let _ = lines.read_line(&mut line);
            let _ = sender.send(line);
        });
        match said.recv_timeout(deadline) {
            Ok(line) if line.starts_with("ready ") => Ok(counterpart),
            Ok(line) => Err(format!("it ended: {line}{}", counterpart.messages())),
            Err(_) => Err(format!("it was not ready within {deadline:?}: {}", counterpart.messages())),
        }
    }

    /// What it printed on stderr.
    pub(crate) fn messages(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for Counterpart {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let ended = || self.keeper.try_wait().ok().flatten();
        if std::thread::panicking() {
            // It gets its signal; nobody needs to see the end of it.
            return;
        }
        eventually("the counterpart ends", ended);
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}
