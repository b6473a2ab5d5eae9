//! What a worker's launcher is told to do before it becomes the worker, and what a try of it answers. Both travel as JSON.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The restrictions of one worker. What is `None` is left out: the host tried each once and knows what this system has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Files of control groups that the process writes itself into.
    pub(crate) groups: Vec<PathBuf>,
    pub(crate) mounts: Option<Mounts>,
    pub(crate) limits: Option<Limits>,
    pub(crate) privileges: bool,
    pub(crate) files: Option<Files>,
    pub(crate) calls: Option<Calls>,
}

/// A view of the file system in which nothing can be changed but `writable`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mounts {
    /// Who is not root needs a user namespace to be allowed that.
    pub(crate) user_namespace: bool,
    pub(crate) writable: Vec<PathBuf>,
}

/// Limits of each process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Open files.
    pub(crate) open_files: u64,
    /// Bytes of one file.
    pub(crate) file_size: u64,
    /// Processes and threads of the user, where they are counted for this worker alone.
    pub(crate) processes: Option<u64>,
}

/// The files that are to be seen; paths that do not exist are passed over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Files {
    /// To read and to execute.
    pub(crate) read: Vec<PathBuf>,
    /// To read and to write, files and devices only.
    pub(crate) devices: Vec<PathBuf>,
    /// Folders to do anything in.
    pub(crate) write: Vec<PathBuf>,
}

/// The system calls that are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Calls {
    /// Refuses also what takes a process out of its process group: where that is all that the host can kill it by.
    pub(crate) keep_group: bool,
}

/// The parts of a plan, in the order in which they are applied: each may need what the later ones take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Step {
    Groups,
    Mounts,
    Limits,
    Privileges,
    Files,
    Calls,
}

impl Step {
    pub(crate) const ALL: [Self; 6] =
        [Self::Groups, Self::Mounts, Self::Limits, Self::Privileges, Self::Files, Self::Calls];
}

/// How a step went when it was tried: what is in force, or why it is not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tried {
    pub(crate) step: Step,
    pub(crate) result: Result<String, String>,
}
