//! What every process ebbd starts is, as the kernel tells it.

use crate::support::{Ebbd, is_root, service_user, status};
use ebb_wire::launcher::{AgentId, DenyReason, FromLauncher, Identity, Role, ToLauncher};
use std::fs;
use std::time::{Duration, Instant};

const NOTHING: &str = "0000000000000000";
/// Set-id of group and user, and kill: bits 5, 6 and 7.
const THREE: &str = "00000000000000e0";

fn identity(uid: u32, gid: u32, groups: &[u32]) -> Identity {
    Identity { uid, gid, groups: groups.to_vec() }
}

fn check_powerless(pid: u32) {
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(pid, set), NOTHING, "{set}");
    }
    assert_eq!(status(pid, "NoNewPrivs"), "1");
    // While it makes a thread the C library blocks all signals for a moment.
    let end = Instant::now() + Duration::from_secs(30);
    while status(pid, "SigBlk") != NOTHING {
        assert!(Instant::now() < end, "signals stay blocked: {}", status(pid, "SigBlk"));
        std::thread::yield_now();
    }
}

fn check_identity(pid: u32, uid: u32, gid: u32, groups: &str) {
    assert_eq!(status(pid, "Uid"), format!("{uid} {uid} {uid} {uid}"));
    assert_eq!(status(pid, "Gid"), format!("{gid} {gid} {gid} {gid}"));
    assert_eq!(status(pid, "Groups"), groups);
}

fn check_descriptors(pid: u32) {
    let mut descriptors: Vec<_> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    descriptors.sort();
    assert_eq!(descriptors, ["0", "1", "2"]);
    let output = fs::read_link(format!("/proc/{pid}/fd/1")).unwrap();
    assert_eq!(output, std::path::Path::new("/dev/null"));
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    assert_eq!(environment, b"LANG=C.UTF-8\0PATH=/usr/bin:/bin\0");
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), std::path::Path::new("/"));
}

/// An agent has run its first instruction only after exec; until then it is still ebbd.
fn wait_for_exec(pid: u32, name: &str) {
    assert_eq!(status(pid, "Name"), name, "spawning returns after exec");
}

#[test]
fn an_agent_is_exactly_its_identity_and_can_do_nothing_else() {
    if !is_root() {
        return;
    }
    let ebbd = Ebbd::system("");
    for (number, role, name) in [(1, Role::Files, "ebb-files"), (2, Role::Network, "ebb-net")] {
        let whom = identity(54_321, 54_322, &[54_330, 54_329, 4]);
        let (pid, _end) = ebbd.agent(number, role, whom);
        wait_for_exec(pid, name);
        check_identity(pid, 54_321, 54_322, "4 54329 54330");
        check_powerless(pid);
        check_descriptors(pid);
    }
}

#[test]
fn an_agent_of_root_is_root_in_name_only() {
    if !is_root() {
        return;
    }
    let ebbd = Ebbd::system("");
    let (pid, _end) = ebbd.agent(1, Role::Files, identity(0, 0, &[]));
    check_identity(pid, 0, 0, "");
    check_powerless(pid);
    check_descriptors(pid);
}

#[test]
fn the_service_is_its_own_user_and_powerless() {
    if !is_root() {
        return;
    }
    let ebbd = Ebbd::system("");
    let (uid, gid) = service_user();
    check_identity(ebbd.service(), uid, gid, "");
    check_powerless(ebbd.service());
}

#[test]
fn ebbd_keeps_three_capabilities() {
    if !is_root() {
        return;
    }
    let ebbd = Ebbd::system("");
    let pid = ebbd.launcher.id();
    for (set, held) in [
        ("CapInh", NOTHING),
        ("CapPrm", THREE),
        ("CapEff", THREE),
        ("CapBnd", NOTHING),
        ("CapAmb", NOTHING),
    ] {
        assert_eq!(status(pid, set), held, "{set}");
    }
    assert_eq!(status(pid, "NoNewPrivs"), "1");
    assert_eq!(status(pid, "Threads"), "1");
}

#[test]
fn an_identity_the_policy_does_not_admit_gets_no_agent() {
    if !is_root() {
        return;
    }
    let ebbd = Ebbd::system("deny-uids = 54321");
    let agent = AgentId(1);
    let identity = identity(54_321, 54_321, &[]);
    ebbd.say(&ToLauncher::Start { agent, role: Role::Files, identity });
    let denied = FromLauncher::Denied { agent, reason: DenyReason::NotAdmitted };
    assert_eq!(ebbd.hear().0, denied);
}

#[test]
fn a_private_instance_starts_agents_as_its_user_and_as_nobody_else() {
    if !is_root() {
        return;
    }
    let ebbd = Ebbd::private(54_321, 54_325);
    let (pid, _end) = ebbd.agent(1, Role::Files, identity(54_321, 54_321, &[54_325]));
    check_identity(pid, 54_321, 54_321, "54325");
    assert_eq!(status(pid, "CapEff"), NOTHING);
    assert_eq!(status(pid, "CapPrm"), NOTHING);
    assert_eq!(status(pid, "NoNewPrivs"), "1");
    check_descriptors(pid);
    let agent = AgentId(2);
    let other = identity(54_322, 54_321, &[54_325]);
    ebbd.say(&ToLauncher::Start { agent, role: Role::Files, identity: other });
    let denied = FromLauncher::Denied { agent, reason: DenyReason::NotOurIdentity };
    assert_eq!(ebbd.hear().0, denied);
}
