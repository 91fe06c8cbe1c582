//! Lending an identity: how root makes a user the helper of a job.
//!
//! Answers one question: *how does the service come to see that user?* The service believes the
//! kernel, not what it is told, so somebody has to *be* the user at the moment the connection that
//! calls `SetHelperToken` is opened. [`Job::lend`] does all of it:
//!
//! ```no_run
//! # async fn example(client: ebb_api::Client, id: &str) -> Result<(), ebb_api::ClientError> {
//! use ebb_api::{Identity, values::TokenFlags};
//!
//! let bob = Identity::named("bob")?;
//! client.job(id).lend(&bob, TokenFlags::NETWORK).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A thread takes on the user's *effective* ids and groups, with the raw system calls that change one
//! thread and no other, connects, and ends. A connected socket stays what it was when it was
//! connected, so the calls themselves are made from wherever the program makes its calls. (The
//! functions of the C library change all threads of a process; a server that did that for a moment
//! would do everything else as that user, too.)
//!
//! What the user may try meanwhile: to signal or trace the thread. Real and saved ids stay root's, so
//! the kernel refuses both. What remains is that the kernel now counts the process among those that
//! have changed their identity: it leaves no core dump, and `/proc` shows it to root alone.

mod identity;
mod thread;

pub use identity::Identity;
pub(crate) use thread::connect;

use std::io;
use std::path::PathBuf;

use crate::client::{Client, HelperIdentity, Job, TokenOptions};
use crate::errors::ClientError;
use crate::values::TokenFlags;

/// Why an identity could not be taken on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImpersonationError {
    /// There is no such user on this machine.
    #[error("there is no user {0:?}")]
    NoSuchUser(String),
    /// The user database could not be asked.
    #[error("the user database does not answer: {0}")]
    Database(#[source] io::Error),
    /// The kernel does not let this process become somebody else: only root may.
    #[error("only root can lend somebody's identity: {0}")]
    NotPermitted(#[source] io::Error),
    /// As that user, the service's socket cannot be connected.
    #[error("as that user, {path} cannot be connected: {source}")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The client is on a message bus that is no Unix socket with a path.
    #[error("nobody can be impersonated on a bus at {0:?}; connect to the service's own socket")]
    Bus(String),
    /// There is no thread to do it in.
    #[error("no thread can be started: {0}")]
    Thread(#[source] io::Error),
}

impl Job<'_> {
    /// Lends the job an identity for what `flags` say, and tells whose the service has seen.
    ///
    /// Opens the token options, sets the token over a connection of that identity, sets the flags,
    /// and closes the options. The identity stays lent until it is cleared, replaced, or gone.
    ///
    /// # Errors
    /// `Impersonation` where this process cannot become that user; `Service` where the job is not
    /// the caller's, or an ordinary owner would lend an administrator's identity.
    pub async fn lend(
        &self,
        identity: &Identity,
        flags: TokenFlags,
    ) -> Result<Option<HelperIdentity>, ClientError> {
        let options = self.open_token_options().await?;
        // The token first: flags without one would stop a job that runs.
        options.set_helper_token_as(identity).await?;
        options.set_flags(flags).await?;
        let seen = options.identity().await?;
        options.close().await?;
        Ok(seen)
    }
}

impl TokenOptions<'_> {
    /// Makes a user the job's helper; this process must be root, or be that user.
    ///
    /// # Errors
    /// As [`Job::lend`].
    pub async fn set_helper_token_as(&self, identity: &Identity) -> Result<(), ClientError> {
        let client = Client::connect_as(self.client().location(), identity).await?;
        client.token_options(self.path()).set_helper_token().await
    }
}
