//! Between the engine's words for proxies and those of the channel. Pure.
//!
//! Answers one question: *who is to stand between us and the server, and what went wrong there?*

use ebb_http::{
    Bypass, ConnectError, Listed, Proxies, Proxy, ProxyKind, ProxyTrouble, ProxyUse, Scheme,
    TlsError,
};
use ebb_wire::net::{self, NetTrouble, Way};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use url::Host;

/// The way, as the engine wants it; `None` if there is nobody on it.
pub(crate) fn way(way: &Way, preconfigured: &ProxyUse) -> Option<ProxyUse> {
    match way {
        Way::Direct => Some(ProxyUse::Direct),
        Way::Preconfigured => Some(preconfigured.clone()),
        Way::Through { list, bypass } => {
            let list: Vec<_> = list.iter().map(listed).collect();
            let bypass = bypass.iter().map(bypassed).collect();
            (!list.is_empty()).then(|| ProxyUse::Through(Arc::new(Proxies { list, bypass })))
        }
    }
}

fn listed(proxy: &net::Proxy) -> Listed {
    let only = proxy.only.map(|scheme| match scheme {
        net::Scheme::Http => Scheme::Http,
        net::Scheme::Https => Scheme::Https,
    });
    let kind = match proxy.kind {
        net::ProxyKind::Http => ProxyKind::Http,
        net::ProxyKind::Https => ProxyKind::Https,
        net::ProxyKind::Socks5 => ProxyKind::Socks5,
    };
    let host = match proxy.host.parse::<Ipv6Addr>() {
        Ok(address) => Host::Ipv6(address),
        // What is no name by the rules for URLs may still be one that somebody resolves.
        Err(_) => Host::parse(&proxy.host).unwrap_or_else(|_| Host::Domain(proxy.host.clone())),
    };
    Listed { only, proxy: Proxy { kind, host, port: proxy.port } }
}

fn bypassed(bypass: &net::Bypass) -> Bypass {
    match bypass {
        net::Bypass::Local => Bypass::Local,
        net::Bypass::Name(name) => Bypass::Name(name.clone()),
        net::Bypass::Ending(end) => Bypass::Ending(end.clone()),
        net::Bypass::Network(address, bits) => Bypass::Network(IpAddr::clone(address), *bits),
    }
}

/// What trouble this is called on the channel.
pub(crate) fn trouble(trouble: &ProxyTrouble) -> NetTrouble {
    NetTrouble::Proxy(match trouble {
        ProxyTrouble::NameNotResolved(_) => net::ProxyTrouble::NameNotResolved,
        ProxyTrouble::Failed(_) => net::ProxyTrouble::ConnectFailed,
        ProxyTrouble::TimedOut | ProxyTrouble::Slow => net::ProxyTrouble::TimedOut,
        ProxyTrouble::Lost(_) => net::ProxyTrouble::ConnectionLost,
        ProxyTrouble::Tls(TlsError::Certificate(_)) => net::ProxyTrouble::CertificateInvalid,
        // It is shown no certificate of ours, and no list is looked at.
        ProxyTrouble::Tls(
            TlsError::Handshake(_)
            | TlsError::Revoked
            | TlsError::RevocationUnknown(_)
            | TlsError::RevocationListOutdated
            | TlsError::ClientCertificateWanted
            | TlsError::ClientCertificateRefused(_)
            | TlsError::NotSigned
            | TlsError::Rejected(_)
            | TlsError::ValidatorMissing
            | TlsError::KeepsChanging,
        ) => net::ProxyTrouble::TlsFailed,
        ProxyTrouble::Refused { status, .. } => net::ProxyTrouble::Refused(status.as_u16()),
        ProxyTrouble::SocksRefused(reply) => net::ProxyTrouble::SocksRefused(*reply),
        ProxyTrouble::Unauthorized { .. } => net::ProxyTrouble::Unauthorized,
        ProxyTrouble::Malformed(_) => net::ProxyTrouble::MalformedAnswer,
    })
}

/// `Retry-After` of a proxy, if it sent it.
pub(crate) fn retry_after(error: &ConnectError) -> Option<u32> {
    match error {
        ConnectError::Proxy(error) => match error.trouble {
            ProxyTrouble::Refused { retry_after, .. } => retry_after,
            ProxyTrouble::NameNotResolved(_)
            | ProxyTrouble::Failed(_)
            | ProxyTrouble::TimedOut
            | ProxyTrouble::Slow
            | ProxyTrouble::Lost(_)
            | ProxyTrouble::Tls(_)
            | ProxyTrouble::SocksRefused(_)
            | ProxyTrouble::Unauthorized { .. }
            | ProxyTrouble::Malformed(_) => None,
        },
        ConnectError::NotAnOrigin
        | ConnectError::NameNotResolved { .. }
        | ConnectError::Failed { .. }
        | ConnectError::TimedOut { .. }
        | ConnectError::ProxySettings(_)
        | ConnectError::Tls(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_with_nobody_on_it_is_no_way_and_a_host_is_an_address_where_it_looks_like_one() {
        let through = |host: &str| {
            let (only, kind) = (Some(net::Scheme::Http), net::ProxyKind::Socks5);
            let proxy = net::Proxy { only, kind, host: host.to_owned(), port: 1 };
            let way = Way::Through { list: vec![proxy], bypass: vec![net::Bypass::Local] };
            match super::way(&way, &ProxyUse::Direct) {
                Some(ProxyUse::Through(proxies)) => proxies.list[0].clone(),
                other => panic!("{other:?}"),
            }
        };
        let local = through("::1");
        assert_eq!((local.only, local.proxy.kind), (Some(Scheme::Http), ProxyKind::Socks5));
        assert_eq!(local.proxy.host, Host::<String>::Ipv6(Ipv6Addr::LOCALHOST));
        assert!(matches!(through("10.0.0.1").proxy.host, Host::Ipv4(_)));
        for name in ["p.example", "xn--a"] {
            assert_eq!(through(name).proxy.host, Host::Domain(name.to_owned()));
        }
        let nobody = Way::Through { list: vec![], bypass: vec![] };
        assert!(way(&nobody, &ProxyUse::Direct).is_none());
    }
}
