//! Promise: where a real server wants to know who asks, it is told by the schemes the job has
//! credentials for; tickets are those of the network identity, used only where that was allowed,
//! and nobody else's are ever shown (F6, R10).
//!
//! What counts is what Apache and the key distribution center have logged.

use std::os::unix::fs::MetadataExt;
use std::time::Instant;
use support::apache::Apache;
use support::bound::Bound;
use support::content::Content;
use support::credentials::{holding, set, set_implicit};
use support::instance::{Instance, Setup};
use support::job::{Job, NETWORK};
use support::ntlm::NtlmServer;
use support::realm::Realm;
use support::server::{Authority, PATIENCE};
use support::users::{User, needs_root};
use zbus::Variant;

const FILE: Content = Content::new(67, 200_000);
const PASSWORD: &str = "correct-horse";

#[test]
fn apache_is_told_by_basic_and_by_digest_who_asks() {
    if !needs_root("an Apache that wants to know who asks") {
        return;
    }
    let (instance, server, user) =
        (Instance::start(), Apache::start("al", PASSWORD), User::alice());
    let bus = instance.bus(&user);
    for scheme in ["basic", "digest"] {
        let job = Job::create(&bus, scheme);
        set(&job, "server", scheme, "al", PASSWORD).unwrap();
        for name in ["one", "two", "three"] {
            server.put(name, FILE);
            let path = instance.directory_of(&user).join(format!("{scheme}-{name}"));
            job.add(&server.url(&format!("{scheme}/{name}")), &path);
        }
        job.resume();
        job.finish();
        for name in ["one", "two", "three"] {
            FILE.check(&instance.directory_of(&user).join(format!("{scheme}-{name}")));
            let log = server.log(&format!("{scheme}/{name}"), 1);
            assert!(log.contains(&"al 200".to_owned()), "{log:?}");
        }
    }
    assert!(holding(instance.scratch(), PASSWORD).is_empty());
}

#[test]
fn apache_hears_a_wrong_password_once_for_each_resume_and_the_job_says_which_scheme_it_was() {
    if !needs_root("an Apache that hears a wrong password") {
        return;
    }
    let (instance, server, user) =
        (Instance::start(), Apache::start("al", PASSWORD), User::alice());
    let (bus, directory) = (instance.bus(&user), instance.directory_of(&user));
    let names = ["one", "two", "three", "four"];
    let job = Job::create(&bus, "wrong");
    set(&job, "server", "basic", "al", "hunter2-is-wrong").unwrap();
    for name in names {
        server.put(name, FILE);
        job.add(&server.url(&format!("basic/{name}")), &directory.join(name));
    }
    job.resume();
    job.wait_for(&["error"]);
    let error = job.error();
    assert_eq!((error["Name"].as_str(), error["Code"].as_str()), ("http-401", "0x80190191"));
    assert!(error["Message"].contains("rejected the credentials for Basic"), "{error:?}");
    assert!(!error["Message"].contains("hunter2"));
    // All that were asked for are logged, in whatever order: one of them with a name.
    let heard = |name: &&str| {
        let log = server.log(&format!("basic/{name}"), 0);
        log.iter().filter(|line| line.starts_with("al ")).count()
    };
    let _ = server.log("basic/one", 1);
    let all = || names.iter().map(heard).sum::<usize>();
    assert!(all() <= 1);
    // Whoever resumes it wants it asked again, and once.
    job.resume();
    job.wait_for(&["error"]);
    let again = || (all() >= 2).then_some(());
    bus.wait_until("the password a second time", again).unwrap();
    assert_eq!(all(), 2);
    set(&job, "server", "basic", "al", PASSWORD).unwrap();
    job.resume();
    job.finish();
    FILE.check(&directory.join("four"));
}

/// A realm, an instance in it, and a server there.
fn within(realm: Realm) -> (Realm, Apache, Instance) {
    for name in ["alice", "admin"] {
        realm.add_user(name, PASSWORD);
    }
    let server = Apache::start_in(&realm);
    server.put("f", FILE);
    let instance = under(&realm.wrapper());
    (realm, server, instance)
}

fn under(wrapper: &[String]) -> Instance {
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    Setup::new().under(&wrapper).start()
}

/// The same where root and the helper both have tickets.
fn in_a_realm() -> (Realm, Apache, Instance) {
    let (realm, server, instance) = within(Realm::start());
    realm.log_in(&User::root(), "admin", PASSWORD);
    realm.log_in(&User::alice(), "alice", PASSWORD);
    (realm, server, instance)
}

#[test]
fn a_job_of_roots_shows_its_helpers_ticket_and_never_roots_own() {
    if !needs_root("a realm with tickets") {
        return;
    }
    let (realm, server, instance) = in_a_realm();
    let bus = instance.bus(&User::root());
    let path = instance.directory_of(&User::root()).join("f");
    let job = Job::create(&bus, "the model case");
    job.lend(&instance, &User::alice(), NETWORK);
    job.add(&server.url("ticket/f"), &path);
    job.resume();
    // Nobody has allowed it yet.
    job.wait_for(&["error"]);
    let message = job.error().remove("Message").unwrap_or_default();
    assert!(message.contains("401") && message.contains("Negotiate"), "{message}");
    assert_eq!(server.log("ticket/f", 1), ["- 401"]);
    assert_eq!(realm.tickets(), [] as [String; 0], "nobody asked for a ticket");
    set_implicit(&job, "server", "negotiate").unwrap();
    job.resume();
    job.finish();
    FILE.check(&path);
    assert_eq!(std::fs::metadata(&path).unwrap().uid(), 0);
    let log = server.log("ticket/f", 3);
    assert!(log.contains(&"alice@EBBTEST 200".to_owned()), "{log:?}");
    let tickets = realm.tickets();
    let service = format!("alice@EBBTEST for HTTP/{}@EBBTEST", realm.address);
    assert!(!tickets.is_empty() && tickets.iter().all(|it| it.contains(&service)), "{tickets:?}");
    assert!(!log.iter().any(|line| line.contains("admin")));
}

/// Through this proxy and no other.
fn through(job: &Job<'_>, proxy: &str) {
    let value = ("override".to_owned(), proxy.to_owned(), String::new());
    job.set("ProxySettings", Variant::from(value)).unwrap();
}

#[test]
fn root_passes_a_proxy_and_a_server_with_its_helpers_tickets() {
    if !needs_root("a proxy and a server that take tickets") {
        return;
    }
    let (realm, server, instance) = in_a_realm();
    let bus = instance.bus(&User::root());
    let path = instance.directory_of(&User::root()).join("f");
    let job = Job::create(&bus, "through a proxy");
    job.lend(&instance, &User::alice(), NETWORK);
    through(&job, &server.proxy("ticket"));
    job.add(&server.url("ticket/f"), &path);
    job.resume();
    // Nobody has allowed it yet.
    job.wait_for(&["error"]);
    let error = job.error();
    assert_eq!(
        (error["Name"].as_str(), error["Code"].as_str()),
        ("proxy-auth-required", "0x80190197")
    );
    assert!(error["Message"].contains("Negotiate"), "{error:?}");
    assert_eq!(realm.tickets(), [] as [String; 0], "nobody asked for a ticket");
    assert_eq!(server.log("ticket/f", 0), [] as [String; 0], "the server was not asked");
    // Allowed for the proxy, it serves the server, too (F6).
    set_implicit(&job, "proxy", "negotiate").unwrap();
    job.resume();
    job.finish();
    FILE.check(&path);
    assert_eq!(std::fs::metadata(&path).unwrap().uid(), 0);
    let known = "alice@EBBTEST 200".to_owned();
    let (passed, log) = (server.proxy_log("ticket", 3), server.log("ticket/f", 2));
    assert!(passed.contains(&known) && log.contains(&known), "{passed:?} {log:?}");
    let service = format!("alice@EBBTEST for HTTP/{}@EBBTEST", realm.address);
    let tickets = realm.tickets();
    assert!(tickets.iter().all(|ticket| ticket.contains(&service)), "{tickets:?}");
    assert!(!passed.iter().chain(&log).any(|line| line.contains("admin")));
}

#[test]
fn a_proxy_is_told_by_basic_and_by_digest_who_asks() {
    if !needs_root("a proxy that wants to know who asks") {
        return;
    }
    let (instance, server, user) =
        (Instance::start(), Apache::start("al", PASSWORD), User::alice());
    server.put("f", FILE);
    let (bus, directory) = (instance.bus(&user), instance.directory_of(&user));
    for scheme in ["basic", "digest"] {
        let job = Job::create(&bus, scheme);
        through(&job, &server.proxy(scheme));
        set(&job, "proxy", scheme, "al", PASSWORD).unwrap();
        set(&job, "server", "digest", "al", PASSWORD).unwrap();
        job.add(&server.url("digest/f"), &directory.join(scheme));
        job.resume();
        job.finish();
        FILE.check(&directory.join(scheme));
        assert!(server.proxy_log(scheme, 3).contains(&"al 200".to_owned()));
        let wrong = Job::create(&bus, "wrong");
        through(&wrong, &server.proxy(scheme));
        set(&wrong, "proxy", scheme, "al", "hunter2-is-wrong").unwrap();
        wrong.add(&server.url("digest/f"), &directory.join("never"));
        wrong.resume();
        wrong.wait_for(&["error"]);
        assert_eq!(wrong.error_name(), "proxy-auth-required");
        assert!(wrong.error()["Message"].contains("rejected the credentials for"));
    }
}

#[test]
fn tickets_that_are_gone_are_told_and_new_ones_are_used_without_a_restart() {
    if !needs_root("a realm whose tickets come and go") {
        return;
    }
    let (realm, server, instance) = in_a_realm();
    let alice = User::alice();
    realm.log_out(&alice);
    let (bus, path) = (instance.bus(&alice), instance.directory_of(&alice).join("f"));
    let job = Job::create(&bus, "come and go");
    set_implicit(&job, "server", "negotiate").unwrap();
    job.add(&server.url("ticket/f"), &path);
    job.resume();
    job.wait_for(&["error"]);
    let error = job.error();
    assert_eq!(error["Name"], "http-401");
    assert!(error["Message"].contains("the server"), "{error:?}");
    assert!(error["Message"].contains("Negotiate could not be used: "), "{error:?}");
    assert_eq!(realm.tickets(), [] as [String; 0]);
    realm.log_in(&alice, "alice", PASSWORD);
    // The agent that found none may still be there; it cannot read what is new.
    job.resume();
    job.finish();
    FILE.check(&path);
    assert!(server.log("ticket/f", 3).contains(&"alice@EBBTEST 200".to_owned()));
}

/// Why Alice's own job does not get past the server with the tickets she has; nothing if it does.
fn why_not(server: &Apache, instance: &Instance) -> Option<String> {
    let alice = User::alice();
    let (bus, path) = (instance.bus(&alice), instance.directory_of(&alice).join("f"));
    let job = Job::create(&bus, "no good tickets");
    set_implicit(&job, "server", "negotiate").unwrap();
    job.add(&server.url("ticket/f"), &path);
    job.resume();
    if job.wait_for(&["error", "transferred"]) == "transferred" {
        job.finish();
        return None;
    }
    let error = job.error();
    assert_eq!(error["Name"], "http-401");
    let message = &error["Message"];
    assert!(message.contains("the server"), "{message}");
    assert!(message.contains("Negotiate could not be used: "), "{message}");
    Some(message.clone())
}

#[test]
fn tickets_that_have_expired_are_told_as_that() {
    if !needs_root("tickets that expire") {
        return;
    }
    let (realm, server, instance) = within(Realm::start());
    drop(instance);
    let instance = under(&realm.strict_wrapper());
    realm.log_in_for(&User::alice(), "alice", PASSWORD, "1s");
    let end = Instant::now() + PATIENCE;
    // While they hold, they are taken, or a slow machine is taken for a wrong clock.
    loop {
        let message = why_not(&server, &instance).unwrap_or_default();
        if message.to_lowercase().contains("expired") {
            break;
        }
        assert!(Instant::now() < end, "they do not expire: {message}");
    }
}

#[test]
fn tickets_over_tls_are_tied_to_the_certificate_of_the_server_and_its_library_says_so() {
    if !needs_root("a server that takes tickets only if they are tied to it") {
        return;
    }
    let (realm, alice) = (Realm::start(), User::alice());
    realm.add_user("alice", PASSWORD);
    let authority = Authority::with_leaf_for(&[&realm.address]);
    let server = Bound::start(&realm, &authority, FILE);
    let wrapper = realm.wrapper();
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let instance = Setup::new().trusting(&authority).under(&wrapper).start();
    realm.log_in(&alice, "alice", PASSWORD);
    let (bus, path) = (instance.bus(&alice), instance.directory_of(&alice).join("f"));
    let job = Job::create(&bus, "tied to it");
    set_implicit(&job, "server", "negotiate").unwrap();
    job.add(&server.url("f"), &path);
    job.resume();
    let state = job.wait_for(&["error", "transferred"]);
    assert_eq!(state, "transferred", "{:?}", server.log());
    job.finish();
    FILE.check(&path);
    assert_eq!(server.log(), ["nobody", "bound: alice@EBBTEST"]);
}

#[test]
fn tickets_in_the_kernels_keyring_are_said_to_be_out_of_reach_by_the_name_of_their_cache() {
    if !needs_root("tickets in a keyring") {
        return;
    }
    let (realm, server, instance) = within(Realm::with_caches("KEYRING:persistent:%{uid}"));
    let message = why_not(&server, &instance).unwrap();
    let cache = format!("KEYRING:persistent:{}", User::alice().uid);
    assert!(message.contains(&cache) && message.contains("FILE:"), "{message}");
    assert!(server.log("ticket/f", 1).iter().all(|line| line == "- 401"));
    // With a password there is no need of them.
    let alice = User::alice();
    let (bus, path) = (instance.bus(&alice), instance.directory_of(&alice).join("f"));
    let job = Job::create(&bus, "by password");
    set(&job, "server", "negotiate", "alice@EBBTEST", PASSWORD).unwrap();
    job.add(&server.url("ticket/f"), &path);
    job.resume();
    job.finish();
    FILE.check(&path);
    drop(realm);
}

#[test]
fn a_user_of_the_realm_by_name_and_password_needs_no_ticket() {
    if !needs_root("a realm and a password") {
        return;
    }
    let (realm, server, instance) = in_a_realm();
    let alice = User::alice();
    realm.log_out(&alice);
    let (bus, path) = (instance.bus(&alice), instance.directory_of(&alice).join("f"));
    let job = Job::create(&bus, "by password");
    set(&job, "server", "negotiate", "alice@EBBTEST", PASSWORD).unwrap();
    job.add(&server.url("ticket/f"), &path);
    job.resume();
    job.finish();
    FILE.check(&path);
    assert!(server.log("ticket/f", 2).contains(&"alice@EBBTEST 200".to_owned()));
}

#[test]
fn ebb_logs_on_with_a_password_from_a_file_of_its_users_own() {
    if !needs_root("an Apache, and ebb") {
        return;
    }
    let (instance, server, user) =
        (Instance::start(), Apache::start("al", PASSWORD), User::alice());
    server.put("f", FILE);
    let directory = instance.directory_of(&user);
    let (secret, path) = (directory.join("secret"), directory.join("f"));
    std::fs::write(&secret, format!("{PASSWORD}\n")).unwrap();
    std::os::unix::fs::chown(&secret, Some(user.uid), Some(user.gid)).unwrap();
    let run = |url: &str, more: &[&str]| {
        let words = ["get", url, "-o", path.to_str().unwrap(), "--user", "al", "--password-file"];
        instance.run(&user, &[words.as_slice(), &[secret.to_str().unwrap()], more].concat())
    };
    let allow = |mode| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&secret, permissions).unwrap();
    };
    allow(0o644);
    let refused = run(&server.url("digest/f"), &[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("others may read"), "{said}");
    allow(0o600);
    // Digest by itself; Basic over http only where somebody says so.
    let digest = run(&server.url("digest/f"), &[]);
    assert!(digest.status.success(), "{}", String::from_utf8_lossy(&digest.stderr));
    FILE.check(&path);
    let basic = run(&server.url("basic/f"), &[]);
    assert!(!basic.status.success());
    let basic = run(&server.url("basic/f"), &["--auth", "basic"]);
    assert!(basic.status.success(), "{}", String::from_utf8_lossy(&basic.stderr));
    assert_eq!(holding(&instance.scratch().join("state"), PASSWORD), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_server_of_ntlm_gets_a_proof_on_each_connection_and_a_wrong_one_once() {
    let (instance, user) = (Instance::start(), User::ordinary());
    let server = NtlmServer::start("al", PASSWORD, FILE);
    let (bus, directory) = (instance.bus(&user), instance.directory_of(&user));
    let job = Job::create(&bus, "ntlm");
    set(&job, "server", "ntlm", "EBB\\al", PASSWORD).unwrap();
    for name in ["one", "two"] {
        job.add(&server.url(name), &directory.join(name));
    }
    job.resume();
    job.finish();
    for name in ["one", "two"] {
        FILE.check(&directory.join(name));
    }
    let seen = server.seen();
    let proofs: Vec<_> = seen.iter().filter_map(|it| it.strip_suffix(" proves")).collect();
    for connection in &proofs {
        assert!(seen.contains(&format!("{connection} greets")), "on one connection: {seen:?}");
    }
    assert!(!proofs.is_empty() && !seen.iter().any(|it| it.ends_with("wrong")), "{seen:?}");
    let server = NtlmServer::start("al", PASSWORD, FILE);
    let wrong = Job::create(&bus, "wrong");
    set(&wrong, "server", "ntlm", "EBB\\al", "hunter2-is-wrong").unwrap();
    for name in ["three", "four"] {
        wrong.add(&server.url(name), &directory.join(name));
    }
    wrong.resume();
    wrong.wait_for(&["error"]);
    let message = wrong.error().remove("Message").unwrap_or_default();
    assert!(message.contains("rejected the credentials for NTLM"), "{message}");
    let seen = server.seen();
    assert_eq!(seen.iter().filter(|it| it.ends_with("wrong")).count(), 1, "{seen:?}");
    // What is not built is said, and nothing is sent.
    let implicit = Job::create(&bus, "implicit");
    set_implicit(&implicit, "server", "ntlm").unwrap();
    implicit.add(&server.url("five"), &directory.join("five"));
    implicit.resume();
    implicit.wait_for(&["error"]);
    let message = implicit.error().remove("Message").unwrap_or_default();
    assert!(message.contains("NTLM could not be used"), "{message}");
}
