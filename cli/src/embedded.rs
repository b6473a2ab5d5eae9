//! The embedded host as seen from the command line: whether it runs, how it is started in the background and stopped.
//!
//! A host says where it is in `host.json` of its data folder. That is a hint, not a fact: the process may have died since. Only one that
//! answers with the recorded identity counts as running.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sf_host_api::{Client, ClientError};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::errors::{Details, Error, Exit};
use crate::settings;
use crate::ui::Ui;

/// How long a host may take to restore what was deployed and listen.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// How long a host may take to stop: 10 s each for what is in flight, for calls of its API and for transfers of its buckets, and then some to
/// end what it started on a machine that is busy.
const STOP_DEADLINE: Duration = Duration::from_secs(120);
/// How often it is looked whether it has.
const STOP_LOOK: Duration = Duration::from_millis(5);
/// Lines of the host's log that are shown when it does not start.
const LOG_LINES: usize = 8;

/// The embedded host of this user.
pub(crate) struct Embedded {
    dir: PathBuf,
}

/// One that answers.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// Its control API.
    pub(crate) url: String,
    /// The token for it.
    pub(crate) token: String,
    /// Its process; 0 if it is not on this machine.
    pub(crate) pid: u32,
}

/// `host.json`
#[derive(Deserialize)]
struct Record {
    url: String,
    pid: u32,
    host_id: String,
}

/// What `sf host run --json` prints once it listens: how whoever started it learns where.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// `host run`
    pub(crate) command: String,
    /// The control API.
    pub(crate) url: String,
    /// The process.
    pub(crate) pid: u32,
}

/// The first line of a host that was started: where it listens, or why it does not.
#[derive(Deserialize)]
#[serde(untagged)]
enum FirstLine {
    Listening(Listening),
    Failed { error: Details },
}

impl Embedded {
    /// Where it is or would be.
    pub(crate) fn find() -> Result<Self, Error> {
        Ok(Self { dir: settings::host_dir()? })
    }

    /// Its data folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The host, if it runs.
    pub(crate) async fn running(&self) -> Result<Option<Running>, Error> {
        let Ok(bytes) = std::fs::read(self.dir.join("host.json")) else { return Ok(None) };
        let Ok(record) = serde_json::from_slice::<Record>(&bytes) else { return Ok(None) };
        let Ok(token) = std::fs::read_to_string(self.dir.join("token")) else { return Ok(None) };
        let token = token.trim().to_owned();
        match Client::new(&record.url, &token)?.health().await {
            Ok(health) if health.host_id == record.host_id && health.pid == record.pid => {
                Ok(Some(Running { url: record.url, token, pid: record.pid }))
            }
            // It died, and the port is nobody's or somebody else's now.
            Ok(_)
            | Err(ClientError::Connect { .. } | ClientError::Protocol { .. } | ClientError::Api { .. }) => {
                Ok(None)
            }
            Err(silent) => Err(silent.into()),
        }
    }

    /// The host, started if it does not run. Of two that want to start it at once, one does and the other waits for that.
    pub(crate) async fn start(&self, ui: &Ui, port: u16) -> Result<Running, Error> {
        std::fs::create_dir_all(&self.dir)
            .map_err(|cause| Error::io("create", self.dir.display(), &cause))?;
        let path = self.dir.join("start.lock");
        let turn = File::create(&path).and_then(|file| file.lock().map(|()| file));
        let turn = turn.map_err(|cause| Error::io("lock", path.display(), &cause))?;
        if let Some(running) = self.running().await? {
            return Ok(running);
        }
        let progress = ui.progress("starting the embedded host", 0);
        let listening =
            tokio::time::timeout(START_DEADLINE, self.spawn(port)).await.unwrap_or_else(|_| {
                let seconds = START_DEADLINE.as_secs();
                Err(self.failed(&format!("it did not listen within {seconds} s")))
            })?;
        drop(progress);
        drop(turn);
        ui.info(format_args!("started the embedded host at {}", listening.url));
        ui.detail(format_args!("its data and its log are in {}", self.dir.display()));
        self.running().await?.ok_or_else(|| self.failed("it ended at once"))
    }

    /// Starts the process and waits until it says where it listens.
    async fn spawn(&self, port: u16) -> Result<Listening, Error> {
        let program = std::env::current_exe().map_err(|cause| Error::io("find", "this program", &cause))?;
        let path = self.log();
        let log = File::create(&path).map_err(|cause| Error::io("create", path.display(), &cause))?;
        let mut command = Command::new(&program);
        command.args([
            "host",
            "run",
            "--detached",
            "--json",
            "--color",
            "never",
            "--port",
            &port.to_string(),
        ]);
        // The folder that it is started in may be removed while it runs.
        command.current_dir(&self.dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        sf_host::in_background(&mut command);
        let mut child = tokio::process::Command::from(command)
            .spawn()
            .map_err(|cause| Error::io("start", program.display(), &cause).kind(Exit::Unreachable))?;
        let Some(stdout) = child.stdout.take() else {
            return Err(Error::internal("the started process has no stdout"));
        };
        let mut text = String::new();
        let mut lines = BufReader::new(stdout);
        while lines.read_line(&mut text).await.is_ok_and(|read| read > 0) {
            match serde_json::from_str(&text) {
                Ok(FirstLine::Listening(listening)) => return Ok(listening),
                Ok(FirstLine::Failed { error }) => return Err(error.into()),
                // An object over several lines: not whole yet.
                Err(_) => {}
            }
        }
        let status = child.wait().await.map(|status| status.to_string());
        Err(self.failed(&format!("it ended ({})", status.unwrap_or_else(|cause| cause.to_string()))))
    }

    /// Stops it, and waits until its process is gone; `false` if it did not run.
    pub(crate) async fn stop(&self, ui: &Ui) -> Result<bool, Error> {
        let Some(running) = self.running().await? else { return Ok(false) };
        Client::new(&running.url, &running.token)?.shutdown().await?;
        let _progress = ui.progress("stopping: what is in flight ends first", 0);
        let gone = async {
            while self.runs(running.pid)? {
                tokio::time::sleep(STOP_LOOK).await;
            }
            Ok(true)
        };
        tokio::time::timeout(STOP_DEADLINE, gone).await.unwrap_or_else(|_| {
            let (pid, seconds) = (running.pid, STOP_DEADLINE.as_secs());
            let message = format!("stop the embedded host: process {pid} did not end within {seconds} s");
            let hint = format!("its log is `{}`; end the process by force", self.log().display());
            Err(Error::new(Exit::Unreachable, "host-not-stopped", message).hint(hint))
        })
    }

    /// Whether a host that was told to stop still does something: its process is there, or where the system is not asked for that, its folder
    /// is locked. (Another host that was started since has the folder, but is another process.)
    fn runs(&self, pid: u32) -> Result<bool, Error> {
        if cfg!(unix) {
            return Ok(sf_host::is_alive(pid));
        }
        let failed = |cause: std::io::Error| Error::io("wait for", "the host's end", &cause);
        match File::open(self.dir.join("lock")).map_err(failed)?.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(cause)) => Err(failed(cause)),
        }
    }

    fn log(&self) -> PathBuf {
        self.dir.join("host.log")
    }

    /// It did not start and did not say why: its log may.
    fn failed(&self, cause: &str) -> Error {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = log.lines().map(str::to_owned).collect();
        Error::new(Exit::Unreachable, "host-not-started", format!("start the embedded host: {cause}"))
            .details(lines[lines.len().saturating_sub(LOG_LINES)..].to_vec())
            .hint(format!("its log is `{}`; `sf host run` runs it here", self.log().display()))
    }
}
