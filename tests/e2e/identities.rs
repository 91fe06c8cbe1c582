//! Promise: two identities, each where it belongs (`helper-tokens.md` 2.5 and R7).
//!
//! The owner of the file is read from the file, the identity of the socket from the kernel's table
//! at the server's end. Nothing here asks Ebb what it did.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use support::content::Content;
use support::instance::Instance;
use support::job::{Job, LOCAL_FILE, NETWORK};
use support::server::{Authority, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(11, 300_000);

/// Downloads with these flags and says who owns the file and who held the socket.
fn who_did_what(owner: &User, helper: &User, flags: u32) -> (u32, Vec<Option<u32>>) {
    let instance = Instance::start();
    let server = Server::http();
    server.put("/f", Resource::new(FILE));
    let bus = instance.bus(owner);
    let job = Job::create(&bus, "two identities");
    job.lend(&instance, helper, flags);
    let files = if flags & LOCAL_FILE != 0 { helper } else { owner };
    let path = instance.directory_of(files).join("f");
    job.add(&server.url("/f"), &path);
    job.resume();
    job.finish();
    FILE.check(&path);
    let metadata = std::fs::metadata(&path).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o644);
    (metadata.uid(), server.log().iter().map(|r| r.uid).collect())
}

#[test]
fn without_flags_the_owner_does_everything() {
    if !needs_root("whose file and socket: no flags") {
        return;
    }
    let (alice, bob) = (User::alice(), User::bob());
    assert_eq!(who_did_what(&alice, &bob, 0), (alice.uid, vec![Some(alice.uid)]));
}

#[test]
fn with_local_file_the_helper_owns_the_file_and_the_owner_the_socket() {
    if !needs_root("whose file and socket: local-file") {
        return;
    }
    let (alice, bob) = (User::alice(), User::bob());
    assert_eq!(who_did_what(&alice, &bob, LOCAL_FILE), (bob.uid, vec![Some(alice.uid)]));
}

#[test]
fn with_network_the_owner_owns_the_file_and_the_helper_the_socket() {
    if !needs_root("whose file and socket: network") {
        return;
    }
    let (alice, bob) = (User::alice(), User::bob());
    assert_eq!(who_did_what(&alice, &bob, NETWORK), (alice.uid, vec![Some(bob.uid)]));
}

#[test]
fn with_both_flags_the_helper_does_everything() {
    if !needs_root("whose file and socket: both") {
        return;
    }
    let (alice, bob) = (User::alice(), User::bob());
    assert_eq!(who_did_what(&alice, &bob, LOCAL_FILE | NETWORK), (bob.uid, vec![Some(bob.uid)]));
}

#[test]
fn roots_directory_and_an_ordinary_users_network_go_together() {
    if !needs_root("the model case") {
        return;
    }
    assert_eq!(
        who_did_what(&User::root(), &User::bob(), NETWORK),
        (0, vec![Some(User::bob().uid)])
    );
}

#[test]
fn over_tls_the_helper_holds_the_socket_too() {
    if !needs_root("the model case over TLS") {
        return;
    }
    let authority = Authority::new();
    let instance = support::instance::Setup::new().trusting(&authority).start();
    let server = Server::https(&authority);
    server.put("/f", Resource::new(FILE));
    let (alice, bob) = (User::alice(), User::bob());
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "over TLS");
    job.lend(&instance, &bob, NETWORK);
    let path = instance.directory_of(&alice).join("f");
    job.add(&server.url("/f"), &path);
    job.resume();
    job.finish();
    FILE.check(&path);
    assert_eq!(server.log()[0].uid, Some(bob.uid));
}

#[test]
fn flags_without_a_token_stop_the_job_before_anybody_sees_anything() {
    if !needs_root("flags without a token") {
        return;
    }
    let instance = Instance::start();
    let server = Server::http();
    server.put("/f", Resource::new(FILE));
    let alice = User::alice();
    let bus = instance.bus(&alice);
    for flags in [LOCAL_FILE, NETWORK, LOCAL_FILE | NETWORK] {
        let job = Job::create(&bus, "no token");
        let directory = instance.directory_of(&alice);
        job.add(&server.url("/f"), &directory.join("f"));
        let options = job.open_token_options().unwrap();
        job.set_flags(&options, flags);
        job.resume();
        assert_eq!(job.wait_for(&["error", "transferred"]), "error");
        let error = job.error();
        assert_eq!(error["Name"], "token-required");
        assert_eq!(error["Code"], "0x80200056");
        assert!(!error["Advice"].is_empty());
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0, "somebody was here");
        assert!(server.log().is_empty(), "somebody asked");
        // The second way out (R8): without flags it goes on as its owner.
        job.set_flags(&options, 0);
        job.call("Cancel").unwrap();
    }
}

#[test]
fn without_flags_a_job_that_missed_its_token_goes_on_as_its_owner() {
    if !needs_root("out of token-required by flags 0") {
        return;
    }
    let instance = Instance::start();
    let server = Server::http();
    server.put("/f", Resource::new(FILE));
    let alice = User::alice();
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "no token");
    let path = instance.directory_of(&alice).join("f");
    job.add(&server.url("/f"), &path);
    let options = job.open_token_options().unwrap();
    job.set_flags(&options, NETWORK);
    job.resume();
    job.wait_for(&["error"]);
    job.set_flags(&options, 0);
    job.resume();
    job.finish();
    assert_eq!(server.log()[0].uid, Some(alice.uid));
}
