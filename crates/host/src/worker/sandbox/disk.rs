//! How much a worker has on the disk. Without privileges there are no quotas, so the host looks.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes that a folder's files take. Holes take none, and a file with two names takes its space once.
pub(super) fn used(folder: &Path) -> u64 {
    let mut files = BTreeMap::new();
    walk(folder, &mut files);
    files.values().sum()
}

fn walk(folder: &Path, files: &mut BTreeMap<u64, u64>) {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // A function must not hide files from its owner.
            let _ = open_up(folder);
            fs::read_dir(folder)
        }
        entries => entries,
    };
    for entry in entries.into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        files.insert(metadata.ino(), metadata.blocks() * 512);
        if metadata.is_dir() {
            walk(&entry.path(), files);
        }
    }
}

/// Lets the owner into a folder again; never through a link, which could lead anywhere.
fn open_up(folder: &Path) -> io::Result<()> {
    use rustix::fs::{Mode, OFlags};
    use std::os::fd::AsRawFd;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(folder, flags, Mode::empty())?;
    // Such a descriptor takes no `fchmod`, its entry here does.
    Ok(rustix::fs::chmod(format!("/proc/self/fd/{}", opened.as_raw_fd()), Mode::RWXU)?)
}

/// Removes a folder that a function may have made hard to remove.
pub(super) fn remove(folder: &Path) {
    if fs::remove_dir_all(folder).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
        walk(folder, &mut BTreeMap::new());
        let _ = fs::remove_dir_all(folder);
    }
}

/// Bytes of files of a folder that have no name any more, but that a process has open or mapped.
pub(super) fn used_unnamed(folder: &Path, processes: &[u32]) -> u64 {
    let mut files = BTreeMap::new();
    for pid in processes {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            if is_unnamed_in(folder, &target.to_string_lossy())
                && let Ok(metadata) = fs::metadata(entry.path())
            {
                files.insert(metadata.ino(), metadata.blocks() * 512);
            }
        }
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        for line in maps.lines() {
            if let Some((inode, size)) = mapped(folder, line) {
                files.entry(inode).or_insert(size);
            }
        }
    }
    files.values().sum()
}

fn is_unnamed_in(folder: &Path, path: &str) -> bool {
    path.strip_suffix(" (deleted)").is_some_and(|path| Path::new(path).starts_with(folder))
}

/// Inode and size of a line of `/proc/PID/maps`: `from-to flags offset device inode path`.
fn mapped(folder: &Path, line: &str) -> Option<(u64, u64)> {
    let path = line.get(line.find('/')?..)?;
    if !is_unnamed_in(folder, path) {
        return None;
    }
    let mut fields = line.split_ascii_whitespace();
    let (from, to) = fields.next()?.split_once('-')?;
    let size = u64::from_str_radix(to, 16).ok()?.checked_sub(u64::from_str_radix(from, 16).ok()?)?;
    Some((fields.nth(3)?.parse().ok()?, size))
}

/// Free bytes of a folder's file system.
pub(super) fn free(folder: &Path) -> Option<u64> {
    let about = rustix::fs::statvfs(folder).ok()?;
    about.f_bavail.checked_mul(about.f_frsize)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_a_folder_holds_is_counted_with_what_has_no_name_any_more() {
        let folder = tempfile::TempDir::new().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let before = used(folder.path());
        fs::write(inner.join("file"), vec![1; 1 << 20]).unwrap();
        fs::hard_link(inner.join("file"), folder.path().join("again")).unwrap();
        let after = used(folder.path());
        assert!((1 << 20..2 << 20).contains(&(after - before)), "{before} {after}");
        let mut file = fs::File::create(inner.join("gone")).unwrap();
        file.write_all(&vec![1; 1 << 20]).unwrap();
        file.sync_all().unwrap();
        fs::remove_file(inner.join("gone")).unwrap();
        let me = [std::process::id()];
        assert!(used_unnamed(folder.path(), &me) >= 1 << 20);
        drop(file);
        assert_eq!(used_unnamed(folder.path(), &me), 0);
    }

    #[test]
    fn a_mapping_of_a_file_without_name_is_read() {
        let line = "7f10-7f20 rw-s 00000000 fe:00 4711                     /tmp/x/gone file (deleted)";
        assert_eq!(mapped(Path::new("/tmp/x"), line), Some((4711, 0x10)));
        assert_eq!(mapped(Path::new("/tmp/y"), line), None);
        assert_eq!(mapped(Path::new("/tmp/x"), "7f10-7f20 rw-p 00000000 00:00 0 "), None);
    }

    #[test]
    fn a_folder_that_was_closed_is_counted_and_removed() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::TempDir::new().unwrap();
        let closed = folder.path().join("home/closed");
        fs::create_dir_all(&closed).unwrap();
        fs::write(closed.join("file"), vec![1; 1 << 20]).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        assert!(used(&folder.path().join("home")) >= 1 << 20);
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        remove(&folder.path().join("home"));
        assert!(!folder.path().join("home").exists());
    }
}
