//! From an origin to a connection.
//!
//! Has the name resolved (`resolve`), tries the addresses in turn (both families, a quarter of a second apart, the
//! first to answer wins), and shakes hands where the scheme asks for it. This module answers one
//! question: *how do we get a byte stream to this origin?* One connection serves one origin.
//!
//! Beside the stream a second descriptor of the same socket is kept in hand, so that whoever sets
//! the pace of background traffic can measure and steer the live connection under the TLS.
//!
//! It never chooses a proxy, never sends a byte of HTTP, and never keeps a connection.

use crate::auth::Account;
use crate::order::Relaxed;
use crate::pace::{Pace, Paced};
use crate::resolve::Lookups;
use crate::tls::{TlsError, Trust};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustix::net::sockopt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

/// How long everything up to the end of the handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long one address has before the next is tried beside it.
const STAGGER: Duration = Duration::from_millis(250);

/// A peer that has silently gone is noticed after this, and then a few probes.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 4;

/// Where a connection leads: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    pub(crate) host: Host<String>,
    pub(crate) port: u16,
}

/// A way to an origin. Connections are kept apart by it: one that was made with a check left out
/// never carries a request that asks for the check, and one that knows us by some credentials never
/// carries one with others, or none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) origin: Origin,
    pub(crate) relaxed: Relaxed,
    /// Who it knows us as, or will.
    pub(crate) account: Option<Arc<Account>>,
}

/// Whether the connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// No connection came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL has no host we could connect to, or another scheme.
    #[error("the address is neither http nor https, or names no host")]
    NotAnOrigin,
    /// The name could not be resolved.
    #[error("the name {host} could not be resolved: {source}")]
    NameNotResolved {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No address took the connection.
    #[error("{host} does not take connections on port {port}: {source}")]
    Failed {
        /// Whom we tried.
        host: String,
        /// On which port.
        port: u16,
        /// What the last address answered.
        source: io::Error,
    },
    /// It took too long.
    #[error("{host} did not take the connection within 30 seconds")]
    TimedOut {
        /// Whom we tried.
        host: String,
    },
    /// The handshake failed.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Origin {
    pub(crate) fn of(url: &Url) -> Result<Self, ConnectError> {
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(ConnectError::NotAnOrigin),
        };
        let host = url.host().ok_or(ConnectError::NotAnOrigin)?.to_owned();
        let port = url.port_or_known_default().ok_or(ConnectError::NotAnOrigin)?;
        Ok(Self { scheme, host, port })
    }
}

/// A byte stream to an origin, secured or not.
pub(crate) enum Stream {
    Plain(Paced),
    Tls(Box<TlsStream<BufReader<Paced>>>),
}

/// Connects the way `route` says, at this pace. The second descriptor is of the same socket.
pub(crate) async fn connect(
    route: &Route,
    trust: &Trust,
    lookups: &mut Lookups,
    pace: Arc<Pace>,
) -> Result<(Stream, OwnedFd), ConnectError> {
    let connected = timeout(CONNECT_TIMEOUT, connect_unhurried(route, trust, lookups, pace)).await;
    let host = || route.origin.host.to_string();
    connected.unwrap_or_else(|_| Err(ConnectError::TimedOut { host: host() }))
}

async fn connect_unhurried(
    route: &Route,
    trust: &Trust,
    lookups: &mut Lookups,
    pace: Arc<Pace>,
) -> Result<(Stream, OwnedFd), ConnectError> {
    let origin = &route.origin;
    let failed =
        |source| ConnectError::Failed { host: origin.host.to_string(), port: origin.port, source };
    let socket = first_of(resolve(origin, lookups).await?).await.map_err(failed)?;
    prepare(&socket).map_err(failed)?;
    let in_hand = socket.as_fd().try_clone_to_owned().map_err(failed)?;
    let socket = Paced::new(socket, pace);
    let stream = match origin.scheme {
        Scheme::Http => Stream::Plain(socket),
        Scheme::Https => {
            let host = origin.host.to_string();
            let name = host.trim_start_matches('[').trim_end_matches(']');
            Stream::Tls(Box::new(trust.shake_hands(name, route.relaxed, socket).await?))
        }
    };
    Ok((stream, in_hand))
}

async fn resolve(origin: &Origin, lookups: &mut Lookups) -> Result<Vec<SocketAddr>, ConnectError> {
    let name = match &origin.host {
        Host::Ipv4(address) => return Ok(vec![(IpAddr::V4(*address), origin.port).into()]),
        Host::Ipv6(address) => return Ok(vec![(IpAddr::V6(*address), origin.port).into()]),
        Host::Domain(name) => name,
    };
    let not_resolved = |source| ConnectError::NameNotResolved { host: name.clone(), source };
    let found = lookups.resolve(name, origin.port).await.map_err(not_resolved)?;
    if found.is_empty() {
        return Err(not_resolved(io::Error::other("it has no address")));
    }
    Ok(interleaved(found))
}

/// One address of each family by turns, beginning with the one the resolver put first.
fn interleaved(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut second = second.into_iter();
    let mut mixed = Vec::new();
    for address in first {
        mixed.push(address);
        mixed.extend(second.next());
    }
    mixed.extend(second);
    mixed
}

/// The first address to take a connection. The attempts are held here, not spawned: when this is
/// dropped, they are over.
async fn first_of(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut last = io::Error::other("it has no address");
    loop {
        let next = waiting.next();
        let patience = if next.is_some() { STAGGER } else { CONNECT_TIMEOUT };
        attempts.extend(next.map(TcpStream::connect));
        match timeout(patience, attempts.next()).await {
            Ok(Some(Ok(socket))) => return Ok(socket),
            Ok(Some(Err(error))) => last = error,
            Ok(None) => return Err(last),
            Err(_not_yet) => {}
        }
    }
}

fn prepare(socket: &TcpStream) -> io::Result<()> {
    sockopt::set_tcp_nodelay(socket, true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(socket, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(socket, KEEPALIVE_PROBES)?;
    Ok(())
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            Self::Tls(stream) => read_records(Pin::new(stream), context, buffer),
        }
    }
}

/// Reads as many records as are there and fit. One at a time, 16 KiB at the most, would cost a write
/// to the file for each.
fn read_records(
    mut stream: Pin<&mut Box<TlsStream<BufReader<Paced>>>>,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let before = buffer.filled().len();
    loop {
        let reached = buffer.filled().len();
        match stream.as_mut().poll_read(context, buffer) {
            Poll::Ready(Ok(())) if buffer.filled().len() > reached && buffer.remaining() > 0 => {}
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            // What has come is told first; the end or the error is met again by the next read.
            Poll::Pending | Poll::Ready(Err(_)) if reached > before => return Poll::Ready(Ok(())),
            other @ (Poll::Pending | Poll::Ready(Err(_))) => return other,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn the_families_take_turns_and_the_resolvers_first_choice_stays_first() {
        let found = addresses(&["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1", "2.2.2.2:1"]);
        let mixed = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(interleaved(found), mixed);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_address_that_refuses_does_not_keep_the_next_one_waiting() {
        let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let reached = first_of(vec![closed, open.local_addr().unwrap()]).await.unwrap();
        assert_eq!(reached.peer_addr().unwrap(), open.local_addr().unwrap());
        assert!(first_of(vec![closed, closed]).await.is_err());
    }
}
