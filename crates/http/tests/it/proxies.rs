//! Proxies: who is asked, what they are told, and what they may answer.

use crate::support::*;
use crate::tls::{Authority, Farewell, for_name, start};
use ebb_http::{
    Bypass, Client, ConnectError, Ended, ExchangeError, FetchError, Held, Listed, Login,
    LoginScheme, LoginTarget, Logins, Options, Order, OwnFields, Proxies, Proxy, ProxyError,
    ProxyKind, ProxyTrouble, ProxyUse, Secret, TlsError,
};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::{Host, Url};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
pub(crate) const THROUGH: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

pub(crate) fn at(kind: ProxyKind, port: u16) -> Proxy {
    Proxy { kind, host: Host::Domain("localhost".to_owned()), port }
}

pub(crate) fn using(list: Vec<Proxy>) -> ProxyUse {
    let list = list.into_iter().map(|proxy| Listed { only: None, proxy }).collect();
    ProxyUse::Through(Arc::new(Proxies { list, bypass: Vec::new() }))
}

fn order_through(url: Url, proxies: Vec<Proxy>) -> Order {
    let mut order = order(url, Held::nothing());
    order.options.proxy = using(proxies);
    order
}

async fn fetched_with(client: &Arc<Client>, order: Order) -> (Ended, Vec<u8>) {
    let target = Target::holding(b"");
    let (ended, _) = run(client, order, &target).await;
    (ended, target.content())
}

#[track_caller]
fn proxy_error(ended: Ended) -> ProxyError {
    match ended {
        Ended::Failed {
            error: FetchError::Exchange(ExchangeError::Connect(ConnectError::Proxy(error))),
            ..
        } => error,
        other => panic!("{other:?}"),
    }
}

/// A port of this machine that nobody listens on.
fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A proxy that makes tunnels, and what it was asked; with TLS where it has a configuration.
pub(crate) struct Tunnels {
    pub(crate) port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Tunnels {
    pub(crate) async fn start(
        config: Option<Arc<rustls::ServerConfig>>,
        answer: &'static str,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (seen, config) = (Arc::clone(&seen), config.clone());
                tokio::spawn(async move {
                    match config {
                        None => tunnel(socket, &seen, answer).await,
                        Some(config) => {
                            let stream = TlsAcceptor::from(config).accept(socket).await;
                            let Ok(stream) = stream else { return };
                            tunnel(stream, &seen, answer).await;
                        }
                    }
                });
            }
        });
        Self { port, heads }
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// One connection of it.
async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    seen: &Mutex<Vec<String>>,
    answer: &str,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap().to_owned();
    seen.lock().unwrap().push(head);
    drop(stream.write_all(answer.as_bytes()).await);
    drop(stream.flush().await);
    // A status of its two hundreds, and not a page of our own.
    if answer != OK && answer.get(8..11) == Some(" 20") && !answer.starts_with("HTTP/1.1 204") {
        let mut server = TcpStream::connect(target).await.unwrap();
        drop(copy_bidirectional(&mut stream, &mut server).await);
    } else {
        // Ends when the client closes.
        drop(stream.read_u8().await);
    }
}

#[tokio::test]
async fn an_http_proxy_is_asked_for_the_whole_url_and_the_server_is_not_looked_for() {
    let proxy = Server::start(vec![say(OK), say(OK)]).await;
    let client = client();
    for _ in 0..2 {
        let url = Url::parse("http://u:p@nowhere.invalid:8080/a%20b?q=1#part").unwrap();
        let order = order_through(url, vec![at(ProxyKind::Http, proxy.port)]);
        let (ended, content) = fetched_with(&client, order).await;
        assert_done(&ended, 2);
        assert_eq!(content, b"ok");
    }
    let asked = proxy.requests();
    assert!(asked[0].starts_with("get http://nowhere.invalid:8080/a%20b?q=1 http/1.1\r\n"));
    assert!(asked[0].contains("\r\nhost: nowhere.invalid:8080\r\n"), "{asked:?}");
    assert!(!asked[0].contains("authorization"));
    assert_eq!(proxy.connections(), 1, "a connection to a proxy is kept");
}

#[tokio::test]
async fn a_kept_connection_serves_the_way_it_was_made_for_and_no_other() {
    let server = Server::start(vec![say(OK), say(OK), say(OK)]).await;
    let (one, other) = (Server::start(vec![say(OK)]).await, Server::start(vec![say(OK)]).await);
    let client = client();
    let fetch = async |proxies: Vec<Proxy>| {
        let mut order = order(server.url(), Held::nothing());
        if !proxies.is_empty() {
            order.options.proxy = using(proxies);
        }
        assert_done(&fetched_with(&client, order).await.0, 2);
    };
    fetch(vec![]).await;
    fetch(vec![at(ProxyKind::Http, one.port)]).await;
    fetch(vec![at(ProxyKind::Http, other.port)]).await;
    fetch(vec![]).await;
    let connections = [&server, &one, &other].map(Server::connections);
    assert_eq!(connections, [1, 1, 1]);
    let requests = [&server, &one, &other].map(|server| server.requests().len());
    assert_eq!(requests, [2, 1, 1]);
}

#[tokio::test]
async fn a_proxy_that_cannot_be_reached_gives_way_to_the_next_and_never_to_the_server() {
    let server = Server::start(vec![say(OK)]).await;
    let proxy = Server::start(vec![say(OK)]).await;
    let client = client();
    let dead = at(ProxyKind::Http, closed_port());
    let unknown = Proxy { host: Host::Domain("no-such-host.invalid".to_owned()), ..dead.clone() };
    let list = vec![dead.clone(), unknown.clone(), at(ProxyKind::Http, proxy.port)];
    let (ended, _) = fetched_with(&client, order_through(server.url(), list)).await;
    assert_done(&ended, 2);
    let (ended, _) = fetched_with(&client, order_through(server.url(), vec![dead.clone()])).await;
    let error = proxy_error(ended);
    assert!(matches!(error.trouble, ProxyTrouble::Failed(_)), "{error}");
    assert!(error.to_string().contains(&dead.to_string()), "{error}");
    let (ended, _) = fetched_with(&client, order_through(server.url(), vec![unknown])).await;
    assert!(matches!(proxy_error(ended).trouble, ProxyTrouble::NameNotResolved(_)));
    assert_eq!(server.connections(), 0, "the server was asked past the proxies");
}

#[tokio::test]
async fn what_is_bypassed_is_asked_directly() {
    let server = Server::start(vec![say(OK)]).await;
    let mut order = order(server.url(), Held::nothing());
    let listed = Listed { only: None, proxy: at(ProxyKind::Http, closed_port()) };
    let bypass = vec![Bypass::Network("127.0.0.0".parse().unwrap(), 8)];
    order.options.proxy = ProxyUse::Through(Arc::new(Proxies { list: vec![listed], bypass }));
    assert_done(&fetched_with(&client(), order).await.0, 2);
    assert!(server.requests()[0].starts_with("get /file?secret=1 "));
}

#[tokio::test]
async fn a_tunnel_hides_the_request_from_the_proxy() {
    let authority = Authority::new("tunnel");
    let url = start(authority.server_config(for_name("localhost")), OK, Farewell::Proper).await;
    let proxy = Tunnels::start(None, THROUGH).await;
    let mut order = order_through(url.clone(), vec![at(ProxyKind::Http, proxy.port)]);
    let mut fields = OwnFields::default();
    fields.add("Authorization", b"Bearer hunter2").unwrap();
    fields.add("X-Key", b"hunter2").unwrap();
    order.options = Options { fields, ..order.options };
    let (ended, content) = fetched_with(&authority.client(), order).await;
    assert_done(&ended, 2);
    assert_eq!(content, b"ok");
    let target = format!("localhost:{}", url.port().unwrap());
    let version = env!("CARGO_PKG_VERSION");
    let wanted =
        format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\nuser-agent: ebb/{version}\r\n\r\n");
    assert_eq!(proxy.heads(), [wanted]);
}

#[tokio::test]
async fn what_is_no_tunnel_is_an_error_that_names_the_proxy() {
    let url = Url::parse("https://nowhere.invalid/").unwrap();
    let asked = async |answer: &'static str| {
        let proxy = Tunnels::start(None, answer).await;
        let order = order_through(url.clone(), vec![at(ProxyKind::Http, proxy.port)]);
        let error = proxy_error(fetched_with(&client(), order).await.0);
        assert_eq!(error.proxy, format!("http://localhost:{}", proxy.port));
        assert_eq!(proxy.heads().len(), 1, "it was asked once");
        error.trouble
    };
    let page = "HTTP/1.1 403 Forbidden\r\nContent-Length: 13\r\n\r\n<html></html>";
    let refused = asked(page).await;
    assert!(matches!(refused, ProxyTrouble::Refused { status, .. } if status == 403), "{refused}");
    let later = asked("HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n").await;
    assert!(matches!(later, ProxyTrouble::Refused { retry_after: Some(7), .. }), "{later}");
    let login = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic \
                 realm=\"\u{e9}\"\r\nContent-Length: 0\r\n\r\n";
    let login = asked(login).await;
    let ProxyTrouble::Unauthorized { schemes, .. } = &login else { panic!("{login}") };
    assert_eq!(schemes, &["Negotiate", "Basic"]);
    for nonsense in
        ["SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 204 No\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nx"]
    {
        let error = asked(nonsense).await;
        assert!(matches!(error, ProxyTrouble::Malformed(_)), "{nonsense:?}: {error}");
    }
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    assert!(matches!(asked(endless.leak()).await, ProxyTrouble::Malformed(_)));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(300));
    assert!(matches!(asked(many.leak()).await, ProxyTrouble::Malformed(_)));
}

#[tokio::test]
async fn a_proxy_that_wants_to_know_who_asks_is_told_apart_from_a_server_that_does() {
    let answer =
        "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n";
    let proxy = Server::start(vec![say(answer)]).await;
    let url = Url::parse("http://nowhere.invalid/").unwrap();
    let order = order_through(url, vec![at(ProxyKind::Http, proxy.port)]);
    let error = proxy_error(fetched_with(&client(), order).await.0);
    assert!(matches!(error.trouble, ProxyTrouble::Unauthorized { .. }), "{error}");
    assert!(error.to_string().contains("Basic"), "{error}");
    let (ended, _, _) = fetched(Held::nothing(), vec![say(answer)]).await;
    let status = refused(ended);
    assert!(status.to_string().contains("407"), "{status}");
}

#[tokio::test]
async fn an_https_proxy_is_spoken_to_under_tls_and_must_be_who_it_is() {
    let authority = Authority::new("https-proxy");
    let config = authority.server_config(for_name("localhost"));
    let url = start(Arc::clone(&config), OK, Farewell::Proper).await;
    let proxy = Tunnels::start(Some(Arc::clone(&config)), THROUGH).await;
    let order = order_through(url, vec![at(ProxyKind::Https, proxy.port)]);
    let (ended, content) = fetched_with(&authority.client(), order).await;
    assert_done(&ended, 2);
    assert_eq!(content, b"ok");
    assert!(proxy.heads()[0].starts_with("CONNECT localhost:"));

    let asked_in_clear = Tunnels::start(Some(config), OK).await;
    let url = Url::parse("http://nowhere.invalid/").unwrap();
    let order = order_through(url.clone(), vec![at(ProxyKind::Https, asked_in_clear.port)]);
    assert_done(&fetched_with(&authority.client(), order).await.0, 2);
    assert!(asked_in_clear.heads()[0].starts_with("GET http://nowhere.invalid/ "));

    let other = authority.server_config(for_name("other.example"));
    let proxy = Tunnels::start(Some(other), OK).await;
    let mut order = order_through(url, vec![at(ProxyKind::Https, proxy.port)]);
    // What the owner does without at servers says nothing about proxies.
    order.options.relaxed.name = true;
    let error = proxy_error(fetched_with(&authority.client(), order).await.0);
    assert!(
        matches!(&error.trouble, ProxyTrouble::Tls(TlsError::Certificate(text))
            if text.starts_with("its certificate") && text.contains("other.example")),
        "{error}"
    );
    assert_eq!(proxy.heads(), [] as [String; 0]);
}

/// A SOCKS proxy that plays what it is given: for each of its answers, how much it reads before.
async fn socks(script: Vec<(usize, Vec<u8>)>) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heard);
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        for (length, answer) in script {
            let mut bytes = vec![0; length];
            if socket.read_exact(&mut bytes).await.is_err() {
                return;
            }
            seen.lock().unwrap().extend_from_slice(&bytes);
            drop(socket.write_all(&answer).await);
        }
        // Ends when the client closes.
        let mut rest = Vec::new();
        drop(socket.read_to_end(&mut rest).await);
    });
    (port, heard)
}

const GRANTED: [u8; 10] = [5, 0, 0, 1, 127, 0, 0, 1, 0, 80];

/// The bytes of a request for `name` on port 80.
fn socks_request(name: &str) -> Vec<u8> {
    let mut bytes = vec![5, 1, 0, 3, u8::try_from(name.len()).unwrap()];
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(&[0, 80]);
    bytes
}

#[tokio::test]
async fn a_socks_proxy_resolves_the_name_and_brings_the_file() {
    let name = "nowhere.invalid";
    let length = 7 + name.len();
    let script = vec![(3, vec![5, 0]), (length, GRANTED.to_vec()), (1, OK.as_bytes().to_vec())];
    let (port, heard) = socks(script).await;
    let url = Url::parse(&format!("http://{name}/f")).unwrap();
    let order = order_through(url, vec![at(ProxyKind::Socks5, port)]);
    let (ended, content) = fetched_with(&client(), order).await;
    assert_done(&ended, 2);
    assert_eq!(content, b"ok");
    let mut wanted = vec![5, 1, 0];
    wanted.extend(socks_request(name));
    wanted.push(b'G');
    assert_eq!(*heard.lock().unwrap(), wanted);
}

#[tokio::test]
async fn a_login_of_socks_is_sent_where_there_is_one_and_it_is_wanted() {
    let name = "nowhere.invalid";
    let script = vec![
        (4, vec![5, 2]),
        (3 + 5 + 7, vec![1, 0]),
        (7 + name.len(), GRANTED.to_vec()),
        (1, OK.as_bytes().to_vec()),
    ];
    let (port, heard) = socks(script).await;
    let url = Url::parse(&format!("http://{name}/f")).unwrap();
    let mut order = order_through(url.clone(), vec![at(ProxyKind::Socks5, port)]);
    let explicit = Some((Secret::of("alice"), Secret::of("hunter2")));
    let login = Login { target: LoginTarget::Proxy, scheme: LoginScheme::Basic, explicit };
    order.options.logins = Logins::from_iter([login]);
    let (ended, content) = fetched_with(&client(), order).await;
    assert_done(&ended, 2);
    assert_eq!(content, b"ok");
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard[..4], [5, 2, 0, 2]);
    assert_eq!(heard[4..19], *b"\x01\x05alice\x07hunter2");

    let (port, _) = socks(vec![(3, vec![5, 0xff])]).await;
    let order = order_through(url, vec![at(ProxyKind::Socks5, port)]);
    let error = proxy_error(fetched_with(&client(), order).await.0);
    assert!(matches!(error.trouble, ProxyTrouble::Unauthorized { .. }), "{error}");
}

#[tokio::test]
async fn what_a_socks_proxy_refuses_or_makes_up_is_an_error_that_names_it() {
    let name = "nowhere.invalid";
    let asked = async |script: Vec<(usize, Vec<u8>)>| {
        let (port, _) = socks(script).await;
        let url = Url::parse(&format!("http://{name}/f")).unwrap();
        let order = order_through(url, vec![at(ProxyKind::Socks5, port)]);
        let error = proxy_error(fetched_with(&client(), order).await.0);
        assert_eq!(error.proxy, format!("socks5://localhost:{port}"));
        error.trouble
    };
    let length = 7 + name.len();
    for reply in [1, 2, 5, 200] {
        let error = asked(vec![(3, vec![5, 0]), (length, vec![5, reply, 0, 1])]).await;
        assert!(matches!(error, ProxyTrouble::SocksRefused(r) if r == reply), "{error}");
    }
    for script in [
        vec![(3, b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())],
        vec![(3, vec![5, 2])],
        vec![(3, vec![5, 0]), (length, vec![4, 0, 0, 1])],
        vec![(3, vec![5, 0]), (length, vec![5, 0, 0, 9])],
    ] {
        let error = asked(script).await;
        assert!(matches!(error, ProxyTrouble::Malformed(_)), "{error}");
    }
    // One that ends in the middle of an answer.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        drop(socket.read_exact(&mut [0; 3]).await);
        drop(socket.write_all(&[5]).await);
    });
    let url = Url::parse(&format!("http://{name}/f")).unwrap();
    let order = order_through(url, vec![at(ProxyKind::Socks5, port)]);
    let error = proxy_error(fetched_with(&client(), order).await.0);
    assert!(matches!(error.trouble, ProxyTrouble::Lost(_)), "{error}");
}

#[tokio::test]
async fn a_tunnel_is_one_whatever_the_version_and_the_framing_its_answer_tells() {
    let authority = Authority::new("framing");
    let config = authority.server_config(for_name("localhost"));
    for answer in [
        "HTTP/1.0 200 Connection established\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        "HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    ] {
        let url = start(Arc::clone(&config), OK, Farewell::Proper).await;
        let proxy = Tunnels::start(None, answer).await;
        let order = order_through(url, vec![at(ProxyKind::Http, proxy.port)]);
        let (ended, content) = fetched_with(&authority.client(), order).await;
        assert_done(&ended, 2);
        assert_eq!(content, b"ok", "{answer:?}");
    }
}

#[tokio::test]
async fn where_a_redirect_leads_is_asked_on_its_own_way() {
    let proxy = Server::start(vec![say(OK)]).await;
    let there = "HTTP/1.1 302 Found\r\nLocation: http://nowhere.invalid/x\r\n\
                 Content-Length: 0\r\n\r\n";
    let server = Server::start(vec![say(there)]).await;
    let mut order = order(server.url(), Held::nothing());
    let listed = Listed { only: None, proxy: at(ProxyKind::Http, proxy.port) };
    let bypass = vec![Bypass::Network("127.0.0.1".parse().unwrap(), 32)];
    order.options.proxy = ProxyUse::Through(Arc::new(Proxies { list: vec![listed], bypass }));
    assert_done(&fetched_with(&client(), order).await.0, 2);
    assert!(server.requests()[0].starts_with("get /file?secret=1 "));
    assert!(proxy.requests()[0].starts_with("get http://nowhere.invalid/x "));
}

/// What is not quite what it should be: cut off anywhere, and with one byte changed anywhere.
fn nearly(answer: &[u8]) -> Vec<Vec<u8>> {
    let cut = (0..answer.len()).map(|length| answer[..length].to_vec());
    let changed = (0..answer.len()).map(|at| {
        let mut bytes = answer.to_vec();
        bytes[at] ^= 0x81;
        bytes
    });
    cut.chain(changed).collect()
}

/// Plays one answer to whatever comes, after so many bytes, and leaves.
async fn leaving(length: usize, answer: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; length];
        drop(socket.read_exact(&mut bytes).await);
        drop(socket.write_all(&answer).await);
        // What else it was asked is taken, so that the end is an end and no reset.
        drop(socket.shutdown().await);
        drop(socket.read_to_end(&mut bytes).await);
    });
    port
}

#[tokio::test]
async fn whatever_a_proxy_answers_it_ends_and_nothing_is_taken_for_the_file() {
    let url = Url::parse("https://nowhere.invalid/f").unwrap();
    let client = client();
    let mut cases: Vec<_> =
        nearly(THROUGH.as_bytes()).into_iter().map(|bytes| (ProxyKind::Http, 40, bytes)).collect();
    cases.extend(nearly(&[5, 0]).into_iter().map(|bytes| (ProxyKind::Socks5, 3, bytes)));
    let granted: Vec<u8> = [5, 0].into_iter().chain(GRANTED).collect();
    cases.extend(nearly(&granted).into_iter().map(|bytes| (ProxyKind::Socks5, 3, bytes)));
    for (kind, length, bytes) in cases {
        let port = leaving(length, bytes.clone()).await;
        let order = order_through(url.clone(), vec![at(kind, port)]);
        let (ended, content) = fetched_with(&client, order).await;
        assert!(matches!(ended, Ended::Failed { durable: 0, .. }), "{bytes:?}: {ended:?}");
        assert_eq!(content, b"", "{bytes:?}");
    }
}
