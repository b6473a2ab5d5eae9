//! Python environments with packages that users have: made on first use below `target/`, kept for the next run.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::skip::target;

/// An environment of one's own with packages in it.
#[derive(Clone, Debug)]
pub struct Python {
    dir: PathBuf,
}

impl Python {
    /// The environment that has exactly these requirements (`boto3==1.44.8`). The first test that wants it makes it, others wait.
    ///
    /// # Errors
    /// There is no Python, or the packages are not to be had (no registry can be reached): the reason, for [`crate::skipped`].
    ///
    /// # Panics
    /// If files below `target/` cannot be written.
    pub fn with(requirements: &[&str]) -> Result<Self, String> {
        let interpreter = if cfg!(windows) { "python" } else { "python3" };
        let version = output(Command::new(interpreter).arg("--version"))?;
        let mut hasher = DefaultHasher::new();
        (requirements, version).hash(&mut hasher);
        let all = target().join("test-venv");
        std::fs::create_dir_all(&all).expect("a folder for environments");
        let dir = all.join(format!("{:016x}", hasher.finish()));
        let lock = File::create(dir.with_extension("lock")).expect("a file to lock");
        lock.lock().expect("a lock");
        let done = dir.join("done");
        let python = Self { dir };
        if !done.exists() {
            // What an interrupted run left is of no use.
            let _ = std::fs::remove_dir_all(&python.dir);
            output(Command::new(interpreter).args(["-m", "venv"]).arg(&python.dir))?;
            let mut pip = python.command("python");
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]);
            output(pip.args(requirements))?;
            File::create(done).expect("a file that says so");
        }
        Ok(python)
    }

    /// A program of the environment: `python`, or one that a package installed.
    pub fn program(&self, name: &str) -> PathBuf {
        match cfg!(windows) {
            true => self.dir.join("Scripts").join(format!("{name}.exe")),
            false => self.dir.join("bin").join(name),
        }
    }

    /// [`Self::program`], to be started.
    pub fn command(&self, name: &str) -> Command {
        Command::new(self.program(name))
    }
}

/// What a program printed that ended well; what it says otherwise, with its arguments.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let what = format!("{:?} {:?}", command.get_program(), command.get_args().collect::<Vec<_>>());
    let output = command.stdin(Stdio::null()).output().map_err(|cause| format!("{what}: {cause}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!("{what}: {}: {}", output.status, text(&output.stderr))),
    }
}
