//! The program ebb-files: opens, creates, renames and deletes under one identity.
//!
//! `ebbd` starts it as exactly the file identity of a token. It confines itself, says hello, and
//! then answers one request after the other until the channel (its standard input) ends. Those that came
//! in one datagram are answered together. It keeps nothing in between: each request names everything it needs, and can be repeated after any
//! crash. It never looks at what is *in* a file, and it has no network: the one thing it does with
//! bytes is to copy them from a descriptor it was given (`fill`).
//!
//! What the others may try: the owner of the directory, and everybody else who may write there,
//! can exchange names between any two of our steps. So a name is never believed: directories and
//! temporary files are known by device and inode, and everything is done relative to a descriptor
//! that was checked. And the service may be taken over: it then gets done what this identity could
//! do to regular files anyway, and no more.
//!
//! Start reading at [`serve::answers`].

#![forbid(unsafe_code)]

mod fill;
mod name;
mod past;
mod place;
mod rename;
mod serve;
mod source;
mod temporary;
#[cfg(test)]
mod tests;
mod trouble;

use ebb_sandbox::{Confinement, Demand};
use ebb_wire::channel;
use ebb_wire::files::{FromFiles, ToFiles};
use ebb_wire::train::{self, Car};
use std::error::Error;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some(demand) = demand(&arguments) else {
        eprintln!("ebb-files: started by ebbd with --sandbox=required or --sandbox=warn, only");
        return ExitCode::from(64);
    };
    match run(demand, std::io::stdin().as_fd()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ebb-files: {error}");
            ExitCode::from(70)
        }
    }
}

fn demand(arguments: &[OsString]) -> Option<Demand> {
    match arguments {
        [one] if one == "--sandbox=required" => Some(Demand::Required),
        [one] if one == "--sandbox=warn" => Some(Demand::Warn),
        _ => None,
    }
}

/// Serves the channel to its end.
fn run(demand: Demand, service: BorrowedFd<'_>) -> Result<(), Box<dyn Error>> {
    let sandbox = ebb_sandbox::enter(Confinement::Files, demand)?;
    channel::send(service, &FromFiles::Hello { sandbox }, None)?;
    loop {
        let requests = train::receive::<ToFiles>(service)?;
        if requests.is_empty() {
            return Ok(());
        }
        let answers = serve::answers(requests).into_iter();
        let cars = answers.map(|(answer, descriptor)| Car::of(&answer, descriptor));
        let cars = cars.collect::<Result<Vec<_>, _>>()?;
        let mut rest = &cars[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(train::fitting(rest));
            train::send(service, now)?;
            rest = later;
        }
    }
}
