//! A project in a test's home.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value as Json;

use crate::env::Env;
use crate::http::{self, Response};
use crate::run::{Run, Running};

/// A folder with an `sf.toml`.
pub struct Project<'env> {
    env: &'env Env,
    /// The folder.
    pub dir: PathBuf,
}

impl<'env> Project<'env> {
    /// The project in this folder.
    pub fn new(env: &'env Env, dir: PathBuf) -> Self {
        Self { env, dir }
    }

    /// Runs `sf` in it to its end.
    pub fn sf(&self, args: &[&str]) -> Run {
        self.env.run(&self.dir, args)
    }

    /// As [`Self::sf`], for a run that takes longer than others may.
    ///
    /// # Panics
    /// If it does not end within the deadline.
    pub fn sf_within(&self, deadline: Duration, args: &[&str]) -> Run {
        self.start(args).wait_within(deadline)
    }

    /// `sf` in it, to be run with [`crate::run`].
    pub fn command(&self, args: &[&str]) -> std::process::Command {
        self.env.command(&self.dir, args)
    }

    /// Another program in it, with the environment that `sf` has.
    pub fn run(&self, program: &str, args: &[&str]) -> Run {
        self.env.run_program(program, &self.dir, args)
    }

    /// Runs `sf` in it to its end, as if `input` was piped in.
    ///
    /// # Panics
    /// If the home cannot be written.
    pub fn sf_given(&self, args: &[&str], input: &str) -> Run {
        let path = self.env.dir().join("input");
        fs::write(&path, input).expect("a file of one's own");
        let stdin = fs::File::open(path).expect("just written").into();
        Running::start_with(&mut self.env.command(&self.dir, args), stdin).wait()
    }

    /// Starts `sf` in it.
    pub fn start(&self, args: &[&str]) -> Running {
        self.env.start(&self.dir, args)
    }

    /// Deploys it.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn deploy(&self) -> Run {
        self.sf(&["deploy", "--yes"]).ok()
    }

    /// Where its HTTP API answers.
    ///
    /// # Panics
    /// If it is not deployed or has none.
    #[track_caller]
    pub fn url(&self) -> String {
        let info = self.sf(&["info", "--json"]).ok().json();
        let endpoints = info["endpoints"].as_array().unwrap_or_else(|| panic!("no endpoints: {info}"));
        let api = endpoints.iter().find(|endpoint| endpoint["kind"] == "api");
        let url = api.and_then(|api| api["url"].as_str()).unwrap_or_else(|| panic!("no HTTP API: {info}"));
        url.trim_end_matches('/').to_owned()
    }

    /// GET of a path of its HTTP API.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        http::get(&format!("{}{path}", self.url()))
    }

    /// Reads a file.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.dir.join(path)).unwrap_or_else(|cause| panic!("{path}: {cause}"))
    }

    /// Writes a file, and the folders it is in.
    ///
    /// # Panics
    /// If that fails.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().expect("in the project")).expect("a folder of one's own");
        fs::write(path, content).expect("a file of one's own");
    }

    /// Replaces text in a file.
    ///
    /// # Panics
    /// If it is not there: the test would test nothing.
    #[track_caller]
    pub fn edit(&self, path: &str, old: &str, new: &str) {
        let content = self.read(path);
        assert!(content.contains(old), "{path} does not hold {old:?}:\n{content}");
        self.write(path, &content.replace(old, new));
    }

    /// A copy of it in another folder of the home, without what `sf` keeps in it.
    pub fn copy_to(&self, to: &str) -> Project<'env> {
        let to = self.env.dir().join(to);
        copy(&self.dir, &to);
        Project::new(self.env, to)
    }

    /// The zips of its artifacts by their file names, after a build.
    ///
    /// # Panics
    /// If there are none.
    pub fn artifacts(&self) -> std::collections::BTreeMap<String, Vec<u8>> {
        let folder = self.dir.join(".sf/cache/artifacts");
        let entries = fs::read_dir(&folder).unwrap_or_else(|cause| panic!("{}: {cause}", folder.display()));
        let zips: std::collections::BTreeMap<_, _> = entries
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "zip"))
            .map(|entry| {
                (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("a zip"))
            })
            .collect();
        assert!(!zips.is_empty(), "no artifact in {}", folder.display());
        zips
    }

    /// What `sf plan` would change, as `action kind/name`, sorted.
    #[track_caller]
    pub fn plan(&self) -> Vec<String> {
        changes(&self.sf(&["plan", "--json"]).ok().json())
    }
}

/// `action kind/name` of each change of a plan that is more than keeping.
fn changes(plan: &Json) -> Vec<String> {
    let list = plan["changes"].as_array().unwrap_or_else(|| panic!("no changes: {plan}"));
    let mut changes: Vec<_> = list
        .iter()
        .filter(|change| change["action"] != "keep")
        .map(|change| {
            format!("{} {}", change["action"].as_str().unwrap_or("?"), change["key"].as_str().unwrap_or("?"))
        })
        .collect();
    changes.sort();
    changes
}

/// Copies a folder without what `sf`, package managers and compilers leave in it.
///
/// # Panics
/// If something cannot be read or written.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder of one's own");
    let entries = fs::read_dir(from).unwrap_or_else(|cause| panic!("{}: {cause}", from.display()));
    for entry in entries {
        let entry = entry.expect("a readable folder");
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        if [".sf", "node_modules", "target", "__pycache__"].iter().any(|skip| name == *skip) {
            continue;
        }
        if entry.file_type().expect("a file type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("a file to copy");
        }
    }
}
