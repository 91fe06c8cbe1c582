//! One large file over several connections, from servers that send each of them so much and no more.
//!
//! Whatever such a server does to those who ask for ranges: the file has the bytes of one version, and
//! who needs only one connection is served. Everything that is not of the first version is made of
//! other bytes, so that nothing could be mixed without being seen.

use crate::support::*;
use ebb_http::{Bucket, Digest, Ended, Held, Manners, Options, Order};
use sha2::Digest as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use url::Url;

const SIZE: usize = 32 * 1024 * 1024;
/// What a connection gets in a second: nothing is over before several could have been tried.
const RATE: usize = 1_500_000;
/// When this much has been sent all the same, it gets the rest at once.
const PATIENCE: usize = 12_000_000;

/// What a range is answered with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Range {
    Right,
    /// The right status and range, the validator and the bytes of another version.
    OtherVersion,
    /// The same, and another total.
    OtherTotal,
    /// The other version, whole, as to who has an old one.
    Whole,
    /// The same version, whole.
    WholeSame,
    /// Another range than the one asked for.
    Later,
    /// Less than was asked for.
    Shorter,
    Unproved,
    InManyParts,
    TooMany,
    Unavailable,
    /// The right head, then half of it.
    Closes,
    /// Nothing.
    Vanishes,
    /// More bytes than belong to the range, all in chunks.
    TooMuch,
    /// The other version's bytes and validators for everybody, from now on.
    Changed,
}

struct Slow {
    port: u16,
    /// How many asked for a range, and which.
    asked: Mutex<Vec<String>>,
    open: AtomicUsize,
    most_open: AtomicUsize,
    sent: AtomicUsize,
    fast: AtomicBool,
    changed: AtomicBool,
    ranges: bool,
    script: Box<dyn Fn(usize) -> Range + Send + Sync>,
}

fn version(number: usize) -> &'static [u8] {
    static VERSIONS: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    let fill = |seed: u64| {
        let mut state = seed;
        let step = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()
        };
        (0..SIZE / 8).flat_map(step).collect()
    };
    &VERSIONS.get_or_init(|| [fill(1), fill(2)])[number - 1]
}

fn tag(number: usize) -> String {
    format!("\"v{number}\"")
}

impl Slow {
    async fn start(script: impl Fn(usize) -> Range + Send + Sync + 'static) -> Arc<Self> {
        Self::start_with(true, script).await
    }

    async fn start_with(
        ranges: bool,
        script: impl Fn(usize) -> Range + Send + Sync + 'static,
    ) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let this = Arc::new(Self {
            port,
            asked: Mutex::default(),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            fast: AtomicBool::new(false),
            changed: AtomicBool::new(false),
            ranges,
            script: Box::new(script),
        });
        let server = Arc::clone(&this);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let server = Arc::clone(&server);
                tokio::spawn(async move {
                    let open = server.open.fetch_add(1, Ordering::SeqCst) + 1;
                    server.most_open.fetch_max(open, Ordering::SeqCst);
                    server.serve(socket).await;
                    server.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        this
    }

    fn url(&self) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}/large", self.port)).unwrap()
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn most_open(&self) -> usize {
        self.most_open.load(Ordering::SeqCst)
    }

    async fn serve(&self, mut socket: TcpStream) {
        while let Some(request) = request(&mut socket).await {
            if !self.answer(&mut socket, &request).await {
                return;
            }
        }
    }

    /// Answers one request; false if that was the last on its connection.
    async fn answer(&self, socket: &mut TcpStream, request: &str) -> bool {
        let field = |name| request.lines().find_map(|line| line.strip_prefix(name));
        let now = if self.changed.load(Ordering::SeqCst) { 2 } else { 1 };
        let range = field("range: bytes=").filter(|_| self.ranges);
        let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
            let more = if self.ranges { "" } else { "X-Ranges: none\r\n" };
            return self.send(socket, 200, now, 0, SIZE, more).await;
        };
        let first: usize = first.parse().unwrap();
        let end = last.parse().map_or(SIZE, |last: usize| last + 1);
        let nth = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(request.to_owned());
            asked.len() - 1
        };
        assert!(field("if-range: ").is_some(), "{request}");
        let what = (self.script)(nth);
        if what != Range::Right || nth > 8 {
            self.fast.store(true, Ordering::SeqCst);
        }
        let plain = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        match what {
            Range::Changed => {
                self.changed.store(true, Ordering::SeqCst);
                self.send(socket, 200, 2, 0, SIZE, "").await
            }
            Range::Right if field("if-range: ") != Some(tag(now).as_str()) => {
                self.send(socket, 200, now, 0, SIZE, "").await
            }
            Range::Right => self.send(socket, 206, now, first, end, "").await,
            Range::OtherVersion => self.send(socket, 206, 2, first, end, "").await,
            Range::OtherTotal => {
                let range = format!("Content-Range: bytes {first}-{}/{}\r\n", end - 1, SIZE + 1);
                self.send(socket, 206, 2, first, end, &range).await
            }
            Range::Whole => self.send(socket, 200, 2, 0, SIZE, "").await,
            Range::WholeSame => self.send(socket, 200, 1, 0, SIZE, "").await,
            Range::Later => self.send(socket, 206, 1, first + 1, end, "").await,
            Range::Shorter => self.send(socket, 206, 1, first, end - 1, "").await,
            Range::Unproved => {
                let head = format!(
                    "HTTP/1.1 206 P\r\nContent-Length: {}\r\n\
                     Content-Range: bytes {first}-{}/{SIZE}\r\n\r\n",
                    end - first,
                    end - 1,
                );
                let _ = socket.write_all(head.as_bytes()).await;
                self.pour(socket, &version(2)[first..end]).await
            }
            Range::InManyParts => {
                let parts = "Content-Type: multipart/byteranges; boundary=x\r\n";
                self.send(socket, 206, 2, first, end, parts).await
            }
            Range::TooMany => socket.write_all(plain("429 Slow Down").as_bytes()).await.is_ok(),
            Range::Unavailable => socket.write_all(plain("503 No").as_bytes()).await.is_ok(),
            Range::Closes => {
                let head = head(206, 1, first, end, "");
                let _ = socket.write_all(head.as_bytes()).await;
                self.pour(socket, &version(1)[first..first.midpoint(end)]).await;
                false
            }
            Range::Vanishes => false,
            Range::TooMuch => {
                let framed = "Transfer-Encoding: chunked\r\n";
                let head = head(206, 1, first, end, framed).replace("Content-Length", "X-Length");
                let _ = socket.write_all(head.as_bytes()).await;
                let _ = socket.write_all(format!("{:x}\r\n", end - first).as_bytes()).await;
                self.pour(socket, &version(1)[first..end]).await;
                let _ = socket.write_all(b"\r\n5\r\nextra\r\n0\r\n\r\n").await;
                true
            }
        }
    }

    async fn send(
        &self,
        socket: &mut TcpStream,
        status: u16,
        of: usize,
        first: usize,
        end: usize,
        more: &str,
    ) -> bool {
        let head = head(status, of, first, end, more);
        socket.write_all(head.as_bytes()).await.is_ok()
            && self.pour(socket, &version(of)[first..end]).await
    }

    async fn pour(&self, socket: &mut TcpStream, bytes: &[u8]) -> bool {
        let start = Instant::now();
        for (number, piece) in bytes.chunks(RATE / 40).enumerate() {
            if socket.write_all(piece).await.is_err() {
                return false;
            }
            let due = Duration::from_millis(25 * number as u64);
            let all = self.sent.fetch_add(piece.len(), Ordering::SeqCst);
            if all > PATIENCE && self.most_open() < 2 {
                self.fast.store(true, Ordering::SeqCst);
            }
            if !self.fast.load(Ordering::SeqCst) {
                tokio::time::sleep_until((start + due).into()).await;
            }
        }
        true
    }
}

fn head(status: u16, of: usize, first: usize, end: usize, more: &str) -> String {
    let (length, last, tag) = (end - first, end - 1, tag(of));
    let range = match status {
        206 if !more.contains("Content-Range") => {
            format!("Content-Range: bytes {first}-{last}/{SIZE}\r\n")
        }
        _ => String::new(),
    };
    let hint = if more.contains("X-Ranges") { "" } else { "Accept-Ranges: bytes\r\n" };
    let tag = format!("ETag: {tag}\r\n{hint}");
    format!("HTTP/1.1 {status} X\r\n{tag}Content-Length: {length}\r\n{range}{more}\r\n")
}

fn by_several(server: &Slow) -> Order {
    let options = Options { connections: 4, ..Options::default() };
    Order { options, ..order(server.url(), Held::nothing()) }
}

/// Bytes as large as these are not printed.
#[track_caller]
fn assert_is(target: &Target, number: usize, what: impl std::fmt::Debug) {
    let content = target.content();
    let expected = version(number);
    if content != expected {
        let differs = content.iter().zip(expected).position(|(a, b)| a != b);
        panic!("{what:?}: {} bytes, and byte {differs:?} is another", content.len());
    }
}

#[tokio::test]
async fn a_server_that_limits_each_connection_is_asked_over_several_and_the_file_is_right() {
    let server = Slow::start(|_| Range::Right).await;
    let target = Target::holding(b"");
    let mut wanted = by_several(&server);
    let digest = Digest::Sha256(sha2::Sha256::digest(version(1)).into());
    wanted.options.digest = Some(digest);
    let (ended, notebook) = run(&client(), wanted, &target).await;
    assert_done(&ended, SIZE as u64);
    assert_is(&target, 1, "several");
    assert!(server.most_open() > 1 && server.asked() > 0);
    assert_eq!(notebook.heads.len(), 1);
    // What is told never shrinks, and never runs ahead of a gap that is not closed yet.
    assert!(notebook.progress.is_sorted());
    assert!(notebook.progress.iter().all(|(durable, received)| durable <= received));
}

/// What comes of a range that is not what was asked for: nothing, but that connection.
async fn does_no_harm(lie: Range, from: usize) {
    let server = Slow::start(move |nth| if nth == from { lie } else { Range::Right }).await;
    let target = Target::holding(b"");
    let (ended, notebook) = run(&client(), by_several(&server), &target).await;
    assert_done(&ended, SIZE as u64);
    assert_is(&target, 1, (lie, from));
    assert_eq!(notebook.heads.len(), 1, "{lie:?}");
    assert!(server.asked() > from, "{lie:?}: {}", server.asked());
}

const LIES: [Range; 13] = [
    Range::OtherVersion,
    Range::OtherTotal,
    Range::Whole,
    Range::WholeSame,
    Range::Later,
    Range::Shorter,
    Range::Unproved,
    Range::InManyParts,
    Range::TooMany,
    Range::Unavailable,
    Range::Closes,
    Range::Vanishes,
    Range::TooMuch,
];

#[tokio::test]
async fn the_first_range_may_be_answered_with_anything_and_the_stream_goes_on() {
    let all = LIES.map(|lie| tokio::spawn(does_no_harm(lie, 0)));
    for one in all {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn a_later_range_may_be_answered_with_anything_and_the_others_bring_it() {
    let all = LIES.map(|lie| tokio::spawn(does_no_harm(lie, 2)));
    for one in all {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_changes_meanwhile_is_of_one_version_at_the_end() {
    for from in [1, 3] {
        let script = move |nth| if nth == from { Range::Changed } else { Range::Right };
        let server = Slow::start(script).await;
        let target = Target::holding(b"");
        let (ended, notebook) = run(&client(), by_several(&server), &target).await;
        assert_done(&ended, SIZE as u64);
        let last = notebook.heads.last().unwrap();
        let number = if last.validators.etag == Some(tag(1).into()) { 1 } else { 2 };
        assert_is(&target, number, from);
        assert!(notebook.heads.iter().skip(1).all(|head| head.anew), "{:?}", notebook.heads);
    }
}

#[tokio::test]
async fn where_ranges_are_refused_from_some_moment_on_the_rest_is_asked_for_once_more_and_no_more()
{
    let server = Slow::start(|nth| if nth < 4 { Range::Right } else { Range::Unavailable }).await;
    let target = Target::holding(b"");
    let (ended, _) = run(&client(), by_several(&server), &target).await;
    match ended {
        Ended::Done { length, .. } => assert_eq!(length, SIZE as u64),
        Ended::Failed { durable, .. } => {
            // What is held is a beginning of the file.
            let held = usize::try_from(durable).unwrap();
            assert!(held > 0 && target.content() == version(1)[..held], "{held}");
        }
        Ended::Stopped { .. } => panic!("nobody stopped it"),
    }
    assert!(server.asked() < 12, "{}", server.asked());
}

#[tokio::test]
async fn a_fetch_that_was_stopped_halfway_goes_on_from_what_was_without_a_gap() {
    let server = Slow::start(|_| Range::Right).await;
    let target = Target::holding(b"");
    let (mut notebook, control) = notebook(OnHead::Proceed);
    let client = client();
    let (descriptor, wanted) = (target.descriptor(), by_several(&server));
    let steering = Arc::clone(&notebook.steering);
    let fetching = ebb_http::fetch(&client, wanted, descriptor, control, &mut notebook);
    let watching = async {
        while server.asked() < 3 {
            tokio::task::yield_now().await;
        }
        steering.stop();
    };
    let (ended, ()) = tokio::join!(fetching, watching);
    let Ended::Stopped { durable } = ended else { panic!("{ended:?}") };
    let held = usize::try_from(durable).unwrap();
    assert!(held > 0 && target.content() == version(1)[..held], "{held}");
    server.fast.store(true, Ordering::SeqCst);
    let validators = notebook.heads[0].validators.clone();
    let held = Held { offset: durable, validators };
    let rest = Order { held, ..by_several(&server) };
    let (ended, notebook) = run(&client, rest, &target).await;
    assert_done(&ended, SIZE as u64);
    assert_eq!(notebook.heads[0].from, durable);
    assert_is(&target, 1, "resumed");
}

#[tokio::test]
async fn a_server_without_ranges_and_a_fetch_that_gives_way_see_one_connection() {
    let plain = Slow::start_with(false, |_| Range::Right).await;
    let polite = Slow::start(|_| Range::Right).await;
    let bucket = Bucket::new(None);
    bucket.behave(Some(Manners::NORMAL));
    let gives_way = Order { bucket: Some(Arc::new(bucket)), ..by_several(&polite) };
    let targets = [Target::holding(b""), Target::holding(b"")];
    let client = client();
    let (one, two) = tokio::join!(
        run(&client, by_several(&plain), &targets[0]),
        run(&client, gives_way, &targets[1]),
    );
    assert_done(&one.0, SIZE as u64);
    assert_done(&two.0, SIZE as u64);
    assert_is(&targets[0], 1, "plain");
    assert_is(&targets[1], 1, "polite");
    assert_eq!((polite.asked(), polite.most_open()), (0, 1));
    assert_eq!(plain.most_open(), 1);
}

#[tokio::test]
async fn a_fetch_that_begins_to_give_way_goes_on_over_one_connection() {
    let server = Slow::start(|_| Range::Right).await;
    let target = Target::holding(b"");
    let bucket = Arc::new(Bucket::new(None));
    let wanted = Order { bucket: Some(Arc::clone(&bucket)), ..by_several(&server) };
    let client = client();
    let watching = async {
        while server.most_open() < 2 || server.asked() < 2 {
            tokio::task::yield_now().await;
        }
        bucket.behave(Some(Manners::LOW));
        while server.open.load(Ordering::SeqCst) > 1 {
            tokio::task::yield_now().await;
        }
        server.fast.store(true, Ordering::SeqCst);
    };
    let (ended, ()) = tokio::join!(run(&client, wanted, &target), watching);
    assert_done(&ended.0, SIZE as u64);
    assert_is(&target, 1, "gives way");
}
