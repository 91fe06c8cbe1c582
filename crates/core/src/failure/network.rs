//! What the network was not up to: names, passing or lasting, and what to do about it.

use core::fmt;

use super::Remedy;

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
    /// The server's certificate, or one that leads to its authority, has been revoked.
    CertificateRevoked,
    /// Nobody can say whether it has been, and the owner wants to know.
    RevocationUnknown,
    /// The list that says so is out of date.
    RevocationListOutdated,
    /// The authorities that the job was given are none.
    AuthoritiesUnusable,
}

impl NetworkTrouble {
    pub(super) fn remedy(self) -> Remedy {
        match self {
            Self::NameNotResolved | Self::ConnectFailed | Self::TimedOut | Self::ConnectionLost => {
                Remedy::Retry
            }
            Self::TlsFailed
            | Self::CertificateInvalid
            | Self::CertificateRevoked
            | Self::RevocationUnknown
            | Self::RevocationListOutdated
            | Self::AuthoritiesUnusable => Remedy::AskOwner,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NameNotResolved => "dns-failure",
            Self::ConnectFailed => "connect-failure",
            Self::TimedOut => "timed-out",
            Self::ConnectionLost => "connection-lost",
            Self::TlsFailed => "tls-failure",
            Self::CertificateInvalid => "certificate-invalid",
            Self::CertificateRevoked => "certificate-revoked",
            Self::RevocationUnknown => "revocation-unknown",
            Self::RevocationListOutdated => "revocation-list-outdated",
            Self::AuthoritiesUnusable => "authorities-unusable",
        }
    }

    pub(super) fn code(self) -> u32 {
        match self {
            Self::NameNotResolved => 0x8007_2ee7,
            Self::ConnectFailed => 0x8020_002d,
            Self::TimedOut => 0x8007_2ee2,
            Self::ConnectionLost => 0x8020_002e,
            Self::TlsFailed | Self::CertificateInvalid => 0x8007_2f8f,
            Self::CertificateRevoked => 0x8007_2f8a,
            Self::RevocationUnknown | Self::RevocationListOutdated => 0x8007_2f19,
            // No number of BITS': "the parameter is incorrect".
            Self::AuthoritiesUnusable => 0x8007_0057,
        }
    }

    pub(super) fn advice(self) -> &'static str {
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
            Self::CertificateRevoked => "trust nothing from there; ask the server's administrator",
            Self::RevocationUnknown => {
                "have the server staple its authority's answer (OCSP), or give the authority's revocation list \
                 to ebbd (extra-ca-file) or to the job (cacert), or do without this check; then resume"
            }
            Self::AuthoritiesUnusable => {
                "give the job PEM certificates of authorities (ebb set JOB cacert=FILE), or none \
                 (cacert=none), then resume"
            }
            Self::RevocationListOutdated => {
                "a new revocation list is needed, in ebbd's extra-ca-file or among the job's authorities (cacert); \
                 then resume"
            }
        }
    }
}

impl fmt::Display for NetworkTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NameNotResolved => "the server's name cannot be resolved",
            Self::ConnectFailed => "the server cannot be reached",
            Self::TimedOut => "the server did not answer in time",
            Self::ConnectionLost => "the connection broke",
            Self::TlsFailed => "no secure connection could be made",
            Self::CertificateInvalid => "the server's certificate does not hold",
            Self::CertificateRevoked => "the server's certificate has been revoked",
            Self::RevocationUnknown => {
                "nobody can say whether the server's certificate has been revoked"
            }
            Self::RevocationListOutdated => {
                "the list of the authority's revoked certificates is out of date"
            }
            Self::AuthoritiesUnusable => "the authorities that the job was given cannot be used",
        })
    }
}
