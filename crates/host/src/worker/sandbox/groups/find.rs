//! Which groups this system lets the host make.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::{Controller, Groups, Parent, Version, processes_in, remove, remove_tree};

/// How a host's group is called; the process's number follows, and a number for each host of that process.
const PREFIX: &str = "sf-host-";

pub(super) fn groups() -> Result<Groups, String> {
    let read = |file: &str| fs::read_to_string(file).map_err(|error| format!("read {file}: {error}"));
    let trees = trees(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?);
    let mut problems = Vec::new();
    for tree in trees.iter().filter(|tree| tree.version == Version::V2) {
        match in_v2(&tree.root, &tree.own) {
            Ok(parent) => return Ok(made(Version::V2, vec![parent])),
            Err(problem) => problems.push(problem),
        }
    }
    let mut parents: Vec<Parent> = Vec::new();
    for tree in trees.iter().filter(|tree| tree.version == Version::V1) {
        match make_in(&tree.own) {
            Ok(folder) => parents.push(Parent { folder, controllers: tree.controllers.clone() }),
            Err(error) => problems.push(format!("make a group in {}: {error}", tree.own.display())),
        }
    }
    match (parents.is_empty(), problems.last()) {
        (false, _) => Ok(made(Version::V1, parents)),
        (true, Some(problem)) => Err(problem.clone()),
        (true, None) => Err("no control groups are mounted".into()),
    }
}

fn made(version: Version, parents: Vec<Parent>) -> Groups {
    Groups { version, parents, next: AtomicU64::new(0) }
}

/// A mounted tree of groups with something that the host needs.
#[derive(Debug, PartialEq)]
struct Tree {
    version: Version,
    /// Of version 1; version 2 says what it has in the groups.
    controllers: BTreeSet<Controller>,
    root: PathBuf,
    /// The host's group.
    own: PathBuf,
}

/// Matches what is mounted (<https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html>) with the groups that this process is in
/// (<https://man7.org/linux/man-pages/man7/cgroups.7.html>: `number:controllers:/path`, without controllers in version 2).
fn trees(mounts: &str, memberships: &str) -> Vec<Tree> {
    let membership = |version: Version, controllers: &BTreeSet<Controller>| {
        memberships.lines().find_map(|line| {
            let (names, path) = line.split_once(':')?.1.split_once(':')?;
            let is_it = match version {
                Version::V2 => names.is_empty(),
                Version::V1 => names
                    .split(',')
                    .any(|name| controllers.iter().any(|controller| controller.name() == name)),
            };
            is_it.then_some(path)
        })
    };
    let tree = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let (shown, root) = before.split_once(' ').and_then(|_| {
            let mut fields = before.split(' ').skip(3);
            Some((fields.next()?, PathBuf::from(fields.next()?)))
        })?;
        let (kind, options) = (after.split(' ').next()?, after.split(' ').nth(2)?);
        let version = match kind {
            "cgroup2" => Version::V2,
            "cgroup" => Version::V1,
            _ => return None,
        };
        let in_options = |controller: &Controller| options.split(',').any(|name| name == controller.name());
        let controllers: BTreeSet<_> = Controller::ALL.into_iter().filter(in_options).collect();
        if version == Version::V1 && controllers.is_empty() {
            return None;
        }
        let path = Path::new(membership(version, &controllers)?);
        // A container may be shown a part of the tree only.
        let below = path.strip_prefix(shown).or_else(|_| path.strip_prefix("/")).ok()?;
        let own = if root.join(below).is_dir() { root.join(below) } else { root.clone() };
        Some(Tree { version, controllers, root, own })
    };
    mounts.lines().filter_map(tree).collect()
}

/// Makes the host's group in another, and removes those of hosts that are gone.
fn make_in(folder: &Path) -> io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mine = std::process::id();
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok());
        if pid.is_some_and(|pid: u32| pid != mine && !crate::is_alive(pid)) {
            remove_tree(&entry.path(), Version::V1);
        }
    }
    let own = folder.join(format!("{PREFIX}{mine}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    if own.is_dir() {
        // Of one that had this number before: containers count anew.
        remove_tree(&own, Version::V1);
    }
    fs::create_dir(&own)?;
    Ok(own)
}

/// The host's group below its own, or below the nearest one above that allows it.
fn in_v2(root: &Path, own: &Path) -> Result<Parent, String> {
    let mut problem = None;
    for folder in own.ancestors().take_while(|folder| folder.starts_with(root)) {
        match delegate(folder) {
            Ok(parent) => return Ok(parent),
            // The nearest one's reason is the one to act on.
            Err(error) => drop(problem.get_or_insert(error)),
        }
    }
    Err(problem.unwrap_or_else(|| format!("{} has no groups", root.display())))
}

fn delegate(folder: &Path) -> Result<Parent, String> {
    let at = folder.display();
    let available = fs::read_to_string(folder.join("cgroup.controllers")).unwrap_or_default();
    let has = |controller: &Controller| available.split_whitespace().any(|name| name == controller.name());
    let controllers: BTreeSet<_> = Controller::ALL.into_iter().filter(has).collect();
    if !controllers.contains(&Controller::Memory) {
        return Err(format!("{at} has no memory controller"));
    }
    let made = make_in(folder).map_err(|error| format!("make a group in {at}: {error}"))?;
    let enabled = enable(folder, &controllers).or_else(|error| {
        // Groups with processes of their own hand nothing on. If this is the only one it moves down.
        if processes_in(folder) != [std::process::id()] {
            return Err(error);
        }
        let main = made.join("main");
        fs::create_dir(&main).and_then(|()| fs::write(main.join("cgroup.procs"), "0"))?;
        enable(folder, &controllers)
    });
    match enabled.and_then(|()| enable(&made, &controllers)) {
        Ok(()) => Ok(Parent { folder: made, controllers }),
        Err(error) => {
            if made.join("main").is_dir() {
                let _ = fs::write(folder.join("cgroup.procs"), "0");
                remove(&made.join("main"));
            }
            remove(&made);
            Err(format!("hand on the controllers of {at}: {error}"))
        }
    }
}

/// Hands controllers on to the groups in a group.
fn enable(folder: &Path, controllers: &BTreeSet<Controller>) -> io::Result<()> {
    let file = folder.join("cgroup.subtree_control");
    let text = fs::read_to_string(&file).unwrap_or_default();
    let has = |controller: &&Controller| text.split_whitespace().any(|name| name == controller.name());
    let missing: Vec<_> = controllers.iter().filter(|controller| !has(controller)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let words: Vec<_> = missing.iter().map(|controller| format!("+{}", controller.name())).collect();
    fs::write(file, words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_found_where_they_are_mounted() {
        let mounts = "22 27 0:21 / /proc rw - proc proc rw\n\
                      35 31 0:32 / /none/memory rw,relatime - cgroup cgroup rw,memory\n\
                      36 31 0:33 / /none/devices rw - cgroup cgroup rw,devices\n\
                      39 31 0:36 /part /none/pids rw,relatime shared:9 - cgroup cgroup rw,pids\n\
                      41 31 0:38 / /none/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";
        let memberships = "8:pids:/part/mine\n4:memory:/mine\n3:devices:/\n0::/user.slice\n";
        let found = trees(mounts, memberships);
        let seen: Vec<_> = found
            .iter()
            .map(|tree| (tree.version, tree.controllers.clone(), tree.root.to_str().unwrap()))
            .collect();
        assert_eq!(
            seen,
            [
                (Version::V1, [Controller::Memory].into(), "/none/memory"),
                (Version::V1, [Controller::Processes].into(), "/none/pids"),
                (Version::V2, [].into(), "/none/unified"),
            ]
        );
    }

    #[test]
    fn a_group_that_hands_controllers_on_is_used_and_one_without_is_passed_over() {
        let root = tempfile::TempDir::new().unwrap();
        let (upper, own) = (root.path().join("app.slice"), root.path().join("app.slice/mine.scope"));
        fs::create_dir_all(&own).unwrap();
        fs::write(upper.join("cgroup.controllers"), "cpu memory pids\n").unwrap();
        fs::write(upper.join("cgroup.subtree_control"), "memory\n").unwrap();
        fs::write(own.join("cgroup.controllers"), "cpu\n").unwrap();
        let parent = in_v2(root.path(), &own).unwrap();
        assert_eq!(parent.folder.parent().unwrap(), upper);
        assert_eq!(fs::read_to_string(upper.join("cgroup.subtree_control")).unwrap(), "+pids");
        assert_eq!(
            fs::read_to_string(parent.folder.join("cgroup.subtree_control")).unwrap(),
            "+memory +pids"
        );
        fs::write(upper.join("cgroup.controllers"), "cpu\n").unwrap();
        let reason = in_v2(root.path(), &own).unwrap_err();
        assert!(reason.ends_with("mine.scope has no memory controller"), "{reason}");
    }
}
