//! A worker's process: started with nothing but its own, watched, and killed with all that it started.

use std::collections::BTreeMap;
use std::path::Path;

use sf_host_api::FunctionSpec;
use tokio::process::Child;
use tokio::sync::watch;

use super::pool::FunctionContext;
use super::runtime::Program;
use super::{CallError, launcher};

/// A running process. Dropping it kills its group.
pub(super) struct Process {
    group: Option<u32>,
    /// Becomes the exit status's text when it ends.
    ended: watch::Receiver<Option<String>>,
    _home: tempfile::TempDir,
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
        let home = tempfile::Builder::new().prefix("sf-fn-").tempdir().map_err(failed)?;
        let mut command = launcher::command(&context.launcher, &program.path, &program.arguments, folder);
        for name in ["PATH", "SystemRoot"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("LANG", "C.UTF-8").env("HOME", home.path()).env("TMPDIR", home.path());
        command.envs(&spec.env).envs(context.variables()).envs(more);
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
        let (tell, ended) = watch::channel(None);
        tokio::spawn(watch_over(child, group, tell));
        Ok(Self { group, ended, _home: home })
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
            launcher::kill_group(self.group);
        }
    }
}

enum Pipe {
    Out(tokio::process::ChildStdout),
    Err(tokio::process::ChildStderr),
}

/// Reaps the process, and then kills what it may have left behind in its group.
async fn watch_over(mut child: Child, group: Option<u32>, tell: watch::Sender<Option<String>>) {
    let status = child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
    launcher::kill_group(group);
    let _ = tell.send(Some(status));
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
