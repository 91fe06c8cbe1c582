//! The system calls of ebbd: becoming somebody else, signals, and what we give up ourselves.
//!
//! All `unsafe` of the program is here. The order in a new process is: its own session; groups,
//! gid, uid; a look whether that is what we now are, and whether the way back is shut; all
//! capabilities away; die with ebbd; signals as the system gives them to a new process. A child
//! that fails at any of it does not exec.
//!
//! ebbd has one thread. That is why there is nothing another thread could hold or change between
//! fork and exec, and why the calls that are per thread cover the whole process.

#![expect(
    unsafe_code,
    reason = "the one place of this program that talks to libc directly"
)]

use ebb_wire::launcher::Identity;
use rustix::process::{Pid, Signal};
use rustix::thread::{CapabilitySet, CapabilitySets};
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

/// From now on exec gives no privileges, to us and to all we start.
pub(crate) fn forgo_new_privileges() -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    must(rustix::thread::no_new_privs()?)
}

/// Empties the bounding, ambient and inheritable sets, and keeps what we need in the other two.
/// With an empty bounding set no exec gives any of our children anything, not even root's.
pub(crate) fn keep_three_capabilities() -> io::Result<()> {
    let all = (0..MOST_CAPABILITIES).map(|bit| CapabilitySet::from_bits_retain(1 << bit));
    let known = all.take_while(|one| rustix::thread::capability_is_in_bounding_set(*one).is_ok());
    for one in known.clone() {
        rustix::thread::remove_capability_from_bounding_set(one)?;
    }
    rustix::thread::clear_ambient_capability_set()?;
    let three = CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::KILL;
    let sets = CapabilitySets {
        effective: three,
        permitted: three,
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, sets)?;
    for one in known {
        must(!rustix::thread::capability_is_in_bounding_set(one)?)?;
    }
    must(rustix::thread::capabilities(None)? == sets)
}

/// Blocks the signals we act on, ignores hang-up, and gives a descriptor that tells of them.
pub(crate) fn signals() -> io::Result<OwnedFd> {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: `set` is filled by sigemptyset before anything reads it; all calls get valid pointers
    // and known signals; the descriptor, if there is one, is new and nobody else's.
    // JUSTIFICATION: no safe wrapper has signal masks and signalfd.
    unsafe {
        checked(libc::sigemptyset(set.as_mut_ptr()))?;
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGCHLD] {
            checked(libc::sigaddset(set.as_mut_ptr(), signal))?;
        }
        checked(libc::sigprocmask(
            libc::SIG_BLOCK,
            set.as_ptr(),
            std::ptr::null_mut(),
        ))?;
        libc::signal(libc::SIGHUP, libc::SIG_IGN);
        let fd = libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        checked(fd)?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Has a child become `identity` (or stay who we are) and shed everything else before it execs.
pub(crate) fn before_exec(command: &mut Command, identity: Option<Identity>) {
    let launcher = rustix::process::getpid();
    // Reserved here, so that the child need not allocate.
    let room = identity
        .as_ref()
        .map_or(0, |identity| identity.groups.len() + 1);
    let mut groups = vec![0; room];
    let hook = move || {
        rustix::process::setsid()?;
        if let Some(identity) = &identity {
            become_identity(identity)?;
            verify(identity, &mut groups)?;
        }
        drop_capabilities()?;
        if let Some(identity) = &identity {
            check_no_way_back(identity)?;
        }
        end_with(launcher)?;
        default_signals()
    };
    // SAFETY: the hook runs in a child of a process with one thread, so no lock can be held; it
    // makes system calls on memory of its own, and neither allocates nor touches descriptors.
    // JUSTIFICATION: the change of identity has to happen between fork and exec, since the program
    // that is started must not have had the rights to do it itself.
    unsafe { command.pre_exec(hook) };
}

fn become_identity(identity: &Identity) -> io::Result<()> {
    let Identity { uid, gid, groups } = identity;
    // SAFETY: the pointer and length are those of a live slice of gid_t.
    // JUSTIFICATION: rustix changes one thread only, by design; these are the process-wide calls.
    unsafe {
        checked(libc::setgroups(groups.len(), groups.as_ptr()))?;
        checked(libc::setresgid(*gid, *gid, *gid))?;
        checked(libc::setresuid(*uid, *uid, *uid))
    }
}

/// Reads everything back: four times nothing but what was asked for.
fn verify(identity: &Identity, groups: &mut [libc::gid_t]) -> io::Result<()> {
    let (mut uids, mut gids) = ([u32::MAX; 3], [u32::MAX; 3]);
    let [ruid, euid, suid] = &mut uids;
    let [rgid, egid, sgid] = &mut gids;
    let room = libc::c_int::try_from(groups.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: all pointers are to live, exclusive memory of the right type and length.
    // JUSTIFICATION: no safe wrapper reads the saved ids.
    let count = unsafe {
        checked(libc::getresuid(ruid, euid, suid))?;
        checked(libc::getresgid(rgid, egid, sgid))?;
        libc::getgroups(room, groups.as_mut_ptr())
    };
    must(uids == [identity.uid; 3] && gids == [identity.gid; 3])?;
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    let held = groups.get(..count).unwrap_or_default();
    must(count == identity.groups.len() && held.iter().all(|g| identity.groups.contains(g)))
}

fn drop_capabilities() -> io::Result<()> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    rustix::thread::set_capabilities(None, sets)?;
    must(rustix::thread::capabilities(None)? == sets)
}

/// Tries to become root again, as whoever takes this process over would.
fn check_no_way_back(identity: &Identity) -> io::Result<()> {
    // SAFETY: plain numbers and a null pointer with length 0.
    // JUSTIFICATION: as in `become_identity`.
    let (uid, gid, groups) = unsafe {
        (
            libc::setresuid(0, 0, 0),
            libc::setresgid(0, 0, 0),
            libc::setgroups(0, std::ptr::null()),
        )
    };
    must((uid != 0 || identity.uid == 0) && (gid != 0 || identity.gid == 0) && groups != 0)
}

/// After the change of identity, which would clear it; and the parent may have ended before.
fn end_with(launcher: Pid) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    must(rustix::process::getppid() == Some(launcher))
}

/// Nothing blocked and nothing ignored: an ignored signal would survive exec.
fn default_signals() -> io::Result<()> {
    let mut none = std::mem::MaybeUninit::uninit();
    // SAFETY: `none` is filled before it is read; signals that cannot be set (KILL, STOP, and two
    // the C library keeps) fail without harm.
    // JUSTIFICATION: no safe wrapper has signal masks.
    unsafe {
        for signal in 1..=LAST_SIGNAL {
            libc::signal(signal, libc::SIG_DFL);
        }
        checked(libc::sigemptyset(none.as_mut_ptr()))?;
        checked(libc::sigprocmask(
            libc::SIG_SETMASK,
            none.as_ptr(),
            std::ptr::null_mut(),
        ))
    }
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// A look that must succeed. No allocation: children use it too.
fn must(is_so: bool) -> io::Result<()> {
    if is_so {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::EPERM))
    }
}
