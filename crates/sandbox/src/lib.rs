//! What both agents give up before they read their first byte.
//!
//! An agent has been given an identity by `ebbd`, and nothing else. This crate takes away what that
//! identity could still do and the agent never needs, and answers: *is it gone?* It is entered once,
//! first thing in `main`, while there is one thread; nothing here can be undone.
//!
//! | step                | against                                                             |
//! |---------------------|---------------------------------------------------------------------|
//! | death signal        | an agent that outlives `ebbd`                                       |
//! | not dumpable        | another process of the same user reading its memory or descriptors  |
//! | no new privileges   | set-id programs                                                     |
//! | capability check    | a launcher that gave more than it meant to: ends the agent          |
//! | no core, umask 022  | secrets in core files; files others can write                       |
//! | all descriptors     | running out of the usual 1,024 with many small files in flight: the |
//! |                     | one thing that is taken, as far as the administrator's limit goes   |
//! | Landlock            | paths, TCP and signals beyond the role ([`landlock`])               |
//! | seccomp             | system calls no agent has a use for ([`seccomp`]), last             |
//!
//! A known gap: what is granted as a single file is granted as that inode. Where a program replaces
//! `/etc/resolv.conf` by renaming a new one over it, and it is no link into a directory granted as a
//! whole, a network agent that runs already cannot read the new one: names fail for it (trouble that
//! passes; the job is tried again) until it has been idle and is started anew. Granting all of
//! `/etc` instead would cost more than that.
//!
//! What the other side may try: an agent that parses what a server sends may be taken over. It then
//! still is this identity, but without the files (network role) or without the network (files role).

#![forbid(unsafe_code)]

mod error;
mod landlock;
mod seccomp;

pub use error::SandboxError;

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};
use std::io;
use std::path::PathBuf;

/// What a process is for, and so what it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// Files of its identity; no network, no threads.
    Files,
    /// Reading files of its identity; it writes none, and has neither network nor threads.
    Sign,
    /// The same with foreign libraries that speak to tokens: threads, and sockets of this machine.
    Token {
        /// What these may write besides: a directory of tokens, or a device.
        places: Vec<PathBuf>,
    },
    /// The network; no files but what TLS and name resolution read.
    Network {
        /// Further files or directories it may read, such as an extra authority's certificate.
        readable: Vec<PathBuf>,
    },
    /// The service: its own directories, local sockets, and the machine's configuration to read.
    Service {
        /// Directories in which it makes, writes and deletes files and sockets.
        own: Vec<PathBuf>,
        /// Further files or directories it reads, such as the directory of its configuration.
        readable: Vec<PathBuf>,
        /// The tree of control groups in which it makes groups and moves processes, if there is one.
        groups: Option<PathBuf>,
    },
}

/// What to do where the kernel cannot confine us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Refuse to run.
    Required,
    /// Run, and report what is missing.
    Warn,
}

/// Gives everything up that `role` does not need. Call it once, before any thread is started.
///
/// # Errors
///
/// A step failed, a capability is still held, or, under [`Demand::Required`], the kernel lacks
/// Landlock or seccomp. The caller must end: it is half confined.
pub fn enter(role: Confinement, demand: Demand) -> Result<ebb_wire::Sandbox, SandboxError> {
    end_with_parent()?;
    let step = |what| move |error: rustix::io::Errno| SandboxError::Step(what, error.into());
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(step("make the process undumpable"))?;
    rustix::thread::set_no_new_privs(true).map_err(step("forgo new privileges"))?;
    check_capabilities()?;
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .map_err(step("forbid core files"))?;
    let Rlimit { maximum, .. } = rustix::process::getrlimit(Resource::Nofile);
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .map_err(step("use the descriptors that are allowed"))?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let landlock = landlock::restrict(&role, demand)?;
    let seccomp = seccomp::filter(&role, demand)?;
    Ok(ebb_wire::Sandbox { landlock_abi: landlock.abi, landlock_full: landlock.full, seccomp })
}

/// Asks the kernel to kill us with our parent.
///
/// `ebbd` has done so between fork and exec and has looked at the parent there; a change of parent
/// while we ask again is the only gap left to us.
fn end_with_parent() -> Result<(), SandboxError> {
    let before = rustix::process::getppid();
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| SandboxError::Step("end with the parent", error.into()))?;
    if rustix::process::getppid() != before {
        return Err(SandboxError::ParentGone);
    }
    Ok(())
}

/// Fails if there is one capability in any set. The ambient set needs no look of its own: the
/// kernel keeps it within the permitted and the inheritable one.
fn check_capabilities() -> Result<(), SandboxError> {
    let sets = rustix::thread::capabilities(None)
        .map_err(|error| SandboxError::Step("read the capabilities", io::Error::from(error)))?;
    let none = (sets.effective | sets.permitted | sets.inheritable).is_empty();
    if none { Ok(()) } else { Err(SandboxError::CapabilitiesHeld) }
}
