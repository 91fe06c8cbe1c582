//! What is promised of a fetch, from the first message to the last.

use crate::support::*;
use ebb_wire::net::{FetchId, FromNet, NetTrouble, ToNet};

const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\nETag: \"v2\"\r\nContent-Length: 9\r\n\
    Last-Modified: Thu, 01 Jan 1970 00:01:00 GMT\r\n\r\nABCDEFGHI";

#[test]
fn a_file_is_fetched_into_the_descriptor() {
    let (url, _closed) = serve(vec![WHOLE.to_vec()]);
    let (agent, target) = (Agent::start(&[]), Target::holding(b""));
    agent.say(&fetch(&url, 0, ""), Some(&target));
    let FromNet::Head { fetch: FETCH, status, validators, final_url, from, anew, fields, .. } =
        agent.hear()
    else {
        panic!("no head");
    };
    assert_eq!((status, from, anew, validators.total), (200, 0, true, Some(9)));
    assert_eq!(fields[0], ("etag".to_owned(), "\"v2\"".to_owned()));
    assert_eq!(final_url, url);
    let done = agent.hear_news();
    assert!(matches!(done, FromNet::Done { fetch: FETCH, length: 9, modified: Some(60) }));
    assert_eq!(target.content(), b"ABCDEFGHI");
    assert!(agent.end().success());
}

#[test]
fn a_large_file_is_reported_at_checkpoints() {
    // The engine never runs further ahead of the disk than 64 MiB and a piece.
    let length = 110 * 1024 * 1024;
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + length, b'x');
    let (url, _closed) = serve(vec![answer]);
    let (agent, target) = (Agent::start(&[]), Target::holding(b""));
    agent.say(&fetch(&url, 0, ""), Some(&target));
    assert!(matches!(agent.hear(), FromNet::Head { .. }));
    let mut most_durable = 0;
    let end = loop {
        match agent.hear() {
            FromNet::Progress { durable, received, .. } => {
                assert!(durable <= received && durable >= most_durable);
                most_durable = durable;
            }
            end => break end,
        }
    };
    assert_done(&end, length as u64);
    assert!(most_durable >= 32 * 1024 * 1024);
    assert_eq!(target.content().len(), length);
}

#[test]
fn bytes_held_are_dropped_only_after_proceed() {
    let (url, _closed) = serve(vec![WHOLE.to_vec()]);
    let (agent, target) = (Agent::start(&[]), Target::holding(b"12345"));
    agent.say(&fetch(&url, 5, "\"v1\""), Some(&target));
    assert!(matches!(agent.hear(), FromNet::Head { from: 0, anew: true, .. }));
    // Whatever the agent does without being told to, it has done before it answers this.
    let another = FetchId(8);
    let no_address = again(fetch("", 0, ""), another, "nonsense");
    agent.say(&no_address, Some(&Target::holding(b"")));
    assert!(matches!(agent.hear(), FromNet::Failed { fetch, .. } if fetch == another));
    assert_eq!(target.content(), b"12345");
    agent.say(&ToNet::Proceed { fetch: FETCH }, None);
    assert_done(&agent.hear_news(), 9);
    assert_eq!(target.content(), b"ABCDEFGHI");
}

#[test]
fn a_stop_ends_a_fetch_with_its_connection_closed_and_what_came_durable() {
    let start = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345".to_vec();
    let (url, closed) = serve(vec![start]);
    let (agent, target) = (Agent::start(&[]), Target::holding(b""));
    agent.say(&fetch(&url, 0, ""), Some(&target));
    assert!(matches!(agent.hear(), FromNet::Head { .. }));
    // Twice a second it says how far it is.
    assert!(matches!(agent.hear(), FromNet::Progress { received: 5, .. }));
    agent.say(&ToNet::Stop { fetch: FETCH }, None);
    assert_eq!(agent.hear_news(), FromNet::Stopped { fetch: FETCH, durable: 5 });
    closed.recv().unwrap();
    assert_eq!(target.content(), b"12345");
    // A second stop is no error, and the agent is there for the next.
    agent.say(&ToNet::Stop { fetch: FETCH }, None);
    agent.say(&ToNet::Proceed { fetch: FETCH }, None);
    let (url, _closed) = serve(vec![WHOLE.to_vec()]);
    agent.say(&fetch(&url, 0, ""), Some(&target));
    assert!(matches!(agent.hear(), FromNet::Head { .. }));
    assert_done(&agent.hear_news(), 9);
}

#[test]
fn several_files_are_fetched_at_once() {
    let (agent, count) = (Agent::start(&[]), 20);
    let mut waiting = Vec::new();
    for number in 0..count {
        let (url, closed) = serve(vec![WHOLE.to_vec()]);
        let target = Target::holding(b"");
        let order = again(fetch("", 0, ""), FetchId(number), &url);
        agent.say(&order, Some(&target));
        waiting.push((target, closed));
    }
    let mut done = 0;
    while done < count {
        match agent.hear_news() {
            FromNet::Head { .. } => {}
            FromNet::Done { length: 9, .. } => done += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(waiting.iter().all(|(target, _)| target.content() == b"ABCDEFGHI"));
}

#[test]
fn names_are_resolved_inside_the_sandbox() {
    let (url, _closed) = serve(vec![WHOLE.to_vec()]);
    let url = url.replace("127.0.0.1", "localhost");
    let (agent, target) = (Agent::start(&[]), Target::holding(b""));
    agent.say(&fetch(&url, 0, ""), Some(&target));
    assert!(matches!(agent.hear(), FromNet::Head { .. }));
    assert_done(&agent.hear_news(), 9);
}

#[test]
fn a_failure_names_the_place_but_not_the_secrets_in_it() {
    let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec();
    let (url, _closed) = serve(vec![answer]);
    let agent = Agent::start(&[]);
    let signed = url.replace("http://", "http://user:hunter2@");
    agent.say(&fetch(&signed, 0, ""), Some(&Target::holding(b"")));
    let (trouble, detail) = failed(agent.hear());
    assert_eq!(trouble, NetTrouble::Status(404));
    assert!(detail.contains("404 Not Found") && detail.contains("/dir/file"), "{detail}");
    assert!(!detail.contains("SECRET") && !detail.contains("hunter2"), "{detail}");
}
