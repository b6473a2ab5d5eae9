//! A mount namespace in which everything is read-only but the worker's own folder. It stops what Landlock does not check: changing
//! the mode, the owner or the times of files that belong to the same user.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, unshare};
use rustix::mount::{MountFlags, MountPropagationFlags, mount_bind, mount_change, mount_remount};

use crate::worker::sandbox::plan::Mounts;

pub(super) fn apply(mounts: &Mounts) -> Result<String, String> {
    enter(mounts.user_namespace)?;
    // What is mounted here from now on is seen here only.
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .map_err(|error| format!("make the mounts private: {error}"))?;
    for folder in &mounts.writable {
        mount_bind(folder, folder)
            .map_err(|error| format!("mount `{}` on itself: {error}", folder.display()))?;
    }
    let table =
        fs::read("/proc/self/mountinfo").map_err(|error| format!("read /proc/self/mountinfo: {error}"))?;
    for mount in table.split(|byte| *byte == b'\n').filter_map(parse) {
        let stays = mount.flags.contains(MountFlags::RDONLY) || mounts.writable.contains(&mount.path);
        if !stays {
            protect(&mount)?;
        }
    }
    let how = if mounts.user_namespace { " (by a user namespace)" } else { "" };
    Ok(format!("all but the function's temp folder is read-only{how}"))
}

fn enter(user_namespace: bool) -> Result<(), String> {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let mut flags = CloneFlags::CLONE_NEWNS;
    flags.set(CloneFlags::CLONE_NEWUSER, user_namespace);
    unshare(flags).map_err(|error| format!("make a mount namespace: {error}"))?;
    if user_namespace {
        // <https://man7.org/linux/man-pages/man7/user_namespaces.7.html>: without `deny` the groups cannot be mapped.
        for (file, text) in [
            ("setgroups", "deny".to_owned()),
            ("uid_map", format!("{user} {user} 1")),
            ("gid_map", format!("{group} {group} 1")),
        ] {
            fs::write(format!("/proc/self/{file}"), text)
                .map_err(|error| format!("write /proc/self/{file}: {error}"))?;
        }
    }
    Ok(())
}

struct Mount {
    path: PathBuf,
    flags: MountFlags,
}

fn protect(mount: &Mount) -> Result<(), String> {
    use rustix::io::Errno;
    match mount_remount(&mount.path, mount.flags | MountFlags::BIND | MountFlags::RDONLY, "") {
        // What is mounted over, or lies in a folder of another user's, cannot be reached by the worker either.
        Ok(()) | Err(Errno::INVAL | Errno::ACCESS | Errno::NOENT) => Ok(()),
        Err(error) => Err(format!("make `{}` read-only: {error}", mount.path.display())),
    }
}

/// A line of `/proc/self/mountinfo`: the fifth field is the mount point, the sixth its options. A remount must repeat those that are
/// set, or it would lift them (and is refused in a user namespace).
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ').skip(4);
    let path = unescape(fields.next()?);
    let options = std::str::from_utf8(fields.next()?).ok()?;
    let flag = |option: &str| match option {
        "ro" => MountFlags::RDONLY,
        "nosuid" => MountFlags::NOSUID,
        "nodev" => MountFlags::NODEV,
        "noexec" => MountFlags::NOEXEC,
        "noatime" => MountFlags::NOATIME,
        "nodiratime" => MountFlags::NODIRATIME,
        "relatime" => MountFlags::RELATIME,
        _ => MountFlags::empty(),
    };
    Some(Mount { path, flags: options.split(',').map(flag).collect() })
}

/// Space, tab, newline and backslash are written as three octal digits.
fn unescape(text: &[u8]) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..3).filter(|_| *first == b'\\');
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { after.get(3..).unwrap_or_default() } else { after };
    }
    Path::new(&OsString::from_vec(bytes)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_read_with_its_flags_and_its_odd_name() {
        let line =
            b"36 35 98:0 /mnt1 /mnt/a\\040b rw,nosuid,noatime shared:1 - ext3 /dev/root rw,errors=continue";
        let mount = parse(line).unwrap();
        assert_eq!(mount.path, Path::new("/mnt/a b"));
        assert_eq!(mount.flags, MountFlags::NOSUID | MountFlags::NOATIME);
        assert!(parse(b"").is_none());
    }
}
