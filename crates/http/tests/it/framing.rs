//! How an answer says where it ends, and how it lies about that.

use crate::support::*;
use ebb_http::{AnswerError, Ended, Held};

async fn whole(act: Act) -> (Ended, Vec<u8>) {
    let (ended, content, _) = fetched(Held::nothing(), vec![act]).await;
    (ended, content)
}

#[tokio::test]
async fn a_body_without_a_told_length_is_served() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n5;x=y\r\n\
                   56789\r\n0\r\nTrailer: x\r\n\r\n";
    let (ended, content) = whole(say(chunked)).await;
    assert_done(&ended, 9);
    assert_eq!(content, b"123456789");
    let (ended, content) = whole(say_and_close("HTTP/1.0 200 OK\r\n\r\n123456789")).await;
    assert_done(&ended, 9);
    assert_eq!(content, b"123456789");
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let (ended, content) = whole(say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    assert_done(&ended, 0);
    assert_eq!(content, b"");
}

#[tokio::test]
async fn a_body_that_ends_early_is_a_lost_connection_and_what_came_is_durable() {
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345";
    let (ended, content) = whole(say_and_close(short)).await;
    assert_lost(&ended, 5);
    assert_eq!(content, b"12345");
    let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n12345";
    let (ended, _) = whole(say_and_close(chunk)).await;
    assert_lost(&ended, 5);
    let no_last_chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n";
    let (ended, _) = whole(say_and_close(no_last_chunk)).await;
    assert_lost(&ended, 5);
}

#[tokio::test]
async fn an_unframed_part_must_reach_the_end_it_announced() {
    let part = "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 5-8/9\r\n\r\n";
    let (ended, content, _) = fetched(held(5), vec![say_and_close(&format!("{part}67"))]).await;
    assert_lost(&ended, 7);
    assert_eq!(content, b"1234567");
    let (ended, content, _) = fetched(held(5), vec![say_and_close(&format!("{part}6789"))]).await;
    assert_done(&ended, 9);
    assert_eq!(content, b"123456789");
}

#[tokio::test]
async fn more_bytes_than_announced_are_not_written() {
    let part = "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 5-8/9\r\n\r\n\
                6789 and more";
    let (ended, content, _) = fetched(held(5), vec![say_and_close(part)]).await;
    assert!(matches!(refused(ended), AnswerError::SizeChanged { told: 9, .. }));
    assert_eq!(content, b"12345");
}

#[tokio::test]
async fn answers_that_contradict_themselves_are_refused() {
    let contradictions = [
        "Content-Length: 9\r\nContent-Length: 8\r\n",
        "Content-Length: 9, 8\r\n",
        "Content-Length: +9\r\n",
        "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked, chunked\r\n",
    ];
    for fields in contradictions {
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}\r\n123456789");
        let (ended, content) = whole(say_and_close(&answer)).await;
        assert!(matches!(refused(ended), AnswerError::Malformed(_)), "{fields}");
        assert_eq!(content, b"");
    }
}

#[tokio::test]
async fn broken_chunks_are_malformed() {
    for body in ["zz\r\n1234\r\n", "4\r\n12345\r\n", "fffffffffffffffff\r\n1"] {
        let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        let (ended, _) = whole(say_and_close(&answer)).await;
        assert!(matches!(refused(ended), AnswerError::Malformed(_)), "{body}");
    }
}

#[tokio::test]
async fn a_coded_answer_is_refused() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx";
    let (ended, content) = whole(say(answer)).await;
    assert!(matches!(refused(ended), AnswerError::Encoded(_)));
    assert_eq!(content, b"");
}

#[tokio::test]
async fn a_part_of_a_file_nobody_asked_for_is_refused() {
    let answer = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-8/9\r\n\
                  Content-Length: 9\r\n\r\n123456789";
    let (ended, _) = whole(say(answer)).await;
    assert!(matches!(refused(ended), AnswerError::Malformed(_)));
}

#[tokio::test]
async fn what_is_no_http_at_all_is_malformed() {
    for garbage in ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 2OO OK\r\n\r\n", "\0\0\0\0\r\n\r\n"] {
        let (ended, _) = whole(say_and_close(garbage)).await;
        assert!(matches!(refused(ended), AnswerError::Malformed(_)), "{garbage:?}");
    }
}

#[tokio::test]
async fn informational_answers_are_passed_over() {
    let answer = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n\
                  HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let (ended, content) = whole(say(answer)).await;
    assert_done(&ended, 2);
    assert_eq!(content, b"ok");
}
