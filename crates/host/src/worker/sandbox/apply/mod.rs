//! What the launcher does to itself before it becomes the worker. It runs alone in its process, with one thread, between the host's
//! fork and the worker's exec.

mod calls;
mod files;
mod mounts;
mod privileges;

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::plan::{Limits, Plan, Step, Tried};

/// Carries a plan out, step by step. `each` hears how each went and says whether to go on.
pub(super) fn apply(plan: &Plan, mut each: impl FnMut(Tried) -> bool) {
    for step in Step::ALL {
        if let Some(result) = act(step, plan)
            && !each(Tried { step, result })
        {
            return;
        }
    }
}

/// What is in force now, or why it is not; `None` if the plan has no such step.
fn act(step: Step, plan: &Plan) -> Option<Result<String, String>> {
    let text = |error: io::Error| error.to_string();
    match step {
        Step::Groups => (!plan.groups.is_empty()).then(|| join_groups(plan).map_err(text)),
        Step::Mounts => plan.mounts.as_ref().map(mounts::apply),
        Step::Limits => plan.limits.as_ref().map(|limits| limit(limits).map_err(text)),
        Step::Privileges => plan.privileges.then(|| privileges::drop_all().map_err(text)),
        Step::Files => plan.files.as_ref().map(files::apply),
        Step::Calls => plan.calls.as_ref().map(calls::apply),
    }
}

/// `0` is whoever writes.
fn join_groups(plan: &Plan) -> io::Result<String> {
    for file in &plan.groups {
        std::fs::write(file, "0")
            .map_err(|error| io::Error::new(error.kind(), format!("write {}: {error}", file.display())))?;
    }
    Ok(String::new())
}

fn limit(limits: &Limits) -> io::Result<String> {
    let mut wanted = vec![
        (Resource::Core, 0),
        (Resource::Nofile, limits.open_files),
        (Resource::Fsize, limits.file_size),
        (Resource::Msgqueue, 0),
        (Resource::Rtprio, 0),
    ];
    wanted.extend(limits.processes.map(|processes| (Resource::Nproc, processes)));
    for (resource, limit) in wanted {
        // Never more than the host itself may.
        let limit = getrlimit(resource).maximum.map_or(limit, |most| most.min(limit));
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    let mebibytes = limits.file_size >> 20;
    Ok(format!("{} open files, {mebibytes} MiB a file, no core dumps", limits.open_files))
}
