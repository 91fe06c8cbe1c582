//! How a fetch gets to the network, and what goes wrong on that way.
//!
//! The service has read the owner's lists already; the agent gets what they say, and no text that it
//! would have to understand once more.

use std::net::IpAddr;

/// Who stands between the agent and the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Nobody.
    #[default]
    Direct,
    /// Whoever stands in the settings of the identity that the agent has.
    Preconfigured,
    /// The proxies of a list.
    Through {
        /// In the order in which they are tried.
        list: Vec<Proxy>,
        /// What is reached without.
        bypass: Vec<Bypass>,
    },
}

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// For URLs of which scheme; nothing: of those that no other is for.
    pub only: Option<Scheme>,
    /// How it is spoken to.
    pub kind: ProxyKind,
    /// Its name or address; an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// The scheme of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http:`
    Http,
    /// `https:`
    Https,
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// In HTTP.
    Http,
    /// In HTTP over TLS.
    Https,
    /// In SOCKS 5.
    Socks5,
}

/// Hosts that are reached without proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bypass {
    /// Names without a dot.
    Local,
    /// This name.
    Name(String),
    /// Names that end like this; empty: everything.
    Ending(String),
    /// Addresses whose first bits are these.
    Network(IpAddr, u8),
}

/// What an agent ran into at a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyTrouble {
    /// Its name could not be resolved.
    NameNotResolved,
    /// No address of it took the connection.
    ConnectFailed,
    /// It took too long.
    TimedOut,
    /// It broke off.
    ConnectionLost,
    /// The TLS handshake with it failed for another reason than the certificate.
    TlsFailed,
    /// Its certificate does not hold.
    CertificateInvalid,
    /// It makes no connection: this HTTP status.
    Refused(u16),
    /// It makes no connection: this reply of SOCKS.
    SocksRefused(u8),
    /// It wants to know who asks.
    Unauthorized,
    /// What it answers is no HTTP, or no SOCKS.
    MalformedAnswer,
    /// The settings that were to say which proxy make no sense.
    InvalidSettings,
}
