//! Promise: what `sessions` shows with a scripted logind holds with a real one, on a booted machine
//! where people log on through PAM (R6).

use std::sync::Arc;

use support::content::Content;
use support::instance::{Instance, Setup};
use support::job::{Job, NETWORK};
use support::machine::Machine;
use support::server::{Gate, Resource, Server};
use support::users::User;

const FILE: Content = Content::new(53, 600_000);
const HALF: u64 = FILE.size / 2;

/// Bob logs on and lends his network to this job; then he stays, with a program in the background.
fn bob_logs_on_and_lends(machine: &Machine, instance: &Instance, job: &Job<'_>) -> String {
    let options = job.open_token_options().unwrap();
    let invitation = options.rsplit('/').next().unwrap().to_owned();
    let ebb = instance.scratch().join("libexec/ebb");
    let lend = format!(
        "{} --bus unix:path={} helper set {invitation} --for network && {{ sleep infinity & exec sleep infinity; }}",
        ebb.display(),
        instance.socket().display()
    );
    let session = machine.log_on(&User::bob(), &["sh", "-c", &lend]);
    let set = || job.property::<bool>("HelperTokenSet").then_some(());
    job.bus.wait_until("bob's identity", set).unwrap();
    session
}

/// The job is in its middle, as bob; then this happens, and nothing more is done as bob.
fn stops_when(machine: &Machine, happens: impl FnOnce(&str)) {
    let instance = Setup::new()
        .inside(&machine.shared())
        .under(&machine.wrapper().iter().map(String::as_str).collect::<Vec<_>>())
        .on_bus("unix:path=/run/dbus/system_bus_socket")
        .start();
    let (server, gate) = (Server::http(), Arc::new(Gate::after(HALF)));
    server.put("/f", Resource::new(FILE).through(&gate));
    let alice = User::alice();
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "real sessions");
    let session = bob_logs_on_and_lends(machine, &instance, &job);
    job.add(&server.url("/f"), &instance.directory_of(&alice).join("f"));
    job.resume();
    job.wait_for_bytes(HALF);
    assert_eq!(job.property::<u32>("HelperTokenFlags"), NETWORK);
    happens(&session);
    assert_eq!(job.wait_for(&["error"]), "error");
    assert_eq!(job.error_name(), "token-required", "{}", instance.log());
    assert!(!job.property::<bool>("HelperTokenSet"));
    let asked = server.log();
    assert!(asked.iter().all(|request| request.uid == Some(User::bob().uid)), "{asked:#?}");
    gate.open();
    assert_eq!(job.files()[0].durable, HALF);
    // The way out: he comes back and lends again.
    bob_logs_on_and_lends(machine, &instance, &job);
    assert_eq!(server.log().len(), asked.len(), "nobody asks meanwhile");
    job.resume();
    job.finish();
    FILE.check(&instance.directory_of(&alice).join("f"));
}

#[test]
fn with_a_real_logind_a_token_ends_with_its_session_and_with_its_owners_last() {
    let Some(machine) = Machine::boot("logind") else { return };
    let (alice, bob) = (User::alice(), User::bob());
    let stays = ["sleep", "infinity"];
    let hers = machine.log_on(&alice, &stays);
    // He has another session, which stays.
    let _ = machine.log_on(&bob, &stays);
    let ends = |session: &str| {
        let ended = machine.run(&["loginctl", "terminate-session", session]);
        assert!(ended.status.success(), "{ended:?}");
    };
    stops_when(&machine, ends);
    // He logs off, and what he leaves in the background keeps the session closing for ever.
    stops_when(&machine, |session| {
        let leader = machine.run(&["loginctl", "show-session", session, "-p", "Leader", "--value"]);
        let leader = String::from_utf8(leader.stdout).unwrap();
        let left = machine.run(&["kill", leader.trim()]);
        assert!(left.status.success(), "{left:?}");
    });
    stops_when(&machine, |_| ends(&hers));
}
