//! seccomp: the system calls that no function needs and that lead out of the other restrictions, or into rarely walked parts of the
//! kernel.
//!
//! A list of what is refused, not of what is allowed: a program must not fail because its runtime learned a new call. Refused calls
//! answer `EPERM`; those that programs know to do without answer `ENOSYS`, so that they do.

use std::collections::BTreeMap;

use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::worker::sandbox::plan::Calls;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Changing the machine or its view of itself, looking into other processes, loading code into the kernel, sharing memory by
/// number with whoever is the same user.
const REFUSED: &[i64] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_msgctl,
    libc::SYS_msgget,
    libc::SYS_msgrcv,
    libc::SYS_msgsnd,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_semctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_shmget,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
    // open_tree_attr, which the libc crate does not name yet; the number is the same on every architecture.
    467,
];

#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] =
    &[libc::SYS_ioperm, libc::SYS_iopl, libc::SYS_kexec_file_load, libc::SYS_modify_ldt, libc::SYS_uselib];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[];

/// What takes a process out of its process group.
const LEAVING: &[i64] = &[libc::SYS_setpgid, libc::SYS_setsid];

/// `clone3` passes its flags where a filter cannot see them; the C library falls back to `clone`. `io_uring` does everything that a
/// filter refuses, unseen.
const UNKNOWN: &[i64] =
    &[libc::SYS_clone3, libc::SYS_io_uring_enter, libc::SYS_io_uring_register, libc::SYS_io_uring_setup];

/// The flags of `clone` that make a namespace, in which a process is root again.
const NAMESPACES: &[i32] = &[
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// The sockets there are: the internet's, and the one that says which network interfaces there are. With Unix sockets a function
/// would reach the session bus, Docker, an SSH agent: services that do for the user whatever they are told.
const SOCKETS: &[i32] = &[libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

pub(super) fn apply(calls: &Calls) -> Result<String, String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let refused = refused(calls).map_err(|error| error.to_string())?;
    let count = refused.len() + UNKNOWN.len();
    for (rules, errno) in [(unknown(), libc::ENOSYS), (refused, libc::EPERM)] {
        let action = SeccompAction::Errno(errno.unsigned_abs());
        let filter = SeccompFilter::new(with_x32(rules), SeccompAction::Allow, action, arch);
        let program: Result<BpfProgram, _> = filter.and_then(TryInto::try_into);
        let program = program.map_err(|error| error.to_string())?;
        seccompiler::apply_filter(&program).map_err(|error| error.to_string())?;
    }
    Ok(format!("{count} system calls are refused, some for certain arguments only; Unix sockets too"))
}

fn unknown() -> Rules {
    UNKNOWN.iter().map(|call| (*call, Vec::new())).collect()
}

fn refused(calls: &Calls) -> Result<Rules, BackendError> {
    let leaving = if calls.keep_group { LEAVING } else { &[] };
    let always = REFUSED.iter().chain(REFUSED_HERE).chain(leaving);
    let mut rules: Rules = always.map(|call| (*call, Vec::new())).collect();
    let in_clone = NAMESPACES.iter().map(|flag| bits(*flag)).map(|flag| when(&[(0, MaskedEq(flag), flag)]));
    rules.insert(libc::SYS_clone, in_clone.collect::<Result<_, _>>()?);
    let other: Vec<_> = SOCKETS.iter().map(|family| (0, Ne, bits(*family))).collect();
    rules.insert(libc::SYS_socket, vec![when(&other)?]);
    // 0 is what everybody has, and all bits ask.
    rules.insert(libc::SYS_personality, vec![when(&[(0, Ne, 0), (0, Ne, bits(-1))])?]);
    // Of another process, or of all of this user's; 0 is one's own.
    rules.insert(libc::SYS_prlimit64, vec![when(&[(0, Ne, 0)])?]);
    let whole_user = when(&[(0, Eq, u64::from(libc::PRIO_USER))])?;
    rules.insert(libc::SYS_setpriority, vec![when(&[(1, Ne, 0)])?, whole_user]);
    Ok(rules)
}

/// Holds when all of these do: which argument, compared how, with what. Arguments of 32 bits.
fn when(all: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, BackendError> {
    let condition = |(argument, operator, value): &(u8, SeccompCmpOp, u64)| {
        SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, operator.clone(), *value)
    };
    SeccompRule::new(all.iter().map(condition).collect::<Result<_, _>>()?)
}

fn bits(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

/// On x86-64 the kernel may know each call by a second number (the x32 ABI's), and some by a third: a filter that does not name them
/// lets them pass. <https://github.com/torvalds/linux/blob/v6.12/arch/x86/entry/syscalls/syscall_64.tbl>
#[cfg(target_arch = "x86_64")]
fn with_x32(rules: Rules) -> Rules {
    const X32: i64 = 0x4000_0000;
    // kexec_load, move_pages, process_vm_readv, process_vm_writev, ptrace.
    const OWN: [i64; 5] = [528, 533, 539, 540, 521];
    let own = rules.contains_key(&libc::SYS_ptrace).then_some(OWN).into_iter().flatten();
    let own: Vec<_> = own.flat_map(|call| [call, call | X32]).map(|call| (call, Vec::new())).collect();
    let twice = rules.into_iter().flat_map(|(call, rules)| [(call, rules.clone()), (call | X32, rules)]);
    twice.chain(own).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn with_x32(rules: Rules) -> Rules {
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_refused_by_every_number_that_it_has() {
        let rules = with_x32(refused(&Calls { keep_group: true }).unwrap());
        let always = |call: i64| rules.get(&call).is_some_and(Vec::is_empty);
        assert!(always(libc::SYS_ptrace) && always(libc::SYS_setsid));
        assert!(!rules[&libc::SYS_socket].is_empty(), "some sockets there must be");
        if cfg!(target_arch = "x86_64") {
            assert!(always(0x4000_0000 | libc::SYS_mount) && always(0x4000_0000 | 521));
        }
        assert!(!refused(&Calls { keep_group: false }).unwrap().contains_key(&libc::SYS_setsid));
    }
}
