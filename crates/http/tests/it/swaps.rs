//! The promise itself: however a file changes under way, and however the server misbehaves about
//! it, what is there at the end is one version of it from the first byte to the last.
//!
//! The server here has several versions of a file, swaps them between requests, ignores, mangles
//! and truncates, and tells the truth in one thing only: different versions never share a strong
//! validator. The test plays the service: it keeps what the heads said, and tries again from what
//! is durable.

use crate::support::*;
use ebb_http::{Client, Ended, Held};
use proptest::prelude::*;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use url::Url;

const VERSIONS: usize = 3;

/// How the server answers one request.
#[derive(Clone, Copy, Debug)]
struct Mood {
    version: usize,
    validators: Validation,
    range: Range,
    framing: Framing,
    /// Percent of the body that is sent before the connection breaks.
    sent: usize,
}

#[derive(Clone, Copy, Debug)]
enum Validation {
    StrongTag,
    /// The same weak tag for every version, and a date that is too young to be strong.
    Weak,
    StrongDate,
    None,
}

#[derive(Clone, Copy, Debug)]
enum Range {
    Honest,
    /// 206 whatever `If-Range` says.
    Heedless,
    /// 206 that begins one byte too early.
    Shifted,
    /// 206 that claims another total.
    OtherTotal,
    Ignored,
    Unsatisfiable,
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Length,
    Chunked,
}

/// Two of the versions have the same size.
fn content(version: usize) -> Vec<u8> {
    let length = [4000, 4000, 5000][version];
    (0..length).map(|at| b"abc"[version] ^ u8::try_from(at % 16).unwrap()).collect()
}

fn validators(mood: Mood) -> String {
    let date = |hour| format!("Date: Sun, 22 Nov 2026 {hour}:00:30 GMT\r\n");
    let modified = |version| format!("Last-Modified: Sun, 22 Nov 2026 10:00:0{version} GMT\r\n");
    match mood.validators {
        Validation::StrongTag => format!("ETag: \"v{}\"\r\n", mood.version),
        Validation::Weak => format!("ETag: W/\"v\"\r\n{}{}", modified(9), date(10)),
        Validation::StrongDate => format!("{}{}", modified(mood.version), date(11)),
        Validation::None => String::new(),
    }
}

/// The answer to `request`, and how many of its bytes are sent.
fn answer(request: &str, mood: Mood) -> Vec<u8> {
    let whole = content(mood.version);
    let field = |name: &str| {
        request.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
    };
    let told = validators(mood).to_ascii_lowercase();
    let matches = field("if-range:").is_some_and(|validator| told.contains(&validator));
    let from = field("range: bytes=").map(|range| range.trim_end_matches('-').parse().unwrap());
    let from = from.filter(|from: &usize| *from < whole.len());
    let part = |from: usize, total: usize| {
        let range = format!("Content-Range: bytes {from}-{}/{total}\r\n", whole.len() - 1);
        (format!("206 Partial Content\r\n{range}"), whole[from..].to_vec())
    };
    let (start, body) = match (mood.range, from) {
        (Range::Honest, Some(from)) if matches => part(from, whole.len()),
        (Range::Heedless, Some(from)) => part(from, whole.len()),
        (Range::Shifted, Some(from)) => part(from - 1, whole.len()),
        (Range::OtherTotal, Some(from)) => part(from, whole.len() + 1),
        (Range::Unsatisfiable, Some(_)) => ("416 Range Not Satisfiable\r\n".to_owned(), Vec::new()),
        _ => ("200 OK\r\n".to_owned(), whole.clone()),
    };
    let sent = body.len() * mood.sent / 100;
    let head = format!("HTTP/1.1 {start}{}Connection: close\r\n", validators(mood));
    let mut bytes = head.into_bytes();
    match mood.framing {
        Framing::Length => {
            bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
            bytes.extend(&body[..sent]);
        }
        Framing::Chunked => {
            bytes.extend(format!("Transfer-Encoding: chunked\r\n\r\n{sent:x}\r\n").bytes());
            bytes.extend(&body[..sent]);
            let end = match (sent, mood.sent) {
                (0, 100) => "\r\n",
                (0, _) => "",
                (_, 100) => "\r\n0\r\n\r\n",
                _ => "\r\n",
            };
            bytes.extend(end.bytes());
        }
    }
    bytes
}

fn any_mood() -> impl Strategy<Value = Mood> {
    use Range::{Heedless, Honest, Ignored, OtherTotal, Shifted, Unsatisfiable};
    use Validation::{None, StrongDate, StrongTag, Weak};
    // Weighted so that most attempts end halfway with something to build on.
    let validators =
        prop_oneof![6 => Just(StrongTag), 2 => Just(StrongDate), 1 => Just(Weak), 1 => Just(None)];
    let honest = Just(Honest);
    let other = prop::sample::select(vec![Shifted, OtherTotal, Ignored, Unsatisfiable]);
    let range = prop_oneof![3 => honest, 4 => Just(Heedless), 3 => other];
    let framing = prop_oneof![4 => Just(Framing::Length), 1 => Just(Framing::Chunked)];
    let sent = prop_oneof![6 => Just(40), 2 => Just(99), 1 => Just(0), 2 => Just(100)];
    (0..VERSIONS, validators, range, framing, sent).prop_map(
        |(version, validators, range, framing, sent)| Mood {
            version,
            validators,
            range,
            framing,
            sent,
        },
    )
}

/// Answers one request on each connection, in these moods, and from then on in the last one.
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

/// Tries until it is done, as the service does, and returns what is in the file.
async fn fetched_at_last(client: &Arc<Client>, url: Url) -> Vec<u8> {
    let target = Target::holding(b"");
    let mut held = Held::nothing();
    for _ in 0..100 {
        let (ended, notebook) = run(client, order(url.clone(), held.clone()), &target).await;
        if let Some(head) = notebook.heads.last() {
            held.validators = head.validators.clone();
        }
        match ended {
            Ended::Done { length, .. } => {
                let content = target.content();
                assert_eq!(content.len() as u64, length);
                return content;
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
    fn what_is_there_at_the_end_is_one_version_from_the_first_byte_to_the_last(
        mut moods in prop::collection::vec(any_mood(), 1..12),
        last in 0..VERSIONS,
    ) {
        moods.push(Mood {
            version: last,
            validators: Validation::StrongTag,
            range: Range::Honest,
            framing: Framing::Length,
            sent: 100,
        });
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let content_at_last = runtime.block_on(async {
            let url = serve(moods.clone()).await;
            fetched_at_last(&client(), url).await
        });
        let is_one = (0..VERSIONS).any(|version| content(version) == content_at_last);
        prop_assert!(is_one, "spliced: {moods:?}");
    }
}
