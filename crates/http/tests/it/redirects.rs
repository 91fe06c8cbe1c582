//! Where servers send us, and where we go.

use crate::support::*;
use ebb_http::{AnswerError, Held, RedirectError};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn to(location: &str) -> Act {
    say_and_close(&format!(
        "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    ))
}

async fn end_of(acts: Vec<Act>) -> RedirectError {
    let (ended, _, _) = fetched(Held::nothing(), acts).await;
    match refused(ended) {
        AnswerError::Redirect(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_kind_of_redirect_is_followed_and_the_final_url_is_told() {
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} X\r\nLocation: /there?key=2#part\r\nContent-Length: 0\r\n\r\n"
        );
        let server = Server::start(vec![say_and_close(&answer), say(OK)]).await;
        let target = Target::holding(b"");
        let order = order(server.url(), Held::nothing());
        let (ended, notebook) = run(&client(), order, &target).await;
        assert_done(&ended, 2);
        let there = format!("http://127.0.0.1:{}/there?key=2", server.port);
        assert_eq!(notebook.heads[0].final_url.as_str(), there);
        assert!(server.requests()[1].starts_with("get /there?key=2 http/1.1\r\n"));
    }
}

#[tokio::test]
async fn twenty_redirects_are_followed_and_no_more() {
    let mut acts = vec![to("/again"); 20];
    acts.push(say(OK));
    let (ended, _, _) = fetched(Held::nothing(), acts).await;
    assert_done(&ended, 2);
    assert_eq!(end_of(vec![to("/again"); 21]).await, RedirectError::TooMany);
}

#[tokio::test]
async fn a_redirect_to_another_scheme_with_credentials_or_to_nowhere_is_refused() {
    for location in ["file:///etc/passwd", "ftp://h.example/", "http://u:p@127.0.0.1/", "http://["]
    {
        assert!(matches!(end_of(vec![to(location)]).await, RedirectError::Invalid(_)));
    }
    let silent = say_and_close("HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n");
    assert!(matches!(end_of(vec![silent]).await, RedirectError::Invalid(_)));
}

#[tokio::test]
async fn what_is_held_is_asked_for_again_at_the_new_place() {
    let part = "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 5-8/9\r\n\
                Content-Length: 4\r\n\r\n6789";
    let (ended, content, requests) = fetched(held(5), vec![to("/mirror"), say(part)]).await;
    assert_done(&ended, 9);
    assert_eq!(content, b"123456789");
    assert!(requests[1].contains("range: bytes=5-\r\n"));
}
