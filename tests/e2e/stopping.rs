//! Promise: every way to stop works. SIGTERM ends everything cleanly; the death of any process is
//! mended or ends the whole; nothing is left running.

use rustix::process::Signal;
use std::sync::Arc;
use support::content::Content;
use support::instance::{Instance, Setup};
use support::job::{Job, NETWORK};
use support::server::{Gate, PATIENCE, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(21, 400_000);

/// An instance with a transfer in its middle.
fn busy(instance: &Instance, server: &Server) -> (Arc<Gate>, String, String) {
    let gate = Arc::new(Gate::after(FILE.size / 2));
    server.put("/f", Resource::new(FILE).through(&gate));
    let alice = User::ordinary();
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "busy");
    job.add(&server.url("/f"), &instance.directory_of(&alice).join("f"));
    job.resume();
    job.wait_for_bytes(FILE.size / 2);
    (gate, job.path, job.id)
}

#[test]
fn a_polite_end_is_clean_and_keeps_every_byte() {
    let (mut instance, server) = (Instance::start(), Server::http());
    let (gate, path, id) = busy(&instance, &server);
    assert_eq!(instance.terminate(), Some(0), "{}", instance.log());
    assert!(!instance.socket().exists(), "the socket is left behind");
    gate.open();
    instance.start_again();
    let bus = instance.bus(&User::ordinary());
    Job { bus: &bus, path, id }.finish();
    FILE.check(&instance.directory_of(&User::ordinary()).join("f"));
    let last = server.log().last().map(|r| r.from);
    assert_eq!(last, Some(FILE.size / 2), "a clean end makes a checkpoint");
}

#[test]
fn the_death_of_an_agent_is_mended() {
    for victim in ["ebb-net", "ebb-files"] {
        let (instance, server) = (Instance::start(), Server::http());
        let (gate, path, id) = busy(&instance, &server);
        for process in instance.processes(victim) {
            process.signal(Signal::KILL);
            assert!(process.ended_within(PATIENCE));
        }
        gate.open();
        let bus = instance.bus(&User::ordinary());
        Job { bus: &bus, path, id }.finish();
        FILE.check(&instance.directory_of(&User::ordinary()).join("f"));
    }
}

#[test]
fn the_death_of_the_service_or_the_launcher_ends_the_whole() {
    for victim in ["ebb-service", "ebbd"] {
        let (mut instance, server) = (Instance::start(), Server::http());
        let _ = busy(&instance, &server);
        let family = instance.family();
        assert_eq!(family.len(), 4, "{family:?}");
        for process in instance.processes(victim) {
            process.signal(Signal::KILL);
        }
        for process in family {
            assert!(process.ended_within(PATIENCE), "{} survives {victim}", process.name);
        }
        assert_ne!(instance.wait(), Some(0), "it must not look like a clean end");
    }
}

#[test]
fn idle_agents_of_a_finished_job_do_not_stop_a_clean_end() {
    let (mut instance, server) = (Instance::start(), Server::http());
    let (gate, path, id) = busy(&instance, &server);
    gate.open();
    let bus = instance.bus(&User::ordinary());
    Job { bus: &bus, path, id }.finish();
    assert_eq!(instance.terminate(), Some(0));
}

#[test]
fn an_ordinary_user_has_a_private_instance_and_it_serves_one_identity() {
    if !needs_root("private instance of another user") {
        return;
    }
    let alice = User::alice();
    let mut instance = Setup::new().private(&alice).start();
    let server = Server::http();
    server.put("/f", Resource::new(FILE));
    for process in instance.family() {
        assert_eq!(process.uids(), vec![alice.uid; 4], "{}", process.name);
    }
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "private");
    let path = instance.directory_of(&alice).join("f");
    job.add(&server.url("/f"), &path);
    let options = job.open_token_options().unwrap();
    // Even root's identity is another identity; whether it is refused at the door or at the call.
    let refused = match support::bus::Bus::connect(&instance.socket(), &User::bob()) {
        Err(_) => true,
        Ok(bob) => {
            let call = bob.call(&options, support::bus::TOKEN_OPTIONS, "SetHelperToken", &());
            call.is_err()
        }
    };
    assert!(refused, "a private instance took another user's identity");
    job.set_flags(&options, NETWORK);
    bus.call(&options, support::bus::TOKEN_OPTIONS, "SetHelperToken", &()).expect("her own");
    job.resume();
    job.finish();
    FILE.check(&path);
    drop(bus);
    assert_eq!(instance.terminate(), Some(0));
}
