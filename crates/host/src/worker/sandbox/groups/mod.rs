//! Control groups: what a worker and all that it starts may use together, and a way to end all of it at once.
//!
//! Each host has a group `sf-host-PID-N` below its own (or, where that may have none, below the nearest one above it that may), and each
//! worker a group in that. Version 1 has a tree for each controller, version 2 has one for all.
//! <https://docs.kernel.org/admin-guide/cgroup-v2.html>, <https://docs.kernel.org/admin-guide/cgroup-v1/index.html>

mod find;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long processes that were killed may take to go.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Controller {
    Memory,
    Processes,
}

impl Controller {
    const ALL: [Self; 2] = [Self::Memory, Self::Processes];

    /// The kernel's name for it.
    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processes => "pids",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// What a worker may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    pub(super) memory: u64,
    pub(super) processes: u64,
}

/// The host's groups: those that workers' groups are made in.
#[derive(Debug)]
pub(super) struct Groups {
    version: Version,
    parents: Vec<Parent>,
    next: AtomicU64,
}

#[derive(Debug)]
struct Parent {
    folder: PathBuf,
    controllers: BTreeSet<Controller>,
}

/// A worker's group.
#[derive(Debug)]
pub(super) struct Group {
    version: Version,
    folders: Vec<(PathBuf, BTreeSet<Controller>)>,
}

impl Groups {
    /// Makes the host's group; why not, where that cannot be.
    pub(super) fn find() -> Result<Self, String> {
        find::groups()
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    pub(super) fn has(&self, controller: Controller) -> bool {
        self.parents.iter().any(|parent| parent.controllers.contains(&controller))
    }

    /// Makes a group for a worker.
    pub(super) fn make(&self, most: Most) -> io::Result<Group> {
        let name = format!("worker-{}", self.next.fetch_add(1, Ordering::Relaxed));
        // What was made goes again if the rest cannot be.
        let mut group = Group { version: self.version, folders: Vec::new() };
        for Parent { folder, controllers } in &self.parents {
            let folder = folder.join(&name);
            let failed = |error: io::Error| {
                io::Error::new(error.kind(), format!("make control group {}: {error}", folder.display()))
            };
            fs::create_dir(&folder).map_err(failed)?;
            group.folders.push((folder.clone(), controllers.clone()));
            for (file, value) in settings(self.version, controllers, most) {
                match fs::write(folder.join(file.name), &value) {
                    Err(error) if file.required => return Err(failed(error)),
                    _ => {}
                }
            }
        }
        Ok(group)
    }
}

struct Setting {
    name: &'static str,
    required: bool,
}

/// What is written into a new group. The memory's limit counts what lies in swap too, where the kernel counts that.
fn settings(version: Version, controllers: &BTreeSet<Controller>, most: Most) -> Vec<(Setting, String)> {
    let must = |name| Setting { name, required: true };
    let may = |name| Setting { name, required: false };
    let of = |controller: &Controller| match (controller, version) {
        (Controller::Processes, _) => vec![(must("pids.max"), most.processes.to_string())],
        (Controller::Memory, Version::V1) => vec![
            (must("memory.limit_in_bytes"), most.memory.to_string()),
            (may("memory.memsw.limit_in_bytes"), most.memory.to_string()),
        ],
        (Controller::Memory, Version::V2) => vec![
            (must("memory.max"), most.memory.to_string()),
            (may("memory.swap.max"), "0".into()),
            (may("memory.oom.group"), "1".into()),
        ],
    };
    controllers.iter().flat_map(of).collect()
}

impl Drop for Groups {
    fn drop(&mut self) {
        for parent in &self.parents {
            remove_tree(&parent.folder, self.version);
        }
    }
}

impl Group {
    /// Where a process writes itself to.
    pub(super) fn entries(&self) -> Vec<PathBuf> {
        self.folders.iter().map(|(folder, _)| folder.join("cgroup.procs")).collect()
    }

    pub(super) fn processes(&self) -> Vec<u32> {
        self.folders.first().map(|(folder, _)| processes_in(folder)).unwrap_or_default()
    }

    /// Whether the kernel killed one of its processes for the memory that they used.
    pub(super) fn ran_out_of_memory(&self) -> bool {
        let file = match self.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        let has_memory = |controllers: &BTreeSet<Controller>| controllers.contains(&Controller::Memory);
        let folder = self.folders.iter().find(|(_, controllers)| has_memory(controllers));
        let text = folder.and_then(|(folder, _)| fs::read_to_string(folder.join(file)).ok());
        let count =
            text.as_deref().unwrap_or_default().lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.is_some_and(|count| count.trim() != "0")
    }

    /// Kills all that is in it, and waits a little for it to be gone.
    pub(super) fn kill(&self) {
        for (folder, _) in &self.folders {
            kill_all(folder, self.version);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for (folder, _) in &self.folders {
            kill_all(folder, self.version);
            remove(folder);
        }
    }
}

fn processes_in(folder: &Path) -> Vec<u32> {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Ends every process. One that forks meanwhile cannot outrun it: no process may be added any more.
fn kill_all(folder: &Path, version: Version) {
    if processes_in(folder).is_empty() {
        return;
    }
    if version == Version::V2 && fs::write(folder.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    let _ = fs::write(folder.join("pids.max"), "0");
    let end = Instant::now() + GRACE;
    loop {
        let processes = processes_in(folder);
        for pid in &processes {
            if let Some(pid) = i32::try_from(*pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        if processes.is_empty() || Instant::now() > end {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Removes a group whose processes were killed: the kernel refuses while one of them is still going.
fn remove(folder: &Path) {
    let end = Instant::now() + GRACE;
    loop {
        match fs::remove_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(1));
            }
            _ => return,
        }
    }
}

/// Removes a host's group with those in it. One that has this very process stays: it may have had to move there.
fn remove_tree(folder: &Path, version: Version) {
    let groups = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let (mine, others): (Vec<_>, Vec<_>) = groups
        .filter(|path| path.is_dir())
        .partition(|path| processes_in(path).contains(&std::process::id()));
    for group in others {
        kill_all(&group, version);
        remove(&group);
    }
    if mine.is_empty() {
        remove(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files as the kernel would have them, but in an ordinary folder.
    #[test]
    fn a_group_of_version_2_gets_its_limits_and_tells_of_the_kernel() {
        let folder = tempfile::TempDir::new().unwrap();
        let parent = Parent { folder: folder.path().to_owned(), controllers: Controller::ALL.into() };
        let groups = Groups { version: Version::V2, parents: vec![parent], next: AtomicU64::new(7) };
        let group = groups.make(Most { memory: 1 << 28, processes: 99 }).unwrap();
        let read = |file: &str| fs::read_to_string(folder.path().join("worker-7").join(file)).unwrap();
        assert_eq!(
            (read("memory.max"), read("pids.max"), read("memory.swap.max")),
            ("268435456".into(), "99".into(), "0".into())
        );
        assert!(!group.ran_out_of_memory());
        for (events, out) in [("low 0\noom 3\noom_kill 0\n", false), ("oom 3\noom_kill 1\n", true)] {
            fs::write(folder.path().join("worker-7/memory.events"), events).unwrap();
            assert_eq!(group.ran_out_of_memory(), out);
        }
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn a_worker_of_this_system_is_counted_and_killed_with_its_group() {
        let groups = match Groups::find() {
            Ok(groups) => groups,
            Err(reason) => return eprintln!("skipped: {reason}"),
        };
        let group = groups.make(Most { memory: 64 << 20, processes: 8 }).unwrap();
        let folders: Vec<_> = group.folders.iter().map(|(folder, _)| folder.clone()).collect();
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        for entry in group.entries() {
            fs::write(entry, child.id().to_string()).unwrap();
        }
        assert_eq!(group.processes(), [child.id()]);
        group.kill();
        assert!(!child.wait().unwrap().success());
        drop(group);
        assert!(folders.iter().all(|folder| !folder.exists()), "{folders:?}");
    }
}
