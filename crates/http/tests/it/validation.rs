//! Servers that somebody has a say in: who is asked, when, and what a connection is good for afterwards.

use crate::support::*;
use crate::tls::{Authority, OK, for_name};
use ebb_http::{
    Client, ConnectError, Ended, ExchangeError, FetchError, Held, Options, Order, TlsError,
    Unknown, Validation, Validator, Verdict,
};
use rustls::ServerConfig;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

/// Answers in this order, and then no more.
struct Script {
    verdicts: Mutex<Vec<Verdict>>,
    asked: Mutex<Vec<Unknown>>,
    spoken_to: Arc<AtomicUsize>,
}

impl Script {
    fn new(spoken_to: &Arc<AtomicUsize>, verdicts: &[Verdict]) -> Arc<Self> {
        let verdicts = Mutex::new(verdicts.iter().rev().copied().collect());
        let spoken_to = Arc::clone(spoken_to);
        Arc::new(Self { verdicts, asked: Mutex::default(), spoken_to })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Validator for Script {
    fn ask(&self, question: Unknown) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>> {
        self.asked.lock().unwrap().push(question);
        let verdict = self.verdicts.lock().unwrap().pop();
        Box::pin(async move { verdict.expect("nobody expected this question") })
    }
}

/// A server that shows these certificates by turns, and how many connections were more than half a
/// handshake.
pub(crate) struct Server {
    pub(crate) url: Url,
    spoken_to: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start(configs: Vec<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let spoken_to = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&spoken_to);
        tokio::spawn(async move {
            for config in configs.iter().cycle() {
                let (socket, _) = listener.accept().await.unwrap();
                let (acceptor, counted) =
                    (TlsAcceptor::from(Arc::clone(config)), Arc::clone(&counted));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(socket).await else { return };
                    counted.fetch_add(1, Ordering::SeqCst);
                    let mut request = [0; 4096];
                    while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                        drop(stream.write_all(OK.as_bytes()).await);
                    }
                });
            }
        });
        let url = Url::parse(&format!("https://localhost:{port}/")).unwrap();
        Self { url, spoken_to }
    }

    pub(crate) fn spoken_to(&self) -> usize {
        self.spoken_to.load(Ordering::SeqCst)
    }
}

/// Nothing when it came; else why not.
async fn fetched(client: &Arc<Client>, url: &Url, by: Option<Validation>) -> Option<TlsError> {
    let options = Options { validation: by, ..Options::default() };
    let order = Order { options, ..order(url.clone(), Held::nothing()) };
    match run(client, order, &Target::holding(b"")).await.0 {
        Ended::Done { .. } => None,
        Ended::Failed {
            error: FetchError::Exchange(ExchangeError::Connect(ConnectError::Tls(error))),
            ..
        } => Some(error),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn no_handshake_ends_before_the_certificate_is_accepted_and_it_is_asked_about_once() {
    let authority = Authority::new("asked");
    let server = Server::start(vec![authority.server_config(for_name("localhost"))]).await;
    let client = authority.client();
    let verdicts = [Verdict::Rejected(7), Verdict::Nobody, Verdict::TooLong, Verdict::Accepted];
    let script = Script::new(&server.spoken_to, &verdicts);
    let judged = Validation::new(script.clone());
    let by = || Some(judged.with_file(5));
    let error = fetched(&client, &server.url, by()).await;
    assert!(matches!(error, Some(TlsError::Rejected(7))), "{error:?}");
    let error = fetched(&client, &server.url, by()).await;
    assert!(matches!(error, Some(TlsError::ValidatorMissing)), "{error:?}");
    let error = fetched(&client, &server.url, by()).await;
    assert!(matches!(error, Some(TlsError::Certificate(_))), "{error:?}");
    assert_eq!(server.spoken_to(), 0, "a handshake went to its end");
    assert!(fetched(&client, &server.url, by()).await.is_none());
    assert!(fetched(&client, &server.url, by()).await.is_none());
    let asked = script.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 4);
    let port = server.url.port().unwrap();
    for Unknown { host, port: at, file, chain } in asked {
        assert_eq!((host.as_str(), at, file, chain.len()), ("localhost", port, 5, 1));
    }
    assert_eq!(script.spoken_to.load(Ordering::SeqCst), 1, "the connection was kept");
}

#[tokio::test]
async fn a_connection_serves_only_those_who_asked_the_same() {
    let authority = Authority::new("apart");
    let server = Server::start(vec![authority.server_config(for_name("localhost"))]).await;
    let client = authority.client();
    // One that nobody was asked about, kept.
    assert!(fetched(&client, &server.url, None).await.is_none());
    let first = Script::new(&server.spoken_to, &[Verdict::Accepted]);
    let other = Script::new(&server.spoken_to, &[Verdict::Rejected(1)]);
    let [one, two] = [&first, &other].map(|script| Validation::new(script.clone()));
    assert!(fetched(&client, &server.url, Some(one.clone())).await.is_none());
    let error = fetched(&client, &server.url, Some(two)).await;
    assert!(matches!(error, Some(TlsError::Rejected(1))), "{error:?}");
    assert!(fetched(&client, &server.url, Some(one)).await.is_none());
    assert_eq!((first.asked(), other.asked(), server.spoken_to()), (1, 1, 2));
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_is_never_asked_about() {
    let authority = Authority::new("holds");
    let server = Server::start(vec![authority.server_config(for_name("other.example"))]).await;
    let script = Script::new(&server.spoken_to, &[]);
    let judged = Some(Validation::new(script.clone()));
    let error = fetched(&authority.client(), &server.url, judged).await;
    assert!(matches!(error, Some(TlsError::Certificate(_))), "{error:?}");
    assert_eq!((script.asked(), server.spoken_to()), (0, 0));
}

#[tokio::test]
async fn a_server_with_another_certificate_each_time_is_given_up() {
    let authority = Authority::new("changing");
    let configs = (0..9).map(|_| authority.server_config(for_name("localhost"))).collect();
    let server = Server::start(configs).await;
    let script = Script::new(&server.spoken_to, &[Verdict::Accepted; 4]);
    let judged = Some(Validation::new(script.clone()));
    let error = fetched(&authority.client(), &server.url, judged).await;
    assert!(matches!(error, Some(TlsError::KeepsChanging)), "{error:?}");
    assert_eq!((script.asked(), server.spoken_to()), (4, 0));
}
