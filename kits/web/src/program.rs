//! The user's program: its process, and the requests to it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Full, LengthLimitError};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::failure::Failure;
use crate::kit::{self, Kit};
use crate::link::Link;
use crate::runtime_api;

/// How often a starting program is asked whether it listens.
const ASKED_EVERY: Duration = Duration::from_millis(2);
/// Servers close connections that nobody uses, and a frozen function does not notice.
const IDLE: Duration = Duration::from_secs(1);
/// What Lambda takes as an answer is less.
const LARGEST_ANSWER: usize = 6 << 20;
/// The time for what a program has to do at its end. Lambda ends everything after two seconds.
const TO_END: Duration = Duration::from_millis(1500);

/// Where programs come from, and the one that runs.
pub(crate) struct Program {
    path: PathBuf,
    folder: PathBuf,
    environment: [(&'static str, String); 4],
    running: Option<Running>,
}

struct Running {
    child: Child,
    link: Link,
}

impl Program {
    /// That of the kit, in the artifact's folder.
    pub(crate) fn of(kit: &Kit, folder: &Path) -> Self {
        Self {
            path: folder.join(&kit.command),
            folder: folder.to_owned(),
            environment: [
                ("SF_FUNCTION", kit.function.clone()),
                ("SF_PROJECT", kit.project.clone()),
                ("SF_STAGE", kit.stage.clone()),
                ("SF_PROVIDER", "aws".to_owned()),
            ],
            running: None,
        }
    }

    /// Starts the program, unless it runs, and waits so long until it listens.
    pub(crate) async fn ensure(&mut self, within: Duration) -> Result<(), Failure> {
        let has_ended = match &mut self.running {
            Some(running) => running.child.try_wait().ok().flatten().is_some(),
            None => true,
        };
        if has_ended {
            self.running = None;
            self.running = Some(timeout(within, self.start()).await.map_err(|_| Failure::TimedOut)??);
        }
        Ok(())
    }

    async fn start(&self) -> Result<Running, Failure> {
        let failed = |error: std::io::Error| Failure::Start {
            program: self.path.display().to_string(),
            cause: error.to_string(),
        };
        // Given back at once: nobody else on this machine asks for one.
        let port = TcpListener::bind(("127.0.0.1", 0)).await.and_then(|listener| listener.local_addr());
        let address = port.map_err(failed)?;
        let mut command = Command::new(&self.path);
        command.current_dir(&self.folder).stdin(Stdio::null()).kill_on_drop(true);
        command.env_remove(kit::VARIABLE).env_remove(runtime_api::VARIABLE);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("PORT", address.port().to_string()).env("HOST", "127.0.0.1");
        let mut child = command.spawn().map_err(failed)?;
        let accepts = async {
            // A program cannot say when it listens: ask.
            while TcpStream::connect(address).await.is_err() {
                sleep(ASKED_EVERY).await;
            }
        };
        tokio::select! {
            () = accepts => {}
            status = child.wait() => return Err(Failure::EndedAtStart(status.map_err(failed)?.to_string())),
        }
        Ok(Running { child, link: Link::to(address.to_string(), IDLE) })
    }

    /// Sends a request. A program that does not answer within that time is ended: it would be at it still when the next request comes.
    pub(crate) async fn call(
        &mut self,
        request: Request<Full<Bytes>>,
        within: Duration,
    ) -> Result<Response<Bytes>, Failure> {
        let Some(Running { child, link }) = &mut self.running else {
            return Err(Failure::Crashed("it does not run".into()));
        };
        let error = match timeout(within, link.send(request, LARGEST_ANSWER)).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(Failure::Answer("it has more than the 6 MiB that Lambda takes".into()));
            }
            Ok(Err(error)) => error,
            Err(_) => {
                self.running = None;
                return Err(Failure::TimedOut);
            }
        };
        // The connection ends a moment before the process does.
        match timeout(ASKED_EVERY * 25, child.wait()).await {
            Ok(Ok(status)) => {
                self.running = None;
                Err(Failure::Crashed(status.to_string()))
            }
            _ => Err(Failure::Broken(said(&*error))),
        }
    }

    /// Lets the program end, as a system does before it stops.
    pub(crate) async fn stop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        if terminate(&running.child) {
            let _ = timeout(TO_END, running.child.wait()).await;
        }
        // One that is left is killed when it is dropped.
    }
}

#[cfg(unix)]
fn terminate(child: &Child) -> bool {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    id.is_some_and(|id| rustix::process::kill_process(id, rustix::process::Signal::TERM).is_ok())
}

#[cfg(not(unix))]
fn terminate(_: &Child) -> bool {
    false
}

/// An error with what caused it.
fn said(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
