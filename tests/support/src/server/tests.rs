//! The server tells the truth unless told to lie; checked with a client of twenty lines.

use super::{Framing, Gate, Lie, Resource, Server};
use crate::content::Content;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

const FILE: Content = Content::new(5, 200_000);

/// Sends one request and reads until the server closes.
fn ask(server: &Server, path: &str, fields: &str) -> (String, Vec<u8>) {
    let mut socket = TcpStream::connect(server.address()).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n").unwrap();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    let mut all = Vec::new();
    let _ = socket.read_to_end(&mut all);
    let end = all.windows(4).position(|w| w == b"\r\n\r\n").expect("a head") + 4;
    (String::from_utf8_lossy(&all[..end]).into_owned(), all[end..].to_vec())
}

fn serving(resource: Resource) -> Server {
    let server = Server::http();
    server.put("/f", resource);
    server
}

#[test]
fn a_whole_file_and_a_range_are_honest() {
    let server = serving(Resource::new(FILE));
    let (head, body) = ask(&server, "/f", "");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, FILE.bytes());
    let (head, body) = ask(&server, "/f", "Range: bytes=1000-\r\n");
    assert!(head.contains("Content-Range: bytes 1000-199999/200000\r\n"), "{head}");
    assert_eq!(body, FILE.bytes()[1000..]);
    assert_eq!(server.log()[1].from, 1000);
    assert_eq!(server.log()[1].uid, Some(rustix::process::getuid().as_raw()));
}

#[test]
fn a_range_of_another_version_is_answered_with_the_whole() {
    let server = serving(Resource::new(FILE));
    let (head, _) = ask(&server, "/f", "Range: bytes=10-\r\nIf-Range: \"other\"\r\n");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

#[test]
fn a_range_beyond_the_end_is_a_416() {
    let server = serving(Resource::new(FILE));
    assert!(ask(&server, "/f", "Range: bytes=200000-\r\n").0.starts_with("HTTP/1.1 416 "));
}

#[test]
fn lies_are_told_once_or_always_and_otherwise_not() {
    let server = serving(
        Resource::new(FILE).once(Lie::CloseAt(70_000)).once(Lie::Raw(b"junk\r\n\r\n".to_vec())),
    );
    assert_eq!(ask(&server, "/f", "").1.len(), 70_000);
    assert_eq!(ask(&server, "/f", "").0, "junk\r\n\r\n");
    assert_eq!(ask(&server, "/f", "").1, FILE.bytes());
}

#[test]
fn a_swap_in_mid_body_shows_the_next_version_from_there_on() {
    let other = Content::new(6, FILE.size);
    let version = |content| super::Version { content, etag: None, modified: None };
    let server =
        serving(Resource::of_versions([version(FILE), version(other)]).once(Lie::SwapAt(99_999)));
    let (_, body) = ask(&server, "/f", "");
    assert_eq!(FILE.departure(&mut body.as_slice()).unwrap(), Some(99_999));
    assert_eq!(body[100_100..], other.bytes()[100_100..]);
    assert_eq!(ask(&server, "/f", "").1, other.bytes());
}

#[test]
fn a_closed_gate_holds_the_body_back_until_it_is_released() {
    let gate = Arc::new(Gate::after(10));
    let server = serving(Resource::new(FILE).through(&gate).framed(Framing::Unframed));
    let mut socket = TcpStream::connect(server.address()).unwrap();
    write!(socket, "GET /f HTTP/1.1\r\n\r\n").unwrap();
    server.wait_for_bytes("/f", 10);
    assert_eq!(server.log()[0].sent, 10);
    gate.open();
    server.wait_for("the end", |log| log[0].finished.then_some(()));
    assert_eq!(server.log()[0].sent, FILE.size);
}
