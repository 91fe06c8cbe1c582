//! Through a proxy to an origin.
//!
//! ```text
//!             | http://                           | https://
//! ------------+-----------------------------------+-----------------------------------
//!  http proxy | asked for the URL itself          | CONNECT, then TLS with the server
//!  https      | TLS, asked for the URL itself     | TLS, CONNECT, then TLS with the server
//!  socks5     | CONNECT of SOCKS                  | CONNECT of SOCKS, then TLS with the server
//! ```
//!
//! This module answers one question: *how do we get a byte stream to this origin if somebody stands
//! between us?* The certificate of an https proxy has to hold whatever the owner does without at
//! servers. A proxy that is asked for a tunnel learns host and port, and nothing of the request.
//!
//! It never tries another proxy, and never goes past one.

use super::{Proxy, ProxyError, ProxyKind, ProxyTrouble, socks, tunnel};
use crate::auth::Told;
use crate::connect::{
    CONNECT_TIMEOUT, ConnectError, Leg, Route, Scheme, Unreached, reach, secured,
};
use crate::pace::Pace;
use crate::resolve::Lookups;
use crate::stream::Stream;
use crate::tls::{Demands, Trust};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::time::timeout;

/// Connects to the origin of `route` through `proxy`, which is told this where it is asked in HTTP.
/// The second descriptor is of the socket to the proxy.
pub(crate) async fn through(
    proxy: &Proxy,
    leg: Leg<'_>,
    lookups: &mut Lookups,
    pace: Arc<Pace>,
    told: &Told,
) -> Result<(Stream, OwnedFd), ConnectError> {
    let Leg { route, trust, .. } = leg;
    let wrong = |trouble| ProxyError::of(proxy, trouble);
    let reached = timeout(CONNECT_TIMEOUT, reached(proxy, trust, lookups, pace)).await;
    let (stream, in_hand) = reached.unwrap_or(Err(ProxyTrouble::TimedOut)).map_err(wrong)?;
    if route.way.asks_for(route.origin.scheme).is_some() {
        return Ok((stream, in_hand));
    }
    let made = timeout(CONNECT_TIMEOUT, made(proxy, stream, route, told, lookups)).await;
    let stream = made.unwrap_or(Err(ProxyTrouble::Slow)).map_err(wrong)?;
    match route.origin.scheme {
        Scheme::Http => Ok((stream, in_hand)),
        Scheme::Https => Ok((secured(stream, leg).await?, in_hand)),
    }
}

/// A stream to the proxy itself.
async fn reached(
    proxy: &Proxy,
    trust: &Trust,
    lookups: &mut Lookups,
    pace: Arc<Pace>,
) -> Result<(Stream, OwnedFd), ProxyTrouble> {
    let socket = reach(&proxy.host, proxy.port, lookups, pace).await;
    let (socket, in_hand) = socket.map_err(|error| match error {
        Unreached::Name(error) => ProxyTrouble::NameNotResolved(error),
        Unreached::Socket(error) => ProxyTrouble::Failed(error),
    })?;
    let stream = Stream::Plain(socket);
    Ok(match proxy.kind {
        ProxyKind::Http | ProxyKind::Socks5 => (stream, in_hand),
        ProxyKind::Https => {
            (stream.under_tls(trust, &proxy.host, Demands::default()).await?, in_hand)
        }
    })
}

/// The stream that the proxy makes of it.
async fn made(
    proxy: &Proxy,
    stream: Stream,
    route: &Route,
    told: &Told,
    lookups: &mut Lookups,
) -> Result<Stream, ProxyTrouble> {
    match proxy.kind {
        ProxyKind::Http | ProxyKind::Https => {
            tunnel::made(stream, &route.origin, told, lookups).await
        }
        ProxyKind::Socks5 => socks::made(stream, &route.origin, route.login.as_ref()).await,
    }
}
