//! Promise: Squid, as companies have it, wants to know who asks, and is told by the network identity
//! and by nobody else: by its tickets where that was allowed, by a name and a password where they were
//! given.
//!
//! What counts is what Squid, Apache and the key distribution center have logged.

use std::os::unix::fs::MetadataExt;
use support::apache::Apache;
use support::content::Content;
use support::credentials::{set, set_implicit};
use support::instance::{Instance, Setup};
use support::job::{Job, NETWORK};
use support::realm::Realm;
use support::samba::Samba;
use support::server::{Authority, Resource, Server};
use support::squid::{Asked, Squid};
use support::users::{User, needs_root};
use zbus::Variant;

const FILE: Content = Content::new(73, 200_000);
const PASSWORD: &str = "correct-horse";

/// A company: a realm, a server and a proxy that want tickets. Root and Alice both have them.
struct Company {
    instance: Instance,
    squid: Squid,
    server: Apache,
    realm: Realm,
}

impl Company {
    fn open() -> Self {
        let realm = Realm::start();
        for name in ["alice", "admin"] {
            realm.add_user(name, PASSWORD);
        }
        let authority = Authority::with_leaf_for(&[&realm.address]);
        let server = Apache::start_with_tls(&realm, &authority);
        server.put("f", FILE);
        let squid = Squid::asking(&realm, "al", PASSWORD);
        let wrapper = realm.wrapper();
        let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
        let instance = Setup::new().trusting(&authority).under(&wrapper).start();
        realm.log_in(&User::root(), "admin", PASSWORD);
        realm.log_in(&User::alice(), "alice", PASSWORD);
        Self { instance, squid, server, realm }
    }

    /// Nobody of the realm but Alice got a ticket for a service, and for these two she did.
    fn only_alice_got_tickets(&self) {
        let tickets = self.realm.tickets();
        let proxy = self.squid.host();
        for host in [self.realm.address.as_str(), proxy.as_str()] {
            let hers = format!("alice@EBBTEST for HTTP/{host}@EBBTEST");
            assert!(tickets.iter().any(|ticket| ticket.contains(&hers)), "{hers}: {tickets:?}");
        }
        let hers = "alice@EBBTEST for HTTP/";
        assert!(tickets.iter().all(|ticket| ticket.contains(hers)), "{tickets:?}");
    }
}

/// Through this proxy and no other.
fn through(job: &Job<'_>, squid: &Squid) {
    let value = ("override".to_owned(), squid.entry(), String::new());
    job.set("ProxySettings", Variant::from(value)).unwrap();
}

fn said<'a>(asked: &'a [Asked], scheme: &str) -> Vec<&'a Asked> {
    asked.iter().filter(|asked| asked.scheme == scheme).collect()
}

#[test]
fn roots_job_passes_squid_and_apache_as_its_helper_and_shows_nobody_anything_unasked() {
    if !needs_root("a Squid and an Apache that take tickets") {
        return;
    }
    let company = Company::open();
    let Company { instance, squid, server, realm } = &company;
    let (root, alice) = (User::root(), User::alice());
    let bus = instance.bus(&root);
    let job = Job::create(&bus, "the model case");
    job.lend(instance, &alice, NETWORK);
    through(&job, squid);
    let paths = ["clear", "tunnel"].map(|name| instance.directory_of(&root).join(name));
    job.add(&server.url("ticket/f"), &paths[0]);
    job.add(&server.url_over_tls("ticket/f"), &paths[1]);
    job.resume();
    // Nobody has allowed it yet, so nothing is said, and nobody asks for a ticket.
    job.wait_for(&["error"]);
    let error = job.error();
    let named = (error["Name"].as_str(), error["Code"].as_str());
    assert_eq!(named, ("proxy-auth-required", "0x80190197"));
    assert!(error["Message"].contains(&squid.entry()), "{error:?}");
    assert!(error["Message"].contains("Negotiate"), "{error:?}");
    let asked = squid.wait_for_asked(1);
    assert!(asked.iter().all(|it| it.status == "407" && it.scheme == "-"), "{asked:?}");
    assert_eq!(realm.tickets(), [] as [String; 0], "nobody asked for a ticket");
    assert_eq!(server.log("ticket/f", 0), [] as [String; 0], "the server was not asked");

    set_implicit(&job, "proxy", "negotiate").unwrap();
    set_implicit(&job, "server", "negotiate").unwrap();
    job.resume();
    job.finish();
    for path in &paths {
        FILE.check(path);
        assert_eq!(std::fs::metadata(path).unwrap().uid(), 0, "the file is root's");
    }
    for log in [server.log("ticket/f", 2), server.log_over_tls("ticket/f", 2)] {
        assert!(log.iter().any(|line| line == "alice@EBBTEST 200"), "{log:?}");
        assert!(!log.iter().any(|line| line.contains("admin")), "{log:?}");
    }
    company.only_alice_got_tickets();
    // A tunnel is logged when it is over: when there is nobody left at this end.
    let Company { instance, squid, .. } = company;
    drop(instance);
    let of_alice = |asked: &Asked, method: &str| {
        asked.who == "alice@EBBTEST" && asked.status == "200" && asked.method == method
    };
    let asked = squid.wait_for(|asked| {
        ["GET", "CONNECT"].iter().all(|method| asked.iter().any(|it| of_alice(it, method)))
    });
    assert!(asked.iter().all(|it| ["-", "alice@EBBTEST"].contains(&it.who.as_str())), "{asked:?}");
    assert!(said(&asked, "Basic").is_empty() && said(&asked, "Digest").is_empty(), "{asked:?}");
}

#[test]
fn tickets_that_are_gone_are_told_as_the_proxys_trouble_and_nothing_is_said_to_it() {
    if !needs_root("a Squid that takes tickets, and none") {
        return;
    }
    let company = Company::open();
    let Company { instance, squid, server, realm } = &company;
    let (root, alice) = (User::root(), User::alice());
    realm.log_out(&alice);
    let bus = instance.bus(&root);
    for url in [server.url("ticket/f"), server.url_over_tls("ticket/f")] {
        let job = Job::create(&bus, "no tickets");
        job.lend(instance, &alice, NETWORK);
        through(&job, squid);
        set_implicit(&job, "proxy", "negotiate").unwrap();
        job.add(&url, &instance.directory_of(&root).join("f"));
        job.resume();
        job.wait_for(&["error"]);
        let error = job.error();
        assert_eq!(error["Name"], "proxy-auth-required");
        let message = &error["Message"];
        assert!(message.contains("Negotiate could not be used: "), "{message}");
        assert!(message.contains(&squid.entry()), "{message}");
    }
    let asked = squid.wait_for_asked(2);
    assert!(asked.iter().all(|it| it.status == "407" && it.scheme == "-"), "{asked:?}");
    assert_eq!(realm.tickets(), [] as [String; 0], "root has tickets, and nobody used them");
}

#[test]
fn squid_is_told_a_name_and_a_password_by_each_of_its_schemes_and_a_wrong_one_once() {
    if !needs_root("a Squid that wants to know who asks") {
        return;
    }
    let company = Company::open();
    let Company { instance, squid, .. } = &company;
    let (user, plain) = (User::alice(), Server::http());
    plain.put("/f", Resource::new(FILE));
    let bus = instance.bus(&user);
    let fetch = |scheme: &str, user_name: &str, password: &str, path: &std::path::Path| {
        let job = Job::create(&bus, scheme);
        through(&job, squid);
        set(&job, "proxy", scheme, user_name, password).unwrap();
        job.add(&plain.url("/f"), path);
        job.resume();
        let state = job.wait_for(&["transferred", "error"]);
        (state, job)
    };
    for (scheme, name, known) in [
        ("basic", "al", "al"),
        ("digest", "al", "al"),
        ("negotiate", "alice@EBBTEST", "alice@EBBTEST"),
    ] {
        let path = instance.directory_of(&user).join(scheme);
        let (state, job) = fetch(scheme, name, PASSWORD, &path);
        assert_eq!(state, "transferred", "{:?}", job.error());
        job.finish();
        FILE.check(&path);
        // It logs when it has answered.
        let passed = |it: &Asked| it.status == "200" && it.scheme.eq_ignore_ascii_case(scheme);
        let _ = squid.wait_for(|asked| asked.iter().any(|it| passed(it) && it.who == known));
    }
    for scheme in ["basic", "digest"] {
        let before = squid.asked().len();
        let path = instance.directory_of(&user).join("never");
        let (state, job) = fetch(scheme, "al", "hunter2-is-wrong", &path);
        assert_eq!(state, "error");
        assert_eq!(job.error_name(), "proxy-auth-required");
        assert!(job.error()["Message"].contains("rejected the credentials for"));
        let asked = squid.wait_for_asked(before + 2).split_off(before);
        let schemes: Vec<_> = asked.iter().map(|it| it.scheme.to_ascii_lowercase()).collect();
        assert_eq!(schemes, ["-", scheme], "once: {asked:?}");
    }
}

#[test]
fn squid_is_told_by_ntlm_on_each_connection_and_samba_is_the_judge_of_it() {
    if !needs_root("a Squid that has Samba judge who asks") {
        return;
    }
    let (user, authority) = (User::alice(), Authority::new());
    let samba = Samba::start(&user, PASSWORD);
    let squid = Squid::with_samba(&samba);
    let (plain, secured) = (Server::http(), Server::https(&authority));
    let instance = Setup::new().trusting(&authority).start();
    let (bus, directory) = (instance.bus(&user), instance.directory_of(&user));
    for server in [&plain, &secured] {
        server.put("/f", Resource::new(FILE));
    }
    let account = format!("EBB\\{}", user.name);
    let job = Job::create(&bus, "by NTLM");
    through(&job, &squid);
    set(&job, "proxy", "ntlm", &account, PASSWORD).unwrap();
    for (name, server) in [("one", &plain), ("two", &plain), ("three", &secured)] {
        job.add(&server.url("/f"), &directory.join(name));
    }
    job.resume();
    let state = job.wait_for(&["transferred", "error"]);
    assert_eq!(state, "transferred", "{:?}", job.error());
    job.finish();
    for name in ["one", "two", "three"] {
        FILE.check(&directory.join(name));
    }
    assert!(secured.requests("/f").iter().all(|request| request.field("via").is_none()));

    // Only what it logs late, a tunnel when it is over, may come between what follows.
    let got = |it: &&Asked| it.status == "200" && it.method == "GET";
    let before = squid.wait_for(|asked| asked.iter().filter(got).count() == 2).len();
    let wrong = Job::create(&bus, "wrong");
    through(&wrong, &squid);
    set(&wrong, "proxy", "ntlm", &account, "hunter2-is-wrong").unwrap();
    for name in ["four", "five"] {
        wrong.add(&plain.url("/f"), &directory.join(name));
    }
    wrong.resume();
    wrong.wait_for(&["error"]);
    let error = wrong.error();
    assert_eq!(error["Name"], "proxy-auth-required");
    assert!(error["Message"].contains("it rejected the credentials for NTLM"), "{error:?}");
    let is_tunnel = |it: &Asked| it.method == "CONNECT";
    let of_wrong = |asked: &[Asked]| {
        let asked = asked.iter().skip(before).filter(|it| !is_tunnel(it));
        asked.cloned().collect::<Vec<_>>()
    };
    let asked = of_wrong(&squid.wait_for(|asked| said(&of_wrong(asked), "NTLM").len() >= 2));
    let said = said(&asked, "NTLM");
    assert_eq!(said.len(), 2, "a greeting, and one proof: {asked:?}");
    assert!(asked.iter().all(|it| it.status == "407"), "{asked:?}");
    drop(instance);
    let asked = squid.wait_for(|asked| {
        let passed = |it: &Asked, method: &str| it.status == "200" && it.method == method;
        ["GET", "CONNECT"].iter().all(|method| asked.iter().any(|it| passed(it, method)))
    });
    let passed = asked.iter().filter(|it| it.status == "200");
    for it in passed {
        assert!(it.who.to_lowercase().contains(&user.name), "{it:?}");
    }
}
