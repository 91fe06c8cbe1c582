//! Promise: a change of token or flags on a running job (R8, R9). The transfer stops, and goes on
//! from its last durable byte under the new identity; after the method has returned nothing is
//! asked for under the old one.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use support::bus::TOKEN_OPTIONS;
use support::content::Content;
use support::instance::Instance;
use support::job::{Job, LOCAL_FILE, NETWORK};
use support::scratch::make_directory;
use support::server::{Gate, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(31, 1_000_000);
const HALF: u64 = FILE.size / 2;

struct Running {
    instance: Instance,
    server: Server,
    gate: Arc<Gate>,
}

/// Alice's job with bob's network, held in its middle.
fn running(job_name: &str, change: impl FnOnce(&Running, &Job<'_>)) {
    let gate = Arc::new(Gate::after(HALF));
    let running = Running { instance: Instance::start(), server: Server::http(), gate };
    let resource = Resource::new(FILE).through(&running.gate);
    running.server.put("/f", resource);
    let alice = User::alice();
    let bus = running.instance.bus(&alice);
    let job = Job::create(&bus, job_name);
    job.lend(&running.instance, &User::bob(), NETWORK);
    job.add(&running.server.url("/f"), &running.instance.directory_of(&alice).join("f"));
    job.resume();
    job.wait_for_bytes(HALF);
    change(&running, &job);
}

impl Running {
    /// Waits for the end, and checks who asked for what: the first half as bob, the rest as `uid`.
    fn finish_as(&self, job: &Job<'_>, uid: u32) {
        self.gate.open();
        job.finish();
        let path = self.instance.directory_of(&User::alice()).join("f");
        FILE.check(&path);
        assert_eq!(std::fs::metadata(&path).unwrap().uid(), User::alice().uid);
        let log = self.server.log();
        assert_eq!(log[0].uid, Some(User::bob().uid));
        assert!(log.len() > 1 && log[1..].iter().all(|r| r.uid == Some(uid)), "{log:#?}");
        assert_eq!(log[1].from, HALF, "it goes on from its last byte");
    }
}

#[test]
fn a_new_token_takes_over_from_the_last_byte() {
    if !needs_root("a new token in mid-transfer") {
        return;
    }
    running("new token", |all, job| {
        let carol = User::carol();
        let root = all.instance.bus(&User::root());
        job.over(&root).lend(&all.instance, &carol, NETWORK);
        all.finish_as(job, carol.uid);
    });
}

#[test]
fn without_flags_the_owner_takes_over_from_the_last_byte() {
    if !needs_root("flags 0 in mid-transfer") {
        return;
    }
    running("no flags", |all, job| {
        let options = job.open_token_options().unwrap();
        job.set_flags(&options, 0);
        all.finish_as(job, User::alice().uid);
    });
}

#[test]
fn a_dropped_token_stops_the_job_and_keeps_its_bytes() {
    if !needs_root("a dropped token in mid-transfer") {
        return;
    }
    running("dropped token", |all, job| {
        let options = job.open_token_options().unwrap();
        job.bus.call(&options, TOKEN_OPTIONS, "ClearHelperToken", &()).unwrap();
        // By the time the method has answered, the old identity has no connection any more.
        assert!(all.instance.processes("ebb-net").iter().all(|p| sockets(p).is_empty()));
        assert_eq!(job.wait_for(&["error"]), "error");
        assert_eq!(job.error_name(), "token-required");
        assert_eq!(job.property::<u32>("HelperTokenFlags"), NETWORK, "the flags stay");
        assert_eq!(job.files()[0].durable, HALF, "bytes already transferred are kept");
        let asked = all.server.log().len();
        all.gate.open();
        job.lend(&all.instance, &User::bob(), NETWORK);
        assert_eq!(all.server.log().len(), asked, "it waits for Resume");
        job.resume();
        all.finish_as(job, User::bob().uid);
    });
}

/// The temporary files in a directory, and whose they are.
fn temporaries(directory: &std::path::Path) -> Vec<u32> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let half = entries.filter(|e| e.file_name().to_string_lossy().ends_with(".ebb"));
    half.map(|entry| entry.metadata().unwrap().uid()).collect()
}

/// R9 for files: the temporary file belongs to one identity, and the next goes on with its bytes.
#[test]
fn another_file_identity_goes_on_from_the_last_byte_and_so_does_the_next() {
    if !needs_root("another file identity in mid-transfer") {
        return;
    }
    let (gate, server) = (Arc::new(Gate::after(HALF)), Server::http());
    let instance = Instance::start();
    server.put("/f", Resource::new(FILE).through(&gate));
    let (root, bob) = (User::root(), User::bob());
    // Anybody may write here, and delete only what is theirs.
    let directory = instance.scratch().join("shared");
    make_directory(&directory, 0o1777, &root);
    let bus = instance.bus(&root);
    let job = Job::create(&bus, "another file identity");
    job.add(&server.url("/f"), &directory.join("f"));
    job.resume();
    job.wait_for_bytes(HALF);
    assert_eq!(temporaries(&directory), [root.uid]);

    job.lend(&instance, &bob, LOCAL_FILE);
    server.wait_for("the second request", |log| log.get(1).map(drop));
    assert_eq!(temporaries(&directory), [bob.uid], "the former one is deleted");
    assert_eq!(job.files()[0].durable, HALF, "what was held is held");

    let options = job.open_token_options().unwrap();
    job.set_flags(&options, 0);
    server.wait_for("the third request", |log| log.get(2).map(drop));
    assert_eq!(temporaries(&directory), [root.uid]);
    gate.open();
    job.finish();
    FILE.check(&directory.join("f"));
    assert_eq!(std::fs::metadata(directory.join("f")).unwrap().uid(), root.uid);
    assert_eq!(temporaries(&directory), [0; 0]);
    let begun: Vec<u64> = server.log().iter().map(|request| request.from).collect();
    assert_eq!(begun, [0, HALF, HALF], "no byte that was held is asked for again");
}

#[test]
fn bytes_wait_for_a_token_and_change_hands_when_it_is_another_users() {
    if !needs_root("a lost file identity in mid-transfer") {
        return;
    }
    let (gate, server) = (Arc::new(Gate::after(HALF)), Server::http());
    let instance = Instance::start();
    server.put("/f", Resource::new(FILE).through(&gate));
    let (root, bob, carol) = (User::root(), User::bob(), User::carol());
    let directory = instance.scratch().join("shared");
    make_directory(&directory, 0o1777, &root);
    let bus = instance.bus(&root);
    let job = Job::create(&bus, "a lost file identity");
    job.lend(&instance, &bob, LOCAL_FILE);
    job.add(&server.url("/f"), &directory.join("f"));
    job.resume();
    job.wait_for_bytes(HALF);
    let options = job.open_token_options().unwrap();
    bus.call(&options, TOKEN_OPTIONS, "ClearHelperToken", &()).unwrap();
    assert_eq!(job.wait_for(&["error"]), "error");
    assert_eq!(job.error_name(), "token-required");
    assert_eq!(temporaries(&directory), [bob.uid]);
    job.lend(&instance, &carol, LOCAL_FILE);
    gate.open();
    job.resume();
    job.finish();
    FILE.check(&directory.join("f"));
    assert_eq!(std::fs::metadata(directory.join("f")).unwrap().uid(), carol.uid);
    assert_eq!(server.log()[1].from, HALF, "no byte that was held is asked for again");
    assert_eq!(temporaries(&directory), [0; 0], "the owner deletes what bob made");
}

/// Established connections of a process, from its descriptors and the kernel's table.
fn sockets(process: &support::processes::Process) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let held = process
        .descriptors()
        .into_iter()
        .filter_map(|(_, what)| Some(what.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()));
    let established = |inode: &String| {
        table.lines().any(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            columns.get(3) == Some(&"01") && columns.get(9) == Some(&inode.as_str())
        })
    };
    held.filter(established).collect()
}

#[test]
fn a_token_and_its_flags_survive_a_restart_of_the_daemon() {
    if !needs_root("tokens across a restart") {
        return;
    }
    let (mut instance, server) = (Instance::start(), Server::http());
    server.put("/f", Resource::new(FILE));
    let (alice, bob) = (User::alice(), User::bob());
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "kept");
    job.lend(&instance, &bob, NETWORK);
    let path = instance.directory_of(&alice).join("f");
    job.add(&server.url("/f"), &path);
    instance.kill_and_restart();
    let bus = instance.bus(&alice);
    let job = job.over(&bus);
    assert_eq!(job.property::<u32>("HelperTokenUid"), bob.uid);
    assert_eq!(job.property::<u32>("HelperTokenFlags"), NETWORK);
    job.resume();
    job.finish();
    assert_eq!(server.log()[0].uid, Some(bob.uid));
}
