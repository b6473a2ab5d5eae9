//! The command line of `sf`: flags to settings, settings to the one pipeline, results to the screen.
//!
//! ```text
//! args ─ settings ─> commands ─ project ─ pipeline (build, compile) ─ registry (connect) ─ apply ─> ui
//! ```
//!
//! Only `ui` prints, only `registry` names concrete providers, only `settings` reads `sf`'s environment variables.

mod apply;
mod args;
mod audit;
mod commands;
mod consent;
mod embedded;
mod ends;
mod errors;
mod observed;
mod otel;
mod pipeline;
mod project;
mod registry;
mod releases;
mod renames;
mod retention;
mod settings;
mod stores;
mod ui;

use std::future::Future;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tokio::runtime::Builder;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::{Cli, Command};
use crate::audit::Tap;
use crate::errors::{Error, Exit};
use crate::settings::Settings;

/// The whole program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(ui::usage(&error).code()),
    };
    let name = commands::name(&cli.command);
    // What this process knows and holds, secrets among it, is never to be found in a file that the system writes when it dies.
    sf_host::forbid_core_dumps();
    let tap = Tap::default();
    trace(cli.global.verbose, &tap);
    let settings = match Settings::resolve(cli.global, tap) {
        Ok(settings) => settings,
        Err((ui, error)) => {
            ui.error(name, &error);
            return ExitCode::from(error.exit().code());
        }
    };
    let done = dispatch(&settings, &cli.command).and_then(|exit| settings.ui.finish().map(|()| exit));
    let exit = done.unwrap_or_else(|error| {
        settings.ui.error(name, &error);
        error.exit()
    });
    ExitCode::from(exit.code())
}

/// `docs/commands.md`: every command's help, as `sf help` shows it.
pub fn reference() -> String {
    commands::reference::markdown(&mut Cli::command())
}

/// `-vv` shows what the libraries trace, on stderr; some of it is part of a run's event log.
fn trace(verbose: u8, tap: &Tap) {
    let shown = (verbose >= 2).then(|| {
        let level = if verbose == 2 { LevelFilter::DEBUG } else { LevelFilter::TRACE };
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time().with_filter(level)
    });
    tracing_subscriber::registry().with(tap.clone().with_filter(Tap::filter())).with(shown).init();
}

fn dispatch(settings: &Settings, command: &Command) -> Result<Exit, Error> {
    match command {
        Command::New(args) => commands::new::run(settings, args),
        Command::Check(args) => commands::check::run(settings, args),
        Command::Build(args) => commands::build::run(settings, args),
        Command::Plan(args) => wait(commands::plan::run(settings, args)),
        Command::Deploy(args) => wait(commands::deploy::run(settings, args)),
        Command::Drift(args) => wait(commands::drift::run(settings, args)),
        Command::Releases(args) => wait(commands::releases::run(settings, args)),
        Command::Diff(args) => wait(commands::diff::run(settings, args)),
        Command::Rollback(args) => wait(commands::rollback::run(settings, args)),
        Command::Invoke(args) => wait(commands::invoke::run(settings, args)),
        Command::Logs(args) => wait(commands::logs::run(settings, args)),
        Command::Info(args) => wait(commands::info::run(settings, args)),
        Command::Remove(args) => wait(commands::remove::run(settings, args)),
        Command::Secret(args) => wait(commands::data::secret::run(settings, args)),
        Command::Queue(args) => wait(commands::data::queue::run(settings, args)),
        Command::Topic(args) => wait(commands::data::topic::run(settings, args)),
        Command::Bucket(args) => wait(commands::data::bucket::run(settings, args)),
        Command::Table(args) => wait(commands::data::table::run(settings, args)),
        Command::State(args) => wait(commands::state::run(settings, args)),
        Command::Host(args) => commands::host::run(settings, args),
        Command::Debug(args) => wait(commands::debug::run(settings, args)),
        Command::Completions(args) => commands::completions::run(settings, args),
        Command::Worker(args) => commands::worker(&args.args),
    }
}

/// Runs what waits for others. Commands that wait for nobody start no threads.
fn wait<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    run_on(&mut Builder::new_multi_thread(), future)
}

/// As [`wait`], on half of the cores: the other half is for the functions. Measured on two cores, that serves a fifth more requests than
/// two threads, which mostly wake each other.
fn wait_beside_functions<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    run_on(Builder::new_multi_thread().worker_threads((cores / 2).max(1)), future)
}

fn run_on<T>(builder: &mut Builder, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = builder.enable_all().build().map_err(|cause| Error::io("start", "the runtime", &cause))?;
    runtime.block_on(future)
}
