//! The system calls of ebbd: becoming somebody else, signals, and what we give up ourselves.
//!
//! All `unsafe` of the program is here. The order in a new process is: its own session; groups,
//! gid, uid; a look whether that is what we now are; all capabilities away; a look whether the way
//! back is shut; die with ebbd; signals as the system gives them to a new process. A child that
//! fails at any of it does not exec.
//!
//! ebbd has one thread. That is why there is nothing another thread could hold or change between
//! fork and exec, and why the calls that are per thread cover the whole process.

#![expect(unsafe_code, reason = "the one place of this program that talks to libc directly")]

use ebb_wire::launcher::Identity;
use rustix::process::{Gid, Pid, Signal, Uid, getegid, geteuid, getgid, getgroups, getuid};
use rustix::thread::{self, CapabilitySet, CapabilitySets};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The kernel's signals; realtime ones included.
const LAST_SIGNAL: libc::c_int = 64;
/// More than any kernel has capabilities; the loop ends at the first unknown one.
const MOST_CAPABILITIES: u32 = 64;

/// Marks every descriptor above standard error to be closed by exec, whoever left it to us.
pub(crate) fn close_on_exec() -> io::Result<()> {
    let flags = libc::CLOSE_RANGE_CLOEXEC.cast_signed();
    // SAFETY: with this flag nothing is closed now; no memory is passed.
    // JUSTIFICATION: rustix has no close_range, and a loop over /proc trusts a mount.
    checked(unsafe { libc::close_range(3, libc::c_uint::MAX, flags) })
}

/// Empties the bounding, ambient and inheritable sets, and keeps what we need in the other two.
/// With an empty bounding set no exec gives any of our children anything, not even root's.
pub(crate) fn keep_three_capabilities() -> io::Result<()> {
    let all = (0..MOST_CAPABILITIES).map(|bit| CapabilitySet::from_bits_retain(1 << bit));
    let known = all.take_while(|one| thread::capability_is_in_bounding_set(*one).is_ok());
    for one in known {
        thread::remove_capability_from_bounding_set(one)?;
        must(!thread::capability_is_in_bounding_set(one)?)?;
    }
    thread::clear_ambient_capability_set()?;
    keep_capabilities(CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::KILL)
}

/// Blocks the signals we act on, and gives a descriptor that tells of them.
pub(crate) fn signals() -> io::Result<OwnedFd> {
    let set = block(&[libc::SIGTERM, libc::SIGINT, libc::SIGCHLD, libc::SIGHUP])?;
    // SAFETY: the set is a live one; the descriptor, if there is one, is new and nobody else's.
    // JUSTIFICATION: no safe wrapper has signalfd.
    unsafe {
        let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        checked(fd)?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Blocks these signals and no others.
fn block(signals: &[libc::c_int]) -> io::Result<libc::sigset_t> {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: `set` is filled by sigemptyset before anything reads it; all calls get valid pointers.
    // JUSTIFICATION: no safe wrapper has signal masks.
    unsafe {
        checked(libc::sigemptyset(set.as_mut_ptr()))?;
        for signal in signals {
            checked(libc::sigaddset(set.as_mut_ptr(), *signal))?;
        }
        checked(libc::sigprocmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut()))?;
        Ok(set.assume_init())
    }
}

/// Has a child become `identity` (or stay who we are) and shed everything else before it execs.
pub(crate) fn before_exec(command: &mut Command, identity: Option<Identity>) {
    let launcher = rustix::process::getpid();
    let hook = move || {
        rustix::process::setsid()?;
        identity.iter().try_for_each(become_identity)?;
        keep_capabilities(CapabilitySet::empty())?;
        identity.iter().try_for_each(check_no_way_back)?;
        end_with(launcher)?;
        default_signals()
    };
    // SAFETY: the hook runs in a child of a process with one thread, so no lock can be held, that of
    // the allocator neither; it makes system calls on memory of its own, and touches no descriptor.
    // JUSTIFICATION: the change of identity has to happen between fork and exec, since the program
    // that is started must not have had the rights to do it itself.
    unsafe { command.pre_exec(hook) };
}

/// Becomes it and reads everything back: nothing but what was asked for. (Only the saved ids cannot
/// be read here; they are what [`check_no_way_back`] tries.)
fn become_identity(identity: &Identity) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    let groups: Vec<Gid> = identity.groups.iter().copied().map(Gid::from_raw).collect();
    thread::set_thread_groups(&groups)?;
    thread::set_thread_res_gid(gid, gid, gid)?;
    thread::set_thread_res_uid(uid, uid, uid)?;
    must([getuid(), geteuid()] == [uid; 2] && [getgid(), getegid()] == [gid; 2])?;
    let held = getgroups()?;
    must(held.len() == groups.len() && held.iter().all(|group| groups.contains(group)))
}

/// Sets what is permitted and effective to these, and what is inheritable to nothing.
fn keep_capabilities(kept: CapabilitySet) -> io::Result<()> {
    let inheritable = CapabilitySet::empty();
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable };
    thread::set_capabilities(None, sets)?;
    must(thread::capabilities(None)? == sets)
}

/// Tries to become root again, as whoever takes this process over would.
fn check_no_way_back(identity: &Identity) -> io::Result<()> {
    let uid = thread::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT);
    let gid = thread::set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT);
    must(uid.is_err() || identity.uid == 0)?;
    must(gid.is_err() || identity.gid == 0)?;
    must(thread::set_thread_groups(&[]).is_err())
}

/// After the change of identity, which would clear it; and the parent may have ended before.
fn end_with(launcher: Pid) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    must(rustix::process::getppid() == Some(launcher))
}

/// Nothing blocked and nothing ignored: an ignored signal would survive exec.
fn default_signals() -> io::Result<()> {
    for signal in 1..=LAST_SIGNAL {
        // SAFETY: no handler is installed; signals that cannot be set (KILL, STOP, and two the C
        // library keeps) fail without harm.
        // JUSTIFICATION: no safe wrapper sets what a signal does.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    block(&[]).map(|_| ())
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A look that must succeed.
fn must(is_so: bool) -> io::Result<()> {
    if is_so { Ok(()) } else { Err(rustix::io::Errno::PERM.into()) }
}
