//! `sf deploy`, and what goes with it: `sf drift`, `sf releases`, `sf rollback`, `sf remove`

use clap::Args;

use super::{Consent, Target};

/// Build, and make what is deployed the same as the manifest
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sf deploy\n  sf deploy --stage prod --yes\n  sf deploy --provider self-hosted --json\n\n\
                        Creating and updating needs no consent; deleting asks, or takes --yes where nobody can be asked."
)]
pub(crate) struct Deploy {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) consent: Consent,
    /// Look at every deployed object first, and repair what was changed behind sf's back
    #[arg(long)]
    pub(crate) refresh: bool,
}

/// Show what was changed outside of sf
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sf drift\n  sf drift --exit-code --json | jq '.drift[].key'\n\n\
                        Looks at every recorded object and changes nothing. `sf deploy --refresh` makes what was changed as the manifest says.")]
pub(crate) struct Drift {
    #[command(flatten)]
    pub(crate) target: Target,
    /// End with code 9 if something was changed
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// List what was deployed, newest first
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sf releases\n  sf releases --json | jq '.releases[] | select(.live)'\n\n\
                        Every deploy, rollback and removal that changes something is a release. The newest 20 are kept, beside the state."
)]
pub(crate) struct Releases {
    #[command(flatten)]
    pub(crate) target: Target,
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
    /// Look at every deployed object first, and repair what was changed behind sf's back
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
}
