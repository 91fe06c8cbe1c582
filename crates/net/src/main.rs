//! The program `ebb-net`: fetches files into descriptors, as one identity.
//!
//! `ebbd` starts it with the identity already put on, and the channel to the service as descriptor
//! 0. It holds the network, and one descriptor for each file in transfer. It never opens a file but
//! those that TLS, name resolution and tickets read, and, before anything else, those that say how its
//! identity gets to the network (`settings`). It never learns which job a fetch belongs to.
//!
//! What the servers it talks to may try: everything; so the sandbox is on before the first byte of
//! theirs is read, and before there is a second thread that could be without it. What the service
//! may try: we trust it with what we fetch and where to, but a message that does not fit means that
//! one of us is broken, and ends us.
//!
//! ```text
//! ebb-net [--sandbox=required|warn] [--extra-ca=PATH]
//! ```
//!
//! Exit codes are those of sysexits: 0 the service closed the channel; 64 usage; 70 a message that
//! does not fit; 71 the system refused; 78 the extra authorities cannot be used.

#![forbid(unsafe_code)]

mod arguments;
mod authorities;
mod certificates;
mod descriptor;
mod fetches;
mod logins;
mod paths;
mod proxies;
mod serve;
mod settings;
mod tickets;
mod translate;
mod validations;

use arguments::Arguments;
use ebb_http::{Client, RootsError, Trust};
use ebb_sandbox::Confinement;
use serve::ServeError;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::Arc;
use tickets::Cache;

/// What ended the process.
#[derive(Debug, thiserror::Error)]
enum Fatal {
    #[error("{0}")]
    Usage(#[from] arguments::UsageError),
    #[error("cannot confine this process: {0}")]
    Sandbox(#[from] ebb_sandbox::SandboxError),
    #[error("{0}")]
    Roots(#[from] RootsError),
    #[error("cannot serve the channel: {0}")]
    Serve(#[from] ServeError),
    #[error("the system refused: {0}")]
    System(#[from] std::io::Error),
}

impl Fatal {
    fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 64,
            Self::Serve(ServeError::Violation(_)) => 70,
            Self::Sandbox(_) | Self::Serve(ServeError::Channel(_)) | Self::System(_) => 71,
            Self::Roots(_) => 78,
        })
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => {
            eprintln!("ebb-net: {fatal}");
            fatal.exit_code()
        }
    }
}

fn run() -> Result<(), Fatal> {
    let arguments = Arguments::read(std::env::args_os().skip(1))?;
    let preconfigured = settings::preconfigured();
    let cache = Cache::find();
    let readable = arguments.readable().into_iter().chain(cache.readable()).collect();
    let confinement = Confinement::Network { readable };
    let sandbox = ebb_sandbox::enter(confinement, arguments.demand)?;
    let channel: OwnedFd = std::io::stdin().as_fd().try_clone_to_owned()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let trust = Trust::load(arguments.extra_ca.as_deref())?;
    let client = Client::with_tickets(trust, Some(Arc::new(cache)));
    let served = runtime.block_on(serve::serve(channel, sandbox, client, preconfigured));
    // Nobody waits for what is still being looked up or written.
    runtime.shutdown_background();
    Ok(served?)
}
