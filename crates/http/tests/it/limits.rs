//! What a server may not do to us: hang, drip, and talk without end.

use crate::support::*;
use ebb_http::{AnswerError, Ended, ExchangeError, FetchError, Held, Order};
use std::time::Duration;

fn impatient(server: &Server) -> Order {
    let stall_timeout = Duration::from_millis(100);
    Order { stall_timeout, ..order(server.url(), Held::nothing()) }
}

fn timed_out(ended: &Ended) -> bool {
    matches!(ended, Ended::Failed { error: FetchError::Exchange(ExchangeError::TimedOut(_)), .. })
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let server = Server::start(vec![say_and_hang("")]).await;
    let (ended, _) = run(&client(), impatient(&server), &Target::holding(b"")).await;
    assert!(timed_out(&ended), "{ended:?}");
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up_and_what_came_is_durable() {
    let start = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345";
    let server = Server::start(vec![say_and_hang(start)]).await;
    let target = Target::holding(b"");
    let (ended, _) = run(&client(), impatient(&server), &target).await;
    assert!(timed_out(&ended), "{ended:?}");
    assert!(matches!(ended, Ended::Failed { durable: 5, .. }));
    assert_eq!(target.content(), b"12345");
}

#[tokio::test]
async fn a_head_of_more_than_64_kib_or_256_fields_is_refused() {
    let wide = format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(65_536));
    let many = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "X: y\r\n".repeat(256));
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(1_000_000));
    for head in [wide, many, endless] {
        let (ended, _, _) = fetched(Held::nothing(), vec![say_and_close(&head)]).await;
        assert!(matches!(refused(ended), AnswerError::HeadTooLarge));
    }
    let bearable =
        format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "X: y\r\n".repeat(255));
    let (ended, _, _) = fetched(Held::nothing(), vec![say(&bearable)]).await;
    assert_done(&ended, 0);
}

#[tokio::test]
async fn a_file_too_large_for_the_disk_fails_before_a_byte_is_written() {
    let length = 1_u64 << 62;
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    let (ended, content, _) = fetched(Held::nothing(), vec![say_and_hang(&answer)]).await;
    assert!(matches!(ended, Ended::Failed { error: FetchError::Disk(_), .. }), "{ended:?}");
    assert_eq!(content, b"");
}
