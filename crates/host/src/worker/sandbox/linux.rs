//! What Linux has: tried once by a launcher that runs nothing, then planned for each worker.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sf_host_api::Layer;
use tempfile::TempDir;

use super::groups::{Controller, Group, Groups, Most, Version};
use super::plan::{Calls, Files, Limits, Mounts, Plan, Step, Tried};
use super::watch::Watch;
use super::{ENVIRONMENT, LEAST_MEMORY, NAMES, Need, Occupied, disk, layer, only_environment, reach};

/// Processes and threads of one worker.
const PROCESSES: u64 = 1024;
/// Bytes that one worker may have on the disk, as AWS Lambda's `/tmp` has without being asked for more.
const DISK: u64 = 512 << 20;
const OPEN_FILES: u64 = 4096;
/// A trial is quick; a machine may be slow.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(20);

/// What this system has, and what each worker gets of it.
pub(super) struct System {
    groups: Option<Groups>,
    /// What the trials left, with what every worker may read.
    plan: Plan,
    watch: Option<Watch>,
    _held: Vec<File>,
}

/// A worker's limits.
pub(super) struct Bounds {
    group: Option<Group>,
    memory: u64,
    /// The function asked for that much; else it is the least there is.
    is_asked: bool,
    own_process: OnceLock<Option<File>>,
}

impl System {
    pub(super) async fn detect(launcher: &[OsString], scratch: &Path) -> (Self, Vec<Layer>) {
        if launcher.is_empty() {
            let none = Self { groups: None, plan: Plan::default(), watch: None, _held: Vec::new() };
            return (none, only_environment("workers are started without the launcher"));
        }
        let (groups, no_groups) = match Groups::find() {
            Ok(groups) => (Some(groups), String::new()),
            Err(reason) => (None, reason),
        };
        let is_root = rustix::process::geteuid().is_root();
        let held = reach::hold_on();
        let mut plan = full_plan(!is_root, scratch, groups.is_none());
        let mut tried = trial(launcher, &plan, groups.as_ref()).await;
        if is_root && result(&tried, Step::Mounts).is_err() {
            // Root of a container may lack the right, and get it in a user namespace.
            let retried = full_plan(true, scratch, groups.is_none());
            let again = trial(launcher, &retried, groups.as_ref()).await;
            if result(&again, Step::Mounts).is_ok() {
                (plan, tried) = (retried, again);
            }
        }
        let groups = groups.filter(|_| result(&tried, Step::Groups).is_ok());
        let no_groups =
            if no_groups.is_empty() { result(&tried, Step::Groups).err() } else { Some(no_groups) };
        plan.keep(&tried);
        let memory_watched = !groups.as_ref().is_some_and(|groups| groups.has(Controller::Memory));
        let processes_watched = !groups.as_ref().is_some_and(|groups| groups.has(Controller::Processes));
        let mut layers = vec![layer(NAMES[0], Ok(ENVIRONMENT.into()))];
        for step in [Step::Privileges, Step::Mounts, Step::Files, Step::Calls, Step::Limits] {
            layers.push(layer(name(step), result(&tried, step)));
        }
        layers.extend(bound_layers(groups.as_ref(), &no_groups.unwrap_or_default()));
        let most = super::watch::Most { processes: PROCESSES, disk: DISK };
        let watch = Watch::start(most, memory_watched, processes_watched, scratch);
        (Self { groups, plan, watch: Some(watch), _held: held }, layers)
    }

    pub(super) fn prepare(&self, need: &Need<'_>, home: &Path) -> io::Result<(String, Bounds)> {
        let memory = need.memory.max(LEAST_MEMORY);
        let most = Most { memory, processes: PROCESSES };
        let group = self.groups.as_ref().map(|groups| groups.make(most)).transpose()?;
        let bounds = Bounds { group, memory, is_asked: memory == need.memory, own_process: OnceLock::new() };
        if self.watch.is_none() {
            return Ok((String::new(), bounds));
        }
        // As the kernel names it: it is compared with what is mounted.
        let more = need.writable.map(Path::canonicalize).transpose()?;
        let writable: Vec<_> = more.into_iter().chain([home.to_owned()]).collect();
        let mut plan = self.plan.clone();
        plan.groups = bounds.group.as_ref().map(Group::entries).unwrap_or_default();
        if let Some(mounts) = &mut plan.mounts {
            mounts.writable = writable.clone();
        }
        if let Some(files) = &mut plan.files {
            // Runtimes size themselves by their group's limits.
            let groups = plan.groups.iter().filter_map(|entry| entry.parent());
            files.read.extend(need.trees.iter().cloned().chain(groups.map(Path::to_owned)));
            files.read.push(need.folder.to_owned());
            files.write = writable;
        }
        Ok((serde_json::to_string(&plan)?, bounds))
    }

    pub(super) fn watch(&self, worker: &Arc<Occupied>) {
        if let Some(bounds) = &worker.bounds {
            let _ = bounds.own_process.set(worker.group.and_then(reach::hold_on_to_process));
        }
        if let Some(watch) = &self.watch {
            watch.add(worker);
        }
    }
}

fn name(step: Step) -> &'static str {
    match step {
        Step::Groups => "groups",
        Step::Mounts => "mounts",
        Step::Limits => "limits",
        Step::Privileges => "privileges",
        Step::Files => "files",
        Step::Calls => "system-calls",
    }
}

/// Everything there is.
fn full_plan(user_namespace: bool, scratch: &Path, keep_group: bool) -> Plan {
    // In a user namespace of its own a worker's processes are counted for itself. The machine's root is never counted.
    let is_counted = user_namespace && !rustix::process::geteuid().is_root();
    Plan {
        groups: Vec::new(),
        mounts: Some(Mounts { user_namespace, writable: vec![scratch.to_owned()] }),
        limits: Some(Limits {
            open_files: OPEN_FILES,
            file_size: DISK,
            processes: is_counted.then_some(PROCESSES),
        }),
        privileges: true,
        files: Some(Files {
            read: reach::common().into_iter().collect(),
            devices: reach::DEVICES.iter().map(PathBuf::from).collect(),
            write: Vec::new(),
        }),
        calls: Some(Calls { keep_group }),
    }
}

impl Plan {
    /// Leaves out what was not to be had.
    fn keep(&mut self, tried: &[Tried]) {
        let missing = |step| result(tried, step).is_err();
        self.mounts.take_if(|_| missing(Step::Mounts));
        self.limits.take_if(|_| missing(Step::Limits));
        self.files.take_if(|_| missing(Step::Files));
        self.calls.take_if(|_| missing(Step::Calls));
        self.privileges &= !missing(Step::Privileges);
        if self.mounts.is_none()
            && let Some(limits) = &mut self.limits
        {
            limits.processes = None;
        }
        if missing(Step::Groups)
            && let Some(calls) = &mut self.calls
        {
            calls.keep_group = true;
        }
    }
}

fn result(tried: &[Tried], step: Step) -> Result<String, String> {
    let found = tried.iter().find(|tried| tried.step == step);
    found.map_or_else(|| Err("could not be tried".into()), |tried| tried.result.clone())
}

/// Starts the launcher without a program.
async fn trial(launcher: &[OsString], plan: &Plan, groups: Option<&Groups>) -> Vec<Tried> {
    let failed = |reason: String| Step::ALL.map(|step| Tried { step, result: Err(reason.clone()) }).into();
    match try_plan(launcher, plan, groups).await {
        Ok(tried) => tried,
        Err(error) => failed(format!("try it: {error}")),
    }
}

async fn try_plan(launcher: &[OsString], plan: &Plan, groups: Option<&Groups>) -> io::Result<Vec<Tried>> {
    let [program, arguments @ ..] = launcher else { return Ok(Vec::new()) };
    let group =
        groups.and_then(|groups| groups.make(Most { memory: LEAST_MEMORY, processes: PROCESSES }).ok());
    let mut plan = plan.clone();
    plan.groups = group.as_ref().map(Group::entries).unwrap_or_default();
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).arg(std::process::id().to_string()).arg(serde_json::to_string(&plan)?);
    command.env_clear().stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = tokio::time::timeout(TRIAL_TIMEOUT, command.output()).await??;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        io::Error::other(format!("the launcher said: {}", String::from_utf8_lossy(&output.stderr).trim()))
    })
}

/// The layers that bound what a worker uses with all that it starts.
fn bound_layers(groups: Option<&Groups>, no_groups: &str) -> [Layer; 3] {
    let by = |controller: Controller| {
        let groups = groups.filter(|groups| groups.has(controller))?;
        Some(match groups.version() {
            Version::V1 => "by its control group (version 1)",
            Version::V2 => "by its control group (version 2)",
        })
    };
    let watched = || match no_groups {
        "" => "by the host, which looks 10 times a second (no control group)".to_owned(),
        reason => format!("by the host, which looks 10 times a second (no control group: {reason})"),
    };
    let memory = by(Controller::Memory).map_or_else(watched, str::to_owned);
    let processes = by(Controller::Processes).map_or_else(watched, str::to_owned);
    [
        layer("memory", Ok(format!("`memory` of each function is kept {memory}"))),
        layer("processes", Ok(format!("{PROCESSES} processes and threads a worker, kept {processes}"))),
        layer(
            "disk",
            Ok(format!("{} MiB a worker, kept by the host, which looks 5 times a second", DISK >> 20)),
        ),
    ]
}

impl Bounds {
    pub(super) fn kill(&self) {
        if let Some(group) = &self.group {
            group.kill();
        }
    }

    pub(super) fn reason(&self) -> Option<String> {
        let is_over = self.group.as_ref().is_some_and(Group::ran_out_of_memory);
        is_over.then(|| self.too_much_memory())
    }

    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    /// The worker's processes, where a control group has them.
    pub(super) fn processes(&self) -> Option<Vec<u32>> {
        self.group.as_ref().map(Group::processes)
    }

    pub(super) fn too_much_memory(&self) -> String {
        let why = if self.is_asked { "its `memory`" } else { "the least that a function gets" };
        format!("killed: it used more than {}MiB ({why})", self.memory >> 20)
    }
}

pub(super) fn remove(home: TempDir) {
    disk::remove(&home.keep());
}
