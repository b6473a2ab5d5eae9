//! A strict AWS on this machine: the counterpart in `shared/oracles/aws`, started for a test and ended with it.
//!
//! It checks each request against AWS's own models and rules, runs the functions, and records everything; its README lists the rules and
//! the switches. It starts in about a second, so each test has one of its own: nobody else is in its log, and what is left of a
//! project is seen at once.

mod control;
mod log;
mod oracle;
mod state;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value as Json;

pub use log::{Entry, mutating};
pub use state::State;

use crate::counterpart;
use crate::env::Env;
use crate::http::{self, Response};
use crate::run::run;
use crate::skip::skipped;
use oracle::Oracle;

/// The region of everything.
pub const REGION: &str = "us-east-1";
/// The counterpart's account.
pub const ACCOUNT: &str = "000000000000";
/// `-` and these eight digits end a bucket's name here: the SHA-256 of `ACCOUNT/REGION`.
pub const SUFFIX: &str = "09fb161d";

/// Switches of one that never makes anybody wait: for tests that make thousands of calls, or whose subject is something else.
pub const AT_ONCE: &[&str] = &[
    "--iam-lag-ms",
    "0",
    "--lambda-pending-ms",
    "0",
    "--table-pending-ms",
    "0",
    "--sqs-recreate-ms",
    "0",
    "--no-rate-limit",
];

/// For a run of `sf` against a counterpart that limits rates.
pub const LONG: Duration = Duration::from_secs(300);

/// A running counterpart. Its processes end with it, or with the test's own process whatever becomes of that.
pub struct Aws {
    /// For `AWS_ENDPOINT_URL`: `http://127.0.0.1:PORT`.
    pub url: String,
    address: SocketAddr,
    oracle: Oracle,
}

impl Aws {
    /// Starts one with these switches; `None`, and the reason printed, where there is none on this machine.
    ///
    /// # Panics
    /// If it is there and does not start.
    pub fn start(test: &str, switches: &[&str]) -> Option<Self> {
        let Some(start) = Self::find() else {
            skipped(test, "no counterpart of AWS: `../shared/oracles/aws/start` (or below `SF_ORACLES`)");
            return None;
        };
        let oracle = Oracle::start(&start, switches);
        let address = SocketAddr::from(([127, 0, 0, 1], oracle.port()));
        Some(Self { url: format!("http://{address}"), address, oracle })
    }

    /// The program that starts it, if this machine has it.
    pub fn find() -> Option<PathBuf> {
        counterpart::find("aws")
    }

    /// Variables for programs that shall talk to it.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        variables(&self.url)
    }

    /// A home whose `sf` deploys to it, whatever a manifest says.
    pub fn env(&self) -> Env {
        let mut env = Env::new();
        self.enter(&mut env, &self.url);
        env
    }

    /// Lets the `sf` of a home deploy to this endpoint: its own, or something in front of it.
    pub fn enter(&self, env: &mut Env, endpoint: &str) {
        for (name, value) in variables(endpoint) {
            env.set(name, value);
        }
        env.set("SF_PROVIDER", "aws");
    }

    /// A request to whatever it is that answers at this URL, as if its name led here: an API, a function's URL, a bucket's.
    ///
    /// # Panics
    /// If there is no answer.
    #[track_caller]
    pub fn request(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        http::send_to(self.address, method, url, headers, body)
            .unwrap_or_else(|cause| panic!("{method} {url}: {cause}"))
    }

    /// [`Self::request`] with GET.
    #[track_caller]
    pub fn get(&self, url: &str) -> Response {
        self.request("GET", url, &[], b"")
    }

    /// What AWS's own SDK (boto3) gives for an expression: `client('lambda').get_function(FunctionName='f')`. For what changes behind
    /// the back of `sf`, and to see what is there.
    ///
    /// # Panics
    /// If it raises.
    #[track_caller]
    pub fn sdk(&self, expression: &str) -> Json {
        let code = format!(
            "import boto3, json\nclient = boto3.client\n\
             print(json.dumps({expression}, default=lambda value: value.read().decode() if hasattr(value, 'read') else str(value)))"
        );
        let mut python = Command::new(self.oracle.python());
        python.args(["-c", &code]).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        run(python.envs(self.variables()).env("AWS_DEFAULT_REGION", REGION)).ok().json()
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.what_went_wrong());
        }
    }
}

fn variables(endpoint: &str) -> Vec<(&'static str, String)> {
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", REGION),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    variables.map(|(name, value)| (name, value.to_owned())).into()
}
