//! A worker's process: started with nothing but its own, watched, and killed with all that it started.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sf_host_api::FunctionSpec;
use tokio::process::Child;
use tokio::sync::watch;

use super::pool::FunctionContext;
use super::runtime::Program;
use super::sandbox::{Need, Occupied};
use super::{CallError, launcher};

/// A running process. Dropping it kills its group.
pub(super) struct Process {
    occupied: Arc<Occupied>,
    /// Becomes the exit status's text when it ends.
    ended: watch::Receiver<Option<String>>,
}

impl Process {
    pub(super) fn start(
        context: &FunctionContext,
        spec: &FunctionSpec,
        program: &Program,
        folder: &Path,
        more: BTreeMap<&str, String>,
    ) -> Result<Self, CallError> {
        let failed = |error: std::io::Error| {
            CallError::start("start-failed", format!("start `{}`: {error}", program.path.display()))
        };
        let need = Need { memory: spec.memory, trees: &program.trees, folder, writable: None };
        let place = context.sandbox.place(&need).map_err(failed)?;
        let mut command =
            launcher::command(&context.launcher, &place.plan, &program.path, &program.arguments, folder);
        if let Some(value) = std::env::var_os("SystemRoot") {
            command.env("SystemRoot", value);
        }
        command.env("PATH", program.search_path());
        command.env("LANG", "C.UTF-8").env("HOME", place.home()).env("TMPDIR", place.home());
        command.envs(&spec.env).envs(context.variables(spec)).envs(more);
        let mut child = command.spawn().map_err(failed)?;
        let group = launcher::group_of(&child);
        for (stream, pipe) in
            [("stdout", child.stdout.take().map(Pipe::Out)), ("stderr", child.stderr.take().map(Pipe::Err))]
        {
            match pipe {
                Some(Pipe::Out(pipe)) => drop(tokio::spawn(context.sink.clone().copy(stream, pipe))),
                Some(Pipe::Err(pipe)) => drop(tokio::spawn(context.sink.clone().copy(stream, pipe))),
                None => {}
            }
        }
        let occupied = context.sandbox.occupy(place, group);
        let (tell, ended) = watch::channel(None);
        tokio::spawn(watch_over(child, occupied.clone(), tell, context.sink.clone()));
        Ok(Self { occupied, ended })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// Waits for the end; gives the exit status's text.
    pub(super) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(status) => status.clone().unwrap_or_default(),
            Err(_) => "unknown status".into(),
        }
    }

    pub(super) fn kill(&self) {
        if !self.has_ended() {
            self.occupied.kill();
        }
    }
}

enum Pipe {
    Out(tokio::process::ChildStdout),
    Err(tokio::process::ChildStderr),
}

/// Reaps the process, and then kills what it may have left behind.
async fn watch_over(
    mut child: Child,
    occupied: Arc<Occupied>,
    tell: watch::Sender<Option<String>>,
    sink: crate::logs::Sink,
) {
    let status = child.wait().await;
    // Without a code it was a signal.
    let was_killed = status.as_ref().is_ok_and(|status| status.code().is_none());
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let left = occupied.clone();
    let _ = tokio::task::spawn_blocking(move || left.clear()).await;
    let reason = occupied.reason().filter(|_| was_killed);
    if let Some(reason) = &reason {
        sink.line("system", reason.clone()).await;
    }
    let _ = tell.send(Some(reason.unwrap_or(status)));
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
