//! The command line as clap sees it: flags, defaults, help. No effects, and nothing is resolved here (see `settings`).

mod bucket;
mod deploy;
mod messages;
mod secret;
mod state;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use sf_model::Period;

pub(crate) use self::bucket::{Bucket, BucketGet, BucketKey, BucketLs, BucketPut, BucketUrl, LinkMethod};
pub(crate) use self::deploy::{
    Deploy, Diff, Drift, LockWait, Releases, ReleasesShow, ReleasesWhat, Remove, Rollback,
};
pub(crate) use self::messages::{
    MessageBody, Queue, QueuePeek, QueuePurge, QueueRedrive, QueueSend, Topic, TopicPublish,
};
pub(crate) use self::secret::{Secret, SecretRm, SecretSet};
pub(crate) use self::state::{State, StateChange, StateMove, StatePull, StatePush, StateShow};
pub(crate) use self::table::{Table, TableKey, TablePut, TableQuery, TableScan};

/// Deploys one manifest, `sf.toml`, to the provider of your choice, and makes only the calls that changed content asks for.
#[derive(Debug, Parser)]
#[command(
    name = "sf",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "Examples:\n  sf new hello --template node-http --yes\n  sf deploy -C hello\n  sf invoke -C hello hello --data '{}'\n\n\
                  Results go to stdout, progress and messages to stderr. Exit codes: docs/exit-codes.md; JSON: docs/json.md."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Print the result as JSON on stdout, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = false)]
    pub(crate) color: Color,
    /// Say nothing but results, warnings and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more; twice for a trace of every call
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    /// Run as if started in this folder
    #[arg(short = 'C', long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
    /// The manifest, instead of the nearest `sf.toml` upward
    #[arg(long, global = true, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,
}

/// `--color`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Which variant of the project is meant.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Target {
    /// The provider, instead of the manifest's
    #[arg(long, value_name = "NAME", env = "SF_PROVIDER", hide_env_values = true)]
    pub(crate) provider: Option<String>,
    /// The stage, instead of the manifest's
    #[arg(long, value_name = "NAME", env = "SF_STAGE", hide_env_values = true)]
    pub(crate) stage: Option<String>,
}

/// A command that takes nothing but the target.
#[derive(Debug, Args)]
pub(crate) struct Listed {
    #[command(flatten)]
    pub(crate) target: Target,
}

/// What may be done without asking.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Consent {
    /// Do not ask: delete what the plan deletes
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// With --yes: also delete or replace what holds data. What is protected goes only with this
    #[arg(long)]
    pub(crate) data: bool,
}

/// How long a run may take.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Within {
    /// Stop as Ctrl-C does after this long: `10m`, `90s`; end at once after as long again, 30s at most
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(New),
    Check(Check),
    Build(Build),
    Plan(Plan),
    Deploy(Deploy),
    Drift(Drift),
    Releases(Releases),
    Diff(Diff),
    Rollback(Rollback),
    Invoke(Invoke),
    Logs(Logs),
    Info(Info),
    Remove(Remove),
    #[command(subcommand)]
    Secret(Secret),
    #[command(subcommand)]
    Queue(Queue),
    #[command(subcommand)]
    Topic(Topic),
    #[command(subcommand)]
    Bucket(Bucket),
    #[command(subcommand)]
    Table(Table),
    #[command(subcommand)]
    State(State),
    #[command(subcommand)]
    Host(Host),
    Debug(Debug),
    Completions(Completions),
    #[command(name = "__worker", hide = true)]
    Worker(Worker),
}

/// Start a project from a template
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sf new                                       # asks\n  \
                        sf new hello --template node-http --yes      # does not\n  sf new --list")]
pub(crate) struct New {
    /// The project's name, and the folder that is made
    pub(crate) name: Option<String>,
    /// What to start from; `sf new --list` shows them
    #[arg(short, long, value_name = "NAME")]
    pub(crate) template: Option<String>,
    /// Do not ask: take the defaults for what is not given
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// List the templates
    #[arg(long, conflicts_with_all = ["name", "template", "yes"])]
    pub(crate) list: bool,
}

/// Say everything that is wrong with the manifest
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sf check\n  sf check --stage prod --json\n  sf check --provider self-hosted      # and asks the provider\n\n\
                        Nobody is asked and nothing is started, unless --provider names a provider: then it is asked who you are there and what a \
                        deploy would miss."
)]
pub(crate) struct Check {
    /// The provider, instead of the manifest's; it is asked who you are there and what is missing
    // Without the variable that the other commands read: that it is set for a deploy does not mean that a check shall go online.
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// The stage, instead of the manifest's
    #[arg(long, value_name = "NAME", env = "SF_STAGE", hide_env_values = true)]
    pub(crate) stage: Option<String>,
}

/// Build the functions' artifacts
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sf build\n  sf build --explain hello      # which files are in it, and why"
)]
pub(crate) struct Build {
    /// Only these functions
    #[arg(value_name = "FUNCTION")]
    pub(crate) functions: Vec<String>,
    /// Say which files are in this function's artifact, and why
    #[arg(long, value_name = "FUNCTION", conflicts_with = "functions")]
    pub(crate) explain: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Show what `deploy` would do, and why
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sf plan\n  sf plan --stage prod --json")]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Look at everything that is deployed first, and plan to repair what was changed behind sf's back
    #[arg(long)]
    pub(crate) refresh: bool,
}

/// Call a deployed function
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sf invoke hello\n  sf invoke report --data '{\"day\": \"2026-01-31\"}'\n  \
                        sf invoke report --data @event.json\n  echo '{}' | sf invoke report --data -"
)]
pub(crate) struct Invoke {
    /// The function
    #[arg(value_name = "FUNCTION")]
    pub(crate) function: String,
    /// What to give it: JSON, `@FILE`, or `-` for stdin
    #[arg(short, long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Show what functions logged
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sf logs --since 10m\n  sf logs hello -f\n  sf logs --tail 100 --json | jq -r .message"
)]
pub(crate) struct Logs {
    /// Only this function's
    #[arg(value_name = "FUNCTION")]
    pub(crate) function: Option<String>,
    /// Go on with new lines as they come
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only what is newer than this: `30s`, `10m`, `2h`, `1d`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) since: Option<Duration>,
    /// At most so many of the newest lines
    #[arg(long, value_name = "LINES")]
    pub(crate) tail: Option<usize>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Show what is deployed and where it answers
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sf info\n  sf info --json | jq -r '.endpoints[0].url'")]
pub(crate) struct Info {
    #[command(flatten)]
    pub(crate) target: Target,
}

/// The embedded host: runs functions on this machine
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  sf host start\n  sf host status --json\n  sf host stop")]
pub(crate) enum Host {
    /// Start it in the background
    #[command(after_help = "Examples:\n  sf host start\n  sf host start --port 0      # any free port")]
    Start(HostPort),
    /// Stop it: finish what is in flight, then wait until it is gone
    #[command(after_help = "Examples:\n  sf host stop")]
    Stop,
    /// Show where it is, what it serves, and its workers
    #[command(after_help = "Examples:\n  sf host status\n  sf host status --json | jq .apps")]
    Status,
    /// Run it in the foreground
    #[command(after_help = "Examples:\n  sf host run --port 7070")]
    Run(HostRun),
    /// Move the clock of its schedules forward
    #[command(after_help = "Examples:\n  sf host clock --advance 12h")]
    Clock(HostClock),
}

/// Where the control API listens.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct HostPort {
    /// The control API's port on loopback; 0 for any free one
    #[arg(long, env = "SF_HOST_PORT", default_value_t = DEFAULT_HOST_PORT)]
    pub(crate) port: u16,
}

/// The control API's port, unless another is asked for.
pub(crate) const DEFAULT_HOST_PORT: u16 = 7070;

/// `sf host run`
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct HostRun {
    #[command(flatten)]
    pub(crate) port: HostPort,
    /// Leave the terminal's session: how `sf host start` and `sf deploy` start it
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
}

/// `sf host clock`
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct HostClock {
    /// How far: `90s`, `30m`, `12h`, `1d`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) advance: Duration,
}

/// Print a value of the pipeline as JSON
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sf debug desired | jq '.[].addr'\n  sf debug plan --stage prod")]
pub(crate) struct Debug {
    /// Which value
    pub(crate) what: DebugWhat,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// The values between the layers, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DebugWhat {
    /// The objects that the provider makes of it
    Desired,
    /// The changes and steps that a deploy would run
    Plan,
}

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sf completions bash > ~/.local/share/bash-completion/completions/sf\n  \
                        sf completions zsh > \"${fpath[1]}/_sf\""
)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

/// Set up a worker's limits, then become it; started by the host only.
#[derive(Debug, Args)]
pub(crate) struct Worker {
    /// As the host's `workers` module writes them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) args: Vec<std::ffi::OsString>,
}

/// `30s`, `1h30m`: as in the manifest.
fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<Period>().map(|period| period.0).map_err(|invalid| invalid.hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
