//! No spliced file, ever: what may follow bytes that are held.

use crate::support::*;
use ebb_http::{Ended, Held, Validators};

const WHOLE: &str = "HTTP/1.1 200 OK\r\nETag: \"v2\"\r\nContent-Length: 9\r\n\r\nABCDEFGHI";

#[tokio::test]
async fn a_proved_continuation_is_appended() {
    let part = "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 5-8/9\r\n\
                Content-Length: 4\r\n\r\n6789";
    let (ended, content, requests) = fetched(held(5), vec![say(part)]).await;
    assert_done(&ended, 9);
    assert_eq!(content, b"123456789");
    assert!(requests[0].contains("range: bytes=5-\r\n"));
    assert!(requests[0].contains("if-range: \"v1\"\r\n"));
}

#[tokio::test]
async fn a_changed_file_comes_as_a_whole_and_replaces_what_was_held() {
    let (ended, content, requests) = fetched(held(5), vec![say(WHOLE)]).await;
    assert_done(&ended, 9);
    assert_eq!(content, b"ABCDEFGHI");
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn a_part_that_is_not_proved_is_never_used() {
    let unproved = [
        "ETag: \"v2\"\r\nContent-Range: bytes 5-8/9\r\nContent-Length: 4\r\n\r\nFGHI",
        "Content-Range: bytes 5-8/9\r\nContent-Length: 4\r\n\r\nFGHI",
        "ETag: W/\"v1\"\r\nContent-Range: bytes 5-8/9\r\nContent-Length: 4\r\n\r\nFGHI",
        "ETag: \"v1\"\r\nContent-Range: bytes 4-8/9\r\nContent-Length: 5\r\n\r\nEFGHI",
        "ETag: \"v1\"\r\nContent-Range: bytes 5-8/10\r\nContent-Length: 4\r\n\r\nFGHI",
        "ETag: \"v1\"\r\nContent-Range: bytes 5-8/*\r\nContent-Length: 4\r\n\r\nFGHI",
        "ETag: \"v1\"\r\nContent-Length: 4\r\n\r\nFGHI",
        "ETag: \"v1\"\r\nContent-Type: multipart/byteranges; boundary=b\r\n\
         Content-Length: 6\r\n\r\n--b--x",
    ];
    for part in unproved {
        let part = format!("HTTP/1.1 206 Partial Content\r\n{part}");
        let (ended, content, requests) =
            fetched(held(5), vec![say_and_close(&part), say(WHOLE)]).await;
        assert_done(&ended, 9);
        assert_eq!(content, b"ABCDEFGHI", "{part}");
        assert!(!requests[1].contains("range:"), "{part}");
    }
}

#[tokio::test]
async fn without_a_strong_validator_a_file_of_the_same_size_starts_over() {
    for etag in [None, Some(b"W/\"v1\"".to_vec())] {
        let validators = Validators { etag, total: Some(9), ..Validators::default() };
        let (ended, content, requests) =
            fetched(Held { offset: 5, validators }, vec![say(WHOLE)]).await;
        assert_done(&ended, 9);
        assert_eq!(content, b"ABCDEFGHI");
        assert!(!requests[0].contains("range:"));
    }
}

#[tokio::test]
async fn a_server_without_ranges_starts_the_file_over() {
    let same = WHOLE.replace("v2", "v1");
    let (ended, content, _) = fetched(held(5), vec![say(&same)]).await;
    assert_done(&ended, 9);
    assert_eq!(content, b"ABCDEFGHI");
}

#[tokio::test]
async fn a_file_that_is_there_is_complete_by_a_416() {
    let answer = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */9\r\n\
                  Content-Length: 0\r\n\r\n";
    let (ended, content, _) = fetched(held(9), vec![say(answer)]).await;
    assert_done(&ended, 9);
    assert_eq!(content, b"123456789");
}

#[tokio::test]
async fn a_416_in_mid_file_starts_over() {
    let answer = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */3\r\n\
                  Content-Length: 0\r\n\r\n";
    let (ended, content, _) = fetched(held(5), vec![say_and_close(answer), say(WHOLE)]).await;
    assert_done(&ended, 9);
    assert_eq!(content, b"ABCDEFGHI");
}

#[tokio::test]
async fn a_range_the_server_shortened_is_followed_by_the_rest_of_it() {
    let first = "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 5-6/9\r\n\
                 Content-Length: 2\r\n\r\n67";
    let second = "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 7-8/9\r\n\
                  Content-Length: 2\r\n\r\n89";
    let (ended, content, requests) = fetched(held(5), vec![say(first), say(second)]).await;
    assert_done(&ended, 9);
    assert_eq!(content, b"123456789");
    assert!(requests[1].contains("range: bytes=7-\r\n"));
}

#[tokio::test]
async fn a_shortened_range_whose_file_then_changes_starts_over() {
    let first = "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 5-6/9\r\n\
                 Content-Length: 2\r\n\r\n67";
    let (ended, content, _) = fetched(held(5), vec![say(first), say(WHOLE)]).await;
    assert_done(&ended, 9);
    assert_eq!(content, b"ABCDEFGHI");
}

#[tokio::test]
async fn bytes_beyond_what_is_held_do_not_survive() {
    let server = Server::start(vec![say(
        "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 5-8/9\r\n\
         Content-Length: 4\r\nConnection: close\r\n\r\n6789",
    )])
    .await;
    let target = Target::holding(b"12345 and a long tail that was never synced");
    let (ended, _) = run(&client(), order(server.url(), held(5)), &target).await;
    assert_done(&ended, 9);
    assert_eq!(target.content(), b"123456789");
}

#[tokio::test]
async fn a_file_shorter_than_what_it_is_said_to_hold_starts_over_without_a_gap() {
    let server = Server::start(vec![say(WHOLE)]).await;
    let target = Target::holding(b"12");
    let (ended, _) = run(&client(), order(server.url(), held(5)), &target).await;
    assert_done(&ended, 9);
    assert_eq!(target.content(), b"ABCDEFGHI");
    assert!(!server.requests()[0].contains("range:"));
}

#[tokio::test]
async fn an_error_status_leaves_what_is_held_alone() {
    let answer = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    let (ended, content, _) = fetched(held(5), vec![say(answer)]).await;
    assert!(matches!(&ended, Ended::Failed { durable: 5, .. }), "{ended:?}");
    assert_eq!(content, b"12345");
}

#[tokio::test]
async fn an_interrupted_file_continues_where_it_was_durable() {
    let first = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 9\r\n\r\n12345";
    let second = "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 5-8/9\r\n\
                  Content-Length: 4\r\n\r\n6789";
    let server = Server::start(vec![say_and_close(first), say(second)]).await;
    let (client, target) = (client(), Target::holding(b""));
    let (ended, notebook) = run(&client, order(server.url(), Held::nothing()), &target).await;
    assert_lost(&ended, 5);
    let validators = notebook.heads[0].validators.clone();
    let held = Held { offset: 5, validators };
    let (ended, notebook) = run(&client, order(server.url(), held), &target).await;
    assert_done(&ended, 9);
    assert_eq!(notebook.heads[0].from, 5);
    assert_eq!(target.content(), b"123456789");
}
