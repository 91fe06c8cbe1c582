//! Digests: what came has to be what the server, or the owner, said it is.

use crate::support::*;
use base64::Engine as _;
use ebb_http::{
    AnswerError, Digest, Ended, Held, Options, Order, Validators, Voucher, check, control,
};
use sha2::Digest as _;
use url::Url;

const RIGHT: &[u8] = b"123456789";
const OTHER: &[u8] = b"ABCDEFGHI";

fn short(bytes: &[u8]) -> Digest {
    Digest::Sha256(sha2::Sha256::digest(bytes).into())
}

fn long(bytes: &[u8]) -> Digest {
    Digest::Sha512(sha2::Sha512::digest(bytes).into())
}

fn field(digest: &Digest) -> String {
    let coded = |value: &[u8]| base64::engine::general_purpose::STANDARD.encode(value);
    match digest {
        Digest::Sha256(value) => format!("Repr-Digest: sha-256=:{}:\r\n", coded(value)),
        Digest::Sha512(value) => format!("Repr-Digest: sha-512=:{}:\r\n", coded(value)),
    }
}

fn whole(fields: &str, body: &[u8]) -> String {
    let body = std::str::from_utf8(body).unwrap();
    format!("HTTP/1.1 200 OK\r\nETag: \"v1\"\r\n{fields}Content-Length: 9\r\n\r\n{body}")
}

fn rest(fields: &str, from: usize, body: &[u8]) -> String {
    let body = std::str::from_utf8(&body[from..]).unwrap();
    format!(
        "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\n{fields}\
         Content-Range: bytes {from}-8/9\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn wanting(url: Url, held: Held, digest: Option<Digest>) -> Order {
    Order { options: Options { digest, ..Options::default() }, ..order(url, held) }
}

fn wrong(ended: Ended) -> Voucher {
    match refused(ended) {
        AnswerError::WrongDigest(voucher) => voucher,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_has_the_digests_that_were_given_for_it_is_done() {
    for of_server in [short(RIGHT), long(RIGHT)] {
        for of_owner in [None, Some(short(RIGHT)), Some(long(RIGHT))] {
            let server = Server::start(vec![say(&whole(&field(&of_server), RIGHT))]).await;
            let target = Target::holding(b"");
            let order = wanting(server.url(), Held::nothing(), of_owner);
            let (ended, notes) = run(&client(), order, &target).await;
            assert_done(&ended, 9);
            assert_eq!(notes.heads[0].validators.digest, Some(of_server.clone()));
        }
    }
}

#[tokio::test]
async fn what_has_not_the_servers_digest_is_fetched_once_more_and_that_may_be_right() {
    let fields = field(&short(RIGHT));
    let server =
        Server::start(vec![say(&whole(&fields, OTHER)), say(&whole(&fields, RIGHT))]).await;
    let target = Target::holding(b"");
    let order = wanting(server.url(), Held::nothing(), None);
    let (ended, notes) = run(&client(), order, &target).await;
    assert_done(&ended, 9);
    assert_eq!(target.content(), RIGHT);
    assert!(notes.heads[1].anew && !server.requests()[1].contains("range:"));
}

#[tokio::test]
async fn what_has_not_the_servers_digest_twice_is_refused() {
    let answer = whole(&field(&long(RIGHT)), OTHER);
    let (ended, _, requests) = fetched(Held::nothing(), vec![say(&answer), say(&answer)]).await;
    assert_eq!(wrong(ended), Voucher::Server);
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn what_has_not_the_owners_digest_is_refused_at_once() {
    let server = Server::start(vec![say(&whole("", OTHER))]).await;
    let order = wanting(server.url(), Held::nothing(), Some(long(RIGHT)));
    let (ended, _) = run(&client(), order, &Target::holding(b"")).await;
    assert_eq!(wrong(ended), Voucher::Owner);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_file_that_comes_in_two_fetches_is_hashed_as_one_and_not_read_again() {
    for right in [true, false] {
        let cut = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 9\r\n\r\n12345";
        let after = rest("", 5, if right { RIGHT } else { OTHER });
        let server = Server::start(vec![say_and_close(cut), say(&after)]).await;
        let (client, target) = (client(), Target::holding(b""));
        let first = wanting(server.url(), Held::nothing(), Some(short(RIGHT)));
        let (ended, notes) = run(&client, first, &target).await;
        assert_lost(&ended, 5);
        let hashed = notes.hashed.clone().unwrap();
        assert_eq!(hashed.at, 5);
        // The digest is that of the bytes as they came: whoever read them back would find these.
        let target = Target::holding(b"54321");
        let held = Held { offset: 5, validators: notes.heads[0].validators.clone() };
        let second = wanting(server.url(), held, Some(short(RIGHT)));
        let (ended, _) = run(&client, Order { hashed: Some(hashed), ..second }, &target).await;
        if right { assert_done(&ended, 9) } else { assert_eq!(wrong(ended), Voucher::Owner) }
    }
}

#[tokio::test]
async fn bytes_of_which_no_hash_is_known_are_read_once() {
    for content in [b"12345", b"54321"] {
        let server = Server::start(vec![say(&rest("", 5, RIGHT))]).await;
        let target = Target::holding(content);
        let order = wanting(server.url(), held(5), Some(long(RIGHT)));
        let (ended, _) = run(&client(), order, &target).await;
        if content == b"12345" {
            assert_done(&ended, 9);
        } else {
            assert_eq!(wrong(ended), Voucher::Owner);
        }
    }
}

#[tokio::test]
async fn the_digest_of_the_first_answer_counts_for_the_parts_that_follow() {
    let validators = Validators { digest: Some(short(RIGHT)), ..held(5).validators };
    let held = Held { offset: 5, validators };
    let parts = vec![say(&rest("", 5, OTHER)), say(&whole(&field(&short(RIGHT)), RIGHT))];
    let (ended, content, _) = fetched(held, parts).await;
    assert_done(&ended, 9);
    assert_eq!(content, RIGHT);
}

#[tokio::test]
async fn a_part_of_a_file_with_another_digest_is_not_a_continuation() {
    let validators = Validators { digest: Some(short(RIGHT)), ..held(5).validators };
    let held = Held { offset: 5, validators };
    let fields = field(&short(OTHER));
    let acts = vec![say_and_close(&rest(&fields, 5, OTHER)), say(&whole(&fields, OTHER))];
    let (ended, content, requests) = fetched(held, acts).await;
    assert_done(&ended, 9);
    assert_eq!(content, OTHER);
    assert!(!requests[1].contains("range:"));
}

#[tokio::test]
async fn a_file_that_was_there_whole_is_compared_before_it_is_done() {
    let answer = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */9\r\n\
                  Content-Length: 0\r\n\r\n";
    let server = Server::start(vec![say(answer)]).await;
    let order = wanting(server.url(), held(9), Some(short(OTHER)));
    let (ended, _) = run(&client(), order, &Target::holding(RIGHT)).await;
    assert_eq!(wrong(ended), Voucher::Owner);
}

#[tokio::test]
async fn the_digest_of_an_answer_to_another_method_is_not_of_the_file() {
    let answer = whole(&field(&short(OTHER)), RIGHT);
    let server = Server::start(vec![say(&answer)]).await;
    let options = Options { method: ebb_http::Method::POST, ..Options::default() };
    let order = Order { options, ..order(server.url(), Held::nothing()) };
    let (ended, _) = run(&client(), order, &Target::holding(b"")).await;
    assert_done(&ended, 9);
}

#[tokio::test]
async fn a_file_that_came_in_any_order_is_compared_as_a_whole() {
    let url = Url::parse("http://h.example/").unwrap();
    let looked = async |server: Option<Digest>, owner: Option<Digest>, length: u64| {
        let file = Target::holding(RIGHT).descriptor();
        check(file, length, url.clone(), server, owner, control().1).await
    };
    assert_done(&looked(Some(short(RIGHT)), Some(long(RIGHT)), 9).await, 9);
    assert_eq!(wrong(looked(Some(short(OTHER)), None, 9).await), Voucher::Server);
    assert_eq!(wrong(looked(Some(short(RIGHT)), Some(long(OTHER)), 9).await), Voucher::Owner);
    let short_of_it = looked(None, Some(long(RIGHT)), 10).await;
    assert!(matches!(short_of_it, Ended::Failed { .. }), "{short_of_it:?}");
}
