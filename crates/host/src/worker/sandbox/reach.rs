//! The files outside of its own folders that a worker needs: programs, libraries, certificates, and what runtimes ask the kernel.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Programs and libraries, where distributions have them.
const PROGRAMS: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/home/linuxbrew/.linuxbrew",
    "/snap",
];

/// What of `/etc` is no secret. For root all of it can be read, so root's functions get these only.
const SETTINGS: &[&str] = &[
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "fonts",
    "gai.conf",
    "group",
    "host.conf",
    "hostname",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "ld.so.preload",
    "locale.conf",
    "localtime",
    "lsb-release",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "pki/ca-trust",
    "pki/tls/cert.pem",
    "pki/tls/certs",
    "pki/tls/openssl.cnf",
    "protocols",
    "resolv.conf",
    "services",
    "ssl/cert.pem",
    "ssl/certs",
    "ssl/openssl.cnf",
    "static",
    "terminfo",
    "timezone",
];

/// What a runtime asks the kernel to size its heap and its threads. Not the folders of other processes.
const KERNEL: &[&str] = &[
    "/proc/cpuinfo",
    "/proc/filesystems",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys",
    "/proc/uptime",
    "/proc/version",
    "/proc/vmstat",
];
const KERNEL_MORE: &[&str] = &["/sys/devices/system/cpu", "/sys/kernel/mm/transparent_hugepage"];

pub(super) const DEVICES: &[&str] = &["/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"];

/// What every worker may read.
pub(super) fn common() -> BTreeSet<PathBuf> {
    let settings: Vec<PathBuf> = match rustix::process::geteuid().is_root() {
        true => SETTINGS.iter().map(|name| Path::new("/etc").join(name)).collect(),
        false => vec!["/etc".into()],
    };
    let all = PROGRAMS.iter().chain(KERNEL).chain(KERNEL_MORE).map(PathBuf::from).chain(settings);
    // Where it really is: half of these lead into `/usr`, which is there already.
    let mut found: BTreeSet<_> = all.filter_map(|path| path.canonicalize().ok()).collect();
    found.extend(name_servers());
    without_inner(&found)
}

/// The folder of `/etc/resolv.conf`'s target: services write it anew when the network changes, and a rule for the file itself would
/// keep the old one.
fn name_servers() -> Option<PathBuf> {
    let target = Path::new("/etc/resolv.conf").canonicalize().ok()?;
    let folder = target.parent()?;
    let is_own = folder.starts_with("/run") && folder != Path::new("/run");
    Some(if is_own { folder.to_owned() } else { target })
}

/// Without those that lie in another of them.
pub(super) fn without_inner(paths: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let is_inner = |path: &&PathBuf| path.ancestors().skip(1).any(|outer| paths.contains(outer));
    paths.iter().filter(|path| !is_inner(path)).cloned().collect()
}

/// Holds on to the files of `/proc`: they are made when they are looked for, and a rule for one that was forgotten meanwhile would not
/// hold for the next.
pub(super) fn hold_on() -> Vec<File> {
    KERNEL.iter().filter_map(|path| File::open(path).ok()).collect()
}

/// As [`hold_on`], for a worker's own folder.
pub(super) fn hold_on_to_process(pid: u32) -> Option<File> {
    File::open(format!("/proc/{pid}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_the_system_is_common() {
        let common = common();
        let reaches = |path: &str| Path::new(path).ancestors().any(|folder| common.contains(folder));
        for path in [
            "/root/.ssh/id_rsa",
            "/home/a/.aws/credentials",
            "/var/lib/x",
            "/run/docker.sock",
            "/proc/1/environ",
        ] {
            assert!(!reaches(path), "{path}");
        }
        assert!(reaches("/usr/bin/env"));
        if rustix::process::geteuid().is_root() {
            assert!(!reaches("/etc/shadow") && !reaches("/etc/ssh/ssh_host_ed25519_key"));
        }
    }

    #[test]
    fn a_path_in_another_is_left_out() {
        let paths = ["/usr", "/usr/lib", "/usrlocal", "/etc/ssl"].map(PathBuf::from).into();
        let left: Vec<_> = without_inner(&paths).into_iter().collect();
        assert_eq!(left, ["/etc/ssl", "/usr", "/usrlocal"].map(PathBuf::from));
    }
}
