//! The program ebbd: starts the others, and nothing else.
//!
//! As root it keeps three capabilities: to become somebody else (`CAP_SETUID`, `CAP_SETGID`) and to
//! end what it started (`CAP_KILL`). It reads its policy file, starts `ebb-service` as its own user,
//! and answers what that asks: start an agent, stop it, close. It never parses a client's message,
//! opens a user's path or touches the network. As an ordinary user it serves that one identity.
//!
//! What the service may try, if it was taken over: see [`judge`]; start reading there, then [`house`].
//! What we trust: the kernel, our policy file, and the programs in the libexec directory.

#![deny(unsafe_code)]

mod house;
mod judge;
mod policy;
mod sys;

use std::process::ExitCode;

/// Why ebbd ends before its time: one of the exit codes below, and a sentence.
#[derive(Debug, PartialEq, Eq)]
struct Fatal(u8, String);

/// Called with arguments it does not have. This and the following are those of `sysexits.h`.
const USAGE: u8 = 64;
/// The service did something it never does, or ended by itself.
const SERVICE: u8 = 70;
/// The operating system refused.
const SYSTEM: u8 = 71;
/// Something an administrator has to set right.
const CONFIG: u8 = 78;

/// What the operating system refused.
fn cannot<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> Fatal {
    move |error| Fatal(SYSTEM, format!("cannot {what}: {error}"))
}

fn main() -> ExitCode {
    let Err(Fatal(code, why)) = run() else { return ExitCode::SUCCESS };
    eprintln!("ebbd: {why}");
    ExitCode::from(code)
}

fn run() -> Result<(), Fatal> {
    sys::close_on_exec().map_err(cannot("close descriptors on exec"))?;
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let (policy, service) = policy::Policy::settle(&arguments)?;
    // From now on exec gives no privileges, to us and to all we start.
    rustix::thread::set_no_new_privs(true).map_err(cannot("forgo new privileges"))?;
    if policy.only.is_none() {
        sys::keep_three_capabilities().map_err(cannot("drop capabilities"))?;
    }
    let signals = [libc::SIGTERM, libc::SIGINT, libc::SIGCHLD, libc::SIGHUP];
    let signals = sys::take_over(&signals).map_err(cannot("wait for signals"))?;
    house::keep(policy, service, &signals)
}
