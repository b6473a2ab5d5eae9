//! A home of its own for each test.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::http::{self, Response};
use crate::project::{Project, copy};
use crate::run::{Run, Running, alive, run, signal};
use crate::{binary, wait::eventually};

/// A temporary home with its own embedded host. Everything in it is gone when it is dropped: the host and its workers too.
pub struct Env {
    root: TempDir,
    path: OsString,
    extra: Vec<(String, OsString)>,
}

/// Where the embedded host is.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its control API.
    pub url: String,
    /// Its process.
    pub pid: u32,
    token: String,
}

/// A line of the host's record of calls that change something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Logged {
    /// `PUT`, …
    pub method: String,
    /// `/v1/…`, as it was sent.
    pub path: String,
    /// What the host answered.
    pub status: u16,
}

impl Default for Env {
    fn default() -> Self {
        Self::new()
    }
}

impl Env {
    /// A new one. No host runs in it until something starts one.
    ///
    /// # Panics
    /// If no temporary folder can be made.
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("sf-e2e-").tempdir().expect("a temporary folder");
        std::fs::create_dir(root.path().join("home")).expect("an empty folder");
        Self { root, path: std::env::var_os("PATH").unwrap_or_default(), extra: Vec::new() }
    }

    /// The folder of everything.
    pub fn dir(&self) -> &Path {
        self.root.path()
    }

    /// The host's data.
    pub fn host_dir(&self) -> PathBuf {
        self.dir().join("home/sf/host")
    }

    /// Programs are looked for only here from now on.
    pub fn set_path(&mut self, path: impl Into<OsString>) {
        self.path = path.into();
    }

    /// A variable that every run of `sf` gets from now on.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.extra.retain(|(known, _)| known != name);
        self.extra.push((name.to_owned(), value.into()));
    }

    /// A variable that no run of `sf` gets any more.
    pub fn unset(&mut self, name: &str) {
        self.extra.retain(|(known, _)| known != name);
    }

    /// `sf` in a folder, with an environment that holds nothing of the machine's but where its programs are.
    pub fn command(&self, folder: &Path, args: &[&str]) -> Command {
        self.program(binary::sf().as_os_str(), folder, args)
    }

    /// Runs another program to its end, in the same environment.
    pub fn run_program(&self, program: &str, folder: &Path, args: &[&str]) -> Run {
        run(&mut self.program(program.as_ref(), folder, args))
    }

    fn program(&self, program: &OsStr, folder: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(folder).env_clear().env("PATH", &self.path);
        command.env("HOME", self.dir().join("home")).env("SF_HOME", self.dir().join("home/sf"));
        command.env("SF_HOST_PORT", "0").env("TMPDIR", self.dir());
        for (name, value) in tools().into_iter().chain(self.extra.clone()) {
            command.env(name, value);
        }
        command
    }

    /// Runs `sf` in a folder to its end.
    pub fn run(&self, folder: &Path, args: &[&str]) -> Run {
        run(&mut self.command(folder, args))
    }

    /// Starts `sf` in a folder.
    pub fn start(&self, folder: &Path, args: &[&str]) -> Running {
        Running::start(&mut self.command(folder, args))
    }

    /// A copy of a project of `examples/`.
    ///
    /// # Panics
    /// If there is no such example.
    pub fn example(&self, name: &str) -> Project<'_> {
        let to = self.dir().join("projects").join(name);
        copy(&repository().join("examples").join(name), &to);
        Project::new(self, to)
    }

    /// A project with these files.
    pub fn project(&self, name: &str, files: &[(&str, &str)]) -> Project<'_> {
        let project = Project::new(self, self.dir().join("projects").join(name));
        std::fs::create_dir_all(&project.dir).expect("a folder of one's own");
        for (path, content) in files {
            project.write(path, content);
        }
        project
    }

    /// The embedded host.
    ///
    /// # Panics
    /// If none runs.
    pub fn host(&self) -> Host {
        self.find_host().expect("a host runs in this home")
    }

    /// The embedded host, if its process runs.
    pub fn find_host(&self) -> Option<Host> {
        let record: Json =
            serde_json::from_slice(&std::fs::read(self.host_dir().join("host.json")).ok()?).ok()?;
        let pid = u32::try_from(record["pid"].as_u64()?).ok()?;
        let token = std::fs::read_to_string(self.host_dir().join("token")).ok()?.trim().to_owned();
        let url = record["url"].as_str()?.trim_end_matches('/').to_owned();
        alive(pid).then_some(Host { url, pid, token })
    }

    /// The host's record of calls that changed something, oldest first; empty if there never was a host.
    ///
    /// # Panics
    /// If a line of it is not what it should be.
    pub fn requests(&self) -> Vec<Logged> {
        let text = std::fs::read_to_string(self.host_dir().join("requests.log")).unwrap_or_default();
        let field = |line: &Json, name: &str| line[name].as_str().expect("a text").to_owned();
        text.lines()
            .map(|line| serde_json::from_str::<Json>(line).expect("a line of JSON"))
            .map(|line| Logged {
                method: field(&line, "method"),
                path: field(&line, "path"),
                status: line["status"].as_u64().and_then(|code| u16::try_from(code).ok()).expect("a status"),
            })
            .collect()
    }

    /// Processes whose environment or folder is this home: workers that outlived their host, say. Linux only; elsewhere nobody can tell.
    pub fn leftovers(&self) -> Vec<String> {
        let mine = self.dir().to_string_lossy().into_owned();
        let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
        processes
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
            .filter(|entry| {
                let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
                let folder = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
                String::from_utf8_lossy(&environ).contains(&mine) || folder.starts_with(self.dir())
            })
            .map(|entry| {
                let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let words = String::from_utf8_lossy(&words).replace('\0', " ");
                format!("{} {words}", entry.file_name().to_string_lossy())
            })
            .collect()
    }
}

impl Drop for Env {
    fn drop(&mut self) {
        if let Some(host) = self.find_host() {
            let stopped = run(&mut self.command(self.dir(), &["host", "stop"]));
            if alive(host.pid) && !std::thread::panicking() {
                signal("KILL", host.pid);
                panic!("`sf host stop` left the host running: {stopped:?}");
            }
            if alive(host.pid) {
                signal("KILL", host.pid);
            }
        }
        if std::thread::panicking() {
            // What the next test must not inherit is stopped in any case; what it printed helps to see why.
            for leftover in self.leftovers() {
                if let Some(pid) = leftover.split(' ').next().and_then(|pid| pid.parse().ok()) {
                    signal("KILL", pid);
                }
            }
        } else {
            eventually("every process of this home is gone", || self.leftovers().is_empty().then_some(()));
        }
    }
}

impl Host {
    /// A call of the control API.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn call(&self, method: &str, path: &str, body: &str) -> Response {
        self.try_call(method, path, body)
            .unwrap_or_else(|cause| panic!("{method} {}{path}: {cause}", self.url))
    }

    /// A call of the control API that may find nobody.
    ///
    /// # Errors
    /// There is no answer.
    pub fn try_call(&self, method: &str, path: &str, body: &str) -> std::io::Result<Response> {
        let authorization = format!("Bearer {}", self.token);
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        http::send(method, &format!("{}{path}", self.url), &headers, body.as_bytes())
    }

    /// `kind/name` of everything stored for a stage of a project, sorted.
    ///
    /// # Panics
    /// If the answer is not a list of resources.
    pub fn resources(&self, project: &str, stage: &str) -> Vec<String> {
        let answer = self.call("GET", &format!("/v1/apps/{project}/{stage}/resources"), "");
        if answer.status == 404 {
            return Vec::new();
        }
        let list = answer.json();
        let list = list.as_array().unwrap_or_else(|| panic!("not a list: {list}"));
        let name = |resource: &Json| {
            format!("{}/{}", resource["kind"].as_str().unwrap(), resource["name"].as_str().unwrap())
        };
        let mut names: Vec<_> = list.iter().map(name).collect();
        names.sort();
        names
    }

    /// The token, for `SF_HOST_TOKEN`.
    pub fn token(&self) -> &str {
        &self.token
    }
}

/// The workspace's folder.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("in the workspace").to_path_buf()
}

/// Where compilers and interpreters that live in the real home are, and how package managers reach their registries from this machine, since
/// `HOME` is another one.
fn tools() -> Vec<(String, OsString)> {
    let home = std::env::home_dir().unwrap_or_default();
    let in_home = |name: &str| home.join(name).into_os_string();
    let value = |name: &str, default: OsString| (name.to_owned(), std::env::var_os(name).unwrap_or(default));
    let mut tools = vec![value("CARGO_HOME", in_home(".cargo")), value("RUSTUP_HOME", in_home(".rustup"))];
    let npm_settings = home.join(".npmrc");
    if npm_settings.is_file() {
        tools.push(("npm_config_userconfig".to_owned(), npm_settings.into_os_string()));
    }
    let known =
        ["PYENV_ROOT", "RUSTUP_TOOLCHAIN", "SystemRoot", "PATHEXT", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"];
    tools.extend(std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let is_wanted =
            known.contains(&name.as_str()) || name.starts_with("PIP_") || name.starts_with("npm_config_");
        is_wanted.then_some((name, value))
    }));
    tools
}
