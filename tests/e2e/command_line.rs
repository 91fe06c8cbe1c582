//! Promise: the command line does what it says, and its exit codes mean what the manual says.
//!
//! The details of `ebb` are tested in its own crate against a made-up service; here it meets the
//! real one.

use rustix::process::Signal;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Output;
use std::sync::Arc;
use support::bus::MANAGER_PATH;
use support::content::Content;
use support::instance::Instance;
use support::job::Job;
use support::processes::Process;
use support::server::{Gate, Lie, PATIENCE, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(71, 500_000);

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn get_downloads_completes_and_ends_with_zero() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let path = instance.directory_of(&alice).join("got");
    let got = instance.run(&alice, &["get", &server.url("/f"), "-o", path.to_str().unwrap()]);
    assert_eq!(code(&got), 0, "{}", said(&got));
    FILE.check(&path);
    assert_eq!(std::fs::metadata(&path).unwrap().uid(), alice.uid);
}

#[test]
fn a_private_instance_that_ebb_starts_is_its_users_and_in_its_users_directories() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let home = instance.directory_of(&alice);
    let path = home.join("f");
    let url = server.url("/f");
    let words = ["get", "--session", &url, "-o", path.to_str().unwrap()];
    let notified = UnixDatagram::bind(home.join("notify")).unwrap();
    notified.set_nonblocking(true).unwrap();
    std::os::unix::fs::chown(home.join("notify"), Some(alice.uid), None).unwrap();
    let mut ebb = instance.ebb(&alice, &words);
    ebb.env_remove("EBB_BUS").env("NOTIFY_SOCKET", home.join("notify"));
    let got = ebb.output().unwrap();
    let socket = UnixStream::connect(home.join(".cache/ebb/run/bus"));
    let socket = socket.unwrap_or_else(|error| panic!("{error}: {}", said(&got)));
    let service = rustix::net::sockopt::socket_peercred(&socket).expect("the kernel says who");
    let service = Process::find(service.pid.as_raw_nonzero().get().unsigned_abs());
    let launcher = Process::find(service.expect("it runs").parent).expect("it runs");
    let family = Process::family(launcher.pid);
    let uids: Vec<_> = family.iter().map(Process::uids).collect();
    launcher.signal(Signal::TERM);
    for process in &family {
        assert!(process.ended_within(PATIENCE), "{} is left", process.name);
    }
    assert_eq!(launcher.name, "ebbd");
    assert!(notified.recv(&mut [0; 9]).is_err(), "it speaks for the unit that `ebb` runs in");
    assert!(uids.iter().flatten().all(|uid| *uid == alice.uid), "{uids:?}");
    assert!(home.join(".local/state/ebb/ebbd.log").exists(), "its state is elsewhere");
    assert_eq!(code(&got), 0, "{}", said(&got));
    FILE.check(&path);
}

#[test]
fn submit_prints_the_id_alone_and_wait_ends_with_the_outcome() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    server.put("/gone", Resource::new(FILE).always(Lie::Status(404, vec![])));
    let directory = instance.directory_of(&alice);
    let directory = directory.to_str().unwrap();
    let id = instance.must(&alice, &["submit", &server.url("/f"), "-d", directory]);
    assert_eq!(id.len(), 36, "{id:?}");
    instance.must(&alice, &["wait", &id, "--for", "done", "--timeout", "60s"]);
    FILE.check(&std::path::Path::new(directory).join("f"));
    let id = instance.must(&alice, &["submit", &server.url("/gone"), "-d", directory]);
    let waited = instance.run(&alice, &["wait", &id, "--timeout", "60s"]);
    assert_eq!(code(&waited), 7, "{}", said(&waited));
    assert_eq!(instance.must(&alice, &["show", &id, "-g", "error.code"]), "http-404");
}

#[test]
fn a_helper_is_lent_by_root_and_a_missing_one_is_told_by_exit_code_13() {
    if !needs_root("ebb helper") {
        return;
    }
    let (instance, server) = (Instance::start(), Server::http());
    let gate = Arc::new(Gate::after(1000));
    server.put("/f", Resource::new(FILE).through(&gate));
    let (root, bob) = (User::root(), User::bob());
    let path = instance.directory_of(&root).join("f");
    let words = ["submit", "--suspended", &server.url("/f"), "-o", path.to_str().unwrap()];
    let id = instance.must(&root, &words);
    instance.must(&root, &["helper", "set", &id, "--user", &bob.name, "--for", "network"]);
    instance.must(&root, &["resume", &id]);
    let bus = instance.bus(&root);
    let path_of_job = format!("{MANAGER_PATH}/job/{}", id.replace('-', "_"));
    let job = Job { bus: &bus, path: path_of_job, id: id.clone() };
    job.wait_for_bytes(1000);
    instance.must(&root, &["helper", "clear", &id]);
    let waited = instance.run(&root, &["wait", &id, "--timeout", "60s"]);
    assert_eq!(code(&waited), 13, "{}", said(&waited));
    assert_eq!(instance.must(&root, &["show", &id, "-g", "error.code"]), "token-required");
    instance.must(&root, &["helper", "set", &id, "--user", &bob.name]);
    gate.open();
    instance.must(&root, &["resume", &id]);
    instance.must(&root, &["wait", &id, "--for", "done", "--timeout", "60s"]);
    FILE.check(&path);
    assert!(server.log().iter().all(|r| r.uid == Some(bob.uid)), "{:#?}", server.log());
    assert_eq!(server.log()[1].from, 1000);
}

#[test]
fn exit_codes_tell_unknown_jobs_bad_usage_timeouts_and_a_missing_service_apart() {
    if !needs_root("exit codes of ebb") {
        return;
    }
    let (mut instance, server, alice) = (Instance::start(), Server::http(), User::alice());
    let gate = Arc::new(Gate::after(10));
    server.put("/f", Resource::new(FILE).through(&gate));
    let directory = instance.directory_of(&alice);
    let words = ["submit", &server.url("/f"), "-d", directory.to_str().unwrap()];
    let id = instance.must(&alice, &words);
    let ends_with = |instance: &Instance, user: &User, words: &[&str], wanted: i32| {
        let output = instance.run(user, words);
        assert_eq!(code(&output), wanted, "ebb {words:?}: {}", said(&output));
        assert_ne!(said(&output), "", "it says why");
    };
    ends_with(&instance, &alice, &["show", "00000000-0000-4000-8000-000000000000"], 5);
    ends_with(&instance, &User::bob(), &["show", &id], 5);
    ends_with(&instance, &User::bob(), &["cancel", &id], 5);
    ends_with(&instance, &alice, &["sow", &id], 2);
    ends_with(&instance, &alice, &["wait", &id, "--timeout", "1s"], 3);
    instance.must(&alice, &["cancel", &id]);
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
    instance.terminate();
    ends_with(&instance, &alice, &["list"], 9);
}
