//! One file for each command: from its flags to its result.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod data;
pub(crate) mod debug;
pub(crate) mod deploy;
pub(crate) mod diff;
pub(crate) mod drift;
pub(crate) mod host;
pub(crate) mod info;
pub(crate) mod invoke;
pub(crate) mod logs;
pub(crate) mod new;
pub(crate) mod plan;
pub(crate) mod reference;
pub(crate) mod releases;
pub(crate) mod remove;
pub(crate) mod rollback;
pub(crate) mod state;

use std::ffi::OsString;

use crate::args::{Bucket, Command, Host, Queue, Releases, Secret, State, Table, Topic};
use crate::errors::{Error, Exit};

/// What JSON calls a command.
pub(crate) fn name(command: &Command) -> &'static str {
    match command {
        Command::New(_) => "new",
        Command::Check(_) => "check",
        Command::Build(_) => "build",
        Command::Plan(_) => "plan",
        Command::Deploy(_) => "deploy",
        Command::Drift(_) => "drift",
        Command::Releases(Releases { what: Some(_), .. }) => "releases show",
        Command::Releases(_) => "releases",
        Command::Diff(_) => "diff",
        Command::Rollback(_) => "rollback",
        Command::Invoke(_) => "invoke",
        Command::Logs(_) => "logs",
        Command::Info(_) => "info",
        Command::Remove(_) => "remove",
        Command::Secret(Secret::Set(_)) => "secret set",
        Command::Secret(Secret::List(_)) => "secret list",
        Command::Secret(Secret::Rm(_)) => "secret rm",
        Command::Queue(Queue::List(_)) => "queue list",
        Command::Queue(Queue::Peek(_)) => "queue peek",
        Command::Queue(Queue::Send(_)) => "queue send",
        Command::Queue(Queue::Redrive(_)) => "queue redrive",
        Command::Queue(Queue::Purge(_)) => "queue purge",
        Command::Topic(Topic::List(_)) => "topic list",
        Command::Topic(Topic::Publish(_)) => "topic publish",
        Command::Bucket(Bucket::List(_)) => "bucket list",
        Command::Bucket(Bucket::Ls(_)) => "bucket ls",
        Command::Bucket(Bucket::Put(_)) => "bucket put",
        Command::Bucket(Bucket::Get(_)) => "bucket get",
        Command::Bucket(Bucket::Rm(_)) => "bucket rm",
        Command::Bucket(Bucket::Url(_)) => "bucket url",
        Command::Table(Table::List(_)) => "table list",
        Command::Table(Table::Get(_)) => "table get",
        Command::Table(Table::Put(_)) => "table put",
        Command::Table(Table::Rm(_)) => "table rm",
        Command::Table(Table::Query(_)) => "table query",
        Command::Table(Table::Scan(_)) => "table scan",
        Command::State(State::List(_)) => "state list",
        Command::State(State::Show(_)) => "state show",
        Command::State(State::Rebuild(_)) => "state rebuild",
        Command::State(State::Unlock(_)) => "state unlock",
        Command::State(State::Pull(_)) => "state pull",
        Command::State(State::Push(_)) => "state push",
        Command::State(State::Move(_)) => "state move",
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
