//! The counterpart's processes.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::issuer::Issuer;
use crate::run::{Running, run};
use crate::skip::target;
use crate::wait::{DEADLINE, eventually};

/// How long the very first start may take: it installs packages of Python and Node.js.
const INSTALLATION: Duration = Duration::from_secs(600);

/// What it needs and does not ask for: without this package it takes every JWT for a forged one.
const CRYPTOGRAPHY: &str = "cryptography==50.0.2";

/// Defects of it that cannot be mended in its own files: see there.
const MENDS: [(&str, &str); 2] = [
    ("sf_head", include_str!("../../fixtures/counterpart/sf_head.py")),
    ("sf_schedules", include_str!("../../fixtures/counterpart/sf_schedules.py")),
];

/// Starts the program, and ends it when nobody holds the other end of stdin any more: also when the test's process was killed. Its own
/// stdout is closed, so that the end of the program is the end of the pipe.
const KEEPER: &str =
    r#""$@" & child=$!; exec >&-; cat >/dev/null; kill -TERM "$child" 2>/dev/null; wait "$child""#;

/// Running ones; ended when dropped.
pub(super) struct Oracle {
    pub(super) port: u16,
    keeper: Child,
    folder: TempDir,
}

impl Oracle {
    /// Starts it. The first of all tests installs what it needs, others wait meanwhile.
    pub(super) fn start(start: &Path, switches: &[&str]) -> Self {
        install(start);
        let mut command = command(start, switches);
        // Its authorizers shall trust our issuers.
        command.env("SSL_CERT_FILE", Issuer::certificate());
        Self::ready(&mut command, DEADLINE)
    }

    /// Starts it until it is ready.
    fn ready(command: &mut Command, deadline: Duration) -> Self {
        // Somebody may take the port between the moment it is found free and the moment it is listened on.
        let mut causes = Vec::new();
        while causes.len() < 3 {
            match Self::attempt(command, deadline) {
                Ok(oracle) => return oracle,
                Err(cause) => causes.push(cause),
            }
        }
        panic!("the counterpart of AWS does not start:\n{}", causes.join("\n"));
    }

    fn attempt(command: &mut Command, deadline: Duration) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("sf-aws-").tempdir().expect("a temporary folder");
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
        let oracle = Self { port, keeper, folder };
        let (sender, said) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            // An empty line is the end: it ended by itself.
            let _ = lines.read_line(&mut line);
            let _ = sender.send(line);
        });
        match said.recv_timeout(deadline) {
            Ok(line) if line.starts_with("ready ") => Ok(oracle),
            Ok(line) => Err(format!("it ended: {line}{}", oracle.messages())),
            Err(_) => Err(format!("it was not ready within {deadline:?}: {}", oracle.messages())),
        }
    }

    /// What it printed on stderr.
    pub(super) fn messages(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    /// The interpreter that has AWS's SDK.
    pub(super) fn python(&self) -> PathBuf {
        cache().join("bin/python")
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let ended = || self.keeper.try_wait().ok().flatten();
        if std::thread::panicking() {
            // It gets its signal; nobody needs to see the end of it.
            return;
        }
        eventually("the counterpart of AWS ends", ended);
    }
}

fn command(start: &Path, switches: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let words = r#"set -- "$@" --port "$SF_ORACLE_PORT"; "#;
    command.args(["-c", &format!("{words}{KEEPER}"), "sh"]).arg(start).args(switches);
    // Whose account the developer works with is none of its business.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command.env("SF_ORACLE_CACHE", cache());
    command
}

/// Where its packages are.
fn cache() -> PathBuf {
    std::env::var_os("SF_ORACLE_CACHE").map_or_else(|| target().join("oracles/aws"), PathBuf::from)
}

/// Installs what it needs, once for all tests: two first starts at once would get into each other's way.
fn install(start: &Path) {
    let folder = target().join("oracles");
    std::fs::create_dir_all(&folder).expect("a folder below target");
    let done = folder.join("aws.installed");
    let requirements = start.with_file_name("requirements.txt");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let mends = MENDS.map(|(_, code)| code).concat();
    let wanted =
        format!("{}\n{}{}{CRYPTOGRAPHY}\n{mends}", cache().display(), read(start), read(&requirements));
    // Somebody may have deleted the environment alone; `start` writes this file when it has made one.
    let is_done = || read(&done) == wanted && cache().join(".requirements").exists();
    if is_done() {
        return;
    }
    let lock = File::create(folder.join("aws.lock")).expect("a file to lock");
    lock.lock().expect("a lock");
    if !is_done() {
        // Without our certificate, which would take the place of those that package registries have.
        let oracle = Oracle::ready(&mut command(start, &[]), INSTALLATION);
        let mut pip = Command::new(oracle.python());
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", CRYPTOGRAPHY]);
        let _ = Running::start(&mut pip).wait_within(INSTALLATION).ok();
        mend(&oracle.python());
        std::fs::write(&done, wanted).expect("a file that says so");
    }
}

/// Puts [`MENDS`] where each interpreter of the environment runs it at its start.
/// <https://docs.python.org/3/library/site.html>
fn mend(python: &Path) {
    let mut where_to = Command::new(python);
    where_to.args(["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]);
    let packages = PathBuf::from(run(&mut where_to).ok().stdout.trim());
    for (name, code) in MENDS {
        let put = |file: String, text: &str| {
            std::fs::write(packages.join(file), text).expect("a file of the environment");
        };
        put(format!("{name}.py"), code);
        put(format!("{name}.pth"), &format!("import {name}\n"));
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}
