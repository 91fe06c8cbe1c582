//! Promise: header fields that an owner entrusts to a job go to the origin they are for, and to
//! nobody else: no other server, no other user, no administrator, no file, no log.

use std::path::PathBuf;
use std::sync::Arc;
use support::bus::{JOB, No};
use support::content::Content;
use support::credentials::holding;
use support::instance::Instance;
use support::job::Job;
use support::server::{Gate, Lie, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(91, 300_000);
const SECRET: &str = "hunter2-and-then-some";

fn set(job: &Job<'_>, lines: &[&str]) -> Result<(), No> {
    job.bus.call(&job.path, JOB, "SetCustomHeaders", &(lines,)).map(|_| ())
}

fn get(job: &Job<'_>) -> Result<Vec<String>, No> {
    job.bus.ask(&job.path, JOB, "GetCustomHeaders", &())
}

fn secret() -> String {
    format!("X-Key: {SECRET}")
}

#[test]
fn headers_go_to_the_origin_of_the_file_and_not_where_a_redirect_leads() {
    let (instance, user) = (Instance::start(), User::ordinary());
    let (server, other) = (Server::http(), Server::http());
    other.put("/f", Resource::new(FILE));
    server.put("/f", Resource::new(FILE).always(Lie::redirect(302, &other.url("/f"))));
    let bus = instance.bus(&user);
    let job = Job::create(&bus, "visible-name");
    set(&job, &[&secret(), "Accept-Language: de"]).unwrap();
    job.add(&server.url("/f"), &instance.directory_of(&user).join("f"));
    job.resume();
    job.wait_for(&["transferred"]);
    let [asked, followed] = [&server, &other].map(|server| server.requests("/f")[0].clone());
    assert_eq!(asked.field("X-Key"), Some(SECRET));
    assert_eq!(asked.field("Accept-Language"), Some("de"));
    assert_eq!((followed.field("X-Key"), followed.field("Accept-Language")), (None, None));
    assert!(!holding(instance.scratch(), "visible-name").is_empty(), "the search finds things");
    assert_eq!(holding(instance.scratch(), SECRET), [] as [PathBuf; 0]);
    let log = instance.log();
    assert!(log.contains(&format!("audit: headers set job={} by={}", job.id, user.uid)), "{log}");
    assert!(!log.contains(SECRET) && !log.contains("X-Key"));
    job.call("Complete").unwrap();
    assert_eq!(get(&job).unwrap_err().name, "InvalidState");
    assert_eq!(set(&job, &[]).unwrap_err().name, "InvalidState");
}

#[test]
fn a_running_job_goes_on_with_other_headers_from_its_last_byte() {
    let (instance, server, user) = (Instance::start(), Server::http(), User::ordinary());
    let gate = Arc::new(Gate::after(FILE.size / 2));
    server.put("/f", Resource::new(FILE).through(&gate));
    let (bus, path) = (instance.bus(&user), instance.directory_of(&user).join("f"));
    let job = Job::create(&bus, "changed");
    set(&job, &["X-Key: old"]).unwrap();
    job.add(&server.url("/f"), &path);
    job.resume();
    job.wait_for_bytes(FILE.size / 2);
    set(&job, &["X-Key: new"]).unwrap();
    gate.open();
    job.finish();
    FILE.check(&path);
    let asked = server.requests("/f");
    let keys: Vec<_> = asked.iter().map(|request| request.field("X-Key")).collect();
    assert_eq!(keys, [Some("old"), Some("new")]);
    assert!(asked[1].first > 0, "it went on");
}

#[test]
fn headers_are_read_by_their_owner_alone_until_they_are_write_only_for_ever() {
    if !needs_root("headers of another user's job") {
        return;
    }
    let mut instance = Instance::start();
    let id = {
        let [alice, bob, root] =
            [User::alice(), User::bob(), User::root()].map(|user| instance.bus(&user));
        let job = Job::create(&alice, "entrusted");
        assert_eq!(get(&job).unwrap(), [] as [&str; 0]);
        set(&job, &[&secret()]).unwrap();
        for (stranger, no) in [(&bob, "NotFound"), (&root, "AccessDenied")] {
            let theirs = job.over(stranger);
            assert_eq!(get(&theirs).unwrap_err().name, no);
            assert_eq!(set(&theirs, &["A: b"]).unwrap_err().name, no);
            assert_eq!(theirs.call("MakeCustomHeadersWriteOnly").unwrap_err().name, no);
        }
        let host = set(&job, &["Host: elsewhere"]).unwrap_err();
        assert!(host.name == "InvalidArgument" && host.sentence.contains("Host"), "{host:?}");
        let long = format!("A: {}", "b".repeat(16_384));
        assert_eq!(set(&job, &[&long]).unwrap_err().name, "StringTooLong");
        (job.id, job.path)
    };
    instance.kill_and_restart();
    let alice = instance.bus(&User::alice());
    let job = Job { bus: &alice, id: id.0, path: id.1 };
    assert_eq!(
        get(&job).unwrap(),
        [secret()],
        "they survive, and what was refused changed nothing"
    );
    job.call("MakeCustomHeadersWriteOnly").unwrap();
    assert_eq!(get(&job).unwrap_err().name, "AccessDenied");
    set(&job, &["X-Key: other"]).unwrap();
    assert_eq!(get(&job).unwrap_err().name, "AccessDenied");
    job.over(&instance.bus(&User::root())).call("TakeOwnership").unwrap();
}

#[test]
fn a_job_taken_over_has_no_headers() {
    if !needs_root("taking a job with headers over") {
        return;
    }
    let (instance, server) = (Instance::start(), Server::http());
    server.put("/f", Resource::new(FILE));
    let [alice, root] = [User::alice(), User::root()].map(|user| instance.bus(&user));
    let job = Job::create(&alice, "departed");
    set(&job, &[&secret()]).unwrap();
    let job = job.over(&root);
    job.call("TakeOwnership").unwrap();
    assert_eq!(get(&job).unwrap(), [] as [&str; 0]);
    job.add(&server.url("/f"), &instance.directory_of(&User::root()).join("f"));
    job.resume();
    job.finish();
    assert_eq!(server.requests("/f")[0].field("X-Key"), None);
}

#[test]
fn headers_that_cannot_be_opened_are_told_and_the_job_goes_on_with_new_ones() {
    let (instance, server, user) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let (bus, path) = (instance.bus(&user), instance.directory_of(&user).join("f"));
    let job = Job::create(&bus, "another key");
    set(&job, &[&secret()]).unwrap();
    let key = instance.scratch().join("state/vault-key");
    assert_eq!(std::fs::read(&key).unwrap().len(), 32);
    std::fs::write(&key, [0; 32]).unwrap();
    job.add(&server.url("/f"), &path);
    job.resume();
    job.wait_for(&["error"]);
    assert_eq!(job.error_name(), "vault-unavailable");
    assert_eq!(get(&job).unwrap_err().name, "VaultUnavailable");
    assert_eq!(server.log().len(), 0, "it was not asked for without them");
    set(&job, &[&secret()]).unwrap();
    job.resume();
    job.finish();
    FILE.check(&path);
    assert_eq!(server.requests("/f")[0].field("X-Key"), Some(SECRET));
}
