//! The launcher's side: reads its plan, and carries it out on itself.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;

use super::apply::apply;
use super::plan::{Plan, Tried};

/// The variable that says where the worker connects to.
const SOCKET: &str = "SF_WORKER_SOCKET";

/// Restricts this process. A trial says on stdout how each step went; otherwise the first that fails is the end. Gives the variables
/// that the worker's environment needs besides.
pub(crate) fn restrict(plan: &OsStr, is_trial: bool) -> io::Result<Option<(&'static str, OsString)>> {
    let plan = plan.to_str().filter(|plan| !plan.is_empty());
    let Some(plan) = plan else { return Ok(None) };
    let plan: Plan = serde_json::from_str(plan)?;
    let socket = connect(&plan)?;
    let mut tried: Vec<Tried> = Vec::new();
    apply(&plan, |step| {
        tried.push(step);
        is_trial || tried.last().is_some_and(|step| step.result.is_ok())
    });
    if is_trial {
        serde_json::to_writer(io::stdout(), &tried)?;
        return Ok(None);
    }
    match tried.pop() {
        Some(Tried { step, result: Err(reason) }) => {
            Err(io::Error::other(format!("restrict the worker ({step:?}): {reason}")))
        }
        _ => Ok(socket),
    }
}

/// Connects for the worker, which will have no Unix sockets: it inherits the connection.
fn connect(plan: &Plan) -> io::Result<Option<(&'static str, OsString)>> {
    let address = std::env::var(SOCKET).unwrap_or_default();
    let Some(path) = address.strip_prefix("unix:").filter(|_| plan.calls.is_some()) else { return Ok(None) };
    let stream = UnixStream::connect(path)?;
    let mut flags = rustix::io::fcntl_getfd(&stream)?;
    flags.remove(rustix::io::FdFlags::CLOEXEC);
    rustix::io::fcntl_setfd(&stream, flags)?;
    Ok(Some((SOCKET, format!("fd:{}", stream.into_raw_fd()).into())))
}
