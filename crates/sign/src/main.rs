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
//! Start reading at [`serve::serve`].

#![forbid(unsafe_code)]

mod handshake;
mod key;
mod pem;
mod pkcs12;
mod serve;

use ebb_sandbox::{Confinement, Demand};
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let demand = match arguments.as_slice() {
        [one] if one == "--sandbox=required" => Demand::Required,
        [one] if one == "--sandbox=warn" => Demand::Warn,
        _ => {
            eprintln!("ebb-sign: started by ebbd with --sandbox=required or --sandbox=warn, only");
            return ExitCode::from(64);
        }
    };
    let served = ebb_sandbox::enter(Confinement::Sign, demand)
        .map_err(Into::into)
        .and_then(|sandbox| serve::serve(std::io::stdin().as_fd(), sandbox));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ebb-sign: {error}");
            ExitCode::from(70)
        }
    }
}
