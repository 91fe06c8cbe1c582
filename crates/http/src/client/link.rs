//! One connection for as long as an exchange lasts: our own, or a seat on one that is shared.
//!
//! This module answers one question: *how is one request asked, and its answer read?* A connection of our
//! own is driven by whoever waits for something on it, never by a task: when its [`Link`] is dropped the
//! socket is closed, then and there. What a shared one does is in `shared.rs`.
//!
//! It never asks twice, and never chooses a connection.

use super::body::Body;
use super::shared::Seat;
use super::told::told;
use super::{ExchangeError, Terms};
use crate::bucket::Bucket;
use crate::connect::{ConnectError, Offer, Route, Scheme, connect};
use crate::pace::{HeldBack, Pace};
use crate::polite::{Joined, Pacer};
use crate::proxy::{Proxy, ProxyError, ProxyTrouble};
use crate::request::whole_target;
use crate::resolve::Lookups;
use crate::stream::Stream;
use crate::tls::Trust;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Frame;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// One read from the socket. Below 256 KiB the system calls begin to show in the CPU time.
const PIECE: usize = 512 * 1024;

/// Limits of the head of an answer.
pub(super) const MOST_HEAD_BYTES: u32 = 64 * 1024;
pub(super) const MOST_FIELDS: usize = 256;

/// What is said beside a 401 or a 407 is read to its end if it is no longer than this.
pub(crate) const MOST_SAID: usize = 64 * 1024;

/// One connection, or a seat on one.
pub(crate) struct Link {
    pub(super) route: Route,
    carrier: Carrier,
    held_back: HeldBack,
    /// What ties a talk to the TLS of the server.
    binding: Option<Arc<[u8]>>,
    /// As long as it gives way.
    steered: Option<Joined>,
    /// It has brought an answer before.
    again: bool,
}

enum Carrier {
    Own(Box<Own>),
    Shared(Seat),
}

/// A connection that nobody else uses, and the socket under it.
struct Own {
    connection: Exchanges,
    over: bool,
    sender: SendRequest<Empty<Bytes>>,
    pace: Arc<Pace>,
    socket: Arc<OwnedFd>,
}

/// What drives the exchanges on a stream.
pub(crate) type Exchanges = Connection<TokioIo<Stream>, Empty<Bytes>>;

/// A stream to an origin, on which nothing has been said yet.
pub(super) struct Reached {
    pub(super) stream: Stream,
    pub(super) socket: OwnedFd,
    pub(super) pace: Arc<Pace>,
    pub(super) binding: Option<Arc<[u8]>>,
}

impl Reached {
    pub(super) async fn open(
        route: &Route,
        trust: &Trust,
        lookups: &mut Lookups,
        terms: &Terms,
        offer: Offer,
    ) -> Result<Self, ExchangeError> {
        let pace = Arc::new(Pace::default());
        pace.set(terms.bucket.clone());
        pace.set_fine(terms.bucket.as_ref().is_some_and(|bucket| bucket.manners().is_some()));
        let connected = connect(route, trust, lookups, Arc::clone(&pace), &terms.told, offer);
        let (stream, socket) = connected.await?;
        let secured = route.origin.scheme == Scheme::Https;
        let binding = secured.then(|| stream.binding()).flatten().map(Arc::from);
        Ok(Self { stream, socket, pace, binding })
    }
}

impl Link {
    pub(super) async fn open(
        route: Route,
        trust: &Trust,
        lookups: &mut Lookups,
        terms: &Terms,
    ) -> Result<Self, ExchangeError> {
        let reached = Reached::open(&route, trust, lookups, terms, Offer::One).await?;
        Self::own(route, reached).await
    }

    /// A connection of our own, on this stream.
    pub(super) async fn own(route: Route, reached: Reached) -> Result<Self, ExchangeError> {
        let Reached { stream, socket, pace, binding } = reached;
        let (sender, connection) = handshake(stream).await?;
        let (held_back, socket) = (HeldBack::of(&pace), Arc::new(socket));
        let own = Own { connection, over: false, sender, pace, socket };
        let (steered, again) = (None, false);
        Ok(Self { route, carrier: Carrier::Own(Box::new(own)), held_back, binding, steered, again })
    }

    /// A seat on a connection that is shared.
    pub(super) fn shared(route: Route, seat: Seat) -> Self {
        let (held_back, binding) = (HeldBack::of(seat.pace()), seat.binding());
        let (steered, again) = (None, false);
        Self { route, carrier: Carrier::Shared(seat), held_back, binding, steered, again }
    }

    /// Whether others are served on the same connection.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.carrier, Carrier::Shared(_))
    }

    /// Whose bandwidth is taken from now on; one that is shared has its own.
    pub(super) fn set_pace(&self, bucket: Option<Arc<Bucket>>) {
        if let Carrier::Own(own) = &self.carrier {
            own.pace.set(bucket);
        }
    }

    /// Whether it was our own pace, since this was asked last, that nothing came.
    pub(crate) fn was_held_back(&mut self) -> bool {
        self.held_back.was_held_back()
    }

    /// A body of so many bytes begins to come, for whoever has this bucket: the connection gives way for it
    /// as that says. One that is shared is looked after already, for all who share it.
    pub(crate) fn steer(
        &mut self,
        pacer: &Arc<Pacer>,
        bucket: Option<&Arc<Bucket>>,
        length: Option<u64>,
    ) {
        let (Carrier::Own(own), Some(bucket)) = (&self.carrier, bucket) else {
            self.steered = None;
            return;
        };
        if self.steered.as_ref().is_some_and(|steered| steered.go_on(bucket)) {
            return;
        }
        // The first body on a connection comes slowly enough, if it is short.
        let is_worth_it = self.again && bucket.manners().is_some();
        let length = length.filter(|_| !is_worth_it);
        self.steered = pacer.join(Arc::clone(&own.socket), bucket, length);
    }

    /// Its answer has been read to the end.
    pub(super) fn rest(&mut self) {
        self.again = true;
        self.steered.iter().for_each(Joined::rest);
    }

    /// What ties a talk to the TLS of the server.
    pub(crate) fn binding(&self) -> Option<Arc<[u8]>> {
        self.binding.clone()
    }

    /// The proxy that reads what is asked here, if one does.
    fn reader(&self) -> Option<&Proxy> {
        self.route.way.asks_for(self.route.origin.scheme)
    }

    /// Whether a proxy reads what is asked here, and not only passes it on.
    pub(crate) fn is_read_by_a_proxy(&self) -> bool {
        self.reader().is_some()
    }

    /// Asks on this connection; that a proxy wants to know who asks is an error.
    pub(crate) async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
        patience: Duration,
    ) -> Result<Response<Body>, ExchangeError> {
        let response = self.ask(request, patience).await?;
        self.unless_refused(response)
    }

    pub(super) fn unless_refused(
        &self,
        response: Response<Body>,
    ) -> Result<Response<Body>, ExchangeError> {
        match response.status() {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED if self.is_read_by_a_proxy() => {
                Err(self.refused(response.headers()))
            }
            _ => Ok(response),
        }
    }

    /// The proxy wants to know who asks.
    pub(crate) fn refused(&self, fields: &HeaderMap) -> ExchangeError {
        let trouble = ProxyTrouble::unauthorized(fields);
        self.reader()
            .map_or(ConnectError::NotAnOrigin, |it| ProxyError::of(it, trouble).into())
            .into()
    }

    /// Asks on this connection; a proxy that reads the request is asked for the whole URL.
    pub(crate) async fn ask(
        &mut self,
        mut request: Request<Empty<Bytes>>,
        patience: Duration,
    ) -> Result<Response<Body>, ExchangeError> {
        if self.is_read_by_a_proxy() {
            *request.uri_mut() = whole_target(&request).ok_or(ConnectError::NotAnOrigin)?;
        }
        let own = match &mut self.carrier {
            Carrier::Own(own) => own,
            Carrier::Shared(seat) => return Ok(seat.ask(request, patience).await?),
        };
        let answer = own.sender.send_request(request);
        let mut answer = pin!(drive(&mut own.connection, &mut own.over, answer));
        loop {
            match timeout(patience, &mut answer).await {
                Ok(answer) => {
                    return answer
                        .map(|answer| answer.map(Body::Own))
                        .map_err(|error| told(&error));
                }
                Err(_) if self.held_back.was_held_back() => {}
                Err(_) => return Err(ExchangeError::TimedOut(patience)),
            }
        }
    }

    /// The next piece of the body; `None` at its end.
    pub(crate) async fn next(&mut self, body: &mut Body) -> Result<Option<Bytes>, ExchangeError> {
        let (own, body) = match (&mut self.carrier, body) {
            (Carrier::Own(own), Body::Own(body)) => (own, body),
            (Carrier::Shared(seat), Body::Shared(body)) => return seat.next(body).await,
            (Carrier::Own(_), Body::Shared(_)) | (Carrier::Shared(_), Body::Own(_)) => {
                return Err(ExchangeError::Lost("it came on another connection".to_owned()));
            }
        };
        loop {
            let frame = drive(&mut own.connection, &mut own.over, body.frame()).await;
            match frame.transpose().map_err(|error| told(&error))?.map(Frame::into_data) {
                Some(Ok(piece)) => return Ok(Some(piece)),
                // Trailers say nothing we use.
                Some(Err(_trailers)) => {}
                None => return Ok(None),
            }
        }
    }

    /// Reads what is left of an answer that nobody wants, if it ends soon; says whether another request
    /// can be sent then.
    pub(crate) async fn cleared(&mut self, mut body: Body, patience: Duration) -> bool {
        let mut left = MOST_SAID;
        loop {
            match timeout(patience, self.next(&mut body)).await {
                Ok(Ok(None)) => return self.is_ready(),
                Ok(Ok(Some(piece))) if piece.len() <= left => left -= piece.len(),
                Ok(Ok(Some(_)) | Err(_)) | Err(_) => return false,
            }
        }
    }

    /// Whether another request can be sent now. Looks at the socket, and waits for nothing.
    pub(crate) fn is_ready(&mut self) -> bool {
        match &mut self.carrier {
            Carrier::Own(own) => {
                let ready = own.sender.ready();
                let ready = drive(&mut own.connection, &mut own.over, ready).now_or_never();
                matches!(ready, Some(Ok(()))) && !own.over
            }
            Carrier::Shared(seat) => seat.is_open(),
        }
    }
}

/// Begins to speak HTTP on a stream, within the limits of an answer's head.
pub(crate) async fn handshake(
    stream: Stream,
) -> Result<(SendRequest<Empty<Bytes>>, Exchanges), ExchangeError> {
    let hands = http1::Builder::new()
        .read_buf_exact_size(Some(PIECE))
        .max_header_size(MOST_HEAD_BYTES as usize)
        .max_headers(MOST_FIELDS)
        .handshake(TokioIo::new(stream));
    exchanged(hands.await)
}

/// What came of it, in our words.
pub(crate) fn exchanged<T>(result: Result<T, hyper::Error>) -> Result<T, ExchangeError> {
    result.map_err(|error| told(&error))
}

/// Drives the connection until `wanted` is there.
pub(crate) async fn drive<F: Future>(
    connection: &mut Exchanges,
    over: &mut bool,
    wanted: F,
) -> F::Output {
    let mut wanted = pin!(wanted);
    poll_fn(|context| {
        if !*over {
            // How it ended is told to whoever waits for an answer or a body on it.
            *over = connection.poll_unpin(context).is_ready();
        }
        wanted.as_mut().poll(context)
    })
    .await
}
