//! `sf state`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use sf_plan::Addr;

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
                      A lock ends with its process, and one on another machine a minute after it was last heard of. Where states are in a folder, \
                      a process that lives on this machine keeps its lock in any case.")]
    Unlock(StateChange),
    /// Write the whole record to a file, or to stdout
    #[command(
        after_help = "Examples:\n  sf state pull state.json\n  sf state pull | jq '.state.objects | keys'\n\n\
                      The file has the newest format, whichever one the store has; it is what `sf state push` takes."
    )]
    Pull(StatePull),
    /// Put a file in the place of the record
    #[command(
        after_help = "Examples:\n  sf state push sf-state.rescue.json\n  sf state push state.json --force\n\n\
                      Nothing is changed at the provider. A file that is damaged, of another project or stage, older than the record, or of another \
                      history is refused; --force takes the last two. The record before is kept beside the new one."
    )]
    Push(StatePush),
    /// Give an object another name in the record
    #[command(after_help = "Examples:\n  sf state move table/users table/people\n\n\
                      For a thing that has another name in the manifest now: the next deploy takes the object for it instead of making a new one. \
                      The name that the object has at the provider does not change.")]
    Move(StateMove),
}

/// `sf state pull`
#[derive(Debug, Args)]
pub(crate) struct StatePull {
    /// Where to; without it, to stdout
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf state push`
#[derive(Debug, Args)]
pub(crate) struct StatePush {
    /// What `sf state pull` or a run that could not save has written
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Also in the place of a newer record, of one of another history, or of one that cannot be read
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf state move`
#[derive(Debug, Args)]
pub(crate) struct StateMove {
    /// The object: `kind/name`
    #[arg(value_name = "FROM")]
    pub(crate) from: Addr,
    /// Its new name: `kind/name`, of the same kind
    #[arg(value_name = "TO")]
    pub(crate) to: Addr,
    #[command(flatten)]
    pub(crate) target: Target,
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
