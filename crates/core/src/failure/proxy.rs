//! What went wrong at a proxy: names, passing or lasting, and what to do about it.
//!
//! Beside the troubles of the network, so that nobody looks for the fault at the server.

use core::fmt;

use super::Remedy;
use super::server::remedy_of_status;

/// The way through a proxy is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyTrouble {
    /// Its name could not be resolved.
    NameNotResolved,
    /// No address of it took the connection.
    ConnectFailed,
    /// It took too long.
    TimedOut,
    /// It broke off before there was a connection to the server.
    ConnectionLost,
    /// The TLS handshake with it failed.
    TlsFailed,
    /// Its certificate does not hold.
    CertificateInvalid,
    /// It makes no connection to the server, and says so with this HTTP status.
    Refused(u16),
    /// It makes no connection to the server, and says so with this reply of SOCKS.
    SocksRefused(u8),
    /// It wants to know who asks.
    Unauthorized,
    /// What it answers is no HTTP and no SOCKS.
    MalformedAnswer,
    /// How the network is reached cannot be told from the settings of this machine.
    InvalidSettings,
}

impl ProxyTrouble {
    pub(super) fn remedy(self) -> Remedy {
        match self {
            Self::NameNotResolved
            | Self::ConnectFailed
            | Self::TimedOut
            | Self::ConnectionLost
            | Self::MalformedAnswer => Remedy::Retry,
            Self::Refused(status) => remedy_of_status(status),
            // Its rules, and what it does not know, stay as they are.
            Self::SocksRefused(2 | 7 | 8) => Remedy::AskOwner,
            Self::SocksRefused(_) => Remedy::Retry,
            Self::TlsFailed
            | Self::CertificateInvalid
            | Self::Unauthorized
            | Self::InvalidSettings => Remedy::AskOwner,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NameNotResolved => "proxy-dns-failure",
            Self::ConnectFailed => "proxy-connect-failure",
            Self::TimedOut => "proxy-timed-out",
            Self::ConnectionLost => "proxy-connection-lost",
            Self::TlsFailed => "proxy-tls-failure",
            Self::CertificateInvalid => "proxy-certificate-invalid",
            Self::Refused(_) => "proxy-refused",
            Self::SocksRefused(_) => "proxy-socks-refused",
            Self::Unauthorized => "proxy-auth-required",
            Self::MalformedAnswer => "proxy-malformed-answer",
            Self::InvalidSettings => "invalid-proxy-info",
        }
    }

    pub(super) fn code(self) -> u32 {
        match self {
            Self::NameNotResolved => 0x8007_2ee7,
            Self::ConnectFailed | Self::SocksRefused(_) => 0x8020_002d,
            Self::TimedOut => 0x8007_2ee2,
            Self::ConnectionLost => 0x8020_002e,
            Self::TlsFailed | Self::CertificateInvalid => 0x8007_2f8f,
            Self::Refused(status) => 0x8019_0000 + u32::from(status),
            Self::Unauthorized => 0x8019_0197,
            Self::MalformedAnswer => 0x8007_2f78,
            Self::InvalidSettings => 0x8020_003f,
        }
    }

    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::NameNotResolved => "check the proxy's name and this machine's name service",
            Self::ConnectFailed | Self::TimedOut => {
                "check that the proxy is up, or name another; the server is not asked directly"
            }
            Self::ConnectionLost => "nothing to do: it is tried again by itself",
            Self::TlsFailed => "check that the proxy speaks TLS, or name it as http://",
            Self::CertificateInvalid => {
                "check the proxy's name and the clock; install the authority that signed it"
            }
            Self::Refused(_) | Self::SocksRefused(_) => match self.remedy() {
                Remedy::Retry => "nothing to do: it is tried again by itself",
                Remedy::AskOwner => "ask the proxy's administrator, then resume",
            },
            Self::Unauthorized => {
                "set credentials for the proxy, in one of the ways it offers, then resume"
            }
            Self::MalformedAnswer => "check that there is a proxy at that address and port",
            Self::InvalidSettings => {
                "correct the proxy settings where they stand, or set them for the job, then resume"
            }
        }
    }
}

impl fmt::Display for ProxyTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NameNotResolved => "the proxy's name cannot be resolved",
            Self::ConnectFailed => "the proxy cannot be reached",
            Self::TimedOut => "the proxy did not answer in time",
            Self::ConnectionLost => "the proxy broke the connection",
            Self::TlsFailed => "no secure connection to the proxy could be made",
            Self::CertificateInvalid => "the proxy's certificate does not hold",
            Self::Refused(status) => {
                return write!(f, "the proxy makes no connection to the server: HTTP {status}");
            }
            Self::SocksRefused(reply) => {
                return write!(f, "the proxy makes no connection to the server: SOCKS {reply}");
            }
            Self::Unauthorized => "the proxy wants to know who asks",
            Self::MalformedAnswer => "what the proxy answers makes no sense",
            Self::InvalidSettings => "the proxy settings of this machine make no sense",
        })
    }
}
