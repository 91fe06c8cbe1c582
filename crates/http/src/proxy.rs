//! Which way leads to a URL: straight there, or through which proxies. Pure.
//!
//! A job names proxies in the order in which they are to be tried, some for one scheme only, and hosts
//! that are reached without. This module answers one question: *given a URL, who is to be asked, and
//! in which order?* How a proxy is spoken to is in `proxy/connect.rs` and what lies below it.
//!
//! Where a proxy is to be used, the server is never asked directly: not when the proxy is down, not
//! when all of them are. [`Way::Direct`] stands alone or not at all.
//!
//! It never looks a name up: a host that is named by its name is not known by its address here.

pub(crate) mod connect;
mod error;
mod socks;
mod tunnel;

#[cfg(any(test, feature = "checks"))]
pub(crate) mod checks;

pub use error::{ProxyError, ProxyTrouble};

use crate::auth::{Login, LoginScheme, LoginTarget, Logins};
use crate::connect::{ConnectError, Scheme};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use url::{Host, Url};

/// How a fetch gets to the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyUse {
    /// Straight to the server.
    #[default]
    Direct,
    /// Through those of the list.
    Through(Arc<Proxies>),
    /// Nobody knows: what was to say it makes no sense, for this reason.
    Unusable(Arc<str>),
}

/// Proxies in the order in which they are tried, and what is reached without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The proxies.
    pub list: Vec<Listed>,
    /// The hosts that are reached without.
    pub bypass: Vec<Bypass>,
}

/// A proxy, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// For URLs of this scheme; nothing: for those of schemes that no other is for.
    pub only: Option<Scheme>,
    /// The proxy.
    pub proxy: Proxy,
}

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// How it is spoken to.
    pub kind: ProxyKind,
    /// Where it is.
    pub host: Host<String>,
    /// On which port.
    pub port: u16,
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyKind {
    /// In HTTP.
    Http,
    /// In HTTP over TLS.
    Https,
    /// In SOCKS 5; it resolves the names.
    Socks5,
}

/// A kind of hosts that are reached without proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bypass {
    /// Names without a dot.
    Local,
    /// This name.
    Name(String),
    /// Names that end like this; empty: everything.
    Ending(String),
    /// This name, and all names below it.
    Domain(String),
    /// Addresses whose first bits are these.
    Network(IpAddr, u8),
}

/// One way to a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    Direct,
    Through(Proxy),
}

impl ProxyUse {
    /// The ways to a URL, in the order in which they are tried; never none.
    pub(crate) fn ways(&self, url: &Url) -> Result<Vec<Way>, ConnectError> {
        match self {
            Self::Direct => Ok(vec![Way::Direct]),
            Self::Through(proxies) => Ok(proxies.ways(url)),
            Self::Unusable(why) => Err(ConnectError::ProxySettings(why.to_string())),
        }
    }
}

impl Proxies {
    /// As [`ProxyUse::ways`].
    fn ways(&self, url: &Url) -> Vec<Way> {
        if self.bypass.iter().any(|bypass| bypass.fits(url)) {
            return vec![Way::Direct];
        }
        let scheme = Scheme::of(url);
        let its_own = self.list.iter().any(|listed| listed.only.is_some() && listed.only == scheme);
        let fits = |listed: &&Listed| match its_own {
            true => listed.only == scheme,
            false => listed.only.is_none(),
        };
        let ways: Vec<_> =
            self.list.iter().filter(fits).map(|l| Way::Through(l.proxy.clone())).collect();
        // There are proxies, but for other schemes.
        if ways.is_empty() { vec![Way::Direct] } else { ways }
    }
}

impl Bypass {
    fn fits(&self, url: &Url) -> bool {
        if *self == Self::Ending(String::new()) {
            return true;
        }
        match url.host() {
            None => false,
            Some(Host::Domain(name)) => self.fits_name(&plain(name)),
            Some(Host::Ipv4(address)) => self.fits_address(address.into()),
            Some(Host::Ipv6(address)) => self.fits_address(IpAddr::V6(address).to_canonical()),
        }
    }

    fn fits_name(&self, name: &str) -> bool {
        match self {
            Self::Local => !name.contains('.'),
            Self::Name(wanted) => name == plain(wanted),
            Self::Ending(end) => name.ends_with(&plain(end)),
            Self::Domain(wanted) => {
                let wanted = plain(wanted);
                let above = name.strip_suffix(&wanted);
                above.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Self::Network(..) => false,
        }
    }

    fn fits_address(&self, address: IpAddr) -> bool {
        let Self::Network(network, bits) = self else {
            return false;
        };
        match (address, network.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(n)) => {
                let apart = u32::from(a) ^ u32::from(n);
                apart.leading_zeros() >= u32::from(*bits)
            }
            (IpAddr::V6(a), IpAddr::V6(n)) => {
                let apart = u128::from(a) ^ u128::from(n);
                apart.leading_zeros() >= u32::from(*bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// A name as names are compared: small letters, without the dot of the root.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl Way {
    /// The proxy that is asked for the URL itself, and not only for a way to the server.
    pub(crate) fn asks_for(&self, scheme: Scheme) -> Option<&Proxy> {
        match self {
            Self::Through(proxy) if scheme == Scheme::Http && proxy.kind != ProxyKind::Socks5 => {
                Some(proxy)
            }
            Self::Through(_) | Self::Direct => None,
        }
    }

    /// What of these a proxy is told before anything else: a password, in the clear, as SOCKS has it.
    pub(crate) fn login(&self, logins: &Logins) -> Option<Login> {
        match self {
            Self::Through(proxy) if proxy.kind == ProxyKind::Socks5 => {
                logins.find(LoginTarget::Proxy, LoginScheme::Basic).cloned()
            }
            Self::Through(_) | Self::Direct => None,
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            ProxyKind::Http => "http",
            ProxyKind::Https => "https",
            ProxyKind::Socks5 => "socks5",
        };
        let host = crate::shown::printable(&self.host.to_string());
        write!(f, "{scheme}://{host}:{}", self.port)
    }
}

#[cfg(test)]
mod tests;
