//! `sf completions SHELL`

use clap::CommandFactory;

use crate::args::{Cli, Completions};
use crate::errors::{Error, Exit};
use crate::settings::Settings;

pub(crate) fn run(settings: &Settings, args: &Completions) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "sf", &mut script);
    settings.ui.raw(&String::from_utf8_lossy(&script));
    Ok(Exit::Ok)
}
