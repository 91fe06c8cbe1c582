//! What the agent is, and what ends it.

use crate::support::*;
use ebb_wire::net::ToNet;
use rustix::fs::OFlags;
use rustix::net::SendFlags;

#[test]
fn the_sandbox_is_on_before_the_greeting() {
    let agent = Agent::start(&["--sandbox=required"]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.process.id())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].trim().to_owned()
    };
    assert_eq!(field("NoNewPrivs:"), "1");
    assert_eq!(field("Seccomp:"), "2");
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
}

#[test]
fn it_ends_when_the_service_closes_the_channel_even_in_mid_transfer() {
    let start = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345".to_vec();
    let (url, closed) = serve(vec![start]);
    let agent = Agent::start(&[]);
    agent.say(&fetch(&url, 0, ""), Some(&Target::holding(b"")));
    agent.hear();
    assert!(agent.end().success());
    closed.recv().unwrap();
}

fn ends_with(mut agent: Agent, code: i32) {
    assert_eq!(agent.process.wait().unwrap().code(), Some(code));
}

#[test]
fn a_message_that_does_not_fit_ends_it() {
    let agent = Agent::start(&[]);
    rustix::net::send(agent.channel(), b"no message of ours", SendFlags::NOSIGNAL).unwrap();
    ends_with(agent, 70);
}

#[test]
fn the_same_fetch_twice_ends_it() {
    let (url, _closed) = serve(vec![Vec::new()]);
    let agent = Agent::start(&[]);
    agent.say(&fetch(&url, 0, ""), Some(&Target::holding(b"")));
    agent.say(&fetch(&url, 0, ""), Some(&Target::holding(b"")));
    ends_with(agent, 70);
}

#[test]
fn a_descriptor_that_would_not_write_where_it_is_told_to_ends_it() {
    let pipe = Target(rustix::pipe::pipe().unwrap().1);
    let appending = Target::opened(b"", OFlags::APPEND);
    for target in [pipe, appending] {
        let agent = Agent::start(&[]);
        agent.say(&fetch("http://127.0.0.1/", 0, ""), Some(&target));
        ends_with(agent, 70);
    }
}

#[test]
fn an_unknown_argument_or_an_unusable_authority_is_told_by_the_exit_code() {
    ends_with(Agent::start_unheard(&["--insecure"]), 64);
    ends_with(Agent::start_unheard(&["--extra-ca=/nonexistent"]), 78);
}

#[test]
fn words_for_unknown_fetches_are_no_error() {
    let agent = Agent::start(&[]);
    agent.say(&ToNet::Stop { fetch: FETCH }, None);
    agent.say(&ToNet::Proceed { fetch: FETCH }, None);
    assert!(agent.end().success());
}
