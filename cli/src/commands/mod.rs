//! One file for each command: from its flags to its result.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod debug;
pub(crate) mod deploy;
pub(crate) mod host;
pub(crate) mod info;
pub(crate) mod invoke;
pub(crate) mod logs;
pub(crate) mod new;
pub(crate) mod plan;
pub(crate) mod reference;
pub(crate) mod remove;

use std::ffi::OsString;

use crate::args::{Command, Host};
use crate::errors::{Error, Exit};

/// What JSON calls a command.
pub(crate) fn name(command: &Command) -> &'static str {
    match command {
        Command::New(_) => "new",
        Command::Check(_) => "check",
        Command::Build(_) => "build",
        Command::Plan(_) => "plan",
        Command::Deploy(_) => "deploy",
        Command::Invoke(_) => "invoke",
        Command::Logs(_) => "logs",
        Command::Info(_) => "info",
        Command::Remove(_) => "remove",
        Command::Host(Host::Start(_)) => "host start",
        Command::Host(Host::Stop) => "host stop",
        Command::Host(Host::Status) => "host status",
        Command::Host(Host::Run(_)) => "host run",
        Command::Host(Host::Clock(_)) => "host clock",
        Command::Debug(_) => "debug",
        Command::Completions(_) => "completions",
        Command::Worker(_) => "__worker",
    }
}

/// Becomes the worker; comes back only if that failed, or if there was nothing to become.
pub(crate) fn worker(args: &[OsString]) -> Result<Exit, Error> {
    sf_host::worker_exec(args).map(|()| Exit::Ok).map_err(|cause| {
        let program = args.get(2).map(|program| program.display().to_string()).unwrap_or_default();
        Error::io("start", program, &cause).kind(Exit::Unreachable)
    })
}
