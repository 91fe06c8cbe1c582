//! A server that follows a script, and a fetch from it into an unnamed file.

use ebb_http::{
    AnswerError, Client, Control, Ended, ExchangeError, FetchError, Hashed, Head, Held, Options,
    Order, Reports, Steering, Trust, Validators, control, fetch,
};
use rustix::fs::{Mode, OFlags};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

pub(crate) const TAG: &str = "\"v1\"";
pub(crate) const STALL: Duration = Duration::from_secs(20);

/// What the server does with one request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Sends these bytes and waits for the next request.
    Say(Vec<u8>),
    /// Sends these bytes and closes the connection.
    SayAndClose(Vec<u8>),
    /// Sends these bytes and then nothing, until the client goes.
    SayAndHang(Vec<u8>),
}

pub(crate) fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

pub(crate) fn say_and_close(text: &str) -> Act {
    Act::SayAndClose(text.as_bytes().to_vec())
}

pub(crate) fn say_and_hang(text: &str) -> Act {
    Act::SayAndHang(text.as_bytes().to_vec())
}

/// What the server has seen.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) requests: Vec<String>,
    pub(crate) connections: usize,
}

pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    /// Serves the acts, one for each request, over however many connections that takes.
    pub(crate) async fn start(acts: Vec<Act>) -> Self {
        Self::start_on("127.0.0.1:0", acts).await
    }

    pub(crate) async fn start_on(address: &str, acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        tokio::spawn(play(listener, acts, Arc::clone(&seen)));
        Self { port, seen }
    }

    pub(crate) fn url(&self) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}/file?secret=1", self.port)).unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }
}

async fn play(listener: TcpListener, acts: Vec<Act>, seen: Arc<Mutex<Seen>>) {
    let mut acts = acts.into_iter();
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        seen.lock().unwrap().connections += 1;
        while let Some(request) = request(&mut socket).await {
            seen.lock().unwrap().requests.push(request);
            let Some(act) = acts.next() else { break };
            match act {
                Act::Say(bytes) => drop(socket.write_all(&bytes).await),
                Act::SayAndClose(bytes) => {
                    drop(socket.write_all(&bytes).await);
                    break;
                }
                Act::SayAndHang(bytes) => {
                    drop(socket.write_all(&bytes).await);
                    // Ends when the client closes.
                    drop(socket.read(&mut [0]).await);
                    break;
                }
            }
        }
    }
}

pub(crate) async fn request(socket: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if socket.read(&mut byte).await.unwrap_or(0) == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8(head).unwrap().to_ascii_lowercase())
}

/// A file without a name, holding `content`.
pub(crate) struct Target(OwnedFd);

impl Target {
    pub(crate) fn holding(content: &[u8]) -> Self {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = rustix::fs::open("/tmp", flags, Mode::from(0o600)).unwrap();
        assert_eq!(rustix::io::pwrite(&file, content, 0).unwrap(), content.len());
        Self(file)
    }

    pub(crate) fn content(&self) -> Vec<u8> {
        let length = usize::try_from(rustix::fs::fstat(&self.0).unwrap().st_size).unwrap();
        let mut content = vec![0; length];
        assert_eq!(rustix::io::pread(&self.0, &mut content, 0).unwrap(), length);
        content
    }

    pub(crate) fn descriptor(&self) -> OwnedFd {
        self.0.try_clone().unwrap()
    }
}

/// Bytes of a representation of nine bytes with the tag [`TAG`].
pub(crate) fn held(offset: u64) -> Held {
    let validators = Validators { etag: Some(TAG.into()), total: Some(9), ..Validators::default() };
    Held { offset, validators }
}

pub(crate) fn order(url: Url, held: Held) -> Order {
    let (pieces, options) = (Vec::new(), Options::default());
    Order { url, held, hashed: None, pieces, options, bucket: None, stall_timeout: STALL }
}

/// A client with no connections; the machine's roots are read once.
pub(crate) fn client() -> Arc<Client> {
    static TRUST: OnceLock<Trust> = OnceLock::new();
    Client::new(TRUST.get_or_init(|| Trust::load(None).unwrap()).clone())
}

/// Keeps what was reported, and answers a start-over as it was told to.
pub(crate) struct Notebook {
    pub(crate) heads: Vec<Head>,
    pub(crate) progress: Vec<(u64, u64)>,
    pub(crate) hashed: Option<Hashed>,
    pub(crate) steering: Arc<Steering>,
    pub(crate) on_head: OnHead,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum OnHead {
    Proceed,
    Stop,
}

impl Reports for Notebook {
    fn head(&mut self, head: Head) {
        self.heads.push(head);
        match self.on_head {
            OnHead::Proceed => self.steering.proceed(),
            OnHead::Stop => self.steering.stop(),
        }
    }

    fn hashed(&mut self, hashed: Hashed) {
        self.hashed = Some(hashed);
    }

    fn progress(&mut self, durable: u64, received: u64) {
        self.progress.push((durable, received));
    }
}

pub(crate) fn notebook(on_head: OnHead) -> (Notebook, Control) {
    let (steering, control) = control();
    let steering = Arc::new(steering);
    let (heads, progress, hashed) = (Vec::new(), Vec::new(), None);
    (Notebook { heads, progress, hashed, steering, on_head }, control)
}

/// One fetch to its end, proceeding where asked.
pub(crate) async fn run(client: &Arc<Client>, order: Order, target: &Target) -> (Ended, Notebook) {
    run_with(client, order, target, OnHead::Proceed).await
}

pub(crate) async fn run_with(
    client: &Arc<Client>,
    order: Order,
    target: &Target,
    on_head: OnHead,
) -> (Ended, Notebook) {
    let (mut notebook, control) = notebook(on_head);
    let ended = fetch(client, order, target.descriptor(), control, &mut notebook).await;
    (ended, notebook)
}

/// Fetches from a server that plays `acts`, holding the first bytes of "old bytes".
pub(crate) async fn fetched(held: Held, acts: Vec<Act>) -> (Ended, Vec<u8>, Vec<String>) {
    let server = Server::start(acts).await;
    let target = Target::holding(&b"123456789"[..usize::try_from(held.offset).unwrap()]);
    let (ended, _) = run(&client(), order(server.url(), held), &target).await;
    (ended, target.content(), server.requests())
}

#[track_caller]
pub(crate) fn assert_done(ended: &Ended, wanted: u64) {
    assert!(matches!(ended, Ended::Done { length, .. } if *length == wanted), "{ended:?}");
}

/// The failure that came of the answer.
#[track_caller]
pub(crate) fn refused(ended: Ended) -> AnswerError {
    match ended {
        Ended::Failed { error: FetchError::Exchange(ExchangeError::Answer(error)), .. } => error,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn assert_lost(ended: &Ended, wanted: u64) {
    let Ended::Failed { durable, error, .. } = ended else { panic!("{ended:?}") };
    assert!(matches!(error, FetchError::Exchange(ExchangeError::Lost(_))), "{error:?}");
    assert_eq!(*durable, wanted);
}
