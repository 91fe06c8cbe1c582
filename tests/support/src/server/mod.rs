//! The lying server: HTTP/1.1 on loopback, plain or TLS, under the thumb of a test.
//!
//! It answers what a client can hope for and everything a client has to fear: it stalls, cuts,
//! lies about lengths, swaps the file in mid-body, answers ranges with nonsense. It records every
//! request together with the uid the kernel has for the client's socket.
//!
//! ```text
//!   resource.rs  what is at a path, and which lies are told about it
//!   answer.rs    request + resource -> head and bytes (pure)
//!   connection.rs sends them             gate.rs  how fast
//!   log.rs       what was seen           sockets.rs  who asked    tls.rs  an authority
//! ```
//!
//! One thread per connection; nothing listens on anything but loopback.

mod answer;
mod connection;
mod gate;
mod log;
mod resource;
mod sockets;
mod tls;

pub use gate::Gate;
pub use log::{PATIENCE, Record};
pub use resource::{DATE, Framing, JUST_NOW, LONG_AGO, Lie, Resource, Version};
pub(crate) use sockets::client_uid;
pub use tls::Authority;

use rustls::ServerConfig;
use std::collections::HashMap;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A running server; stops when dropped.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
}

#[derive(Debug)]
struct Shared {
    resources: Mutex<HashMap<String, Resource>>,
    log: log::Log,
    tls: Option<Mutex<Arc<ServerConfig>>>,
    stopping: AtomicBool,
}

impl Shared {
    fn swap(&self, path: &str) {
        let mut resources = self.resources.lock().expect("no panic under this lock");
        if let Some(resource) = resources.get_mut(path.split('?').next().unwrap_or_default()) {
            resource.swap();
        }
    }
}

impl Server {
    /// Plain HTTP on 127.0.0.1.
    #[must_use]
    pub fn http() -> Self {
        Self::start("127.0.0.1:0", None)
    }

    /// Plain HTTP on `::1`.
    #[must_use]
    pub fn http_on_ipv6() -> Self {
        Self::start("[::1]:0", None)
    }

    /// HTTPS on 127.0.0.1, with a leaf of this authority.
    #[must_use]
    pub fn https(authority: &Authority) -> Self {
        Self::start("127.0.0.1:0", Some(Arc::clone(&authority.config)))
    }

    /// Plain HTTP at another address of this machine.
    #[must_use]
    pub fn http_at(address: SocketAddr) -> Self {
        Self::start(&address.to_string(), None)
    }

    fn start(address: &str, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            resources: Mutex::default(),
            log: log::Log::default(),
            tls: tls.map(Mutex::new),
            stopping: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || accept(&serving, &listener));
        Self { shared, address }
    }

    /// Puts a resource at a path (which begins with a slash).
    pub fn put(&self, path: &str, resource: Resource) {
        self.shared.resources.lock().expect("no panic here").insert(path.to_owned(), resource);
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes over to the next version of a resource, for the requests to come.
    pub fn swap(&self, path: &str) {
        self.shared.swap(path);
    }

    /// Shows another leaf of this authority on connections to come.
    ///
    /// # Panics
    ///
    /// When it is no server of https.
    pub fn show_another_leaf(&self, authority: &Authority) {
        let tls = self.shared.tls.as_ref().expect("a server of https");
        *tls.lock().expect("no panic here") = authority.another_config();
    }

    /// Every request so far.
    #[must_use]
    pub fn log(&self) -> Vec<Record> {
        self.shared.log.records()
    }

    /// Every request for one path so far.
    #[must_use]
    pub fn requests(&self, path: &str) -> Vec<Record> {
        self.log().into_iter().filter(|r| r.path == path).collect()
    }

    /// The number of the newest connection anybody has made until now. What a client that has died
    /// meanwhile had asked for may be read, and recorded, long after: its number tells it from what
    /// was asked for later.
    ///
    /// # Panics
    ///
    /// When the server, which has to be a plain one, does not accept.
    #[must_use]
    pub fn newest_connection(&self) -> u64 {
        let mut probe = TcpStream::connect(self.address).expect("it listens");
        let port = probe.local_addr().expect("a bound socket has an address").port();
        let path = format!("/newest-connection/{port}/{}", self.log().len());
        probe.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).expect("it reads");
        self.wait_for(&path, |log| log.iter().find(|r| r.path == path).map(|r| r.connection))
    }

    /// Waits until `found` finds something in the log.
    ///
    /// # Panics
    ///
    /// After [`PATIENCE`], with everything the server saw.
    pub fn wait_for<T>(&self, what: &str, found: impl Fn(&[Record]) -> Option<T>) -> T {
        self.shared.log.wait_for(what, found)
    }

    /// The same, for as long as it takes.
    pub fn wait_without_end<T>(&self, found: impl Fn(&[Record]) -> Option<T>) -> T {
        self.shared.log.wait_without_end(found)
    }

    /// Waits until at least `bytes` of the body of the last request for `path` have gone out.
    pub fn wait_for_bytes(&self, path: &str, bytes: u64) {
        self.wait_for(&format!("{bytes} bytes of {path}"), |log| {
            log.iter().rfind(|r| r.path == path).filter(|r| r.sent >= bytes).map(|_| ())
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        // Wakes the accepting thread, so that it sees the flag and gives the port back.
        drop(TcpStream::connect(self.address));
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for (number, socket) in (0..).zip(listener.incoming()) {
        if shared.stopping.load(Ordering::Relaxed) {
            return;
        }
        let Ok(socket) = socket else { continue };
        let shared = Arc::clone(shared);
        std::thread::spawn(move || connection::serve(&shared, socket, number));
    }
}

#[cfg(test)]
mod tests;
