//! `sf deploy`, and what goes with it: `sf drift`, `sf releases`, `sf diff`, `sf rollback`, `sf remove`

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Consent, Target, Within, duration};

/// For how long somebody else's run is waited for.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct LockWait {
    /// Wait so long for another run to end: `30s`, `5m`; without it, that run's lock refuses this one at once
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) lock_timeout: Option<Duration>,
}

/// Build, and make what is deployed the same as the manifest
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sf deploy\n  sf deploy --stage prod --yes\n  sf deploy --provider self-hosted --json\n  sf deploy --yes --timeout 10m --lock-timeout 5m      # in a CI job\n\n\
                        Creating and updating needs no consent; deleting asks, or takes --yes where nobody can be asked."
)]
pub(crate) struct Deploy {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) consent: Consent,
    #[command(flatten)]
    pub(crate) wait: LockWait,
    #[command(flatten)]
    pub(crate) within: Within,
    /// Look at everything that is deployed first, and repair what was changed behind sf's back
    #[arg(long)]
    pub(crate) refresh: bool,
}

/// Show what was changed outside of sf
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sf drift\n  sf drift --exit-code --json | jq '.drift[].key'\n\n\
                        Looks at every recorded object, and for others that are there and not recorded. Changes nothing: `sf deploy --refresh` makes everything as the manifest says.")]
pub(crate) struct Drift {
    #[command(flatten)]
    pub(crate) target: Target,
    /// End with code 9 if something was changed
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// List what was deployed, newest first, or show what a run did
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  sf releases\n  sf releases --all                # runs that made no release too\n  sf releases show 7\n  \
                        sf releases --json | jq '.releases[] | select(.live)'\n\n\
                        Every deploy, rollback and removal that changes something is a release. The newest 20 are kept, beside the state; \
                        `releases` in `[state]` says another number."
)]
pub(crate) struct Releases {
    #[command(subcommand)]
    pub(crate) what: Option<ReleasesWhat>,
    /// Every recorded run: those that failed, were stopped, or changed nothing too
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf releases …`
#[derive(Debug, Subcommand)]
pub(crate) enum ReleasesWhat {
    /// Show what the run of a release did, call by call
    #[command(
        after_help = "Examples:\n  sf releases show 7\n  sf releases show 1a2b3c4d            # a run, as `sf releases --all` names it\n  \
                            sf releases show 7 --json | jq '.events[] | select(.event == \"api-call\")'\n\n\
                            The lines are described in docs/events.md."
    )]
    Show(ReleasesShow),
}

/// `sf releases show`
#[derive(Debug, Args)]
pub(crate) struct ReleasesShow {
    /// A release's number, or a run's id
    #[arg(value_name = "RELEASE|RUN")]
    pub(crate) which: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Show what differs between two releases
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sf diff 3                  # release 3 against the live one\n  sf diff 3 5 --json\n  \
                        sf diff 3 --exit-code && echo the same\n\n\
                        What is shown is what deploying the second would change, had the first been deployed. `sf rollback` goes back to one."
)]
pub(crate) struct Diff {
    /// The release to compare from
    #[arg(value_name = "A")]
    pub(crate) from: u64,
    /// The release to compare with, instead of the live one
    #[arg(value_name = "B")]
    pub(crate) to: Option<u64>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// End with code 9 if there is a difference
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// Deploy an earlier release again, without a build
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sf rollback            # to the release before the live one\n  sf rollback 7 --yes\n\n\
                        A rollback is a release of its own, so that a second one undoes the first. After a deploy that failed half-way, \
                        `sf rollback` goes back to the live release. Data is not rolled back."
)]
pub(crate) struct Rollback {
    /// The release, as `sf releases` numbers them
    #[arg(value_name = "RELEASE")]
    pub(crate) number: Option<u64>,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) consent: Consent,
    #[command(flatten)]
    pub(crate) wait: LockWait,
    #[command(flatten)]
    pub(crate) within: Within,
    /// Look at everything that is deployed first, and repair what was changed behind sf's back
    #[arg(long)]
    pub(crate) refresh: bool,
}

/// Delete everything that was deployed
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sf remove\n  sf remove --stage dev --yes\n  sf remove --stage prod --yes --data\n\n\
                        What holds data is asked about. What is protected (`protect = true`, or by default in stages named prod…) is refused without --data."
)]
pub(crate) struct Remove {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) consent: Consent,
    #[command(flatten)]
    pub(crate) wait: LockWait,
    #[command(flatten)]
    pub(crate) within: Within,
}
