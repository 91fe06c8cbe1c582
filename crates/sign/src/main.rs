//! The program ebb-sign: keeps the keys of client certificates, and signs TLS handshakes for others.
//!
//! `ebbd` starts it as exactly the identity that may read a certificate's key. The network may be
//! another identity's business (`helper-tokens.md` R12): then the process that speaks TLS must not
//! have the key. So the key is opened and kept here, and what has to be signed comes in over a channel
//! of its own, made by the service for one key, the other end of which the network agent holds.
//!
//! ```text
//!   ebb-service ── Open(where, how), one end ──▶ ebb-sign ◀── Sign(handshake) ── ebb-net
//!        └───────────────── the other end, the certificates ──────────────────────▶┘
//! ```
//!
//! It reads what it is told to read, has no network, and can write nothing. What the others may try:
//! whoever wrote a key's file may write anything into it, and it is parsed here, with the rights of the
//! identity that named it. A network agent may be taken over: then it can have handshakes signed, for as
//! long as the service lets it hold the channel, and nothing else ([`handshake`]); the key stays here.
//! The service may be taken over: it can use keys whose places it knows, and not have them.
//!
//! For keys on tokens it is started with the libraries that may be loaded for that, and opens those
//! alone ([`token`]): foreign code is not in one process with the key of a file.
//!
//! Start reading at [`serve::serve`].

#![forbid(unsafe_code)]

mod handshake;
mod key;
mod pem;
mod pkcs12;
mod serve;
mod token;

use ebb_sandbox::{Confinement, Demand};
use serve::Duty;
use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;
use token::{Modules, Tokens};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some(Told { demand, modules, places }) = Told::of(&arguments) else {
        eprintln!("ebb-sign: started by ebbd with --sandbox, --module and --place, only");
        return ExitCode::from(64);
    };
    // Where there is a library, there is no file of a key, and the other way round.
    let (role, duty) = if modules.is_empty() {
        (Confinement::Sign, Duty::Files)
    } else {
        (Confinement::Token { places }, Duty::Tokens(Tokens::new(Modules::new(modules))))
    };
    let served = ebb_sandbox::enter(role, demand)
        .map_err(Into::into)
        .and_then(|sandbox| serve::serve(std::io::stdin().as_fd(), sandbox, duty));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ebb-sign: {error}");
            ExitCode::from(70)
        }
    }
}

/// What `ebbd` says at the start.
struct Told {
    demand: Demand,
    /// The libraries for tokens.
    modules: Vec<PathBuf>,
    /// What these may write.
    places: Vec<PathBuf>,
}

impl Told {
    fn of(arguments: &[OsString]) -> Option<Self> {
        let mut told = Self { demand: Demand::Required, modules: Vec::new(), places: Vec::new() };
        for argument in arguments {
            let bytes = argument.as_bytes();
            let path = |rest: &[u8]| PathBuf::from(OsStr::from_bytes(rest));
            if let Some(rest) = bytes.strip_prefix(b"--module=") {
                told.modules.push(path(rest));
            } else if let Some(rest) = bytes.strip_prefix(b"--place=") {
                told.places.push(path(rest));
            } else {
                told.demand = match bytes {
                    b"--sandbox=required" => Demand::Required,
                    b"--sandbox=warn" => Demand::Warn,
                    _ => return None,
                };
            }
        }
        Some(told)
    }
}
