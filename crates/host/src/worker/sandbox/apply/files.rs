//! Landlock: the files that a worker sees, the signals that it may send, and whom it may look into.
//!
//! A rule holds for a file's inode, so what is renamed or replaced later is out of reach again. Checked when a file is opened; what
//! Landlock does not check (`stat`, `chmod`, `chown`, `utime`) is why there is a mount namespace besides.
//! <https://docs.kernel.org/userspace-api/landlock.html>

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use crate::worker::sandbox::plan::Files;

/// The newest version whose rights are asked for; an older kernel grants what it has.
const NEWEST: ABI = ABI::V9;

pub(super) fn apply(files: &Files) -> Result<String, String> {
    let status = restrict(files).map_err(|error| error.to_string())?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            Err("the kernel has Landlock, but it is not enabled (see `lsm=` on its command line)".into())
        }
        (RulesetStatus::NotEnforced, _) => Err("the kernel has no Landlock (Linux 5.13 has)".into()),
        (_, LandlockStatus::Available { effective_abi, .. }) if effective_abi < ABI::V6 => Ok(format!(
            "Landlock {}; signals to the same user's processes are not stopped (Linux 6.12 does)",
            effective_abi as i32
        )),
        (_, LandlockStatus::Available { effective_abi, .. }) => {
            Ok(format!("Landlock {}", effective_abi as i32))
        }
        (_, _) => Ok("Landlock".into()),
    }
}

fn restrict(files: &Files) -> Result<landlock::RestrictionStatus, RulesetError> {
    let read = AccessFs::from_read(NEWEST);
    let devices = BitFlags::from(AccessFs::ReadFile) | AccessFs::WriteFile;
    let write = AccessFs::from_all(NEWEST) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(&files.read, read))?
        .add_rules(path_beneath_rules(own_process(), read))?
        .add_rules(path_beneath_rules(&files.devices, devices))?
        .add_rules(path_beneath_rules(&files.write, write))?
        .restrict_self()
}

/// `/proc/self`, which stays this process's when it becomes the worker. Another process's folder is another inode.
fn own_process() -> [String; 1] {
    [format!("/proc/{}", std::process::id())]
}
