//! `sf state`

use clap::{Args, Subcommand};

use super::{Listed, Target};

/// What is recorded of the deployed objects
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  sf state list\n  sf state show function/hello\n  sf state rebuild")]
pub(crate) enum State {
    /// List the recorded objects
    #[command(after_help = "Examples:\n  sf state list\n  sf state list --json | jq -r '.objects[].key'")]
    List(Listed),
    /// Show all that is recorded of one object
    #[command(after_help = "Examples:\n  sf state show function/hello\n  sf state show 'route/GET /hello'")]
    Show(StateShow),
    /// Make the record anew from what the provider has: after the file was lost, damaged or restored from a backup
    #[command(
        after_help = "Examples:\n  sf state rebuild\n  sf state rebuild --provider self-hosted --stage prod --yes\n\n\
                      Nothing is changed at the provider. Objects are found by their tags; what was recorded before is kept beside the new state."
    )]
    Rebuild(StateChange),
    /// Remove the lock that a dead process left behind on another machine
    #[command(after_help = "Examples:\n  sf state unlock\n  sf state unlock --yes\n\n\
                      A lock ends with its process, and one on another machine a minute after it was last heard of. A process that lives on this \
                      machine keeps its lock in any case.")]
    Unlock(StateChange),
}

/// `sf state show`
#[derive(Debug, Args)]
pub(crate) struct StateShow {
    /// The object: `kind/name`, as `sf state list` shows it
    #[arg(value_name = "OBJECT")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf state rebuild`, `sf state unlock`
#[derive(Debug, Args)]
pub(crate) struct StateChange {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}
