//! Promise: a job that is to use a proxy uses it, under the identity of its network side, and nobody
//! asks the server past it; what goes wrong at a proxy is told as the proxy's.
//!
//! Servers behind a proxy are asked for under names that only the proxy knows (`.test`).

mod preconfigured;
mod squid;

use std::io::Write as _;
use support::bus::{Bus, Options};
use support::content::Content;
use support::instance::{Instance, Setup};
use support::job::{Job, NETWORK};
use support::proxy::Proxy;
use support::server::{Authority, Gate, Resource, Server};
use support::users::{User, needs_root};
use zbus::Variant;

const FILE: Content = Content::new(71, 200_000);

/// Through these proxies, and past them to those hosts.
fn through(list: &str, bypass: &str) -> Variant<'static> {
    Variant::from(("override".to_owned(), list.to_owned(), bypass.to_owned()))
}

fn directly() -> Variant<'static> {
    Variant::from(("none".to_owned(), String::new(), String::new()))
}

/// A job whose first error is its last.
fn impatient<'a>(bus: &'a Bus, proxy: Variant<'static>) -> Job<'a> {
    let options = Options::from([("no-progress-timeout", 0_u32.into()), ("proxy", proxy)]);
    Job::create_with(bus, "through a proxy", &options)
}

/// The server as it is called behind a proxy.
fn behind(server: &Server, path: &str) -> String {
    format!("http://files.test:{}{path}", server.address().port())
}

#[test]
fn a_file_comes_through_an_http_proxy_and_a_socks_proxy_and_past_them_where_they_are_bypassed() {
    let authority = Authority::new();
    let (instance, user) = (Setup::new().trusting(&authority).start(), User::ordinary());
    let (plain, secured) = (Server::http(), Server::https(&authority));
    for server in [&plain, &secured] {
        server.put("/f", Resource::new(FILE));
    }
    let bus = instance.bus(&user);
    let fetched = |url: &str, proxy: Variant<'static>| {
        let job = impatient(&bus, proxy);
        let path = instance.directory_of(&user).join("f");
        job.add(url, &path);
        job.resume();
        job.finish();
        FILE.check(&path);
    };
    for proxy in [Proxy::http(), Proxy::socks()] {
        let entry = proxy.entry();
        fetched(&behind(&plain, "/f"), through(&entry, ""));
        let asked = proxy.questions();
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert_eq!(asked[0].uid, Some(user.uid));
        assert!(asked[0].head.contains("files.test:"), "{asked:?}");
        fetched(&secured.url("/f"), through(&entry, ""));
        let tunnel = proxy.questions().pop().unwrap();
        let address = secured.address();
        let wanted = [format!("CONNECT {address} "), format!("SOCKS {address}")];
        assert!(wanted.iter().any(|wanted| tunnel.head.starts_with(wanted)), "{tunnel:?}");
        assert!(!tunnel.head.contains("/f"), "{tunnel:?}");
        // Past it, in three ways.
        fetched(&plain.url("/f"), through(&entry, "127.0.0.0/8"));
        fetched(&plain.url("/f"), through(&format!("https={entry}"), ""));
        fetched(&plain.url("/f"), directly());
        assert_eq!(proxy.questions().len(), 2);
    }
    assert_eq!(plain.requests("/f").len(), 2 * 4);
}

#[test]
fn a_proxy_that_does_not_do_is_told_by_name_and_the_server_is_never_asked() {
    let authority = Authority::new();
    let (instance, user) = (Setup::new().trusting(&authority).start(), User::ordinary());
    let (plain, secured) = (Server::http(), Server::https(&authority));
    let stranger = Server::https(&Authority::new());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let login = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Negotiate\r\n\
                 Proxy-Authenticate: Digest realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
    let (asks, denies) = (Proxy::saying(login), Proxy::saying("HTTP/1.1 403 No\r\n\r\n"));
    let mail = Proxy::saying("220 mail.example\r\n\r\n");
    let rude = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs_up = rude.local_addr().unwrap().to_string();
    std::thread::spawn(move || rude.incoming().take(1).for_each(drop));
    let plain_text = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let in_clear = format!("https://{}", plain_text.local_addr().unwrap());
    // Says something else than TLS to one client, and is gone.
    std::thread::spawn(move || plain_text.accept().unwrap().0.write_all(b"220 mail.example\r\n"));
    let picky = Proxy::socks_saying(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]);
    let (url, over_tls) = (behind(&plain, "/f"), secured.url("/f"));
    let bus = instance.bus(&user);
    let cases = [
        (&url, closed.to_string(), "proxy-connect-failure", "0x8020002d"),
        (&url, "nowhere.invalid:3128".to_owned(), "proxy-dns-failure", "0x80072ee7"),
        (&url, stranger.url(""), "proxy-certificate-invalid", "0x80072f8f"),
        (&url, in_clear, "proxy-tls-failure", "0x80072f8f"),
        (&url, asks.entry(), "proxy-auth-required", "0x80190197"),
        (&over_tls, asks.entry(), "proxy-auth-required", "0x80190197"),
        (&over_tls, denies.entry(), "proxy-refused", "0x80190193"),
        (&over_tls, mail.entry(), "proxy-malformed-answer", "0x80072f78"),
        (&over_tls, hangs_up, "proxy-connection-lost", "0x8020002e"),
        (&over_tls, picky.entry(), "proxy-socks-refused", "0x8020002d"),
    ];
    for (url, proxy, name, code) in cases {
        let job = impatient(&bus, through(&proxy, ""));
        job.add(url, &instance.directory_of(&user).join(name));
        job.resume();
        assert_eq!(job.wait_for(&["error", "transferred"]), "error", "{url} through {proxy}");
        let error = job.error();
        assert_eq!((error["Name"].as_str(), error["Code"].as_str()), (name, code), "{error:?}");
        assert_eq!(error["Context"], "general-transport", "{url} through {proxy}");
        let address = proxy.rsplit('/').next().unwrap();
        assert!(error["Message"].contains(address), "{error:?}");
        if name == "proxy-auth-required" {
            assert!(error["Message"].contains("Negotiate, Digest"), "{error:?}");
        }
    }
    assert!(plain.log().is_empty() && secured.log().is_empty(), "a server was asked");
}

#[test]
fn a_proxy_that_is_down_gives_way_to_the_next_of_the_list() {
    let (instance, user, server) = (Instance::start(), User::ordinary(), Server::http());
    server.put("/f", Resource::new(FILE));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (proxy, bus) = (Proxy::http(), instance.bus(&user));
    let job = impatient(&bus, through(&format!("{closed} {}", proxy.entry()), ""));
    let path = instance.directory_of(&user).join("f");
    job.add(&behind(&server, "/f"), &path);
    job.resume();
    job.finish();
    FILE.check(&path);
    assert_eq!(proxy.questions().len(), 1);
}

#[test]
fn a_running_job_goes_on_through_another_proxy_from_its_last_byte() {
    let (instance, user, server) = (Instance::start(), User::ordinary(), Server::http());
    let gate = std::sync::Arc::new(Gate::after(FILE.size / 2));
    server.put("/f", Resource::new(FILE).through(&gate));
    let (one, other, bus) = (Proxy::http(), Proxy::socks(), instance.bus(&user));
    let job =
        Job::create_with(&bus, "moved", &Options::from([("proxy", through(&one.entry(), ""))]));
    let path = instance.directory_of(&user).join("f");
    job.add(&behind(&server, "/f"), &path);
    job.resume();
    job.wait_for_bytes(FILE.size / 2);
    job.set("ProxySettings", through(&other.entry(), "")).unwrap();
    gate.open();
    job.finish();
    FILE.check(&path);
    let asked = server.requests("/f");
    assert_eq!((one.questions().len(), other.questions().len(), asked.len()), (1, 1, 2));
    assert!(asked[1].first > 0, "it went on");
}

#[test]
fn the_socket_to_the_proxy_is_the_helpers() {
    if !needs_root("whose socket to the proxy") {
        return;
    }
    let (instance, alice, bob) = (Instance::start(), User::alice(), User::bob());
    let (server, proxy) = (Server::http(), Proxy::http());
    server.put("/f", Resource::new(FILE));
    let bus = instance.bus(&alice);
    let job = impatient(&bus, through(&proxy.entry(), ""));
    job.lend(&instance, &bob, NETWORK);
    let path = instance.directory_of(&alice).join("f");
    job.add(&behind(&server, "/f"), &path);
    job.resume();
    job.finish();
    FILE.check(&path);
    let asked: Vec<_> = proxy.questions().iter().map(|question| question.uid).collect();
    assert_eq!(asked, [Some(bob.uid)]);
}

#[test]
fn lists_that_make_no_sense_are_refused_with_the_entry_that_makes_none() {
    let (instance, user) = (Instance::start(), User::ordinary());
    let bus = instance.bus(&user);
    let job = Job::create(&bus, "nonsense");
    for (list, bypass, entry) in [
        ("p1 socks4://p2:1 p3", "", "socks4://p2:1"),
        ("p1 p2:99999", "", "p2:99999"),
        ("p1", "<local> aaa.* h", "aaa.*"),
        ("http://alice:hunter2@p1", "", "p1"),
    ] {
        let no = job.set("ProxySettings", through(list, bypass)).unwrap_err();
        assert_eq!((no.name.as_str(), no.code), ("InvalidProxyInfo", 0x8020_003f), "{no:?}");
        assert!(no.sentence.contains(entry), "{no:?}");
        assert!(!no.sentence.contains("hunter2"), "{no:?}");
    }
    let searched = Variant::from(("automatic".to_owned(), String::new(), String::new()));
    let no = job.set("ProxySettings", searched).unwrap_err();
    assert_eq!((no.name.as_str(), no.code), ("NotSupported", 0x8000_4001));
    assert!(no.sentence.contains("PAC"), "{no:?}");
}

#[test]
fn a_proxy_that_says_nothing_is_given_up() {
    let (instance, user) = (Instance::start(), User::ordinary());
    let (proxy, bus) = (Proxy::saying(""), instance.bus(&user));
    let job = impatient(&bus, through(&proxy.entry(), ""));
    job.add("https://files.test/f", &instance.directory_of(&user).join("f"));
    job.resume();
    job.wait_for(&["error"]);
    assert_eq!(job.error_name(), "proxy-timed-out");
}

#[test]
fn the_command_line_names_proxies_and_shows_them_as_they_are_named() {
    let (instance, user, server) = (Instance::start(), User::ordinary(), Server::http());
    server.put("/f", Resource::new(FILE));
    let proxy = Proxy::http();
    let path = instance.directory_of(&user).join("f");
    let named = format!("{}, <local> 10.0.0.0/8", proxy.entry());
    let words = ["get", "-q", "--proxy", &named, &behind(&server, "/f"), "-o"];
    let got = instance.run(&user, &[&words[..], &[path.to_str().unwrap()]].concat());
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    FILE.check(&path);
    assert_eq!(proxy.questions().len(), 1);

    let bus = instance.bus(&user);
    let job = Job::create(&bus, "shown");
    let word = format!("proxy={named}");
    instance.must(&user, &["set", &job.id, &word]);
    let shown = instance.must(&user, &["show", &job.id]);
    assert!(shown.lines().any(|line| line.contains("proxy") && line.ends_with(&named)), "{shown}");
    assert_eq!(instance.must(&user, &["show", "-g", "proxy.usage", &job.id]), "override");
    let refused = instance.run(&user, &["set", &job.id, "proxy=socks4://p"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("socks4://p"), "{said}");
    instance.must(&user, &["set", &job.id, "proxy=preconfig"]);
    assert_eq!(instance.must(&user, &["show", "-g", "proxy.usage", &job.id]), "preconfig");
}
