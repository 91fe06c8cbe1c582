//! Promise: the same service on a message bus, with the identity the bus vouches for.
//!
//! A private `dbus-daemon` stands in for the system bus, under the policy file that is installed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use support::bus::{BUS_NAME, Bus, JOB, MANAGER, MANAGER_PATH, TOKEN_OPTIONS};
use support::content::Content;
use support::instance::{Instance, Setup};
use support::job::Job;
use support::scratch::scratch_directory;
use support::server::{PATIENCE, Resource, Server};
use support::users::{User, needs_root};

/// A message bus that ends with its test.
struct MessageBus {
    directory: PathBuf,
    daemon: Child,
}

impl MessageBus {
    fn start() -> Self {
        let directory = scratch_directory();
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("dist");
        let config = format!(
            "<busconfig><type>system</type><listen>unix:path={}/bus</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow user=\"*\"/>\
             <allow send_destination=\"org.freedesktop.DBus\"/><allow receive_sender=\"*\"/>\
             <allow send_type=\"method_return\"/><allow send_type=\"error\"/>\
             <allow send_type=\"signal\"/></policy>\
             <include>{}/org.ebb.Transfer1.conf</include></busconfig>",
            directory.display(),
            installed.display()
        );
        std::fs::write(directory.join("bus.conf"), config).unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", directory.join("bus.conf").display()))
            .args(["--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The address is printed once it listens.
        let mut line = String::new();
        let out = daemon.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
        assert!(line.starts_with("unix:path="), "{line:?}");
        Self { directory, daemon }
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("bus")
    }
}

impl Drop for MessageBus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// An instance on the bus, as soon as it has its name there.
fn on(bus: &MessageBus) -> Instance {
    let address = format!("unix:path={}", bus.socket().display());
    let instance = Setup::new().on_bus(&address).start();
    let watcher = Bus::connect_through_bus(&bus.socket(), &User::root()).unwrap();
    let end = Instant::now() + PATIENCE;
    let owned = || watcher.bus_has_owner(BUS_NAME);
    while !owned() {
        assert!(Instant::now() < end, "no name on the bus: {}", instance.log());
        std::thread::yield_now();
    }
    instance
}

#[test]
fn on_a_message_bus_the_owner_is_whom_the_bus_vouches_for() {
    if !needs_root("the service on a message bus") {
        return;
    }
    let bus = MessageBus::start();
    let _instance = on(&bus);
    let connect = |user: &User| Bus::connect_through_bus(&bus.socket(), user).unwrap();
    let (alice, bob, carol) =
        (connect(&User::alice()), connect(&User::bob()), connect(&User::carol()));
    let job = Job::create(&alice, "over a bus");
    assert_eq!(job.property::<u32>("OwnerUid"), User::alice().uid);
    let no = bob.call(&job.path, JOB, "Suspend", &()).unwrap_err();
    assert!(["NotFound", "org.freedesktop.DBus.Error.UnknownObject"].contains(&no.name.as_str()));
    // Carol's group makes her an administrator: the bus has told her groups, too.
    carol.call(&job.path, JOB, "Suspend", &()).expect("an administrator may steer");
    carol.call(MANAGER_PATH, MANAGER, "GetStatus", &()).unwrap();
}

#[test]
fn a_bus_without_process_descriptors_takes_no_helper_token_and_says_where_to_go() {
    if !needs_root("helper tokens over a message bus") {
        return;
    }
    let bus = MessageBus::start();
    let instance = on(&bus);
    let alice = Bus::connect_through_bus(&bus.socket(), &User::alice()).unwrap();
    let bob = Bus::connect_through_bus(&bus.socket(), &User::bob()).unwrap();
    let job = Job::create(&alice, "over a bus");
    let options = job.open_token_options().unwrap();
    match bob.call(&options, TOKEN_OPTIONS, "SetHelperToken", &()) {
        // A newer bus gives the descriptor, and then it may be lent.
        Ok(_) => assert_eq!(job.property::<u32>("HelperTokenUid"), User::bob().uid),
        Err(no) => {
            assert_eq!(no.name, "NoProcessDescriptor");
            assert!(no.advice.contains("socket"), "{no:?}");
            assert!(!job.property::<bool>("HelperTokenSet"));
        }
    }
    // The capability is the same over our own socket, which is what the client library uses.
    instance.bus(&User::bob()).call(&options, TOKEN_OPTIONS, "SetHelperToken", &()).unwrap();
    assert_eq!(job.property::<u32>("HelperTokenUid"), User::bob().uid);
}

#[test]
fn who_registers_over_a_message_bus_is_told_and_nobody_else_on_it() {
    if !needs_root("registrations over a message bus") {
        return;
    }
    let bus = MessageBus::start();
    let instance = on(&bus);
    let connect = |user: &User| Bus::connect_through_bus(&bus.socket(), user).unwrap();
    let (alice, also, bob) =
        (connect(&User::alice()), connect(&User::alice()), connect(&User::bob()));
    let server = Server::http();
    server.put("/f", Resource::new(Content::new(67, 10_000)));
    let job = Job::create(&alice, "over a bus");
    job.add(&server.url("/f"), &instance.directory_of(&User::alice()).join("f"));
    assert!(job.over(&bob).call("Register").is_err());
    job.call("Register").unwrap();
    job.resume();
    let told = |bus: &Bus| bus.notifications().into_iter().find(|told| told.kind == "transferred");
    let first = alice.wait_until("the notification", || told(&alice)).unwrap();
    // To one connection alone, and to the next one again, until somebody knows.
    job.over(&also).wait_for(&["transferred"]);
    assert_eq!(also.notifications(), []);
    job.over(&also).call("Register").unwrap();
    assert_eq!(also.wait_until("it again", || told(&also)).unwrap(), first);
    also.call(MANAGER_PATH, MANAGER, "Acknowledge", &first.number).unwrap();
    assert_eq!(bob.notifications(), []);
    job.finish();
}
