//! The program `ebb`: the transfer service at the command line.
//!
//! Answers one question: *what did the person ask, and how is the answer shown?* It reads the
//! command line ([`args`]), finds the service ([`connect`]), runs one command ([`commands`]) and
//! ends with a code a script can use ([`exit`]). It holds no rule: what is allowed, when a job
//! runs and under which identity is the service's to know. It changes nobody's identity itself.
//!
//! Results go to standard output; progress, remarks and errors to standard error.

#![forbid(unsafe_code)]

mod agent;
mod args;
mod attend;
mod authorities;
mod certificate;
mod command;
mod commands;
mod completions;
mod connect;
mod credentials;
mod escape;
mod exit;
mod failure;
mod follow;
mod headers;
mod job_json;
mod local_name;
mod manual;
mod new_files;
mod new_job;
mod output;
mod present;
mod private;
mod progress;
mod reference;
mod table;
mod terms;
mod units;
mod users;

use std::process::ExitCode;

use exit::Exit;
use failure::Failure;

fn main() -> ExitCode {
    let exit = match run() {
        Ok(exit) => exit,
        Err(failure) => {
            failure.tell();
            failure.exit
        }
    };
    exit.into()
}

fn run() -> Result<Exit, Failure> {
    let call = args::parse(std::env::args_os().skip(1))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Exit::Failure, format!("cannot start: {error}")))?;
    let ended = runtime.block_on(commands::run(&call));
    agent::end();
    ended
}
