//! Runs of `sf`, with a deadline.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value as Json;

use crate::wait::{DEADLINE, eventually, eventually_within};

/// A finished run.
#[derive(Debug)]
pub struct Run {
    /// The arguments, for messages.
    pub what: String,
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Results.
    pub stdout: String,
    /// Messages.
    pub stderr: String,
}

impl Run {
    /// The run, if it succeeded.
    ///
    /// # Panics
    /// If it did not, with everything it printed.
    #[must_use]
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// The run, if it ended with this code.
    ///
    /// # Panics
    /// If it did not, with everything it printed.
    #[must_use]
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert!(
            self.code == Some(code),
            "`{}` ended with {:?}, not {code}\n--- stdout\n{}\n--- stderr\n{}",
            self.what,
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }

    /// The run, if all of these are somewhere in what it printed.
    ///
    /// # Panics
    /// If one is not.
    #[must_use]
    #[track_caller]
    pub fn says(self, all: &[&str]) -> Self {
        let text = self.text();
        for part in all {
            assert!(text.contains(part), "`{}` does not say {part:?}:\n{text}", self.what);
        }
        // A panic of `sf` or a debug print of an error is never an answer.
        assert!(!text.contains("panicked at"), "`{}` panicked:\n{text}", self.what);
        self
    }

    /// Both streams.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The one JSON value on stdout.
    ///
    /// # Panics
    /// If stdout is anything else.
    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|cause| {
            panic!("`{}`: stdout is not JSON: {cause}\n{}\n{}", self.what, self.stdout, self.stderr)
        })
    }
}

/// A run that goes on. Killed when dropped.
pub struct Running {
    what: String,
    child: Child,
    stdout: Reader,
    stderr: Reader,
}

impl Running {
    /// Starts it; stdin is empty.
    pub fn start(command: &mut Command) -> Self {
        Self::start_with(command, Stdio::null())
    }

    /// Starts it with this stdin.
    pub fn start_with(command: &mut Command, stdin: Stdio) -> Self {
        let what = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ");
        let mut child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|cause| panic!("start `{what}`: {cause}"));
        let stdout = Reader::start(child.stdout.take().expect("piped"));
        let stderr = Reader::start(child.stderr.take().expect("piped"));
        Self { what, child, stdout, stderr }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("own child").is_none()
    }

    /// What it has printed so far, both streams.
    pub fn so_far(&self) -> String {
        format!("{}{}", self.stdout.text(), self.stderr.text())
    }

    /// Waits for its end, and for the end of its output: whatever it leaves in the background must not hold its pipes.
    ///
    /// # Panics
    /// If it does not end within the deadline.
    #[must_use]
    pub fn wait(self) -> Run {
        self.wait_within(DEADLINE)
    }

    /// As [`Self::wait`], for a run that does more than others.
    ///
    /// # Panics
    /// If it does not end within the deadline.
    #[must_use]
    pub fn wait_within(mut self, deadline: Duration) -> Run {
        let what = self.what.clone();
        let ended = || -> Option<ExitStatus> { self.child.try_wait().expect("own child") };
        let status = eventually_within(deadline, &format!("`{what}` ends"), ended);
        eventually(&format!("the output of `{what}` ends though it ended itself"), || {
            (self.stdout.ended() && self.stderr.ended()).then_some(())
        });
        Run { what, code: status.code(), stdout: self.stdout.text(), stderr: self.stderr.text() }
    }

    /// kill -9.
    pub fn kill(mut self) -> Run {
        self.child.kill().expect("kill own child");
        self.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.runs() {
            // It may end by itself in this very moment.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Collects a stream while it comes, so that a full pipe never stops the writer.
struct Reader {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Reader {
    fn start(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = bytes.clone();
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                sink.lock().expect("no panic while held").extend_from_slice(&buffer[..count]);
            }
        });
        Self { bytes, thread }
    }

    fn ended(&self) -> bool {
        self.thread.is_finished()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("no panic while held")).into_owned()
    }
}

/// Sends a signal by name (`INT`, `KILL`) to a process that the test started.
///
/// # Panics
/// If there is no such process.
pub fn signal(name: &str, pid: u32) {
    let mut command = if cfg!(windows) {
        let mut command = Command::new("taskkill");
        command.args(["/F", "/PID", &pid.to_string()]);
        command
    } else {
        let mut command = Command::new("kill");
        command.args([&format!("-{name}"), &pid.to_string()]);
        command
    };
    let output = command.output().expect("a program to send signals with");
    assert!(output.status.success(), "send {name} to {pid}: {}", String::from_utf8_lossy(&output.stderr));
}

/// kill -9, and waits until the process is gone.
pub fn kill_now(pid: u32) {
    signal("KILL", pid);
    eventually(&format!("process {pid} is gone"), || (!alive(pid)).then_some(()));
}

/// Whether a process runs; a zombie does not, unless threads of it are still ending: until then its ports and locks are taken.
pub(crate) fn alive(pid: u32) -> bool {
    let threads = || std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => {
            !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')) || threads() > 1
        }
        Err(_) if cfg!(target_os = "linux") => false,
        Err(_) => {
            Command::new("kill").args(["-0", &pid.to_string()]).output().is_ok_and(|out| out.status.success())
        }
    }
}

/// Runs a command to its end within the deadline.
pub fn run(command: &mut Command) -> Run {
    Running::start(command).wait()
}
