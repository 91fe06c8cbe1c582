//! Promise: a job that the machine's surroundings do not allow waits without being asked for, says
//! why, and goes on by itself.

use std::net::SocketAddr;
use std::sync::Arc;

use support::bus::{Bus, JOB};
use support::content::Content;
use support::desktop::{Desktop, Known};
use support::instance::{Instance, Setup};
use support::job::Job;
use support::namespace::Namespace;
use support::server::{Gate, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(31, 400_000);

/// What `Explain` says of one condition: what it does, and the sentence.
fn explained(bus: &Bus, job: &Job<'_>, condition: &str) -> (String, String) {
    let lines: (Vec<(String, String, String, i64)>,) =
        bus.ask(&job.path, JOB, "Explain", &()).unwrap();
    let line = lines.0.iter().find(|line| line.0 == condition);
    let line = line.unwrap_or_else(|| panic!("nothing about {condition}: {lines:?}"));
    (line.1.clone(), line.2.clone())
}

/// A job that is in its middle when this returns.
fn halfway<'a>(bus: &'a Bus, instance: &Instance, server: &Server) -> (Job<'a>, Arc<Gate>) {
    let gate = Arc::new(Gate::after(FILE.size / 2));
    server.put("/f", Resource::new(FILE).through(&gate));
    let job = Job::create(bus, "halfway");
    job.add(&server.url("/f"), &instance.directory_of(&User::alice()).join("f"));
    job.resume();
    job.wait_for_bytes(FILE.size / 2);
    (job, gate)
}

#[test]
fn a_pulled_cable_stops_jobs_and_they_go_on_by_themselves_when_it_is_back() {
    if !needs_root("a network namespace of its own") {
        return;
    }
    let namespace = Namespace::new();
    let instance = Setup::new().under(&namespace.wrapper()).start();
    let server = Server::http_at(SocketAddr::new(namespace.machine(), 0));
    let bus = instance.bus(&User::alice());
    let (running, gate) = halfway(&bus, &instance, &server);
    let waiting = Job::create(&bus, "waiting");
    server.put("/g", Resource::new(FILE));
    waiting.add(&server.url("/g"), &instance.directory_of(&User::alice()).join("g"));

    namespace.pull();
    running.wait_for(&["transient-error"]);
    assert_eq!(running.error_name(), "network-disconnected");
    assert_eq!(running.property::<String>("Reason"), "network-down");
    assert_eq!(running.property::<u32>("ErrorCount"), 0, "it is no error of the job's");
    assert_eq!(running.property::<i64>("NextAttempt"), 0, "no timer ends it");
    assert_eq!(explained(&bus, &running, "network").0, "blocking");
    waiting.resume();
    waiting.wait_for(&["transient-error"]);
    assert_eq!(waiting.error_name(), "network-disconnected");

    gate.open();
    namespace.plug_in();
    running.finish();
    waiting.finish();
    FILE.check(&instance.directory_of(&User::alice()).join("f"));
    let from = server.requests("/f").iter().map(|request| request.from).collect::<Vec<_>>();
    assert_eq!(from, [0, FILE.size / 2], "it went on where it was");
}

#[test]
fn without_a_network_the_machine_itself_is_still_reached() {
    if !needs_root("a network namespace of its own") {
        return;
    }
    let namespace = Namespace::new();
    namespace.pull();
    let instance = Setup::new().under(&namespace.wrapper()).start();
    let bus = instance.bus(&User::alice());
    let path = instance.directory_of(&User::alice()).join("f");
    let near = Job::create(&bus, "near");
    near.add("http://127.0.0.1:9/f", &path);
    near.resume();
    // Nobody listens there: the connection is tried, and refused.
    near.wait_for(&["transient-error"]);
    assert_eq!(near.error_name(), "connect-failure");
    let far = Job::create(&bus, "far");
    far.add("http://203.0.113.1/f", &path);
    far.resume();
    far.wait_for(&["transient-error"]);
    assert_eq!(far.error_name(), "network-disconnected");
    // A network that comes gives everything that waits another try.
    let before = near.property::<i64>("NextAttempt");
    assert_ne!(before, 0);
    namespace.plug_in();
    bus.wait_until("another try", || (near.property::<u32>("ErrorCount") == 2).then_some(()))
        .unwrap();
}

const FREE: Known = Known { metered: 2, on_battery: false, profile: "balanced" };

#[test]
fn a_metered_network_and_the_battery_hold_whom_the_policy_names_and_nobody_else() {
    if !needs_root("services on a message bus of its own") {
        return;
    }
    let (desktop, namespace) = (Desktop::start(FREE), Namespace::new());
    let instance = Setup::new()
        .under(&namespace.wrapper())
        .on_bus(&desktop.address())
        .config("cost-policy = { normal = 'unrestricted' }")
        .config("on-battery = 'foreground'")
        .start();
    let server = Server::http_at(SocketAddr::new(namespace.machine(), 0));
    let bus = instance.bus(&User::alice());
    let (job, gate) = halfway(&bus, &instance, &server);
    let saver = Known { on_battery: true, profile: "power-saver", ..FREE };
    for (known, error, reason, condition) in [
        (Known { metered: 1, ..FREE }, "blocked-by-cost-transfer-policy", "metered", "cost"),
        (saver, "blocked-by-battery-saver", "power-saving", "power"),
        (
            Known { profile: "balanced", on_battery: true, ..FREE },
            "blocked-by-battery-policy",
            "power-saving",
            "power",
        ),
    ] {
        desktop.change(known);
        bus.wait_until(error, || {
            (job.property::<String>("Reason") == reason && job.error_name() == error).then_some(())
        })
        .unwrap();
        assert_eq!(job.state(), "transient-error");
        assert_eq!(explained(&bus, &job, condition).0, "blocking");
        desktop.change(FREE);
        job.wait_for(&["transferring"]);
    }
    // A job that says itself what it may cost, and one that somebody waits for, go on.
    desktop.change(Known { metered: 1, on_battery: true, profile: "power-saver" });
    job.wait_for(&["transient-error"]);
    job.set("CostFlags", 0x8000_00ff_u32.into()).unwrap();
    job.set("Priority", "foreground".into()).unwrap();
    job.wait_for(&["transferring"]);
    gate.open();
    job.finish();
    FILE.check(&instance.directory_of(&User::alice()).join("f"));
}

#[test]
fn outside_their_hours_background_jobs_wait_and_a_new_policy_counts_at_once() {
    let instance = Setup::new().config("other-limit = { normal = 0 }").start();
    let (server, user) = (Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let bus = instance.bus(&user);
    let job = Job::create(&bus, "at night");
    job.add(&server.url("/f"), &instance.directory_of(&user).join("f"));
    job.resume();
    job.wait_for(&["transient-error"]);
    assert_eq!(job.error_name(), "blocked-by-policy");
    assert_eq!(job.property::<String>("Reason"), "policy-window");
    assert_eq!(explained(&bus, &job, "hours").0, "blocking");
    let told = instance.must(&user, &["explain", &job.id]);
    assert!(told.contains("no bandwidth at this hour"), "{told}");
    instance.reload(|config| config.replace("normal = 0", "normal = 100000"));
    job.finish();
}
