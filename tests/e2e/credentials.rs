//! Promise: what a job logs on with is its owner's alone. Nobody reads it back, and it is in no
//! file, no log and no answer.

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::path::PathBuf;
use support::bus::{JOB, No};
use support::content::Content;
use support::credentials::{holding, remove, set, set_implicit};
use support::instance::Instance;
use support::job::Job;
use support::server::{Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(61, 100_000);
const SECRET: &str = "hunter2-and-then-some";

fn name(answer: Result<(), No>) -> String {
    answer.unwrap_err().name
}

#[test]
fn credentials_are_their_owners_alone_and_nobody_reads_them_back() {
    if !needs_root("credentials of another user's job") {
        return;
    }
    let instance = Instance::start();
    let [alice, bob, root] =
        [User::alice(), User::bob(), User::root()].map(|user| instance.bus(&user));
    let job = Job::create(&alice, "entrusted");
    set(&job, "server", "basic", "alice", SECRET).unwrap();
    for (stranger, no) in [(&bob, "NotFound"), (&root, "AccessDenied")] {
        let theirs = job.over(stranger);
        assert_eq!(name(set(&theirs, "server", "basic", "x", "y")), no);
        assert_eq!(name(set_implicit(&theirs, "server", "negotiate")), no);
        assert_eq!(remove(&theirs, "server", "basic").unwrap_err().name, no);
    }
    for (target, scheme, no) in [
        ("somebody", "basic", "InvalidAuthTarget"),
        ("server", "passport", "InvalidAuthScheme"),
        ("server", "Basic", "InvalidAuthScheme"),
    ] {
        assert_eq!(name(set(&job, target, scheme, "x", "y")), no);
        assert_eq!(remove(&job, target, scheme).unwrap_err().name, no);
    }
    for scheme in ["basic", "digest"] {
        assert_eq!(name(set_implicit(&job, "server", scheme)), "InvalidArgument");
    }
    let long = "ü".repeat(301);
    assert_eq!(name(set(&job, "server", "digest", &long, "y")), "UsernameTooLarge");
    let long = "ö".repeat(65_537);
    assert_eq!(name(set(&job, "server", "digest", "x", &long)), "PasswordTooLarge");
    set(&job, "server", "digest", &"ü".repeat(300), &"ö".repeat(65_536)).unwrap();
    assert!(remove(&job, "server", "digest").unwrap());
    assert!(!remove(&job, "server", "digest").unwrap(), "there were none");
    assert!(remove(&job, "server", "basic").unwrap(), "what was refused changed nothing");
    job.call("Cancel").unwrap();
    assert_eq!(name(set(&job, "server", "basic", "x", "y")), "InvalidState");
}

#[test]
fn a_password_comes_in_memory_that_is_sealed_and_in_no_other_way() {
    let (instance, user) = (Instance::start(), User::ordinary());
    let bus = instance.bus(&user);
    let job = Job::create(&bus, "unsealed");
    let call = |fd: std::os::fd::OwnedFd| {
        let password = [zbus::OwnedFd::from(fd)];
        let body = ("server", "basic", ["alice"].as_slice(), password.as_slice());
        job.bus.call(&job.path, JOB, "SetCredentials", &body).map(|_| ())
    };
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = memfd_create("password", flags).unwrap();
    fcntl_add_seals(&memory, SealFlags::WRITE).unwrap();
    let (pipe, _never_written) = std::io::pipe().unwrap();
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    for unfit in [memory, pipe.into(), file.into()] {
        let no = call(unfit).unwrap_err();
        assert!(no.name == "InvalidArgument" && no.sentence.contains("sealed"), "{no:?}");
    }
    let none: [zbus::OwnedFd; 0] = [];
    let body = ("server", "ntlm", ["alice"].as_slice(), none.as_slice());
    let no = job.bus.call(&job.path, JOB, "SetCredentials", &body).unwrap_err();
    assert_eq!(no.name, "InvalidArgument", "a name without a password");
}

#[test]
fn credentials_are_in_no_file_and_no_log_and_go_when_the_job_is_taken_over() {
    if !needs_root("taking a job with credentials over") {
        return;
    }
    let mut instance = Instance::start();
    let (id, path) = {
        let alice = instance.bus(&User::alice());
        let job = Job::create(&alice, "visible-name");
        set(&job, "server", "basic", "u-s-e-r-name", SECRET).unwrap();
        set_implicit(&job, "proxy", "negotiate").unwrap();
        (job.id, job.path)
    };
    instance.kill_and_restart();
    assert!(!holding(instance.scratch(), "visible-name").is_empty(), "the search finds things");
    assert_eq!(holding(instance.scratch(), SECRET), [] as [PathBuf; 0]);
    assert_eq!(holding(instance.scratch(), "u-s-e-r-name"), [] as [PathBuf; 0]);
    let log = instance.log();
    let uid = User::alice().uid;
    for line in [
        format!("audit: credentials set job={id} by={uid} target=server scheme=basic outcome=done"),
        format!(
            "audit: credentials set-implicit job={id} by={uid} target=proxy scheme=negotiate outcome=done"
        ),
    ] {
        assert!(log.contains(&line), "{log}");
    }
    assert!(!log.contains(SECRET) && !log.contains("u-s-e-r-name"));
    let (alice, root) = (instance.bus(&User::alice()), instance.bus(&User::root()));
    let job = Job { bus: &alice, id, path };
    assert!(remove(&job, "proxy", "negotiate").unwrap(), "they survive a restart");
    let job = job.over(&root);
    job.call("TakeOwnership").unwrap();
    assert!(!remove(&job, "server", "basic").unwrap());
}

#[test]
fn credentials_that_cannot_be_opened_are_told_and_the_job_goes_on_with_new_ones() {
    let (instance, server, user) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let (bus, path) = (instance.bus(&user), instance.directory_of(&user).join("f"));
    let job = Job::create(&bus, "another key");
    set(&job, "server", "basic", "alice", SECRET).unwrap();
    std::fs::write(instance.scratch().join("state/vault-key"), [0; 32]).unwrap();
    job.add(&server.url("/f"), &path);
    job.resume();
    job.wait_for(&["error"]);
    assert_eq!(job.error_name(), "vault-unavailable");
    assert_eq!(server.log().len(), 0, "it was not asked for without them");
    set(&job, "server", "basic", "alice", SECRET).unwrap();
    job.resume();
    job.finish();
    FILE.check(&path);
    assert_eq!(server.requests("/f")[0].field("Authorization"), None, "nobody asked");
}
