//! The second kind of no: an attempt ran into trouble.
//!
//! A failure is told to the owner, in the job's state and its error object. This module answers
//! two questions: *who can do something about it?* ([`Failure::remedy`], the one place that decides
//! between passing and lasting trouble: `job-model.md` 6.5 as ruled by `decisions.md`) and *what is
//! it called?* (symbolic name, BITS' number where one exists, context, sentence, advice).

use core::fmt;

/// What an attempt ran into, grouped by who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The network was not up to it.
    Network(NetworkTrouble),
    /// The server's answer does not do.
    Server(ServerTrouble),
    /// The destination cannot take the bytes.
    Destination(DestinationTrouble),
    /// We could not do our part.
    Service(ServiceTrouble),
}

/// The network was not up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkTrouble {
    /// The server's name could not be resolved.
    NameNotResolved,
    /// No address of the server took the connection.
    ConnectFailed,
    /// The connection, or an answer on it, took too long.
    TimedOut,
    /// The connection broke before everything had come.
    ConnectionLost,
    /// The TLS handshake failed.
    TlsFailed,
    /// The server's certificate does not hold.
    CertificateInvalid,
}

/// The server's answer does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerTrouble {
    /// A final answer with this HTTP status.
    Status(u16),
    /// The answer breaks HTTP, or contradicts itself.
    MalformedAnswer,
    /// The answer is content-coded though we asked for none.
    EncodedAnswer,
    /// The head of the answer is larger than we take.
    HeadTooLarge,
    /// Redirected too often.
    TooManyRedirects,
    /// Redirected from https to http.
    RedirectDowngrade,
    /// Redirected to something we cannot fetch.
    RedirectInvalid,
    /// The size changed in mid-file.
    SizeChanged,
}

/// The destination cannot take the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DestinationTrouble {
    /// The directory does not exist.
    NoSuchDirectory,
    /// What should be the directory is something else.
    NotADirectory,
    /// The directory's path ends in a symbolic link.
    SymbolicLink,
    /// The identity may not write there.
    AccessDenied,
    /// The destination exists and is not a regular file.
    NotARegularFile,
    /// `/proc`, `/sys`, `/dev` and their like.
    SpecialFileSystem,
    /// Another directory stands at that path now.
    DestinationChanged,
    /// The destination exists and may not be replaced.
    Exists,
    /// The file's name is too long for the file system.
    NameTooLong,
    /// No space or quota left.
    NoSpace,
    /// The file system is read-only.
    ReadOnly,
    /// The temporary file is gone, or another one.
    TemporaryLost,
    /// The kernel said something else, as an `errno`.
    Io(i32),
}

/// We could not do our part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceTrouble {
    /// The helper token is needed and gone (R7).
    TokenRequired,
    /// An agent died or broke off in the middle.
    AgentLost,
    /// The policy on this machine admits no agent under this identity.
    IdentityNotAdmitted,
    /// The sandbox of an agent could not be set up.
    SandboxFailed,
    /// It has run as long as its owner allows.
    MaxDownloadTime,
}

/// Where an error belongs (BITS: `BG_ERROR_CONTEXT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Could not be attributed.
    Unknown,
    /// The service itself.
    GeneralQueueManager,
    /// Local file or file system.
    LocalFile,
    /// The file at the server.
    RemoteFile,
    /// Connection, proxy, transport.
    GeneralTransport,
}

/// What is to be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Passing: try again by ourselves.
    Retry,
    /// Lasting: the owner must decide.
    AskOwner,
}

impl Context {
    /// Its name on every interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::GeneralQueueManager => "general-queue-manager",
            Self::LocalFile => "local-file",
            Self::RemoteFile => "remote-file",
            Self::GeneralTransport => "general-transport",
        }
    }
}

impl Failure {
    /// Decides whether this trouble is passing or lasting.
    #[must_use]
    pub fn remedy(self) -> Remedy {
        match self {
            Self::Network(trouble) => trouble.remedy(),
            Self::Server(trouble) => trouble.remedy(),
            // A full disk, a changed directory: nothing we could do ever mends it.
            Self::Destination(_) => Remedy::AskOwner,
            Self::Service(ServiceTrouble::AgentLost) => Remedy::Retry,
            Self::Service(
                ServiceTrouble::TokenRequired
                | ServiceTrouble::IdentityNotAdmitted
                | ServiceTrouble::SandboxFailed
                | ServiceTrouble::MaxDownloadTime,
            ) => Remedy::AskOwner,
        }
    }

    /// Where it belongs.
    #[must_use]
    pub fn context(self) -> Context {
        match self {
            Self::Network(_) => Context::GeneralTransport,
            Self::Server(_) => Context::RemoteFile,
            Self::Destination(_) => Context::LocalFile,
            Self::Service(ServiceTrouble::AgentLost) => Context::Unknown,
            Self::Service(
                ServiceTrouble::TokenRequired
                | ServiceTrouble::IdentityNotAdmitted
                | ServiceTrouble::SandboxFailed
                | ServiceTrouble::MaxDownloadTime,
            ) => Context::GeneralQueueManager,
        }
    }

    /// The symbolic name, stable for ever. HTTP statuses share `http-status`; see
    /// [`Failure::full_name`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Network(trouble) => trouble.name(),
            Self::Server(trouble) => trouble.name(),
            Self::Destination(trouble) => trouble.name(),
            Self::Service(trouble) => trouble.name(),
        }
    }

    /// The symbolic name people and scripts see: `http-404` for a status.
    #[must_use]
    pub fn full_name(self) -> String {
        match self {
            Self::Server(ServerTrouble::Status(status)) => format!("http-{status}"),
            Self::Network(_) | Self::Server(_) | Self::Destination(_) | Self::Service(_) => {
                self.name().to_owned()
            }
        }
    }

    /// BITS' number (Windows' own where BITS passes it on), or 0 where there is none.
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            Self::Network(trouble) => trouble.code(),
            Self::Server(trouble) => trouble.code(),
            Self::Destination(trouble) => trouble.code(),
            Self::Service(ServiceTrouble::TokenRequired) => 0x8020_0056,
            Self::Service(ServiceTrouble::MaxDownloadTime) => 0x8020_0054,
            Self::Service(ServiceTrouble::IdentityNotAdmitted) => 0x8007_0005,
            Self::Service(ServiceTrouble::AgentLost | ServiceTrouble::SandboxFailed) => 0,
        }
    }

    /// What the owner can do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Network(trouble) => trouble.advice(),
            Self::Server(trouble) => trouble.advice(),
            Self::Destination(trouble) => trouble.advice(),
            Self::Service(trouble) => trouble.advice(),
        }
    }
}

impl NetworkTrouble {
    fn remedy(self) -> Remedy {
        match self {
            Self::NameNotResolved | Self::ConnectFailed | Self::TimedOut | Self::ConnectionLost => {
                Remedy::Retry
            }
            Self::TlsFailed | Self::CertificateInvalid => Remedy::AskOwner,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::NameNotResolved => "dns-failure",
            Self::ConnectFailed => "connect-failure",
            Self::TimedOut => "timed-out",
            Self::ConnectionLost => "connection-lost",
            Self::TlsFailed => "tls-failure",
            Self::CertificateInvalid => "certificate-invalid",
        }
    }

    fn code(self) -> u32 {
        match self {
            Self::NameNotResolved => 0x8007_2ee7,
            Self::ConnectFailed => 0x8020_002d,
            Self::TimedOut => 0x8007_2ee2,
            Self::ConnectionLost => 0x8020_002e,
            Self::TlsFailed | Self::CertificateInvalid => 0x8007_2f8f,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::NameNotResolved => "check the server's name and this machine's name service",
            Self::ConnectFailed => "check that the server is up and not behind a firewall",
            Self::TimedOut | Self::ConnectionLost => {
                "nothing to do: the transfer goes on from its last byte"
            }
            Self::TlsFailed => "ask the server's administrator which TLS versions it speaks",
            Self::CertificateInvalid => {
                "check the server's name and the clock; install the authority that signed it"
            }
        }
    }
}

impl ServerTrouble {
    fn remedy(self) -> Remedy {
        match self {
            Self::Status(status) => remedy_of_status(status),
            Self::MalformedAnswer | Self::SizeChanged => Remedy::Retry,
            Self::EncodedAnswer
            | Self::HeadTooLarge
            | Self::TooManyRedirects
            | Self::RedirectDowngrade
            | Self::RedirectInvalid => Remedy::AskOwner,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Status(_) => "http-status",
            Self::MalformedAnswer => "malformed-answer",
            Self::EncodedAnswer => "encoded-answer",
            Self::HeadTooLarge => "head-too-large",
            Self::TooManyRedirects => "too-many-redirects",
            Self::RedirectDowngrade => "redirect-downgrade",
            Self::RedirectInvalid => "redirect-invalid",
            Self::SizeChanged => "size-changed",
        }
    }

    fn code(self) -> u32 {
        match self {
            Self::Status(status) => 0x8019_0000 + u32::from(status),
            Self::MalformedAnswer => 0x8007_2f78,
            Self::EncodedAnswer | Self::HeadTooLarge => 0x8020_001b,
            Self::TooManyRedirects | Self::RedirectDowngrade | Self::RedirectInvalid => 0,
            Self::SizeChanged => 0x8020_0073,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Status(401 | 403 | 407) => "ask for access to the file, then resume",
            Self::Status(404 | 410) => "check the address; add the file again under the right one",
            Self::Status(status) => match remedy_of_status(status) {
                Remedy::Retry => "nothing to do: it is tried again by itself",
                Remedy::AskOwner => "ask the server's administrator, then resume",
            },
            Self::MalformedAnswer | Self::EncodedAnswer | Self::HeadTooLarge => {
                "check that the address is a file and not a web page; ask the server's administrator"
            }
            Self::TooManyRedirects | Self::RedirectDowngrade | Self::RedirectInvalid => {
                "find out where the file really is and use that address"
            }
            Self::SizeChanged => "nothing to do: the file starts over",
        }
    }
}

/// The published table (`job-model.md` 6.5) for downloads, after redirects, with the rulings:
/// 425 and 429 pass, 204 lasts.
fn remedy_of_status(status: u16) -> Remedy {
    match status {
        204 | 300..=305 | 307 | 308 | 501 | 505 => Remedy::AskOwner,
        408 | 409 | 425 | 429 => Remedy::Retry,
        400..=499 => Remedy::AskOwner,
        _ => Remedy::Retry,
    }
}

impl DestinationTrouble {
    fn name(self) -> &'static str {
        match self {
            Self::NoSuchDirectory => "no-such-directory",
            Self::NotADirectory => "not-a-directory",
            Self::SymbolicLink => "symbolic-link",
            Self::AccessDenied => "destination-access-denied",
            Self::NotARegularFile => "not-a-regular-file",
            Self::SpecialFileSystem => "special-file-system",
            Self::DestinationChanged => "destination-changed",
            Self::Exists => "destination-exists",
            Self::NameTooLong => "name-too-long",
            Self::NoSpace => "no-space",
            Self::ReadOnly => "read-only-file-system",
            Self::TemporaryLost => "temporary-lost",
            Self::Io(_) => "io-error",
        }
    }

    fn code(self) -> u32 {
        match self {
            Self::NoSuchDirectory => 0x8007_0003,
            Self::AccessDenied => 0x8007_0005,
            Self::NotADirectory | Self::SymbolicLink | Self::NotARegularFile => 0x8007_0057,
            Self::SpecialFileSystem => 0x8007_0057,
            Self::DestinationChanged => 0x8020_000e,
            Self::Exists => 0x8007_0050,
            Self::NameTooLong => 0x8007_00ce,
            Self::NoSpace => 0x8007_0070,
            Self::ReadOnly => 0x8007_0013,
            Self::TemporaryLost => 0x8007_0002,
            Self::Io(_) => 0,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::NoSuchDirectory => "make the directory, then try again",
            Self::NotADirectory | Self::SymbolicLink => {
                "name a real directory, without a link at its end"
            }
            Self::AccessDenied => {
                "choose a directory this identity may write, or lend one that may"
            }
            Self::NotARegularFile => "choose a name that is free, or a regular file",
            Self::SpecialFileSystem => "choose a directory on an ordinary file system",
            Self::DestinationChanged => "put the directory back, then resume; or cancel",
            Self::Exists => "move the existing file away, then complete again",
            Self::NameTooLong => "choose a shorter name",
            Self::NoSpace => "free space, then resume: what is there is kept",
            Self::ReadOnly => "make the file system writable, then resume",
            Self::TemporaryLost => "resume: the file starts over",
            Self::Io(_) => "look into the system's log for the disk, then resume",
        }
    }
}

impl ServiceTrouble {
    fn name(self) -> &'static str {
        match self {
            Self::TokenRequired => "token-required",
            Self::AgentLost => "agent-lost",
            Self::IdentityNotAdmitted => "identity-not-admitted",
            Self::SandboxFailed => "sandbox-failed",
            Self::MaxDownloadTime => "max-download-time",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::TokenRequired => {
                "lend the helper's identity again, or set the helper flags to none; then resume"
            }
            Self::AgentLost => "nothing to do: the transfer goes on from its last byte",
            Self::IdentityNotAdmitted => {
                "ask an administrator to admit this identity in ebbd's policy"
            }
            Self::SandboxFailed => {
                "ask an administrator: ebbd's policy can lower this to a warning"
            }
            Self::MaxDownloadTime => "allow it more time, or resume: the count begins anew",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Network(NetworkTrouble::NameNotResolved) => {
                "the server's name cannot be resolved"
            }
            Self::Network(NetworkTrouble::ConnectFailed) => "the server cannot be reached",
            Self::Network(NetworkTrouble::TimedOut) => "the server did not answer in time",
            Self::Network(NetworkTrouble::ConnectionLost) => "the connection broke",
            Self::Network(NetworkTrouble::TlsFailed) => "no secure connection could be made",
            Self::Network(NetworkTrouble::CertificateInvalid) => {
                "the server's certificate does not hold"
            }
            Self::Server(ServerTrouble::Status(status)) => {
                return write!(f, "the server answered HTTP {status}");
            }
            Self::Server(ServerTrouble::MalformedAnswer) => {
                "the server's answer is not proper HTTP"
            }
            Self::Server(ServerTrouble::EncodedAnswer) => {
                "the server encoded the file though not asked to"
            }
            Self::Server(ServerTrouble::HeadTooLarge) => {
                "the head of the server's answer is too large"
            }
            Self::Server(ServerTrouble::TooManyRedirects) => "the server redirected too often",
            Self::Server(ServerTrouble::RedirectDowngrade) => {
                "the server redirected from https to http"
            }
            Self::Server(ServerTrouble::RedirectInvalid) => {
                "the server redirected to something unusable"
            }
            Self::Server(ServerTrouble::SizeChanged) => "the file changed its size under way",
            Self::Destination(trouble) => return trouble.fmt(f),
            Self::Service(ServiceTrouble::TokenRequired) => "the helper token is missing",
            Self::Service(ServiceTrouble::AgentLost) => {
                "the process doing the work ended unexpectedly"
            }
            Self::Service(ServiceTrouble::IdentityNotAdmitted) => {
                "this machine admits no work under this identity"
            }
            Self::Service(ServiceTrouble::SandboxFailed) => "the sandbox could not be set up",
            Self::Service(ServiceTrouble::MaxDownloadTime) => "the job has run as long as it may",
        };
        f.write_str(text)
    }
}

impl fmt::Display for DestinationTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchDirectory => "the directory does not exist",
            Self::NotADirectory => "the destination's parent is not a directory",
            Self::SymbolicLink => "the directory's path ends in a symbolic link",
            Self::AccessDenied => "no permission to write in the directory",
            Self::NotARegularFile => "the destination exists and is not a regular file",
            Self::SpecialFileSystem => "the destination is on a special file system",
            Self::DestinationChanged => "another directory stands at the destination now",
            Self::Exists => "the destination exists and may not be replaced",
            Self::NameTooLong => "the file's name is too long",
            Self::NoSpace => "no space left for the file",
            Self::ReadOnly => "the file system is read-only",
            Self::TemporaryLost => "the temporary file is gone or has been exchanged",
            Self::Io(errno) => return write!(f, "the system reported error {errno}"),
        })
    }
}

#[cfg(test)]
mod tests;
