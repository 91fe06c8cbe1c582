//! The system calls of ebbd: becoming somebody else, signals, and what we give up ourselves.
//!
//! All `unsafe` of the program is here. A new process has one channel as standard input, our error
//! output, two harmless variables, the directory `/`, and nothing else. The order in it is: its own
//! session; groups, gid, uid; a look whether that is what we now are; all capabilities away; a look
//! whether the way back is shut; die with ebbd; signals as the system gives them to a new process.
//! A child that fails at any of it does not exec.
//!
//! ebbd has one thread. That is why there is nothing another thread could hold or change between
//! fork and exec, and why the calls that are per thread cover the whole process.

#![expect(unsafe_code, reason = "the one place of this program that talks to libc directly")]

use ebb_wire::launcher::Identity;
use rustix::process::{Gid, Signal, Uid, getegid, geteuid, getgid, getgroups, getuid};
use rustix::thread::{self, CapabilitySet, CapabilitySets};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// Marks every descriptor above standard error to be closed by exec, whoever left it to us.
pub(crate) fn close_on_exec() -> io::Result<()> {
    // SAFETY: with this flag nothing is closed now; no memory is passed.
    // JUSTIFICATION: rustix has no close_range, and a loop over /proc trusts a mount.
    checked(unsafe { libc::close_range(3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed()) })
}

/// Empties the bounding, ambient and inheritable sets, and keeps what we need in the other two.
/// With an empty bounding set no exec gives any of our children anything, not even root's.
pub(crate) fn keep_three_capabilities() -> io::Result<()> {
    let all = (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit));
    for one in all.take_while(|one| thread::capability_is_in_bounding_set(*one).is_ok()) {
        thread::remove_capability_from_bounding_set(one)?;
        must(!thread::capability_is_in_bounding_set(one)?)?;
    }
    thread::clear_ambient_capability_set()?;
    keep_capabilities(CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::KILL)
}

/// Blocks these signals and no others, ignores none (an ignored one would survive exec), and gives
/// a descriptor that tells of them.
pub(crate) fn take_over(signals: &[libc::c_int]) -> io::Result<OwnedFd> {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: `set` is filled by sigemptyset before anything reads it; all calls get valid pointers;
    // no handler is installed, and signals that cannot be set (KILL, STOP, and two the C library
    // keeps) fail without harm; the descriptor, if there is one, is new and nobody else's.
    // JUSTIFICATION: no safe wrapper has what a signal does, masks, and signalfd.
    unsafe {
        for signal in 1..=libc::SIGRTMAX() {
            libc::signal(signal, libc::SIG_DFL);
        }
        checked(libc::sigemptyset(set.as_mut_ptr()))?;
        for signal in signals {
            checked(libc::sigaddset(set.as_mut_ptr(), *signal))?;
        }
        checked(libc::sigprocmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut()))?;
        let fd = libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        checked(fd)?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Starts a process that becomes `whom` and sheds all else; gives our end of its channel, too.
pub(crate) fn start(mut command: Command, whom: Identity) -> io::Result<(Child, OwnedFd)> {
    let (near, far) = ebb_wire::channel::pair()?;
    // Nobody waits for a process we started; it may wait for us.
    rustix::io::ioctl_fionbio(&near, true)?;
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
    command.current_dir("/").stdin(far);
    // A private instance already is whom its processes shall be.
    let identity = geteuid().is_root().then_some(whom);
    let launcher = rustix::process::getpid();
    let hook = move || {
        rustix::process::setsid()?;
        identity.iter().try_for_each(become_identity)?;
        keep_capabilities(CapabilitySet::empty())?;
        identity.iter().try_for_each(check_no_way_back)?;
        // After the change of identity, which would clear it; and the parent may have ended before.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        must(rustix::process::getppid() == Some(launcher))?;
        take_over(&[]).map(drop)
    };
    // SAFETY: the hook runs in a child of a process with one thread, so no lock can be held, that of
    // the allocator neither; it makes system calls on memory and a descriptor of its own.
    // JUSTIFICATION: the change of identity has to happen between fork and exec, since the program
    // that is started must not have had the rights to do it itself.
    unsafe { command.pre_exec(hook) };
    Ok((command.spawn()?, near))
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

fn checked(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A look that must succeed.
fn must(is_so: bool) -> io::Result<()> {
    if is_so { Ok(()) } else { Err(rustix::io::Errno::PERM.into()) }
}
