//! Stop, proceed, and what they promise.

use crate::support::*;
use ebb_http::{Ended, Held, fetch};

const WHOLE: &str = "HTTP/1.1 200 OK\r\nETag: \"v2\"\r\nContent-Length: 9\r\n\r\nABCDEFGHI";

#[tokio::test]
async fn nothing_is_dropped_before_the_owner_says_proceed() {
    let server = Server::start(vec![say(WHOLE)]).await;
    let target = Target::holding(b"12345");
    let order = order(server.url(), held(5));
    let (ended, notebook) = run_with(&client(), order, &target, OnHead::Stop).await;
    assert_eq!(notebook.heads[0].from, 0);
    // What is there belongs to the old version, and the owner may know the new one's validators.
    assert!(matches!(ended, Ended::Stopped { durable: 0 }), "{ended:?}");
    assert_eq!(target.content(), b"12345");
}

#[tokio::test]
async fn a_first_fetch_needs_no_word_to_begin() {
    let server = Server::start(vec![say(WHOLE)]).await;
    let target = Target::holding(b"");
    let (mut notebook, control) = notebook(OnHead::Proceed);
    // Another steering than the one the fetch listens to: nobody will ever proceed.
    let (deaf, _) = ebb_http::control();
    notebook.steering = std::sync::Arc::new(deaf);
    let (held_on_to, control_of_ours) = ebb_http::control();
    drop(control);
    let order = order(server.url(), Held::nothing());
    let ended = fetch(&client(), order, target.descriptor(), control_of_ours, &mut notebook).await;
    drop(held_on_to);
    assert_done(&ended, 9);
}

#[tokio::test]
async fn a_stop_in_mid_body_closes_the_connection_and_keeps_what_came() {
    let start = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 9\r\n\r\n12345";
    let server = Server::start(vec![say_and_hang(start), say(WHOLE)]).await;
    let target = Target::holding(b"");
    let (mut notebook, control) = notebook(OnHead::Proceed);
    let steering = std::sync::Arc::clone(&notebook.steering);
    let order_one = order(server.url(), Held::nothing());
    let client = client();
    let stop_when_it_came = async {
        while target.content().len() < 5 {
            tokio::task::yield_now().await;
        }
        steering.stop();
    };
    let transfer = fetch(&client, order_one, target.descriptor(), control, &mut notebook);
    let (ended, ()) = tokio::join!(transfer, stop_when_it_came);
    assert!(matches!(ended, Ended::Stopped { durable: 5 }), "{ended:?}");
    assert_eq!(target.content(), b"12345");
    // The script goes on only once the first connection is closed by us.
    let (ended, _) = run(&client, order(server.url(), Held::nothing()), &target).await;
    assert_done(&ended, 9);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_fetch_whose_owner_is_gone_stops() {
    let server = Server::start(vec![say_and_hang("")]).await;
    let (mut notebook, _) = notebook(OnHead::Proceed);
    let (steering, control) = ebb_http::control();
    drop(steering);
    let target = Target::holding(b"");
    let order = order(server.url(), Held::nothing());
    let ended = fetch(&client(), order, target.descriptor(), control, &mut notebook).await;
    assert!(matches!(ended, Ended::Stopped { durable: 0 }), "{ended:?}");
}

#[tokio::test]
async fn progress_is_told_at_checkpoints_and_never_runs_ahead_of_the_disk() {
    // The engine never runs further ahead of the disk than 64 MiB and a piece.
    let length = 110 * 1024 * 1024;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    let mut answer = head.into_bytes();
    answer.resize(answer.len() + length, b'x');
    let server = Server::start(vec![Act::Say(answer)]).await;
    let target = Target::holding(b"");
    let order = order(server.url(), Held::nothing());
    let (ended, notebook) = run(&client(), order, &target).await;
    assert_done(&ended, length as u64);
    assert!(notebook.progress.iter().any(|(durable, _)| *durable >= 32 * 1024 * 1024));
    assert!(notebook.progress.iter().all(|(durable, received)| durable <= received));
    assert!(notebook.progress.is_sorted());
}
