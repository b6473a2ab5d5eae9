//! What the cases are played against: the suite's project, deployed with `sf` as a user does it.

use std::ffi::OsString;

use serde_json::Value as Json;
use sf_e2e::{Env, Issuer, Project, copy};

/// The project on a provider, in one language.
pub(crate) struct Target<'env> {
    pub(crate) provider: String,
    pub(crate) stage: String,
    pub(crate) api: String,
    pub(crate) socket: String,
    pub(crate) issuer: Issuer,
    project: Project<'env>,
    variables: Vec<(&'static str, OsString)>,
}

impl<'env> Target<'env> {
    /// Deploys it.
    pub(crate) fn deploy(env: &'env Env, language: &str) -> Self {
        let folder = env.dir().join("projects/conformance");
        copy(&crate::suite::folder(), &folder);
        let issuer = Issuer::start();
        let provider = std::env::var("SF_CONFORMANCE_PROVIDER").unwrap_or_else(|_| "self-hosted".to_owned());
        let variables = vec![
            ("SF_CONFORMANCE_PROVIDER", provider.clone().into()),
            ("SF_CONFORMANCE_ISSUER", issuer.url.clone().into()),
            ("SF_STAGE", language.into()),
        ];
        let project = Project::new(env, folder);
        let mut target = Self {
            provider,
            stage: language.to_owned(),
            api: String::new(),
            socket: String::new(),
            issuer,
            project,
            variables,
        };
        target.set_secret("greeting", "grüße 👋 from the suite");
        let _ = target.sf(&["deploy", "--yes"]);
        let info = target.sf(&["info", "--json"]);
        let url = |kind: &str| {
            let endpoints = info["endpoints"].as_array().cloned().unwrap_or_default();
            let found = endpoints
                .iter()
                .find(|endpoint| endpoint["kind"] == kind)
                .and_then(|endpoint| endpoint["url"].as_str());
            found
                .unwrap_or_else(|| panic!("`sf info` names no {kind}: {info}"))
                .trim_end_matches('/')
                .to_owned()
        };
        (target.api, target.socket) = (url("api"), url("socket"));
        target
    }

    /// Runs `sf` and gives the JSON that it prints.
    pub(crate) fn sf(&self, args: &[&str]) -> Json {
        let mut command = self.project.command(args);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let run = sf_e2e::run(&mut command).ok();
        if args.contains(&"--json") { run.json() } else { Json::Null }
    }

    fn set_secret(&self, name: &str, value: &str) {
        let file = self.project.dir.join("value");
        std::fs::write(&file, value).expect("a file of one's own");
        let _ = self.sf(&["secret", "set", name, "--from-file", "value"]);
        std::fs::remove_file(file).expect("the file just written");
    }

    /// Dead letters of a queue.
    pub(crate) fn dead(&self, queue: &str) -> Json {
        self.sf(&["queue", "peek", queue, "--dead", "--json"])["messages"].clone()
    }

    /// Lines of a function's log.
    pub(crate) fn logs(&self, function: &str) -> Json {
        let mut command = self.project.command(&["logs", function]);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        sf_e2e::run(&mut command).ok().stdout.lines().map(Json::from).collect()
    }

    /// Moves the clock of a provider that has one to move; elsewhere the time passes by itself while a step waits.
    pub(crate) fn advance(&self, seconds: u64) {
        if self.provider == "self-hosted" {
            let _ = self.sf(&["host", "clock", "--advance", &format!("{seconds}s")]);
        }
    }

    /// Removes it; nothing may be left.
    pub(crate) fn remove(&self) {
        let _ = self.sf(&["remove", "--yes", "--data"]);
    }
}
