//! The counterpart's processes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::counterpart::{self, Counterpart, INSTALLATION};
use crate::issuer::Issuer;
use crate::run::{Running, run};
use crate::skip::target;
use crate::wait::DEADLINE;

/// What it needs and does not ask for: without this package it takes every JWT for a forged one.
const CRYPTOGRAPHY: &str = "cryptography==50.0.2";

/// Defects of it that cannot be mended in its own files: see there.
const MENDS: [(&str, &str); 2] = [
    ("sf_head", include_str!("../../fixtures/counterpart/sf_head.py")),
    ("sf_schedules", include_str!("../../fixtures/counterpart/sf_schedules.py")),
];

/// A running one, with the interpreter that has AWS's SDK.
pub(super) struct Oracle(Counterpart);

impl Oracle {
    /// Starts it. The first of all tests installs what it needs, others wait meanwhile.
    pub(super) fn start(start: &Path, switches: &[&str]) -> Self {
        install(start);
        let mut command = command(start, switches);
        // Its authorizers shall trust our issuers.
        command.env("SSL_CERT_FILE", Issuer::certificate());
        Self(Counterpart::ready(&mut command, DEADLINE))
    }

    pub(super) fn port(&self) -> u16 {
        self.0.port
    }

    /// What it printed on stderr.
    pub(super) fn messages(&self) -> String {
        self.0.messages()
    }

    /// The interpreter that has AWS's SDK.
    pub(super) fn python(&self) -> PathBuf {
        cache().join("bin/python")
    }
}

fn command(start: &Path, switches: &[&str]) -> Command {
    let mut command = counterpart::command(start, switches);
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
        let oracle = Oracle(Counterpart::ready(&mut command(start, &[]), INSTALLATION));
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
