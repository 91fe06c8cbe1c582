//! However it ends, nothing is left running, and the exit code says whether that was meant.

use crate::support::{Ebbd, handle, is_root, wait_for_end};
use ebb_wire::channel;
use ebb_wire::launcher::{AgentId, FromLauncher, Identity, Role, ToLauncher};
use rustix::process::{Pid, Signal, kill_process};
use std::os::fd::OwnedFd;

const SOFTWARE: Option<i32> = Some(70);

/// Somebody no system knows.
fn someone() -> Identity {
    Identity { uid: 54_321, gid: 54_321, groups: vec![] }
}

/// An ebbd with one agent, and handles on the agent and the service.
fn with_agent() -> (Ebbd, OwnedFd, OwnedFd, OwnedFd) {
    let ebbd = Ebbd::system("");
    let (pid, end) = ebbd.agent(1, Role::Files, someone());
    let handles = (handle(pid), handle(ebbd.service()));
    (ebbd, handles.0, handles.1, end)
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn killing_ebbd_leaves_nothing() {
    if !is_root() {
        return;
    }
    let (mut ebbd, agent, service, _end) = with_agent();
    ebbd.launcher.kill().unwrap();
    wait_for_end(&agent);
    wait_for_end(&service);
}

#[test]
fn the_death_of_the_service_ends_everything() {
    if !is_root() {
        return;
    }
    let (mut ebbd, agent, _service, _end) = with_agent();
    signal(ebbd.service(), Signal::KILL);
    assert_eq!(ebbd.ended(), SOFTWARE);
    wait_for_end(&agent);
}

#[test]
fn a_service_that_ends_well_without_being_asked_is_still_a_failure() {
    if !is_root() {
        return;
    }
    let (mut ebbd, agent, _service, _end) = with_agent();
    ebbd.close_control();
    assert_eq!(ebbd.ended(), SOFTWARE);
    wait_for_end(&agent);
}

#[test]
fn a_message_that_does_not_fit_ends_everything() {
    if !is_root() {
        return;
    }
    let start = |identity| ToLauncher::Start { agent: AgentId(1), role: Role::Files, identity };
    let encoded = |message: ToLauncher| ebb_wire::codec::Message::encode(&message).unwrap();
    for bytes in [
        vec![0],
        vec![99, 1, 2, 3],
        vec![3, 0],
        vec![3; 70_000],
        encoded(start(someone())),
        encoded(ToLauncher::Start {
            agent: AgentId(2),
            role: Role::Files,
            identity: Identity { uid: u32::MAX, ..someone() },
        }),
    ] {
        let (mut ebbd, agent, service, _end) = with_agent();
        ebbd.say_bytes(&bytes);
        assert_eq!(ebbd.ended(), SOFTWARE, "{:?}", &bytes[..1]);
        wait_for_end(&agent);
        wait_for_end(&service);
    }
}

#[test]
fn asked_to_end_it_lets_the_service_finish_first() {
    if !is_root() {
        return;
    }
    let (mut ebbd, agent, service, _end) = with_agent();
    signal(ebbd.launcher.id(), Signal::TERM);
    assert_eq!(ebbd.hear().0, FromLauncher::Finish);
    ebbd.say(&ToLauncher::Close);
    wait_for_end(&agent);
    let ended = FromLauncher::Ended { agent: AgentId(1), status: -9 };
    assert_eq!(ebbd.hear().0, ended);
    ebbd.close_control();
    assert_eq!(ebbd.ended(), Some(0));
    wait_for_end(&service);
}

#[test]
fn a_service_that_never_stops_talking_cannot_keep_ebbd_from_ending() {
    if !is_root() {
        return;
    }
    let (mut ebbd, agent, service, _end) = with_agent();
    let talk = ebbd.control();
    let talker = std::thread::spawn(move || {
        while channel::send(&talk, &ToLauncher::Stop { agent: AgentId(9) }, None).is_ok() {}
    });
    signal(ebbd.launcher.id(), Signal::TERM);
    assert_eq!(ebbd.hear().0, FromLauncher::Finish);
    assert_eq!(ebbd.ended(), Some(0));
    wait_for_end(&agent);
    wait_for_end(&service);
    talker.join().unwrap();
}

#[test]
fn a_hang_up_is_passed_on_and_ends_nothing() {
    if !is_root() {
        return;
    }
    let ebbd = Ebbd::system("");
    signal(ebbd.launcher.id(), Signal::HUP);
    assert_eq!(ebbd.hear().0, FromLauncher::Reload);
    ebbd.agent(1, Role::Files, someone());
}

#[test]
fn an_agent_that_is_stopped_or_ends_is_reported() {
    if !is_root() {
        return;
    }
    let ebbd = Ebbd::system("");
    let (_, first) = ebbd.agent(1, Role::Files, someone());
    let (_, _second) = ebbd.agent(2, Role::Files, someone());
    // The stand-in ends, with the number of its arguments, when its channel does.
    drop(first);
    assert_eq!(ebbd.hear().0, FromLauncher::Ended { agent: AgentId(1), status: 2 });
    ebbd.say(&ToLauncher::Stop { agent: AgentId(2) });
    assert_eq!(ebbd.hear().0, FromLauncher::Ended { agent: AgentId(2), status: -9 });
    // Stopping what is gone is no error, and a name may not have been kept.
    ebbd.say(&ToLauncher::Stop { agent: AgentId(2) });
    ebbd.agent(3, Role::Network, someone());
}
