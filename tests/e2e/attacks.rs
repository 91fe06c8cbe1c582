//! Promise: what daemons of our kind were broken by does not break this one.
//!
//! Each test names the class of attack it repeats; the others of the list are where they belong
//! (`access`, `bad_input`, `processes`, `swap`).

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use support::bus::{MANAGER, MANAGER_PATH, Options};
use support::content::Content;
use support::instance::Instance;
use support::job::{Job, NETWORK};
use support::server::{Gate, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(61, 400_000);
const HALF: u64 = FILE.size / 2;

/// A resume opens a partial file by name: whatever else has that name by then is not touched.
#[test]
fn a_temporary_file_exchanged_while_the_daemon_was_away_is_not_written_to() {
    if !needs_root("temporary file exchanged") {
        return;
    }
    let kinds = ["symlink", "hard link", "fifo", "another file", "another owner's file"];
    for kind in kinds {
        let (mut instance, server, alice) = (Instance::start(), Server::http(), User::alice());
        let gate = Arc::new(Gate::after(HALF));
        server.put("/f", Resource::new(FILE).through(&gate));
        let directory = instance.directory_of(&alice);
        let bus = instance.bus(&alice);
        let job = Job::create(&bus, kind);
        job.add(&server.url("/f"), &directory.join("f"));
        job.resume();
        job.wait_for_bytes(HALF);
        job.call("Suspend").unwrap();
        let temporary = only_file(&directory);
        instance.kill();
        let victim = exchange(kind, &temporary, &directory, &alice);
        instance.start_again();
        gate.open();
        let bus = instance.bus(&alice);
        let job = job.over(&bus);
        job.resume();
        let state = job.wait_for(&["error", "transferred"]);
        let before = "the victim's content";
        assert_eq!(fs::read_to_string(&victim).unwrap(), before, "{kind} was followed");
        if state == "error" {
            assert!(!job.error()["Advice"].is_empty());
            job.resume();
        }
        job.finish();
        FILE.check(&directory.join("f"));
        assert_eq!(fs::read_to_string(&victim).unwrap(), before, "{kind} was followed");
    }
}

fn only_file(directory: &Path) -> PathBuf {
    let mut entries = fs::read_dir(directory).unwrap();
    let only = entries.next().expect("a temporary file").unwrap().path();
    assert!(entries.next().is_none());
    only
}

/// Puts something else in the place of the temporary file; says what must stay as it is.
fn exchange(kind: &str, temporary: &Path, directory: &Path, alice: &User) -> PathBuf {
    let victim = directory.parent().unwrap().join("victim");
    fs::write(&victim, "the victim's content").unwrap();
    // Writable for everybody, so that only care protects it.
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o666)).unwrap();
    fs::rename(temporary, directory.parent().unwrap().join("moved")).unwrap();
    match kind {
        "symlink" => symlink(&victim, temporary).unwrap(),
        "hard link" => fs::hard_link(&victim, temporary).unwrap(),
        "fifo" => {
            assert!(Command::new("mkfifo").arg(temporary).status().unwrap().success());
        }
        "another file" => alice.run(|| fs::write(temporary, vec![7; 200_000]).unwrap()),
        _ => fs::write(temporary, vec![7; 200_000]).unwrap(),
    }
    victim
}

/// A connection or a mistake of one owner must not reach another, even with the same helper.
#[test]
fn two_owners_with_one_helper_do_not_share_an_agent() {
    if !needs_root("agents of two owners") {
        return;
    }
    let (instance, server) = (Instance::start(), Server::http());
    let gate = Arc::new(Gate::after(1000));
    server.put("/f", Resource::new(FILE).through(&gate));
    let owners = [User::alice(), User::root()];
    let buses = owners.each_ref().map(|owner| instance.bus(owner));
    let mut jobs = Vec::new();
    for (owner, bus) in owners.iter().zip(&buses) {
        let job = Job::create(bus, "shared helper");
        job.lend(&instance, &User::bob(), NETWORK);
        job.add(&server.url("/f"), &instance.directory_of(owner).join("f"));
        job.resume();
        jobs.push(job);
    }
    server.wait_for("both requests", |log| (log.len() == 2).then_some(()));
    let agents = instance.processes("ebb-net");
    assert_eq!(agents.len(), 2, "one agent serves two owners");
    assert!(agents.iter().all(|agent| agent.uids()[0] == User::bob().uid));
    let log = server.log();
    assert_ne!(log[0].connection, log[1].connection);
    gate.open();
    jobs.iter().for_each(Job::finish);
}

/// A control port on the loopback interface is everybody's: other users', and every web page's.
#[test]
fn nobody_listens_on_the_network() {
    let (instance, server) = (Instance::start(), Server::http());
    let gate = Arc::new(Gate::after(1000));
    server.put("/f", Resource::new(FILE).through(&gate));
    let bus = instance.bus(&User::ordinary());
    let job = Job::create(&bus, "listening?");
    job.add(&server.url("/f"), &instance.directory_of(&User::ordinary()).join("f"));
    job.resume();
    server.wait_for_bytes("/f", 1000);
    let listening: Vec<String> = ["tcp", "tcp6", "udp", "udp6"]
        .iter()
        .flat_map(|table| listeners(&fs::read_to_string(format!("/proc/net/{table}")).unwrap()))
        .collect();
    for process in instance.family() {
        let sockets = process.descriptors();
        let found = sockets
            .iter()
            .find(|(_, what)| listening.iter().any(|inode| *what == format!("socket:[{inode}]")));
        assert_eq!(found, None, "{} listens", process.name);
    }
    gate.open();
    job.finish();
}

/// Inodes of sockets in state LISTEN (TCP) or unconnected (UDP).
fn listeners(table: &str) -> Vec<String> {
    let lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let idle = lines.filter(|c| c.get(3) == Some(&"0A") || c.get(3) == Some(&"07"));
    idle.filter_map(|columns| columns.get(9).map(|inode| (*inode).to_owned())).collect()
}

/// Secrets in logs: a signed URL is one.
#[test]
fn a_secret_in_an_address_is_in_no_log_and_on_no_command_line() {
    let (mut instance, server) = (Instance::start(), Server::http());
    server.put("/f", Resource::new(FILE));
    let bus = instance.bus(&User::ordinary());
    let directory = instance.directory_of(&User::ordinary());
    for (path, name) in [("/f?signature=canary-4711", "f"), ("/none?signature=canary-4711", "g")] {
        let job = Job::create(&bus, "signed");
        job.add(&server.url(path), &directory.join(name));
        job.resume();
        job.wait_for(&["transferred", "error"]);
        for process in instance.family() {
            assert!(!process.arguments().join(" ").contains("canary-4711"));
        }
    }
    drop(bus);
    instance.terminate();
    assert!(!instance.log().contains("canary-4711"), "{}", instance.log());
}

/// Option maps of a client as a way in: unknown keys are refused, not ignored.
#[test]
fn unknown_options_and_wrong_types_are_refused_and_leave_no_job() {
    let instance = Instance::start();
    let bus = instance.bus(&User::ordinary());
    let mut unknown = Options::new();
    unknown.insert("notify-command", "/bin/true".into());
    let mut wrong = Options::new();
    wrong.insert("retry-delay", "soon".into());
    for options in [unknown, wrong] {
        let made = bus.call(MANAGER_PATH, MANAGER, "CreateJob", &("x", "download", options));
        assert_eq!(made.unwrap_err().name, "InvalidArgument");
    }
    let long = "n".repeat(10_000);
    for (name, kind) in [("x", "upload-to-the-moon"), (long.as_str(), "download")] {
        let made = bus.call(MANAGER_PATH, MANAGER, "CreateJob", &(name, kind, Options::new()));
        made.expect_err("neither makes a job");
    }
    let listed = bus.call(MANAGER_PATH, MANAGER, "ListJobs", &(Options::new(), "", 10_u32));
    let listed = listed.unwrap();
    assert!(!String::from_utf8_lossy(listed.body().data()).contains("/job/"), "a job is left");
}

/// One user fills everything: the limit is that user's, and the others go on.
#[test]
fn a_flood_of_jobs_ends_at_its_owners_limit_and_touches_nobody_else() {
    if !needs_root("flood of jobs") {
        return;
    }
    let instance = Instance::start();
    let (alice, bob) = (instance.bus(&User::alice()), instance.bus(&User::bob()));
    let make = |bus: &support::bus::Bus| {
        bus.call(MANAGER_PATH, MANAGER, "CreateJob", &("flood", "download", Options::new()))
    };
    let made = (0..100).take_while(|_| make(&alice).is_ok()).count();
    assert_eq!(made, 60, "the policy's default");
    assert_eq!(make(&alice).unwrap_err().name, "TooManyJobsPerUser");
    make(&bob).expect("another user is served");
    make(&instance.bus(&User::root())).expect("administrators are exempt");
}

/// A malformed message on an open socket must not end the service for everybody.
#[test]
fn garbage_on_the_socket_harms_nobody_but_its_sender() {
    if !needs_root("garbage on the socket") {
        return;
    }
    use std::io::Write as _;
    let instance = Instance::start();
    let alice = instance.bus(&User::alice());
    let job = Job::create(&alice, "mine");
    for garbage in
        [&b"\0AUTH ANONYMOUS\r\nBEGIN\r\n"[..], &[0xff; 4096], b"\0", b"GET / HTTP/1.1\r\n\r\n"]
    {
        let mut socket = std::os::unix::net::UnixStream::connect(instance.socket()).unwrap();
        let _ = socket.write_all(garbage);
        let _ = socket.write_all(&[b'l'; 70_000]);
    }
    // Rightly shaken hands, and then nonsense.
    let uid = hex(&User::bob().uid.to_string());
    let mut socket =
        User::bob().run(|| std::os::unix::net::UnixStream::connect(instance.socket())).unwrap();
    let _ = socket.write_all(format!("\0AUTH EXTERNAL {uid}\r\nBEGIN\r\n").as_bytes());
    let _ = socket
        .write_all(&[0x6c, 1, 0, 1, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f]);
    drop(socket);
    assert_eq!(job.state(), "suspended");
    drop(instance.bus(&User::bob()));
}

/// Sixteen bytes that claim a message of 120 MiB: none of it is waited for, and no room is made.
#[test]
fn a_message_that_claims_too_much_ends_its_connection_and_takes_no_memory() {
    use std::io::{Read as _, Write as _};
    let (instance, alice) = (Instance::start(), User::ordinary());
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "mine");
    let memory = || {
        let service = instance.processes("ebb-service").remove(0);
        let kilobytes = service.status("VmHWM");
        kilobytes.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    let before = memory();
    for _ in 0..8 {
        let connect = || std::os::unix::net::UnixStream::connect(instance.socket()).unwrap();
        let mut socket = alice.run(connect);
        let greeting = format!("\0AUTH EXTERNAL {}\r\n", hex(&alice.uid.to_string()));
        socket.write_all(greeting.as_bytes()).unwrap();
        let mut answer = [0; 256];
        assert!(socket.read(&mut answer).unwrap() > 0, "the greeting is answered");
        socket.write_all(b"BEGIN\r\n").unwrap();
        let claim = 120_u32 << 20;
        let head = [&[b'l', 1, 0, 1][..], &claim.to_le_bytes(), &[1, 0, 0, 0], &[0; 4]].concat();
        socket.write_all(&head).unwrap();
        socket.set_read_timeout(Some(support::server::PATIENCE)).unwrap();
        assert_eq!(socket.read(&mut answer).unwrap(), 0, "the connection is closed");
    }
    assert!(memory() < before + 40_000, "{} kB before, {} after", before, memory());
    assert_eq!(job.state(), "suspended", "others go on");
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
