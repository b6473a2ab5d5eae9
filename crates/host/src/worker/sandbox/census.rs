//! What process groups use, for systems without control groups: read from `/proc`.

use std::collections::BTreeMap;
use std::fs;

/// What a process group uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) processes: Vec<u32>,
    pub(super) threads: u64,
    /// Bytes in memory. What processes share is counted for each.
    pub(super) resident: u64,
}

/// Every process group of this machine.
pub(super) fn take() -> BTreeMap<u32, Usage> {
    let mut groups: BTreeMap<u32, Usage> = BTreeMap::new();
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some((group, threads, pages)) = parse(&stat) {
            let usage = groups.entry(group).or_default();
            usage.processes.push(pid);
            usage.threads += threads;
            usage.resident += pages * page;
        }
    }
    groups
}

/// Group, threads and resident pages: fields 5, 20 and 24, counted from behind the name, which may hold anything.
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
fn parse(stat: &str) -> Option<(u32, u64, u64)> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(2);
    let group = fields.next()?.parse().ok()?;
    let threads = fields.nth(14)?.parse().ok()?;
    Some((group, threads, fields.nth(3)?.parse().ok()?))
}

/// Bytes in memory, where what is shared is divided among those who share it. Slow: for those that seem to use too much.
pub(super) fn proportional(processes: &[u32]) -> u64 {
    let of = |pid: &u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    processes.iter().filter_map(of).sum::<u64>() << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_in_its_group() {
        let mine = std::process::id();
        let groups = take();
        let usage = groups.values().find(|usage| usage.processes.contains(&mine)).unwrap();
        assert!(usage.threads >= 1 && usage.resident > 1 << 20, "{usage:?}");
        assert!((1 << 20..usage.resident * 2).contains(&proportional(&[mine])));
    }

    #[test]
    fn a_name_with_parentheses_confuses_nobody() {
        let stat = "7 (a) b (c) S 1 42 42 0 -1 0 0 0 0 0 0 0 0 0 20 0 11 0 100 1000000 2500 0";
        assert_eq!(parse(stat), Some((42, 11, 2500)));
    }
}
