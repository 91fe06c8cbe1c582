//! Promise: every process is who it should be, may do what it must, and holds what it needs.
//!
//! Read from `/proc` during a transfer: uids, gids, groups, capabilities, no_new_privs, descriptors.

use std::sync::Arc;
use support::content::Content;
use support::instance::{Instance, Setup};
use support::job::{Job, NETWORK};
use support::processes::Process;
use support::server::{Gate, Resource, Server};
use support::users::{User, needs_root};

/// A transfer held in its middle: owner alice for the files, carol for the network.
fn in_mid_transfer(check: impl FnOnce(&Instance)) {
    in_mid_transfer_of(Instance::start(), check);
}

fn in_mid_transfer_of(instance: Instance, check: impl FnOnce(&Instance)) {
    let server = Server::http();
    let gate = Arc::new(Gate::after(1000));
    server.put("/f", Resource::new(Content::new(3, 100_000)).through(&gate));
    let alice = User::alice();
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "held");
    job.lend(&instance, &User::bob(), NETWORK);
    job.add(&server.url("/f"), &instance.directory_of(&alice).join("f"));
    job.resume();
    server.wait_for_bytes("/f", 1000);
    check(&instance);
    gate.open();
    job.finish();
}

fn only(instance: &Instance, name: &str) -> Process {
    let mut found = instance.processes(name);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found.remove(0)
}

fn assert_is(process: &Process, user: &User) {
    assert_eq!(process.uids(), vec![user.uid; 4], "{}", process.name);
    assert_eq!(process.gids(), vec![user.gid; 4], "{}", process.name);
    let mut groups = process.groups();
    groups.retain(|group| *group != user.gid);
    assert_eq!(groups, user.groups, "{}", process.name);
}

#[test]
fn each_process_has_exactly_the_identity_of_its_part() {
    if !needs_root("identities of the processes") {
        return;
    }
    in_mid_transfer(|instance| {
        assert_is(&only(instance, "ebbd"), &User::root());
        assert_is(&only(instance, "ebb-service"), &User::named("ebb"));
        assert_is(&only(instance, "ebb-files"), &User::alice());
        assert_is(&only(instance, "ebb-net"), &User::bob());
    });
}

#[test]
fn only_the_launcher_has_capabilities_and_only_three() {
    if !needs_root("capabilities of the processes") {
        return;
    }
    in_mid_transfer(|instance| {
        let launcher = only(instance, "ebbd");
        // CAP_KILL, CAP_SETGID, CAP_SETUID: bits 5, 6 and 7.
        assert_eq!(launcher.status("CapEff"), "00000000000000e0");
        assert_eq!(launcher.status("CapPrm"), "00000000000000e0");
        for name in ["ebb-service", "ebb-files", "ebb-net"] {
            let process = only(instance, name);
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                assert_eq!(process.status(set), "0000000000000000", "{name} {set}");
            }
            assert_eq!(process.status("NoNewPrivs"), "1", "{name}");
        }
        for name in ["ebb-files", "ebb-net"] {
            assert_eq!(only(instance, name).status("Seccomp"), "2", "{name}");
        }
    });
}

#[test]
fn an_agent_holds_its_channel_its_log_and_what_the_job_in_hand_needs() {
    if !needs_root("descriptors of the processes") {
        return;
    }
    in_mid_transfer(|instance| {
        let files = only(instance, "ebb-files").descriptors();
        let first: Vec<u32> = files.iter().map(|(number, _)| *number).take(3).collect();
        assert_eq!(first, [0, 1, 2], "{files:?}");
        assert!(files.iter().skip(3).all(|(_, what)| !what.starts_with("socket:")), "{files:?}");
        let net = only(instance, "ebb-net").descriptors();
        // And, where there is a way out, the counter of its card, which anybody may read.
        let is_counter = |what: &str| what.starts_with("/sys/") && what.ends_with("x_bytes");
        let on_disk: Vec<_> = net
            .iter()
            .skip(3)
            .filter(|(_, what)| what.starts_with('/') && !is_counter(what))
            .collect();
        assert_eq!(on_disk.len(), 1, "one descriptor per file in transfer: {net:?}");
        assert!(on_disk[0].1.starts_with(&*instance.scratch().to_string_lossy()), "{on_disk:?}");
    });
}

#[test]
fn another_process_of_the_same_user_cannot_read_an_agents_memory() {
    if !needs_root("dumpability of the agents") {
        return;
    }
    in_mid_transfer(|instance| {
        for (name, user) in [("ebb-files", User::alice()), ("ebb-net", User::bob())] {
            let pid = only(instance, name).pid;
            user.run(|| {
                for file in ["mem", "environ", "maps"] {
                    let opened = std::fs::File::open(format!("/proc/{pid}/{file}"));
                    assert!(opened.is_err(), "{name}: {file} can be opened by its own user");
                }
            });
        }
    });
}

#[test]
fn command_lines_tell_nothing_about_anybodys_transfers() {
    if !needs_root("command lines of the processes") {
        return;
    }
    in_mid_transfer(|instance| {
        for process in instance.family() {
            let words = process.arguments().join(" ");
            assert!(!words.contains("http") && !words.contains("ebbt-"), "{words}");
        }
    });
}

/// Many small files in flight are many descriptors, and 1,024 is what a process usually begins with.
#[test]
fn each_process_but_the_launcher_uses_all_descriptors_that_it_may() {
    if !needs_root("identities of the processes") {
        return;
    }
    let instance = Setup::new().under(&["prlimit", "--nofile=600:4000"]).start();
    in_mid_transfer_of(instance, |instance| {
        for name in ["ebb-service", "ebb-files", "ebb-net"] {
            let path = format!("/proc/{}/limits", only(instance, name).pid);
            let limits = std::fs::read_to_string(&path).unwrap();
            let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
            assert_eq!(line.split_whitespace().nth(3), Some("4000"), "{name}: {line}");
        }
    });
}
