//! Which system calls an agent loses.
//!
//! A list of what is denied, not of what is allowed: C libraries differ in what they call, and an
//! agent that dies of an upgrade of one protects nobody. What counts is on the list: starting
//! programs and processes, other processes' memory, mounts and namespaces, device nodes, keys, and
//! the parts of the kernel with the worst record. The file role also loses every socket call and
//! threads; the network role keeps four address families, and cannot listen. Libraries that speak to
//! tokens keep threads and the sockets of this machine.
//!
//! A denied call fails with `EPERM`; `clone3` fails with `ENOSYS`, because its arguments cannot be
//! looked at and the C library then falls back to `clone`, whose can. Calls of the x32 ABI, which
//! would pass a list of numbers, fail with `ENOSYS` too; calls of any other architecture kill.

use crate::{Confinement, Demand, SandboxError};
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch, sock_filter,
};
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// Denied to every agent, whatever the arguments.
const DENIED: &[i64] = &[
    // Programs and processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    // Signals to others; an abort of one's own is `tgkill`. Newer kernels' Landlock says it too.
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    // Mounts, roots and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    // Nodes that are not files.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    libc::SYS_mknodat,
    // Keys. Kerberos caches in the keyring will need these in the network role.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Parts of the kernel with a record.
    libc::SYS_bpf,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_fanotify_init,
    libc::SYS_personality,
    // The machine.
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_clock_settime,
    libc::SYS_settimeofday,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

/// Denied to all agents besides: waiting for others.
const DENIED_TO_AGENTS: &[i64] = &[libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4];

/// Denied to the file role besides, and to the signing role.
const DENIED_TO_FILES: &[i64] =
    &[libc::SYS_clone, libc::SYS_socket, libc::SYS_socketpair, libc::SYS_connect, libc::SYS_bind];

/// Denied to the network role besides, and to the signing role: everything that changes a file by its path. Landlock knows
/// no right for modes, owners, times and attributes, and older kernels none for `truncate`.
const DENIED_TO_NETWORK: &[i64] = &[
    libc::SYS_truncate,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    SETXATTRAT,
    REMOVEXATTRAT,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_mkdirat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_renameat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
];

/// Newer than the bindings; the same number on every architecture.
const SETXATTRAT: i64 = 463;
const REMOVEXATTRAT: i64 = 466;

/// Puts the filter on; says whether it is on.
pub(crate) fn filter(role: &Confinement, demand: Demand) -> Result<bool, SandboxError> {
    let program = program(role).map_err(SandboxError::Seccomp)?;
    match seccompiler::apply_filter(&program) {
        Ok(()) => Ok(true),
        Err(error) if demand == Demand::Required => Err(SandboxError::Seccomp(error)),
        Err(_) => Ok(false),
    }
}

fn program(role: &Confinement) -> Result<BpfProgram, Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        DENIED.iter().map(|call| (*call, Vec::new())).collect();
    let mut deny = |calls: &[i64]| rules.extend(calls.iter().map(|call| (*call, vec![])));
    match role {
        Confinement::Files => {
            deny(DENIED_TO_AGENTS);
            deny(DENIED_TO_FILES);
        }
        Confinement::Sign => {
            deny(DENIED_TO_AGENTS);
            deny(DENIED_TO_FILES);
            deny(DENIED_TO_NETWORK);
        }
        Confinement::Token { .. } => {
            deny(DENIED_TO_AGENTS);
            deny(DENIED_TO_NETWORK);
            deny(&[libc::SYS_bind]);
            rules.extend(socket_rules(&[libc::AF_UNIX])?);
        }
        Confinement::Network { .. } => {
            deny(DENIED_TO_AGENTS);
            deny(DENIED_TO_NETWORK);
            rules.extend(socket_rules(&[libc::AF_INET, libc::AF_INET6, libc::AF_UNIX])?);
        }
        Confinement::Service { .. } => rules.extend(socket_rules(&[libc::AF_UNIX])?),
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, denied, arch)?;
    let mut program = unseen_calls();
    program.extend(BpfProgram::try_from(filter)?);
    Ok(program)
}

/// New threads but no new processes; sockets of these families, and route netlink.
fn socket_rules(families: &[i32]) -> Result<[(i64, Vec<SeccompRule>); 3], BackendError> {
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let no_thread = [argument(0, SeccompCmpOp::MaskedEq(thread), 0)?];
    let family = |op, family: i32| argument(0, op, u64::from(family.unsigned_abs()));
    let other_family: Vec<SeccompCondition> = families
        .iter()
        .chain(&[libc::AF_NETLINK])
        .map(|kept| family(SeccompCmpOp::Ne, *kept))
        .collect::<Result<_, _>>()?;
    // Route netlink tells the resolver which addresses this machine has.
    let other_netlink = [
        family(SeccompCmpOp::Eq, libc::AF_NETLINK)?,
        argument(2, SeccompCmpOp::Ne, u64::from(libc::NETLINK_ROUTE.unsigned_abs()))?,
    ];
    let not_unix = [family(SeccompCmpOp::Ne, libc::AF_UNIX)?];
    Ok([
        (libc::SYS_clone, vec![SeccompRule::new(no_thread.into())?]),
        (
            libc::SYS_socket,
            vec![SeccompRule::new(other_family)?, SeccompRule::new(other_netlink.into())?],
        ),
        (libc::SYS_socketpair, vec![SeccompRule::new(not_unix.into())?]),
    ])
}

fn argument(index: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, op, value)
}

/// The head of the program: `ENOSYS` for `clone3` and for the x32 ABI.
///
/// It runs before the check of the architecture, and can: all it does is deny.
fn unseen_calls() -> BpfProgram {
    const LOAD_CALL_NUMBER: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const X32_BIT: u32 = 0x4000_0000;
    let clone3 = u32::try_from(libc::SYS_clone3).expect("system call numbers are small");
    let no_such_call = u32::from(SeccompAction::Errno(libc::ENOSYS.unsigned_abs()));
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    vec![
        step(LOAD_CALL_NUMBER, 0, 0, 0),
        step(JUMP_IF_EQUAL, 1, 0, clone3),
        step(JUMP_IF_AT_LEAST, 0, 1, X32_BIT),
        step(RETURN, 0, 0, no_such_call),
    ]
}
