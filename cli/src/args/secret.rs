//! `sf secret`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{Listed, Target};

/// Values that functions read at run time and that stand in no file of the project
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  sf secret set smtp-password                          # asks, and shows nothing\n  \
                        pass show market/smtp | sf secret set smtp-password\n  sf secret list"
)]
pub(crate) enum Secret {
    /// Set a value: from a file, from stdin, or asked for. Never from an argument, which other programs could see
    #[command(
        after_help = "Examples:\n  sf secret set smtp-password\n  sf secret set tls-key --from-file key.pem --stage prod\n  \
                      pass show market/smtp | sf secret set smtp-password\n\n\
                      Of stdin one line end at its end is dropped; a file is taken as it is. Works before the first deploy."
    )]
    Set(SecretSet),
    /// Show which secrets there are, and since when they have a value
    #[command(after_help = "Examples:\n  sf secret list\n  sf secret list --json | jq '.secrets[].name'")]
    List(Listed),
    /// Delete a value
    #[command(after_help = "Examples:\n  sf secret rm smtp-password")]
    Rm(SecretRm),
}

/// `sf secret set`
#[derive(Debug, Args)]
pub(crate) struct SecretSet {
    /// The secret, as the manifest names it
    pub(crate) name: String,
    /// Take the value from this file
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) from_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf secret rm`
#[derive(Debug, Args)]
pub(crate) struct SecretRm {
    /// The secret
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) target: Target,
}
