//! What the cases are played against: the suite's project, deployed with `sf` as a user does it.

use std::ffi::OsString;
use std::time::Duration;

use serde_json::Value as Json;
use sf_e2e::aws::LONG;
use sf_e2e::{Aws, Env, Issuer, Project, Running, copy};

/// The project on a provider, in one language.
pub(crate) struct Target<'env> {
    pub(crate) provider: String,
    pub(crate) stage: String,
    pub(crate) api: String,
    pub(crate) socket: String,
    pub(crate) issuer: Issuer,
    project: Project<'env>,
    variables: Vec<(String, OsString)>,
    /// The counterpart that it is deployed to, if the provider has one here.
    _aws: Option<Aws>,
}

impl<'env> Target<'env> {
    /// Deploys it; `None`, and the reason printed, where there is nothing to deploy to. Nobody's own account is, unless it was asked for:
    /// `is_anywhere`.
    pub(crate) fn deploy(env: &'env Env, language: &str, provider: &str, is_anywhere: bool) -> Option<Self> {
        let folder = env.dir().join("projects/conformance");
        copy(&crate::suite::folder(), &folder);
        // AWS asks the issuer by TLS.
        let issuer = if provider == "aws" { Issuer::start_tls() } else { Issuer::start() };
        let variables = [
            ("SF_CONFORMANCE_PROVIDER", provider),
            ("SF_CONFORMANCE_ISSUER", issuer.url.as_str()),
            ("SF_STAGE", language),
        ];
        let mut variables: Vec<_> =
            variables.map(|(name, value)| (name.to_owned(), OsString::from(value))).into();
        let aws = match provider {
            "aws" if is_anywhere && (is_endpoint_given() || Aws::find().is_none()) => {
                variables.extend(given_to_aws());
                None
            }
            "aws" => {
                let aws = Aws::start(&format!("conformance of {language} on aws"), &[])?;
                variables
                    .extend(aws.variables().into_iter().map(|(name, value)| (name.to_owned(), value.into())));
                Some(aws)
            }
            _ => None,
        };
        let project = Project::new(env, folder);
        let mut target = Self {
            provider: provider.to_owned(),
            stage: language.to_owned(),
            api: String::new(),
            socket: String::new(),
            issuer,
            project,
            variables,
            _aws: aws,
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
        Some(target)
    }

    /// Runs `sf` and gives the JSON that it prints.
    pub(crate) fn sf(&self, args: &[&str]) -> Json {
        let mut command = self.project.command(args);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let run = Running::start(&mut command).wait_within(LONG).ok();
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

    /// How long an `until` is asked again. What AWS repeats after a failure it repeats after one minute and after two more, and a schedule may be a
    /// minute late: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(if self.provider == "aws" { 240 } else { 60 })
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

/// Whether the environment says which counterpart is meant.
fn is_endpoint_given() -> bool {
    std::env::var_os("AWS_ENDPOINT_URL").is_some()
}

/// The environment's variables about AWS; where the files of profiles are, too, since a test's home is another one.
fn given_to_aws() -> impl Iterator<Item = (String, OsString)> {
    let aws = std::env::home_dir().unwrap_or_default().join(".aws");
    let files = [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")];
    let files = files.map(|(name, file)| (name.to_owned(), aws.join(file).into_os_string()));
    let given = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    files.into_iter().chain(given.filter(|(name, _)| name.starts_with("AWS_")))
}
