//! How its owner wants a file asked for: fields, method, redirects, and limits.

use crate::support::*;
use ebb_http::{AnswerError, Ended, Head, Held, Method, Options, Order, OwnFields, Redirects};
use url::Url;

const OK: &str = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 9\r\n\r\n123456789";

fn with(url: Url, options: Options) -> Order {
    Order { options, ..order(url, Held::nothing()) }
}

fn secret() -> Options {
    let mut fields = OwnFields::default();
    fields.add("X-Key", b"hunter2").unwrap();
    fields.add("User-Agent", b"other/1").unwrap();
    Options { fields, ..Options::default() }
}

fn moved(status: u16, there: &Url) -> Act {
    say_and_close(&format!("HTTP/1.1 {status} X\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n"))
}

async fn ended(options: Options, acts: Vec<Act>) -> (Ended, Vec<Head>, Server) {
    let server = Server::start(acts).await;
    let (ended, notes) = run(&client(), with(server.url(), options), &Target::holding(b"")).await;
    (ended, notes.heads, server)
}

#[tokio::test]
async fn own_fields_go_to_their_origin_and_to_no_other() {
    let other = Server::start(vec![say(OK)]).await;
    let here = Url::parse("http://ignored.example/").unwrap().join("/again").unwrap();
    let again = say_and_close(&format!(
        "HTTP/1.1 307 X\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
        here.path()
    ));
    let (ended, _, server) = ended(secret(), vec![again, moved(302, &other.url())]).await;
    assert_done(&ended, 9);
    for request in server.requests() {
        assert!(request.contains("x-key: hunter2\r\n"), "{request}");
        assert!(request.contains("user-agent: other/1\r\n"), "{request}");
    }
    assert_eq!(server.requests().len(), 2);
    let request = &other.requests()[0];
    assert!(!request.contains("hunter2") && !request.contains("other/1"), "{request}");
}

#[tokio::test]
async fn another_method_is_sent_as_it_is_and_nothing_is_continued() {
    let method = Method::from_bytes(b"REPORT").unwrap();
    let server = Server::start(vec![say(OK)]).await;
    let order =
        Order { held: held(5), ..with(server.url(), Options { method, ..Options::default() }) };
    let target = Target::holding(b"12345");
    let (ended, notes) = run(&client(), order, &target).await;
    assert_done(&ended, 9);
    assert!(notes.heads[0].anew);
    let request = &server.requests()[0];
    assert!(request.starts_with("report /file") && request.contains("content-length: 0\r\n"));
    assert!(!request.contains("range:"), "{request}");
}

#[tokio::test]
async fn a_method_that_does_something_is_never_sent_twice() {
    let server = Server::start(vec![say(OK), say_and_close(""), say(OK)]).await;
    let client = client();
    let get = order(server.url(), Held::nothing());
    assert_done(&run(&client, get, &Target::holding(b"")).await.0, 9);
    let options = Options { method: Method::POST, ..Options::default() };
    let post = with(server.url(), options);
    let (ended, _) = run(&client, post, &Target::holding(b"")).await;
    assert!(matches!(ended, Ended::Failed { .. }), "{ended:?}");
    // Not on the kept connection, and not again after it broke.
    assert_eq!((server.requests().len(), server.connections()), (2, 2));
}

#[tokio::test]
async fn see_other_is_asked_for_with_get_and_a_temporary_redirect_with_the_same_method() {
    for (status, then) in [(303, "get "), (301, "get "), (307, "post "), (308, "post ")] {
        let other = Server::start(vec![say(OK)]).await;
        let options = Options { method: Method::POST, ..Options::default() };
        let (ended, _, _) = ended(options, vec![moved(status, &other.url())]).await;
        assert_done(&ended, 9);
        assert!(other.requests()[0].starts_with(then), "{status}");
    }
}

#[tokio::test]
async fn a_redirect_that_is_refused_tells_its_status_and_where_it_leads() {
    for status in [300, 301, 302, 303, 307, 308] {
        let there = Url::parse("http://h.example/there?key=1").unwrap();
        let options = Options { redirects: Redirects::Refuse, ..Options::default() };
        let (ended, heads, server) = ended(options, vec![moved(status, &there)]).await;
        let AnswerError::RedirectRefused { status: told, there: to } = refused(ended) else {
            panic!("{status}");
        };
        assert_eq!((told.as_u16(), *to), (status, there));
        assert_eq!((server.requests().len(), heads.len()), (1, 0));
    }
}

#[tokio::test]
async fn more_bytes_than_allowed_are_refused_told_or_not() {
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n";
    for answer in [OK, chunked] {
        for (most, fits) in [(9, true), (8, false)] {
            let options = Options { most_bytes: Some(most), ..Options::default() };
            let (ended, _, _) = ended(options, vec![say(answer)]).await;
            if fits {
                assert_done(&ended, 9);
            } else {
                assert!(matches!(refused(ended), AnswerError::TooLarge { most: 8 }));
            }
        }
    }
}

#[tokio::test]
async fn dynamic_content_starts_over_whatever_is_held() {
    let server = Server::start(vec![say(OK)]).await;
    let options = Options { dynamic: true, ..Options::default() };
    let order = Order { held: held(5), ..with(server.url(), options) };
    let target = Target::holding(b"abcde");
    let (ended, notes) = run(&client(), order, &target).await;
    assert_done(&ended, 9);
    assert!(notes.heads[0].anew && !server.requests()[0].contains("range:"));
    assert_eq!(target.content(), b"123456789");
}
