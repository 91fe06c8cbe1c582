//! Pieces of a file: the promise, whatever the server does, and what each of its faults is called.
//!
//! The server has several versions of a file and swaps them between requests. It ignores ranges,
//! shifts, shortens and merges them, and tells the truth in one thing only: different versions never
//! share a strong validator.

use crate::support::*;
use ebb_http::{AnswerError, Ended, Held, Order, Piece};
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use url::Url;

const SIZE: usize = 1000;

fn piece(source: u64, length: u64, at: u64) -> Piece {
    Piece { source, length: Some(length), at }
}

fn content(version: usize) -> Vec<u8> {
    (0..SIZE).map(|at| u8::try_from((at * 7 + version * 101) % 251).unwrap()).collect()
}

/// What is to be in the file.
fn wanted(version: usize, pieces: &[Piece]) -> Vec<u8> {
    let whole = content(version);
    let mut file = Vec::new();
    for piece in pieces {
        let (from, at) =
            (usize::try_from(piece.source).unwrap(), usize::try_from(piece.at).unwrap());
        let length = piece.length.map_or(SIZE - from, |length| usize::try_from(length).unwrap());
        file.resize(file.len().max(at + length), 0);
        file[at..at + length].copy_from_slice(&whole[from..from + length]);
    }
    file
}

#[derive(Clone, Copy, Debug)]
enum Lie {
    Honest,
    /// 206 whatever `If-Range` says.
    Heedless,
    Whole,
    Shifted,
    Longer,
    Shortened,
    NoValidator,
    /// Half of the body, and then nothing.
    Broken,
}

#[derive(Clone, Copy, Debug)]
struct Mood {
    version: usize,
    lie: Lie,
}

fn answer(request: &str, mood: Mood) -> Vec<u8> {
    let whole = content(mood.version);
    let field = |name: &str| {
        request.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
    };
    let etag = format!("\"v{}\"", mood.version);
    let stale = field("if-range:").is_some_and(|tag| tag != etag);
    let range = field("range: bytes=").unwrap();
    let (first, last) = range.split_once('-').unwrap();
    let mut first: usize = first.parse().unwrap();
    let mut last = last.parse().unwrap_or(SIZE - 1).min(SIZE - 1);
    if matches!(mood.lie, Lie::Whole) || (stale && !matches!(mood.lie, Lie::Heedless)) {
        let head = format!("HTTP/1.1 200 OK\r\nETag: {etag}\r\nContent-Length: {SIZE}\r\n\r\n");
        return [head.as_bytes(), &whole].concat();
    }
    match mood.lie {
        Lie::Shifted => first = first.saturating_sub(1),
        Lie::Longer => last = (last + 1).min(SIZE - 1),
        Lie::Shortened => last = first + (last - first) / 2,
        _ => {}
    }
    let tag = match mood.lie {
        Lie::NoValidator => String::new(),
        _ => format!("ETag: {etag}\r\n"),
    };
    let body = &whole[first..=last];
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\n{tag}Content-Range: bytes {first}-{last}/{SIZE}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let sent = if matches!(mood.lie, Lie::Broken) { body.len() / 2 } else { body.len() };
    [head.as_bytes(), &body[..sent]].concat()
}

async fn serve(moods: Vec<Mood>) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut moods = moods.into_iter().peekable();
        let mut mood = *moods.peek().unwrap();
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            mood = moods.next().unwrap_or(mood);
            if let Some(request) = request(&mut socket).await {
                drop(socket.write_all(&answer(&request, mood)).await);
            }
        }
    });
    Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap()
}

fn any_mood() -> impl Strategy<Value = Mood> {
    use Lie::{Broken, Heedless, Honest, Longer, NoValidator, Shifted, Shortened, Whole};
    let lie = prop_oneof![
        6 => Just(Honest), 3 => Just(Heedless), 3 => Just(Shortened), 3 => Just(Broken),
        1 => prop::sample::select(vec![Whole, Shifted, Longer, NoValidator]),
    ];
    (0..2_usize, lie).prop_map(|(version, lie)| Mood { version, lie })
}

/// Pieces one after the other in the file, or each where it is at the server.
fn any_pieces() -> impl Strategy<Value = Vec<Piece>> {
    let spots = prop::collection::vec((0_u64..900, 1_u64..100), 1..6);
    (spots, any::<bool>()).prop_map(|(spots, in_place)| {
        let mut at = 0;
        let mut pieces = Vec::new();
        for (source, length) in spots {
            pieces.push(piece(source, length, if in_place { source } else { at }));
            at += length;
        }
        pieces
    })
}

/// Tries until it is done, as the service does.
async fn pieces_at_last(url: Url, pieces: &[Piece]) -> Vec<u8> {
    let (client, target) = (client(), Target::holding(b""));
    let mut held = Held::nothing();
    for _ in 0..200 {
        let order = Order { pieces: pieces.to_vec(), ..order(url.clone(), held.clone()) };
        let (ended, notebook) = run(&client, order, &target).await;
        if let Some(head) = notebook.heads.last() {
            held.validators = head.validators.clone();
        }
        match ended {
            Ended::Done { length, .. } => {
                let sum: u64 = pieces.iter().filter_map(|piece| piece.length).sum();
                assert_eq!(length, sum);
                return target.content();
            }
            Ended::Failed { durable, .. } => held.offset = durable,
            Ended::Stopped { .. } => panic!("nobody said stop"),
        }
    }
    panic!("it never ended");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 2))]

    #[test]
    fn the_file_holds_exactly_the_pieces_of_one_version(
        moods in prop::collection::vec(any_mood(), 1..15), pieces in any_pieces()
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(async {
            let last = Mood { version: moods[0].version, lie: Lie::Honest };
            pieces_at_last(serve([moods, vec![last]].concat()).await, &pieces).await
        });
        prop_assert!((0..2).any(|version| found == wanted(version, &pieces)));
    }
}

async fn fetched_pieces(pieces: &[Piece], acts: Vec<Act>) -> (Ended, Vec<u8>, Vec<String>) {
    let server = Server::start(acts).await;
    let target = Target::holding(b"");
    let order = Order { pieces: pieces.to_vec(), ..order(server.url(), Held::nothing()) };
    let (ended, _) = run(&client(), order, &target).await;
    (ended, target.content(), server.requests())
}

fn part(fields: &str, body: &str) -> Act {
    say_and_close(&format!("HTTP/1.1 206 Partial Content\r\n{fields}\r\n{body}"))
}

fn numbered(first: usize, last: usize) -> Act {
    part(
        &format!("ETag: {TAG}\r\nContent-Range: bytes {first}-{last}/9\r\n"),
        &"123456789"[first..=last],
    )
}

#[tokio::test]
async fn pieces_are_asked_for_one_by_one_and_every_one_but_the_first_is_proved() {
    let pieces = [piece(6, 2, 0), piece(1, 2, 2), piece(3, 1, 4)];
    let (ended, content, requests) =
        fetched_pieces(&pieces, vec![numbered(6, 7), numbered(1, 3)]).await;
    assert_done(&ended, 5);
    assert_eq!(content, b"78234");
    assert!(requests[0].contains("range: bytes=6-7\r\n") && !requests[0].contains("if-range"));
    // Two that are neighbours at the server and in the file are one request.
    assert!(requests[1].contains("range: bytes=1-3\r\n"));
    assert!(requests[1].contains("if-range: \"v1\"\r\n"));
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn each_fault_of_a_server_has_its_name() {
    let whole =
        say_and_close("HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 9\r\n\r\n123456789");
    let missing = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */3\r\n\
                   Content-Length: 0\r\n\r\n";
    let merged = part(
        "ETag: \"v1\"\r\nContent-Type: multipart/byteranges; boundary=b\r\n",
        "--b\r\nContent-Range: bytes 6-7/9\r\n\r\n78\r\n--b--",
    );
    let unsized_part = part("ETag: \"v1\"\r\nContent-Range: bytes 6-7/*\r\n", "78");
    let faults = [
        (whole, "none"),
        (part("ETag: \"v1\"\r\n", "78"), "none"),
        (unsized_part, "none"),
        (merged, "wrong"),
        (numbered(5, 7), "wrong"),
        (numbered(6, 8), "wrong"),
        (say_and_close(missing), "invalid"),
        (part("ETag: \"v1\"\r\nContent-Range: bytes 6-6/7\r\n", "7"), "invalid"),
    ];
    for (at, (act, name)) in faults.into_iter().enumerate() {
        let (ended, content, _) = fetched_pieces(&[piece(6, 2, 0)], vec![act]).await;
        let found = match refused(ended) {
            AnswerError::NoRanges(_) => "none",
            AnswerError::WrongRange(_) => "wrong",
            AnswerError::InvalidRange => "invalid",
            other => panic!("{other:?}"),
        };
        assert_eq!((found, content.len()), (name, 0), "fault {at}");
    }
}

#[tokio::test]
async fn a_second_piece_without_a_validator_is_never_asked_for() {
    let bare = part("Content-Range: bytes 6-7/9\r\n", "78");
    let pieces = [piece(6, 2, 0), piece(1, 2, 2)];
    let (ended, _, requests) = fetched_pieces(&pieces, vec![bare.clone()]).await;
    assert!(matches!(refused(ended), AnswerError::NoRanges(_)));
    assert_eq!(requests.len(), 1);
    let (ended, content, _) = fetched_pieces(&pieces[..1], vec![bare]).await;
    assert_done(&ended, 2);
    assert_eq!(content, b"78");
}

#[tokio::test]
async fn a_piece_beyond_the_end_is_known_at_the_first_answer() {
    let pieces = [piece(6, 2, 0), piece(100, 1, 2)];
    let (ended, content, requests) = fetched_pieces(&pieces, vec![numbered(6, 7)]).await;
    assert!(matches!(refused(ended), AnswerError::InvalidRange));
    assert_eq!((requests.len(), content.len()), (1, 0));
}

#[tokio::test]
async fn what_other_fetches_brought_stays_until_the_version_changes() {
    let filled = |content: &[u8]| (Target::holding(content), held(0).validators);
    let missing = vec![piece(2, 2, 2)];
    // The same version: the gap is filled.
    let server = Server::start(vec![numbered(2, 3)]).await;
    let (target, validators) = filled(b"12..56789");
    let kept = Held { offset: 0, validators };
    let order_one = Order { pieces: missing.clone(), ..order(server.url(), kept.clone()) };
    let (ended, notes) = run(&client(), order_one, &target).await;
    assert_done(&ended, 2);
    assert_eq!(target.content(), b"123456789");
    assert!(!notes.heads[0].anew && server.requests()[0].contains("if-range"));
    // Another: nothing is touched before the owner's word, and then nothing of the old is left.
    let changed = "HTTP/1.1 200 OK\r\nETag: \"v2\"\r\nContent-Length: 9\r\n\r\nABCDEFGHI";
    let new = part("ETag: \"v2\"\r\nContent-Range: bytes 2-3/9\r\n", "CD");
    for (on_head, content) in [(OnHead::Stop, &b"12..56789"[..]), (OnHead::Proceed, b"\0\0CD")] {
        let server = Server::start(vec![say_and_close(changed), new.clone()]).await;
        let (target, _) = filled(b"12..56789");
        let order = Order { pieces: missing.clone(), ..order(server.url(), kept.clone()) };
        let (_, notes) = run_with(&client(), order, &target, on_head).await;
        assert!(notes.heads[0].anew);
        assert_eq!(target.content(), content);
    }
}

#[tokio::test]
async fn pieces_that_are_all_there_are_asked_about_once_more() {
    let server = Server::start(vec![numbered(7, 7)]).await;
    let order = Order { pieces: vec![piece(6, 2, 0)], ..order(server.url(), held(2)) };
    let target = Target::holding(b"78");
    let (ended, notes) = run(&client(), order, &target).await;
    assert_done(&ended, 2);
    assert_eq!((notes.heads[0].from, notes.heads[0].anew), (2, false));
    assert_eq!(target.content(), b"78");
}

#[tokio::test]
async fn an_open_piece_of_an_empty_file_is_empty() {
    let open = [Piece { source: 0, length: None, at: 0 }];
    let empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let none = "HTTP/1.1 416 X\r\nContent-Range: bytes */0\r\nContent-Length: 4\r\n\r\nnone";
    for act in [say(empty), say_and_close(none)] {
        let (ended, content, _) = fetched_pieces(&open, vec![act]).await;
        assert_done(&ended, 0);
        assert_eq!(content, b"");
    }
}

#[tokio::test]
async fn a_file_that_never_stays_the_same_is_given_up() {
    let changing = (0..20).map(|n| {
        let fields =
            format!("ETag: \"n{n}\"\r\nContent-Range: bytes {}-{}/9\r\n", n % 2 * 4, n % 2 * 4 + 1);
        part(&fields, "xy")
    });
    let pieces = [piece(0, 2, 0), piece(4, 2, 2)];
    let (ended, _, requests) = fetched_pieces(&pieces, changing.collect()).await;
    assert!(matches!(ended, Ended::Failed { .. }), "{ended:?}");
    assert!(requests.len() < 20);
}
