//! The size, asked for beforehand: a help for people, and no trouble when it is not told.

use crate::support::*;
use ebb_http::{Options, measure};
use std::time::Duration;

async fn told(acts: Vec<Act>) -> (Option<u64>, Server) {
    let server = Server::start(acts).await;
    let (_steering, control) = ebb_http::control();
    let (url, patience) = (server.url(), Duration::from_secs(5));
    let size = measure(&client(), &url, &Options::default(), patience, control).await;
    (size, server)
}

#[tokio::test]
async fn the_size_is_asked_for_with_head_and_without_a_range() {
    let (size, server) = told(vec![say("HTTP/1.1 200 OK\r\nContent-Length: 7000\r\n\r\n")]).await;
    assert_eq!(size, Some(7000));
    let request = &server.requests()[0];
    assert!(request.starts_with("head ") && !request.contains("range:"), "{request}");
}

#[tokio::test]
async fn a_redirect_is_followed_to_the_size() {
    let there = "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 9\r\n\r\n";
    let size = "HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\n";
    assert_eq!(told(vec![say_and_close(there), say(size)]).await.0, Some(70));
}

#[tokio::test]
async fn a_server_that_does_not_tell_is_no_trouble() {
    for answer in [
        "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\n",
        "nonsense\r\n\r\n",
        "",
    ] {
        assert_eq!(told(vec![say_and_close(answer)]).await.0, None, "{answer}");
    }
}
