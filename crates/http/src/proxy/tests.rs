//! Which way leads where, for any list and any URL.

use super::*;
use proptest::prelude::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn proxy(name: &str) -> Proxy {
    Proxy { kind: ProxyKind::Http, host: Host::Domain(name.into()), port: 3128 }
}

fn listed(only: Option<Scheme>, name: &str) -> Listed {
    Listed { only, proxy: proxy(name) }
}

fn through(list: Vec<Listed>, bypass: Vec<Bypass>) -> ProxyUse {
    ProxyUse::Through(Arc::new(Proxies { list, bypass }))
}

fn is_bypassed(bypass: Bypass, host: &str) -> bool {
    let ways = through(vec![listed(None, "p")], vec![bypass])
        .ways(&url(&format!("http://{host}/")))
        .unwrap();
    ways == [Way::Direct]
}

#[test]
fn a_proxy_for_one_scheme_comes_before_those_for_the_rest() {
    let list = vec![
        listed(None, "rest"),
        listed(Some(Scheme::Https), "secured"),
        listed(Some(Scheme::Https), "secured-too"),
    ];
    let ways = through(list, vec![]);
    assert_eq!(ways.ways(&url("http://h.example/")).unwrap(), [Way::Through(proxy("rest"))]);
    let secured = [Way::Through(proxy("secured")), Way::Through(proxy("secured-too"))];
    assert_eq!(ways.ways(&url("https://h.example/")).unwrap(), secured);
    let only = through(vec![listed(Some(Scheme::Http), "p")], vec![]);
    assert_eq!(only.ways(&url("https://h.example/")).unwrap(), [Way::Direct]);
}

#[test]
fn a_bypass_names_hosts_and_nothing_that_only_looks_like_them() {
    let name = |name: &str| Bypass::Name(name.into());
    let ending = |end: &str| Bypass::Ending(end.into());
    let domain = |name: &str| Bypass::Domain(name.into());
    let network = |address: &str, bits| Bypass::Network(address.parse().unwrap(), bits);
    for (bypass, host, wanted) in [
        (Bypass::Local, "intranet", true),
        (Bypass::Local, "intranet.", true),
        (Bypass::Local, "h.example", false),
        (Bypass::Local, "127.0.0.1", false),
        (Bypass::Local, "[::1]", false),
        (name("H.Example"), "h.example.", true),
        (name("h.example"), "a.h.example", false),
        (ending(".example"), "h.EXAMPLE", true),
        (ending(".example"), "example", false),
        (ending("example"), "bad-example", true),
        (ending(".1"), "127.0.0.1", false),
        (ending(""), "127.0.0.1", true),
        (ending(""), "[::1]", true),
        (domain("example.org"), "example.org", true),
        (domain("example.org"), "a.b.example.org", true),
        (domain("example.org"), "bad-example.org", false),
        (name("127.0.0.1"), "127.0.0.1", false),
        (network("127.0.0.1", 32), "127.0.0.1", true),
        (network("127.0.0.1", 32), "127.0.0.2", false),
        (network("10.0.0.0", 8), "10.200.3.4", true),
        (network("10.0.0.0", 8), "11.0.0.1", false),
        (network("10.0.0.0", 8), "[::ffff:10.1.1.1]", true),
        (network("0.0.0.0", 0), "192.0.2.1", true),
        (network("0.0.0.0", 0), "[2001:db8::1]", false),
        (network("2001:db8::", 32), "[2001:db8:9::1]", true),
        (network("2001:db8::", 32), "[2001:db9::1]", false),
    ] {
        assert_eq!(is_bypassed(bypass.clone(), host), wanted, "{bypass:?} for {host}");
    }
}

#[test]
fn settings_that_make_no_sense_lead_nowhere_and_not_past_the_proxies() {
    let unusable = ProxyUse::Unusable("why".into());
    let error = unusable.ways(&url("http://h.example/")).unwrap_err();
    assert!(matches!(error, ConnectError::ProxySettings(why) if why == "why"));
}

#[test]
fn a_strange_name_is_shown_as_what_it_is() {
    assert_eq!(proxy("p\u{1b}[2J").to_string(), "http://p\\u{1b}[2J:3128");
}

#[tokio::test]
async fn a_proxy_that_was_out_of_reach_comes_after_the_others_for_a_while() {
    use crate::client::Client;
    use crate::order::Options;
    use std::io::{Error, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
    use std::time::Duration;

    static PORT: AtomicU16 = AtomicU16::new(0);
    static LOOKED_FOR: AtomicU32 = AtomicU32::new(0);
    let live = TcpListener::bind("127.0.0.1:0").unwrap();
    PORT.store(live.local_addr().unwrap().port(), Ordering::Relaxed);
    let served = std::thread::spawn(move || {
        let answer = |socket: &mut TcpStream| {
            drop(socket.read(&mut [0; 4096]));
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n";
            drop(socket.write_all(head));
        };
        live.incoming().take(2).for_each(|socket| answer(&mut socket.unwrap()));
    });
    let client = Client::with_resolver(crate::tls::Trust::load(None).unwrap(), |name, _| {
        if name == "dead" {
            LOOKED_FOR.fetch_add(1, Ordering::Relaxed);
            return Err(Error::other("there is no such name"));
        }
        Ok(vec![([127, 0, 0, 1], PORT.load(Ordering::Relaxed)).into()])
    });
    let proxy = through(vec![listed(None, "dead"), listed(None, "live")], vec![]);
    let (options, here) = (Options { proxy, ..Options::default() }, url("http://h.example/"));
    for _ in 0..2 {
        let (_steering, control) = crate::control();
        let patience = Duration::from_secs(20);
        let size = crate::measure::measure(&client, &here, &options, patience, control).await;
        assert_eq!(size, Some(7));
    }
    served.join().unwrap();
    assert_eq!(LOOKED_FOR.load(Ordering::Relaxed), 1, "it was tried again at once");
}

fn schemes() -> impl Strategy<Value = Option<Scheme>> {
    prop_oneof![Just(None), Just(Some(Scheme::Http)), Just(Some(Scheme::Https))]
}

fn bypasses() -> impl Strategy<Value = Bypass> {
    prop_oneof![
        Just(Bypass::Local),
        "[ab]{1,2}(\\.[ab]){0,2}".prop_map(Bypass::Name),
        "\\.?[ab]?(\\.[ab]){0,2}".prop_map(Bypass::Ending),
        "[ab](\\.[ab]){0,2}".prop_map(Bypass::Domain),
        (any::<u32>(), 0_u8..=32).prop_map(|(a, bits)| Bypass::Network(IpAddr::V4(a.into()), bits)),
        (any::<u128>(), 0_u8..=128)
            .prop_map(|(a, bits)| Bypass::Network(IpAddr::V6(a.into()), bits)),
    ]
}

fn hosts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab]{1,2}(\\.[ab]){0,3}\\.?",
        any::<u32>().prop_map(|a| std::net::Ipv4Addr::from(a).to_string()),
        any::<u128>().prop_map(|a| format!("[{}]", std::net::Ipv6Addr::from(a))),
    ]
}

proptest! {
    #[test]
    fn where_a_proxy_is_to_be_used_the_server_is_never_asked_directly(
        only in proptest::collection::vec(schemes(), 0..5),
        bypass in proptest::collection::vec(bypasses(), 0..4),
        host in hosts(),
        secured in any::<bool>(),
    ) {
        let list: Vec<_> =
            (0..).zip(&only).map(|(n, only)| listed(*only, &format!("p{n}"))).collect();
        let scheme = if secured { Scheme::Https } else { Scheme::Http };
        let here = url(&format!("{}://{host}/f", if secured { "https" } else { "http" }));
        let ways = through(list.clone(), bypass.clone()).ways(&here).unwrap();
        prop_assert!(!ways.is_empty());
        let direct = ways.contains(&Way::Direct);
        prop_assert!(!direct || ways.len() == 1);
        let bypassed = bypass.iter().any(|bypass| bypass.fits(&here));
        let meant = |l: &&Listed| l.only.is_none_or(|only| only == scheme);
        prop_assert_eq!(direct, bypassed || !list.iter().any(|l| meant(&l)));
        // Those that are used are meant for it, and stand in the order of the list.
        let mut rest = list.iter().filter(meant);
        for way in ways.iter().filter(|way| **way != Way::Direct) {
            prop_assert!(rest.any(|listed| *way == Way::Through(listed.proxy.clone())));
        }
    }

    #[test]
    fn what_is_below_a_domain_is_bypassed_with_it(name in "[ab](\\.[ab]){0,2}", below in "[ab]{1,3}") {
        prop_assert!(is_bypassed(Bypass::Domain(name.clone()), &name));
        let host = format!("{below}.{name}");
        prop_assert!(is_bypassed(Bypass::Domain(name.clone()), &host));
        let host = format!("x{name}");
        prop_assert!(!is_bypassed(Bypass::Domain(name.clone()), &host));
    }
}
