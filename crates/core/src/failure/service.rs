//! Why we could not do our part: names, passing or lasting, and what to do about it.

use core::fmt;

use super::{Context, Remedy};

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
    /// What its owner entrusted to the job cannot be sealed or opened.
    VaultUnavailable,
}

impl ServiceTrouble {
    pub(super) fn remedy(self) -> Remedy {
        match self {
            Self::AgentLost => Remedy::Retry,
            Self::TokenRequired
            | Self::IdentityNotAdmitted
            | Self::SandboxFailed
            | Self::MaxDownloadTime
            | Self::VaultUnavailable => Remedy::AskOwner,
        }
    }

    pub(super) fn context(self) -> Context {
        match self {
            Self::AgentLost => Context::Unknown,
            Self::TokenRequired
            | Self::IdentityNotAdmitted
            | Self::SandboxFailed
            | Self::MaxDownloadTime
            | Self::VaultUnavailable => Context::GeneralQueueManager,
        }
    }

    pub(super) fn code(self) -> u32 {
        match self {
            Self::TokenRequired => 0x8020_0056,
            Self::MaxDownloadTime => 0x8020_0054,
            Self::IdentityNotAdmitted => 0x8007_0005,
            Self::AgentLost | Self::SandboxFailed | Self::VaultUnavailable => 0,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::TokenRequired => "token-required",
            Self::AgentLost => "agent-lost",
            Self::IdentityNotAdmitted => "identity-not-admitted",
            Self::SandboxFailed => "sandbox-failed",
            Self::MaxDownloadTime => "max-download-time",
            Self::VaultUnavailable => "vault-unavailable",
        }
    }

    pub(super) fn advice(self) -> &'static str {
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
            Self::VaultUnavailable => {
                "set the custom headers, the credentials and the client certificate again, then resume; if that is refused \
                 too, ask an administrator to look at the service's key"
            }
        }
    }
}

impl fmt::Display for ServiceTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TokenRequired => "the helper token is missing",
            Self::AgentLost => "the process doing the work ended unexpectedly",
            Self::IdentityNotAdmitted => "this machine admits no work under this identity",
            Self::SandboxFailed => "the sandbox could not be set up",
            Self::MaxDownloadTime => "the job has run as long as it may",
            Self::VaultUnavailable => "what was entrusted to the job cannot be sealed or opened",
        })
    }
}
