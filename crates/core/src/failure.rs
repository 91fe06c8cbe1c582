//! The second kind of no: an attempt ran into trouble.
//!
//! A failure is told to the owner, in the job's state and its error object. This module answers
//! two questions: *who can do something about it?* ([`Failure::remedy`], the one place that decides
//! between passing and lasting trouble: `job-model.md` 6.5 as ruled by `decisions.md`) and *what is
//! it called?* (symbolic name, BITS' number where one exists, context, sentence, advice).

mod blocked;
mod certificate;
mod context;
mod destination;
mod network;
mod proxy;
mod server;
mod service;
mod source;
mod validator;

pub use blocked::Blocked;
pub use certificate::CertificateTrouble;
pub use context::Context;
pub use destination::DestinationTrouble;
pub use network::NetworkTrouble;
pub use proxy::ProxyTrouble;
pub use server::ServerTrouble;
pub use service::ServiceTrouble;
pub use source::SourceTrouble;
pub use validator::ValidatorTrouble;

use core::fmt;

/// What an attempt ran into, grouped by who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The network was not up to it.
    Network(NetworkTrouble),
    /// The way through a proxy is closed.
    Proxy(ProxyTrouble),
    /// The client certificate does not do.
    Certificate(CertificateTrouble),
    /// The owner's own program does not let us speak to the server.
    Validator(ValidatorTrouble),
    /// The server's answer does not do.
    Server(ServerTrouble),
    /// The source, a file of this machine, cannot be read.
    Source(SourceTrouble),
    /// The destination cannot take the bytes.
    Destination(DestinationTrouble),
    /// We could not do our part.
    Service(ServiceTrouble),
    /// The machine's surroundings do not allow it now.
    Blocked(Blocked),
}

/// What is to be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Passing: try again by ourselves.
    Retry,
    /// Lasting: the owner must decide.
    AskOwner,
}

impl Failure {
    /// Decides whether this trouble is passing or lasting.
    #[must_use]
    pub fn remedy(self) -> Remedy {
        match self {
            Self::Network(trouble) => trouble.remedy(),
            Self::Proxy(trouble) => trouble.remedy(),
            Self::Certificate(trouble) => trouble.remedy(),
            Self::Validator(trouble) => trouble.remedy(),
            Self::Server(trouble) => trouble.remedy(),
            Self::Source(trouble) => trouble.remedy(),
            // A full disk, a changed directory: nothing we could do ever mends it.
            Self::Destination(_) => Remedy::AskOwner,
            Self::Service(trouble) => trouble.remedy(),
            Self::Blocked(_) => Remedy::Retry,
        }
    }

    /// Whether somebody has decided so: to try again at once would only be to ask again.
    #[must_use]
    pub fn was_decided(self) -> bool {
        matches!(self, Self::Validator(_))
    }

    /// Whether all bytes came, and are not those that were meant.
    #[must_use]
    pub fn condemns_what_came(self) -> bool {
        use ServerTrouble::{DigestMismatch, ReprDigestMismatch};
        matches!(self, Self::Server(DigestMismatch | ReprDigestMismatch))
    }

    /// Where it belongs.
    #[must_use]
    pub fn context(self) -> Context {
        match self {
            Self::Network(_) | Self::Proxy(_) | Self::Certificate(_) => Context::GeneralTransport,
            Self::Validator(_) => Context::ServerCertificateCallback,
            Self::Server(_) | Self::Source(_) => Context::RemoteFile,
            Self::Destination(_) => Context::LocalFile,
            Self::Service(trouble) => trouble.context(),
            Self::Blocked(_) => Context::GeneralQueueManager,
        }
    }

    /// Which protocol it is about, if any: https counts as http, as with BITS.
    #[must_use]
    pub fn protocol(self) -> Option<&'static str> {
        match self {
            Self::Network(_)
            | Self::Proxy(_)
            | Self::Certificate(_)
            | Self::Validator(_)
            | Self::Server(_) => Some("http"),
            Self::Source(_) => Some("file"),
            Self::Destination(_) | Self::Service(_) | Self::Blocked(_) => None,
        }
    }

    /// The symbolic name, stable for ever. HTTP statuses share `http-status`; see
    /// [`Failure::full_name`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Network(trouble) => trouble.name(),
            Self::Proxy(trouble) => trouble.name(),
            Self::Certificate(trouble) => trouble.name(),
            Self::Validator(trouble) => trouble.name(),
            Self::Server(trouble) => trouble.name(),
            Self::Source(trouble) => trouble.name(),
            Self::Destination(trouble) => trouble.name(),
            Self::Service(trouble) => trouble.name(),
            Self::Blocked(blocked) => blocked.name(),
        }
    }

    /// The symbolic name people and scripts see: `http-404` for a status.
    #[must_use]
    pub fn full_name(self) -> String {
        match self {
            Self::Server(ServerTrouble::Status(status)) => format!("http-{status}"),
            Self::Network(_)
            | Self::Proxy(_)
            | Self::Certificate(_)
            | Self::Validator(_)
            | Self::Server(_)
            | Self::Source(_)
            | Self::Destination(_)
            | Self::Service(_)
            | Self::Blocked(_) => self.name().to_owned(),
        }
    }

    /// BITS' number (Windows' own where BITS passes it on), or 0 where there is none.
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            Self::Network(trouble) => trouble.code(),
            Self::Proxy(trouble) => trouble.code(),
            Self::Certificate(trouble) => trouble.code(),
            Self::Validator(trouble) => trouble.code(),
            Self::Server(trouble) => trouble.code(),
            Self::Source(trouble) => trouble.code(),
            Self::Destination(trouble) => trouble.code(),
            Self::Service(trouble) => trouble.code(),
            Self::Blocked(blocked) => blocked.code(),
        }
    }

    /// What the owner can do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Network(trouble) => trouble.advice(),
            Self::Proxy(trouble) => trouble.advice(),
            Self::Certificate(trouble) => trouble.advice(),
            Self::Validator(trouble) => trouble.advice(),
            Self::Server(trouble) => trouble.advice(),
            Self::Source(trouble) => trouble.advice(),
            Self::Destination(trouble) => trouble.advice(),
            Self::Service(trouble) => trouble.advice(),
            Self::Blocked(blocked) => blocked.advice(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(trouble) => trouble.fmt(f),
            Self::Proxy(trouble) => trouble.fmt(f),
            Self::Certificate(trouble) => trouble.fmt(f),
            Self::Validator(trouble) => trouble.fmt(f),
            Self::Server(trouble) => trouble.fmt(f),
            Self::Source(trouble) => trouble.fmt(f),
            Self::Destination(trouble) => trouble.fmt(f),
            Self::Service(trouble) => trouble.fmt(f),
            Self::Blocked(blocked) => blocked.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
