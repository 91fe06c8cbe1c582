//! Connections: kept, gone stale, and to addresses of either family.

use crate::support::*;
use ebb_http::{ConnectError, Ended, ExchangeError, FetchError, Held};
use url::Url;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn a_connection_serves_one_file_after_the_other() {
    let server = Server::start(vec![say(OK), say(OK), say(OK)]).await;
    let client = client();
    for _ in 0..3 {
        let order = order(server.url(), Held::nothing());
        let (ended, _) = run(&client, order, &Target::holding(b"")).await;
        assert_done(&ended, 2);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_has_gone_stale_is_replaced_once() {
    // The server closes after the answer without having said so.
    let server = Server::start(vec![say_and_close(OK), say_and_close(OK)]).await;
    let client = client();
    for _ in 0..2 {
        let order = order(server.url(), Held::nothing());
        let (ended, _) = run(&client, order, &Target::holding(b"")).await;
        assert_done(&ended, 2);
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_fresh_connection_that_breaks_is_not_tried_again() {
    let server = Server::start(vec![say_and_close(""), say(OK)]).await;
    let order = order(server.url(), Held::nothing());
    let (ended, _) = run(&client(), order, &Target::holding(b"")).await;
    assert_lost(&ended, 0);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn connections_are_not_shared_between_clients() {
    let server = Server::start(vec![say_and_close(OK), say_and_close(OK)]).await;
    for _ in 0..2 {
        let order = order(server.url(), Held::nothing());
        let (ended, _) = run(&client(), order, &Target::holding(b"")).await;
        assert_done(&ended, 2);
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn an_ipv6_address_is_an_address() {
    let server = Server::start_on("[::1]:0", vec![say(OK)]).await;
    let url = Url::parse(&format!("http://[::1]:{}/", server.port)).unwrap();
    let (ended, _) = run(&client(), order(url, Held::nothing()), &Target::holding(b"")).await;
    assert_done(&ended, 2);
    let host = format!("host: [::1]:{}\r\n", server.port);
    assert!(server.requests()[0].contains(&host));
}

#[tokio::test]
async fn user_info_in_a_url_is_never_sent() {
    let server = Server::start(vec![say(OK)]).await;
    let url = Url::parse(&format!("http://u:p@127.0.0.1:{}/", server.port)).unwrap();
    let (ended, notebook) =
        run(&client(), order(url, Held::nothing()), &Target::holding(b"")).await;
    assert_done(&ended, 2);
    assert!(!server.requests()[0].contains("authorization"));
    assert_eq!(notebook.heads[0].final_url.username(), "");
}

async fn unreachable(url: &str) -> ConnectError {
    let order = order(Url::parse(url).unwrap(), Held::nothing());
    match run(&client(), order, &Target::holding(b"")).await.0 {
        Ended::Failed { error: FetchError::Exchange(ExchangeError::Connect(error)), .. } => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_closed_port_an_unknown_name_and_another_scheme_have_each_their_own_error() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    assert!(matches!(unreachable(&url).await, ConnectError::Failed { .. }));
    let unknown = unreachable("http://no-such-host.invalid/").await;
    assert!(matches!(unknown, ConnectError::NameNotResolved { .. }));
    assert!(matches!(unreachable("ftp://127.0.0.1/").await, ConnectError::NotAnOrigin));
}
