//! From an origin to a connection.
//!
//! Has the name resolved (`resolve`), tries the addresses in turn (both families, a quarter of a second apart, the
//! first to answer wins), and shakes hands where the scheme asks for it. This module answers one
//! question: *how do we get a byte stream to this origin?* One connection serves one origin, on one
//! way.
//!
//! Beside the stream a second descriptor of the same socket is kept in hand, so that whoever sets
//! the pace of background traffic can measure and steer the live connection under the TLS.
//!
//! It never chooses a proxy (`proxy` does, and speaks to it), never sends a byte of HTTP, and never
//! keeps a connection.

use crate::auth::{Account, Login, Told};
use crate::certificate::ClientCertificate;
use crate::kernel;
use crate::pace::{Pace, Paced};
use crate::proxy::connect::through;
use crate::proxy::{ProxyError, Way};
use crate::resolve::Lookups;
use crate::stream::Stream;
use crate::tls::{Demands, Standard, TlsError, Trust};
use crate::validation::{MOST_QUESTIONS, Validation, Watch};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustix::net::sockopt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use url::{Host, Url};

/// How long each step of the way may take: to reach somebody, to have a proxy make a connection, to
/// shake hands.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

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
/// never carries a request that asks for the check, and one that knows us by some credentials, or a
/// certificate, never carries one with others, or none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) origin: Origin,
    /// By what its certificate is judged.
    pub(crate) standard: Standard,
    /// What it shows where the other end wants a certificate.
    pub(crate) certificate: Option<ClientCertificate>,
    /// Who has a say in whether the origin is spoken to.
    pub(crate) validation: Option<Validation>,
    /// Who it knows us as, or will.
    pub(crate) account: Option<Arc<Account>>,
    pub(crate) way: Way,
    /// What a proxy of SOCKS on the way knows us by.
    pub(crate) login: Option<Login>,
}

/// Whether the connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// It is not.
    Http,
    /// It is.
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
    /// Nobody knows which proxy it is to be.
    #[error("the proxy settings make no sense: {0}")]
    ProxySettings(String),
    /// The proxy did not do.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

impl Scheme {
    pub(crate) fn of(url: &Url) -> Option<Self> {
        match url.scheme() {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }
}

impl Origin {
    pub(crate) fn of(url: &Url) -> Result<Self, ConnectError> {
        let scheme = Scheme::of(url).ok_or(ConnectError::NotAnOrigin)?;
        let host = url.host().ok_or(ConnectError::NotAnOrigin)?.to_owned();
        let port = url.port_or_known_default().ok_or(ConnectError::NotAnOrigin)?;
        Ok(Self { scheme, host, port })
    }
}

/// What the server may choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// One exchange at a time (HTTP/1.1).
    One,
    /// Many at a time, if it likes (HTTP/2).
    Many,
}

/// Why nobody was reached.
pub(crate) enum Unreached {
    /// There is no address.
    Name(io::Error),
    /// No address takes the connection.
    Socket(io::Error),
}

/// Connects the way `route` says, at this pace. The second descriptor is of the same socket. `told`
/// is for a proxy on the way. A server that somebody has a say in is asked about first.
pub(crate) async fn connect(
    route: &Route,
    trust: &Trust,
    lookups: &mut Lookups,
    pace: Arc<Pace>,
    told: &Told,
    offer: Offer,
) -> Result<(Stream, OwnedFd), ConnectError> {
    let watch = route.validation.as_ref().map(|validation| validation.watch(&route.origin));
    let mut questions = 0;
    loop {
        let leg = Leg { route, trust, watch: watch.as_ref(), offer };
        let connected = match &route.way {
            Way::Direct => directly(leg, lookups, Arc::clone(&pace)).await,
            Way::Through(proxy) => through(proxy, leg, lookups, Arc::clone(&pace), told).await,
        };
        let unknown = watch.as_ref().and_then(|watch| Some((watch, watch.unknown()?)));
        match unknown {
            Some((watch, chain)) if questions < MOST_QUESTIONS => watch.ask(chain).await?,
            Some(_) => return Err(TlsError::KeepsChanging.into()),
            None => return connected,
        }
        questions += 1;
    }
}

/// One try at a route.
#[derive(Clone, Copy)]
pub(crate) struct Leg<'a> {
    pub(crate) route: &'a Route,
    pub(crate) trust: &'a Trust,
    pub(crate) watch: Option<&'a Watch>,
    pub(crate) offer: Offer,
}

async fn directly(
    leg: Leg<'_>,
    lookups: &mut Lookups,
    pace: Arc<Pace>,
) -> Result<(Stream, OwnedFd), ConnectError> {
    let Origin { scheme, host, port } = &leg.route.origin;
    let reached = timeout(CONNECT_TIMEOUT, reach(host, *port, lookups, pace)).await;
    let timed_out = |_| ConnectError::TimedOut { host: host.to_string() };
    let (socket, in_hand) = reached.map_err(timed_out)?.map_err(|error| match error {
        Unreached::Name(source) => ConnectError::NameNotResolved { host: host.to_string(), source },
        Unreached::Socket(source) => {
            ConnectError::Failed { host: host.to_string(), port: *port, source }
        }
    })?;
    let stream = Stream::Plain(socket);
    match scheme {
        Scheme::Http => Ok((stream, in_hand)),
        Scheme::Https => Ok((secured(stream, leg).await?, in_hand)),
    }
}

/// The stream with TLS over it, and the origin of `route` at its other end.
pub(crate) async fn secured(stream: Stream, leg: Leg<'_>) -> Result<Stream, ConnectError> {
    let Leg { route, trust, watch, offer } = leg;
    let host = &route.origin.host;
    let shown = route.certificate.as_ref();
    let (standard, may_share) = (route.standard.clone(), offer == Offer::Many);
    let demands = Demands { standard, shown, watch, may_share };
    let secured = stream.under_tls(trust, host, demands);
    let secured = timeout(CONNECT_TIMEOUT, secured).await;
    Ok(secured.map_err(|_| ConnectError::TimedOut { host: host.to_string() })??)
}

/// A socket to this host, at this pace, and a second descriptor of it.
pub(crate) async fn reach(
    host: &Host<String>,
    port: u16,
    lookups: &mut Lookups,
    pace: Arc<Pace>,
) -> Result<(Paced, OwnedFd), Unreached> {
    let socket = first_of(resolve(host, port, lookups).await?, pace.is_fine())
        .await
        .map_err(Unreached::Socket)?;
    prepare(&socket).map_err(Unreached::Socket)?;
    let in_hand = socket.as_fd().try_clone_to_owned().map_err(Unreached::Socket)?;
    Ok((Paced::new(socket, pace), in_hand))
}

async fn resolve(
    host: &Host<String>,
    port: u16,
    lookups: &mut Lookups,
) -> Result<Vec<SocketAddr>, Unreached> {
    let name = match host {
        Host::Ipv4(address) => return Ok(vec![(IpAddr::V4(*address), port).into()]),
        Host::Ipv6(address) => return Ok(vec![(IpAddr::V6(*address), port).into()]),
        Host::Domain(name) => name,
    };
    let found = lookups.resolve(name, port).await.map_err(Unreached::Name)?;
    if found.is_empty() {
        return Err(Unreached::Name(io::Error::other("it has no address")));
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
async fn first_of(addresses: Vec<SocketAddr>, fine: bool) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut last = io::Error::other("it has no address");
    loop {
        let next = waiting.next();
        let patience = if next.is_some() { STAGGER } else { CONNECT_TIMEOUT };
        attempts.extend(next.map(|address| to(address, fine)));
        match timeout(patience, attempts.next()).await {
            Ok(Some(Ok(socket))) => return Ok(socket),
            Ok(Some(Err(error))) => last = error,
            Ok(None) => return Err(last),
            Err(_not_yet) => {}
        }
    }
}

/// A connection to this address; its window can be told finely if it is to be steered.
async fn to(address: SocketAddr, fine: bool) -> io::Result<TcpStream> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    if fine {
        kernel::prepare(&socket);
    }
    socket.connect(address).await
}

fn prepare(socket: &TcpStream) -> io::Result<()> {
    sockopt::set_tcp_nodelay(socket, true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(socket, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(socket, KEEPALIVE_PROBES)?;
    Ok(())
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
        let reached = first_of(vec![closed, open.local_addr().unwrap()], false).await.unwrap();
        assert_eq!(reached.peer_addr().unwrap(), open.local_addr().unwrap());
        assert!(first_of(vec![closed, closed], true).await.is_err());
    }
}
