//! A server of HTTP/2 that lies: what it does is in the path it is asked for.
//!
//! | path            | over HTTP/2                                             | over HTTP/1.1       |
//! |-----------------|---------------------------------------------------------|---------------------|
//! | `/ok/N`         | N bytes, or the rest where that is asked for, and `ETag` | the same            |
//! | `/short`        | says 9 bytes, sends 4, and that this was all            | 9 bytes             |
//! | `/long`         | says 4 bytes, sends 9                                   | 9 bytes             |
//! | `/broken`       | sends 4 of 9 bytes, and breaks it off                   | 9 bytes             |
//! | `/hanging`      | sends 4 of 9 bytes, and no more                         | 9 bytes             |
//! | `/one`          | wants HTTP/1.1                                          | 9 bytes             |
//! | `/refused`      | does not process it                                     | 9 bytes             |
//! | `/last`         | 9 bytes, and takes no more on this connection           | 9 bytes             |
//! | `/fields/N`     | 9 bytes, with N fields                                  | 9 bytes             |
//! | `/huge`         | 9 bytes, with a field of 70 KiB                         | a head of 70 KiB    |

use crate::support::TAG;
use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, SendStream};
use http::{Request, Response, StatusCode};
use rustls::ServerConfig;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use url::Url;

type Secured = TlsStream<TcpStream>;

/// One request: the number of its connection, whether that is shared, and the path.
pub(crate) type Asked = (usize, bool, String);

pub(crate) struct Crowded {
    base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// How many connections are open.
    open: watch::Receiver<usize>,
}

pub(crate) fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| b"0123456789"[at % 10]).collect()
}

impl Crowded {
    /// One that speaks both, and likes HTTP/2 better.
    pub(crate) async fn start(config: Arc<ServerConfig>) -> Self {
        Self::speaking(config, &[b"h2", b"http/1.1"]).await
    }

    /// One that does not know HTTP/2.
    pub(crate) async fn of_old(config: Arc<ServerConfig>) -> Self {
        Self::speaking(config, &[b"http/1.1"]).await
    }

    async fn speaking(config: Arc<ServerConfig>, protocols: &[&[u8]]) -> Self {
        let mut config = Arc::unwrap_or_clone(config);
        config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (opened, open) = watch::channel(0);
        let (opened, seen) = (Arc::new(opened), Arc::clone(&asked));
        tokio::spawn(async move {
            for number in 0.. {
                let (socket, _) = listener.accept().await.unwrap();
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                let opened = Arc::clone(&opened);
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(socket).await else { return };
                    opened.send_modify(|open| *open += 1);
                    match stream.get_ref().1.alpn_protocol() {
                        Some(b"h2") => many(stream, number, &seen).await,
                        _ => one(stream, number, &seen).await,
                    }
                    opened.send_modify(|open| *open -= 1);
                });
            }
        });
        Self { base, asked, open }
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.base)).unwrap()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Who was asked for this path: on which connections, and whether they were shared.
    pub(crate) fn asked_for(&self, path: &str) -> Vec<(usize, bool)> {
        let asked = self.asked().into_iter().filter(|(_, _, asked)| asked == path);
        asked.map(|(connection, shared, _)| (connection, shared)).collect()
    }

    /// Waits until nobody is connected.
    pub(crate) async fn until_alone(&self) {
        self.open.clone().wait_for(|open| *open == 0).await.unwrap();
    }
}

/// Which bytes of how many are asked for, if this is such a path.
fn wanted(path: &str, range: Option<&str>) -> Option<(usize, usize)> {
    let length: usize = path.strip_prefix("/ok/")?.parse().unwrap();
    let range =
        range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    Some((range.unwrap_or(0), length))
}

async fn many(stream: Secured, number: usize, seen: &Mutex<Vec<Asked>>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let mut hanging = Vec::new();
    while let Some(Ok((request, respond))) = connection.accept().await {
        seen.lock().unwrap().push((number, true, request.uri().path().to_owned()));
        assert_eq!(request.uri().scheme_str(), Some("https"));
        assert!(!request.headers().contains_key("host"));
        hanging.extend(answer(&mut connection, &request, respond));
    }
}

/// Gives back what must not be let go of.
fn answer(
    connection: &mut Connection<Secured, Bytes>,
    request: &Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> Option<SendStream<Bytes>> {
    let path = request.uri().path();
    let field = |name| request.headers().get(name).map(|value| value.to_str().unwrap());
    let range = field("range").filter(|_| field("if-range") == Some(TAG));
    if let Some((from, length)) = wanted(path, range) {
        let mut response = Response::builder().header("etag", TAG);
        if from > 0 {
            let range = format!("bytes {from}-{}/{length}", length - 1);
            response = response.status(StatusCode::PARTIAL_CONTENT).header("content-range", range);
        }
        let response = response.header("content-length", length - from).body(()).unwrap();
        let mut body = respond.send_response(response, from == length).unwrap();
        body.send_data(content(length).split_off(from).into(), true).unwrap();
        return None;
    }
    let said = if path == "/long" { 4 } else { 9 };
    let mut response = Response::builder().header("etag", TAG).header("content-length", said);
    match path.strip_prefix("/fields/") {
        Some(count) => {
            for at in 0..count.parse::<usize>().unwrap() {
                response = response.header(format!("x-{at}"), "1");
            }
        }
        None if path == "/huge" => response = response.header("x-huge", "x".repeat(70_000)),
        None => {}
    }
    let send = |bytes: &'static [u8], end| {
        let mut body = respond.send_response(response.body(()).unwrap(), false).unwrap();
        body.send_data(bytes.into(), end).unwrap();
        body
    };
    match path {
        "/short" => drop(send(b"0123", true)),
        "/broken" => send(b"0123", false).send_reset(Reason::INTERNAL_ERROR),
        "/hanging" => return Some(send(b"0123", false)),
        "/one" => respond.send_reset(Reason::HTTP_1_1_REQUIRED),
        "/refused" => respond.send_reset(Reason::REFUSED_STREAM),
        _ => drop(send(b"012345678", true)),
    }
    if path == "/last" {
        connection.graceful_shutdown();
    }
    None
}

async fn one(mut stream: Secured, number: usize, seen: &Mutex<Vec<Asked>>) {
    let mut head = Vec::new();
    loop {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8(std::mem::take(&mut head)).unwrap();
        let path = text.split(' ').nth(1).unwrap();
        seen.lock().unwrap().push((number, false, path.to_owned()));
        let field = |name| text.lines().find_map(|line| line.strip_prefix(name));
        let range = field("range: ").filter(|_| field("if-range: ") == Some(TAG));
        let (from, length) = wanted(path, range).unwrap_or((0, 9));
        let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
        let huge = if path == "/huge" { "x".repeat(70_000) } else { String::new() };
        let (left, last) = (length - from, length.saturating_sub(1));
        let answer = format!(
            "HTTP/1.1 {status}\r\nETag: {TAG}\r\nContent-Length: {left}\r\nX-Huge: {huge}\r\n\
             Content-Range: bytes {from}-{last}/{length}\r\n\r\n"
        );
        drop(stream.write_all(answer.as_bytes()).await);
        drop(stream.write_all(&content(length)[from..]).await);
        drop(stream.flush().await);
    }
}
