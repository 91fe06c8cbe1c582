//! Promise: a service that hangs is ended by systemd's watchdog and started anew, and its jobs go on
//! from where they were. On a booted machine with the packages installed.

use std::sync::Arc;

use support::content::Content;
use support::machine::Machine;
use support::scratch::make_directory;
use support::server::{Gate, Resource, Server};
use support::users::User;

use crate::package::installed;

const FILE: Content = Content::new(73, 600_000);
const HALF: u64 = FILE.size / 2;
const SIGN: &str = "WatchdogTimestampMonotonic";
/// Three times as long as signs of life are apart; the unit itself waits longer.
const SOONER: &str = "mkdir -p /etc/systemd/system/ebbd.service.d && \
    printf '[Service]\\nWatchdogSec=30\\n' > /etc/systemd/system/ebbd.service.d/sooner.conf && \
    systemctl daemon-reload && systemctl restart ebbd";

/// What systemd knows of the service.
fn told(machine: &Machine, what: &str) -> String {
    machine.must(&["systemctl", "show", "--value", "-p", what, "ebbd"])
}

/// Waits until systemd knows something else; looked for on the machine itself, twice a second.
fn until_no_longer(machine: &Machine, what: &str, this: &str) {
    let look = format!("systemctl show --value -p {what} ebbd");
    let wait = format!("while [ \"$({look})\" = '{this}' ]; do sleep 0.5; done");
    let _ = machine.must(&["timeout", "180", "sh", "-c", &wait]);
}

#[test]
fn a_service_that_hangs_is_started_anew_and_its_jobs_go_on() {
    let Some(machine) = installed("hanging") else { return };
    let _ = machine.must(&["sh", "-c", SOONER]);
    let (server, gate, alice) = (Server::http(), Arc::new(Gate::after(HALF)), User::alice());
    server.put("/f", Resource::new(FILE).through(&gate));
    let directory = machine.shared().join(&alice.name);
    make_directory(&directory, 0o755, &alice);
    let at = directory.join("f");
    let job =
        machine.must_as(&alice, &["ebb", "submit", &server.url("/f"), "-o", at.to_str().unwrap()]);
    server.wait_for_bytes("/f", HALF);
    // It gives signs of life: systemd has heard another one since.
    until_no_longer(&machine, SIGN, &told(&machine, SIGN));
    let restarts = told(&machine, "NRestarts");
    let hung = machine.must(&["pgrep", "-x", "ebb-service"]);
    let _ = machine.must(&["kill", "-STOP", &hung]);
    until_no_longer(&machine, "NRestarts", &restarts);
    let _ = machine.must(&["systemctl", "start", "ebbd"]);
    assert!(!machine.run(&["kill", "-0", &hung]).status.success(), "the one that hung is gone");
    gate.open();
    let _ = machine.must_as(&alice, &["ebb", "wait", &job, "--timeout", "60s"]);
    FILE.check(&at);
    let asked = server.requests("/f");
    assert!(asked.len() > 1 && asked[1..].iter().all(|request| request.first > 0), "{asked:#?}");
    let why = ["journalctl", "-q", "-o", "cat", "_PID=1", "-g", "ebbd.service: Watchdog timeout"];
    assert!(!machine.must(&why).is_empty(), "it was the watchdog");
}
