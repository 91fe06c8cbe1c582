//! The program ebbd: starts the others, and nothing else.
//!
//! As root it keeps three capabilities: to become somebody else (`CAP_SETUID`, `CAP_SETGID`) and to
//! end what it started (`CAP_KILL`). It reads its policy file, starts `ebb-service` as a user of
//! its own, and then answers what the service asks on their channel: start an agent, stop it,
//! close. It never parses a client's message, opens a user's path or touches the network.
//!
//! Started by an ordinary user it is the private instance: the same, with one identity.
//!
//! What the service may try, if it was taken over: see [`judge`], which is the whole answer.
//! What we trust: the kernel, our policy file, and the programs in the libexec directory.
//!
//! Start reading at [`judge::judge`], then [`house`].

#![deny(unsafe_code)]

mod house;
mod judge;
mod policy;
mod settings;
mod spawn;
mod sys;

use settings::{Instance, Settings};
use std::fmt;
use std::process::ExitCode;

/// Why ebbd ends before its time, by whom it concerns. Numbers are those of `sysexits.h`.
#[derive(Debug)]
enum Fatal {
    /// Called with arguments it does not have.
    Usage(String),
    /// Something an administrator has to set right.
    Config(String),
    /// The operating system refused.
    System(&'static str, std::io::Error),
    /// The service did something it never does, or ended by itself.
    Service(&'static str),
}

impl Fatal {
    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 64,
            Self::Service(_) => 70,
            Self::System(..) => 71,
            Self::Config(_) => 78,
        }
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) | Self::Config(what) => f.write_str(what),
            Self::System(what, error) => write!(f, "cannot {what}: {error}"),
            Self::Service(what) => write!(f, "ending because of the service: {what}"),
        }
    }
}

impl std::error::Error for Fatal {}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => {
            eprintln!("ebbd: {fatal}");
            ExitCode::from(fatal.code())
        }
    }
}

fn run() -> Result<(), Fatal> {
    sys::close_on_exec().map_err(|error| Fatal::System("close descriptors on exec", error))?;
    let settings = Settings::resolve(std::env::args_os().skip(1))?;
    sys::forgo_new_privileges().map_err(|error| Fatal::System("forgo new privileges", error))?;
    if settings.instance == Instance::System {
        sys::keep_three_capabilities()
            .map_err(|error| Fatal::System("drop capabilities", error))?;
    }
    let signals = sys::signals().map_err(|error| Fatal::System("wait for signals", error))?;
    house::keep(settings, &signals)
}
