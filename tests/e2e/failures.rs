//! Promise: what stops a transfer is told by its own name, number and context, on the job it
//! happened to. Lying servers are in `bad_input`; here are those who are not there, cannot be
//! trusted, or may not be worked for, and agents that die.

use std::io::Write as _;
use support::bus::{Bus, Options};
use support::content::Content;
use support::instance::{Instance, Setup};
use support::job::Job;
use support::server::{Authority, Gate, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(91, 100_000);

/// A job whose first error is its last.
fn impatient(bus: &Bus) -> Job<'_> {
    let options = Options::from([("no-progress-timeout", 0_u32.into())]);
    Job::create_with(bus, "impatient", &options)
}

#[test]
fn a_server_that_cannot_be_found_reached_or_trusted_is_told_apart() {
    let (instance, alice) = (Instance::start(), User::ordinary());
    let bus = instance.bus(&alice);
    let strange = Server::https(&Authority::new());
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let plain_at = plain.local_addr().unwrap();
    // Says something else than TLS to one client, and is gone.
    std::thread::spawn(move || plain.accept().unwrap().0.write_all(b"220 mail.example\r\n"));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cases = [
        ("http://nowhere.invalid/f".to_owned(), "dns-failure", "0x80072ee7"),
        (format!("http://{closed}/f"), "connect-failure", "0x8020002d"),
        (format!("https://{plain_at}/f"), "tls-failure", "0x80072f8f"),
        (strange.url("/f"), "certificate-invalid", "0x80072f8f"),
    ];
    for (url, name, code) in cases {
        let job = impatient(&bus);
        job.add(&url, &instance.directory_of(&alice).join(name));
        job.resume();
        assert_eq!(job.wait_for(&["error", "transferred"]), "error", "{url}");
        let error = job.error();
        assert_eq!((error["Name"].as_str(), error["Code"].as_str()), (name, code), "{url}");
        assert_eq!(error["Context"], "general-transport", "{url}");
        assert_eq!(job.property::<u32>("ErrorCount"), 1, "{url}");
    }
}

#[test]
fn an_agent_that_dies_is_told_where_every_error_lasts() {
    let (mut instance, alice) = (Instance::start(), User::ordinary());
    let server = Server::http();
    let gate = std::sync::Arc::new(Gate::after(FILE.size / 2));
    server.put("/f", Resource::new(FILE).through(&gate));
    let path = instance.directory_of(&alice).join("f");
    let bus = instance.bus(&alice);
    let job = impatient(&bus);
    job.add(&server.url("/f"), &path);
    job.resume();
    job.wait_for_bytes(FILE.size / 2);
    instance.kill_one("ebb-net");
    job.wait_for(&["error"]);
    let error = job.error();
    assert_eq!((error["Name"].as_str(), error["Context"].as_str()), ("agent-lost", "unknown"));
    gate.open();
    job.resume();
    job.finish();
    FILE.check(&path);
}

#[test]
fn an_identity_the_machine_does_not_admit_is_told_when_a_file_is_added() {
    if !needs_root("an identity that is not admitted") {
        return;
    }
    let alice = User::alice();
    let instance = Setup::new().policy(&format!("deny-uids = {}", alice.uid)).start();
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "not admitted");
    let no = job.try_add("http://localhost/f", &instance.directory_of(&alice).join("f"));
    let no = no.expect_err("nobody may work for her");
    assert_eq!((no.name.as_str(), no.code), ("IdentityNotAdmitted", 0x8007_0005));
    assert!(!no.advice.is_empty());
}

#[test]
fn an_error_about_no_file_and_no_protocol_says_so() {
    let (instance, alice) = (Instance::start(), User::ordinary());
    let server = Server::http();
    let gate = std::sync::Arc::new(Gate::after(FILE.size / 2));
    server.put("/f", Resource::new(FILE).through(&gate));
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "too long");
    job.add(&server.url("/f"), &instance.directory_of(&alice).join("f"));
    job.resume();
    job.wait_for_bytes(FILE.size / 2);
    job.set("MaximumDownloadTime", 1_u32.into()).unwrap();
    job.wait_for(&["error"]);
    let ask = |method| job.call(method).unwrap_err();
    let (file, protocol) = (ask("GetErrorFile"), ask("GetErrorProtocol"));
    assert_eq!((file.name.as_str(), file.code), ("FileNotAvailable", 0x8020_0004));
    assert_eq!((protocol.name.as_str(), protocol.code), ("ProtocolNotAvailable", 0x8020_0005));
    job.call("Cancel").unwrap();
    assert_eq!(ask("GetErrorFile").code, 0x8020_000f, "a job that is over has no error");
}
