//! Proxies under the thumb of a test: HTTP and SOCKS 5 on loopback.
//!
//! Names that end in `.test` are this machine's loopback, as they would be in a network that only the
//! proxy knows: nobody else can resolve them. Every proxy keeps what it was asked, with the uid the
//! kernel has for the client's socket, and may be told to answer something of a test's own instead.
//!
//! One thread for each direction of a connection; nothing listens on anything but loopback.

use crate::server::client_uid;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// No head of ours is longer.
const LONGEST_HEAD: usize = 64 * 1024;

/// What a proxy was asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Its head as it came, or `SOCKS HOST:PORT`.
    pub head: String,
    /// Who asked.
    pub uid: Option<u32>,
}

/// A running proxy; stops when dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    scheme: &'static str,
}

#[derive(Debug)]
struct Shared {
    questions: Mutex<Vec<Question>>,
    answer: Option<&'static [u8]>,
    socks: bool,
    stopping: AtomicBool,
}

impl Proxy {
    /// An HTTP proxy that does its work.
    #[must_use]
    pub fn http() -> Self {
        Self::start("http", None)
    }

    /// An HTTP proxy that says this to everything, and no more.
    #[must_use]
    pub fn saying(answer: &'static str) -> Self {
        Self::start("http", Some(answer.as_bytes()))
    }

    /// A SOCKS proxy that does its work.
    #[must_use]
    pub fn socks() -> Self {
        Self::start("socks5", None)
    }

    /// A SOCKS proxy that greets, and answers this to everything.
    #[must_use]
    pub fn socks_saying(answer: &'static [u8]) -> Self {
        Self::start("socks5", Some(answer))
    }

    fn start(scheme: &'static str, answer: Option<&'static [u8]>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            questions: Mutex::default(),
            answer,
            socks: scheme == "socks5",
            stopping: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || accept(&serving, &listener));
        Self { shared, address, scheme }
    }

    /// How a list names it.
    #[must_use]
    pub fn entry(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// What it was asked so far.
    ///
    /// # Panics
    ///
    /// When one of its threads has panicked.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        self.shared.questions.lock().expect("no panic under this lock").clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        // Wakes the accepting thread, so that it sees the flag and gives the port back.
        drop(TcpStream::connect(self.address));
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for socket in listener.incoming() {
        if shared.stopping.load(Ordering::Relaxed) {
            return;
        }
        let Ok(socket) = socket else { continue };
        let shared = Arc::clone(shared);
        // What a client does to a proxy that lies (reset, hang up) is not the test's business.
        std::thread::spawn(move || match shared.socks {
            true => serve_socks(&shared, socket),
            false => serve_http(&shared, socket),
        });
    }
}

impl Shared {
    fn asked(&self, head: String, uid: Option<u32>) {
        let mut questions = self.questions.lock().expect("no panic under this lock");
        questions.push(Question { head, uid });
    }
}

/// A name of the network behind the proxy is this machine; everything else is what it says.
fn behind(host: &str, port: u16) -> io::Result<TcpStream> {
    let host = if host.ends_with(".test") { "127.0.0.1" } else { host };
    TcpStream::connect((host, port))
}

fn serve_http(shared: &Shared, mut client: TcpStream) -> io::Result<()> {
    let uid = client_uid(&client);
    let head = read_head(&mut client)?;
    shared.asked(head.clone(), uid);
    if let Some(answer) = shared.answer {
        client.write_all(answer)?;
        // Ends when the client closes.
        return client.read(&mut [0; 512]).map(drop);
    }
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let bare = target.strip_prefix("http://").unwrap_or(target);
    let (authority, path) = bare.find('/').map_or((bare, ""), |at| bare.split_at(at));
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    let Ok(mut server) = behind(host, port.parse().unwrap_or(80)) else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    };
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    } else {
        // One request for each connection is enough for a test.
        let rest = head.split_once(" HTTP/1.1\r\n").map_or("", |(_, rest)| rest);
        let asked = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{rest}");
        server.write_all(asked.as_bytes())?;
    }
    both_ways(client, server)
}

fn serve_socks(shared: &Shared, mut client: TcpStream) -> io::Result<()> {
    let uid = client_uid(&client);
    let [_, methods] = read(&mut client)?;
    io::copy(&mut Read::by_ref(&mut client).take(methods.into()), &mut io::sink())?;
    client.write_all(&[5, 0])?;
    let [_, _, _, kind] = read(&mut client)?;
    let host = match kind {
        1 => std::net::Ipv4Addr::from(read::<4>(&mut client)?).to_string(),
        4 => std::net::Ipv6Addr::from(read::<16>(&mut client)?).to_string(),
        _ => {
            let [length] = read(&mut client)?;
            let mut name = String::new();
            Read::by_ref(&mut client).take(length.into()).read_to_string(&mut name)?;
            name
        }
    };
    let port = u16::from_be_bytes(read(&mut client)?);
    shared.asked(format!("SOCKS {host}:{port}"), uid);
    if let Some(answer) = shared.answer {
        client.write_all(answer)?;
        return client.read(&mut [0; 512]).map(drop);
    }
    let Ok(server) = behind(&host, port) else {
        return client.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
    };
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    both_ways(client, server)
}

fn read<const LENGTH: usize>(client: &mut TcpStream) -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < LONGEST_HEAD {
        head.push(read::<1>(client)?[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn both_ways(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    let up = std::thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (server, client);
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
    let _ = up.join();
    Ok(())
}
