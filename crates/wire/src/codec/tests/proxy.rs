//! Any way to the network, and any trouble on it.

use crate::net::{Bypass, Proxy, ProxyKind, ProxyTrouble, Scheme, Way};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn proxy() -> impl Strategy<Value = Proxy> {
    let scheme = prop_oneof![Just(Scheme::Http), Just(Scheme::Https)];
    let kind = prop_oneof![Just(ProxyKind::Http), Just(ProxyKind::Https), Just(ProxyKind::Socks5)];
    (option::of(scheme), kind, "[a-z.:]{0,40}", any::<u16>())
        .prop_map(|(only, kind, host, port)| Proxy { only, kind, host, port })
}

fn bypass() -> impl Strategy<Value = Bypass> {
    let v4 = (any::<u32>(), any::<u8>());
    let v6 = (any::<u128>(), any::<u8>());
    prop_oneof![
        Just(Bypass::Local),
        "[a-z.]{0,40}".prop_map(Bypass::Name),
        "[a-z.]{0,40}".prop_map(Bypass::Ending),
        v4.prop_map(|(a, bits)| Bypass::Network(std::net::Ipv4Addr::from(a).into(), bits)),
        v6.prop_map(|(a, bits)| Bypass::Network(std::net::Ipv6Addr::from(a).into(), bits)),
    ]
}

pub(super) fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        Just(Way::Direct),
        Just(Way::Preconfigured),
        (vec(proxy(), 0..4), vec(bypass(), 0..4))
            .prop_map(|(list, bypass)| Way::Through { list, bypass }),
    ]
}

pub(super) fn proxy_trouble() -> impl Strategy<Value = ProxyTrouble> {
    prop_oneof![
        Just(ProxyTrouble::NameNotResolved),
        Just(ProxyTrouble::ConnectFailed),
        Just(ProxyTrouble::TimedOut),
        Just(ProxyTrouble::ConnectionLost),
        Just(ProxyTrouble::TlsFailed),
        Just(ProxyTrouble::CertificateInvalid),
        any::<u16>().prop_map(ProxyTrouble::Refused),
        any::<u8>().prop_map(ProxyTrouble::SocksRefused),
        Just(ProxyTrouble::Unauthorized),
        Just(ProxyTrouble::MalformedAnswer),
        Just(ProxyTrouble::InvalidSettings),
    ]
}
