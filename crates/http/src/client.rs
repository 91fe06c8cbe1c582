//! Connections kept, and one exchange on one of them.
//!
//! This module answers one question: *given a request, which connection carries it, and what head
//! comes back?* A connection that has served one file to its end is kept for a few seconds for the
//! next file of the same origin. All connections of a [`Client`] belong to one identity; there is
//! one client in a network agent, and they never leave it.
//!
//! A connection is driven by whoever waits for something on it, never by a task of its own: when
//! its [`Link`] is dropped the socket is closed, then and there.
//!
//! It never asks twice, with one exception: a kept connection that breaks before a byte of the
//! answer has come tells nothing about the server, so the request goes out once more on a new one.
//! What might do something at the server (any method but `GET` and `HEAD`) gets a new connection at
//! once, and is never sent again.
//!
//! Where proxies lead to the server, they are tried in their order until one is reached; what that one
//! says is the answer. One that was out of reach is tried after the others for a while.

mod told;

use crate::auth::{Account, Accounts, InHand, Logins, Tickets, Told, in_turns};
use crate::bucket::Bucket;
use crate::certificate::ClientCertificate;
use crate::connect::{ConnectError, Origin, Route, Scheme, connect};
use crate::order::Options;
use crate::pace::Pace;
use crate::polite::Pacer;
use crate::proxy::{Proxy, ProxyError, ProxyTrouble, ProxyUse, Way};
use crate::quick::Quick;
use crate::request::whole_target;
use crate::resolve::{Lookups, Resolver, system};
use crate::response::AnswerError;
use crate::stream::Stream;
use crate::tls::{Standard, Trust};
use crate::validation::Validation;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use told::told;
use url::Url;

/// One read from the socket. Below 256 KiB the system calls begin to show in the CPU time.
const PIECE: usize = 512 * 1024;

/// Limits of the head of an answer.
const MOST_HEAD_BYTES: usize = 64 * 1024;
const MOST_FIELDS: usize = 256;

/// What is said beside a 401 or a 407 is read to its end if it is no longer than this.
pub(crate) const MOST_SAID: usize = 64 * 1024;

/// How long, and how many to one origin, connections are kept.
const KEEP_FOR: Duration = Duration::from_secs(15);
const KEEP_MOST: usize = 8;

/// How long a proxy that was out of reach comes after the others.
const AVOID_FOR: Duration = Duration::from_secs(300);

/// Connections of one identity.
pub struct Client {
    trust: Trust,
    resolver: Resolver,
    kept: Mutex<Kept>,
    pub(crate) accounts: Accounts,
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) quick: Arc<Quick>,
}

#[derive(Default)]
struct Kept {
    links: HashMap<Route, Vec<(Instant, Link)>>,
    /// Proxies, and since when they are out of reach.
    avoided: HashMap<Proxy, Instant>,
    /// A task is looking after what is kept too long.
    swept: bool,
}

/// One connection, and the socket under it.
pub(crate) struct Link {
    route: Route,
    pace: Arc<Pace>,
    connection: Exchanges,
    over: bool,
    sender: SendRequest<Empty<Bytes>>,
    socket: Arc<OwnedFd>,
    /// What ties a talk to the TLS of the server.
    binding: Option<Arc<[u8]>>,
}

/// What drives the exchanges on a stream.
pub(crate) type Exchanges = Connection<TokioIo<Stream>, Empty<Bytes>>;

/// On what terms a request goes out.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) standard: Standard,
    /// What is shown to the server if it asks.
    pub(crate) certificate: Option<ClientCertificate>,
    /// Who has a say in which servers are spoken to.
    pub(crate) validation: Option<Validation>,
    pub(crate) bucket: Option<Arc<Bucket>>,
    /// How long not a byte may come.
    pub(crate) patience: Duration,
    /// Whose connections may carry it: those with the same credentials, or nobody's.
    pub(crate) account: Option<Arc<Account>>,
    /// The same for who stands between us and the server.
    pub(crate) at_proxy: Option<Arc<Account>>,
    /// Who stands between us and the server.
    pub(crate) proxy: ProxyUse,
    /// What those are told.
    pub(crate) told: Told,
    /// What there is to log on with.
    pub(crate) logins: Logins,
}

impl Terms {
    pub(crate) fn of(
        options: &Options,
        bucket: Option<Arc<Bucket>>,
        patience: Duration,
        account: Option<&InHand>,
        at_home: bool,
    ) -> Self {
        let of = |wanted: bool| account.filter(|_| wanted).map(InHand::account).cloned();
        Self {
            standard: Standard::of(options),
            certificate: options.certificate.clone().filter(|_| at_home),
            validation: options.validation.clone(),
            bucket,
            patience,
            account: of(at_home),
            at_proxy: of(options.proxy != ProxyUse::Direct),
            proxy: options.proxy.clone(),
            told: Told::default(),
            logins: options.logins.clone(),
        }
    }
}

/// No usable head came back.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// No connection came about.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The answer will not do.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// Not a byte came for too long.
    #[error("the server sent nothing for {} seconds", .0.as_secs())]
    TimedOut(Duration),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Lost(String),
}

impl Client {
    /// A client that trusts `trust` and keeps no connection yet.
    #[must_use]
    pub fn new(trust: Trust) -> Arc<Self> {
        Self::with_tickets(trust, None)
    }

    /// The same, with tickets from there.
    #[must_use]
    pub fn with_tickets(trust: Trust, tickets: Option<Arc<dyn Tickets>>) -> Arc<Self> {
        let accounts = Accounts::with(tickets);
        let (kept, pacer, quick) = (Mutex::default(), Arc::default(), Arc::default());
        Arc::new(Self { trust, resolver: system, kept, accounts, pacer, quick })
    }

    #[cfg(test)]
    pub(crate) fn with_resolver(trust: Trust, resolver: Resolver) -> Arc<Self> {
        let accounts = Accounts::default();
        let (kept, pacer, quick) = (Mutex::default(), Arc::default(), Arc::default());
        Arc::new(Self { trust, resolver, kept, accounts, pacer, quick })
    }

    /// What steers the connections of background fetches.
    #[must_use]
    pub fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    /// For the lookups of one fetch, which must wait for their end.
    pub(crate) fn lookups(&self) -> Lookups {
        Lookups::new(self.resolver)
    }

    /// Asks, and returns the head of the answer with the connection its body comes on.
    pub(crate) async fn exchange(
        &self,
        url: &Url,
        request: Option<Request<Empty<Bytes>>>,
        lookups: &mut Lookups,
        terms: Terms,
    ) -> Result<(Link, Response<Incoming>), ExchangeError> {
        let origin = Origin::of(url)?;
        // A URL that cannot stand in a request line belongs to no origin of ours.
        let request = request.ok_or(ConnectError::NotAnOrigin)?;
        let mut ways = self.sorted(terms.proxy.ways(url)?).into_iter().peekable();
        loop {
            let way = ways.next().ok_or(ConnectError::NotAnOrigin)?;
            let origin = origin.clone();
            // What a proxy knows us by is as good a reason to keep connections apart.
            let proxied = terms.at_proxy.as_ref().filter(|_| way != Way::Direct);
            let account = terms.account.as_ref().or(proxied).cloned();
            let login = way.login(&terms.logins);
            let (standard, certificate) = (terms.standard.clone(), terms.certificate.clone());
            let validation = terms.validation.clone().filter(|_| origin.scheme == Scheme::Https);
            let route = Route { origin, standard, certificate, validation, account, way, login };
            let exchanged = self.exchange_on(route, request.clone(), lookups, &terms).await;
            match exchanged {
                Err(ExchangeError::Connect(ConnectError::Proxy(error)))
                    if error.is_out_of_reach() && ways.peek().is_some() => {}
                other => return other,
            }
        }
    }

    /// The same on one way: on a kept connection, or a new one.
    async fn exchange_on(
        &self,
        route: Route,
        mut request: Request<Empty<Bytes>>,
        lookups: &mut Lookups,
        terms: &Terms,
    ) -> Result<(Link, Response<Incoming>), ExchangeError> {
        if route.way.asks_for(route.origin.scheme).is_some() {
            request.headers_mut().extend(terms.told.fields.clone());
        }
        let repeatable = [Method::GET, Method::HEAD].contains(request.method());
        // A talk begins on a connection that has heard nothing yet.
        let any = repeatable && terms.told.turns.is_none();
        if any && let Some(mut link) = self.take(&route) {
            link.pace.set(terms.bucket.clone());
            match link.send(request.clone(), terms.patience).await {
                Ok(response) => return Ok((link, response)),
                Err(ExchangeError::Lost(_)) => {}
                Err(other) => return Err(other),
            }
        }
        let opened = Link::open(route.clone(), &self.trust, lookups, terms).await;
        self.remember(&route.way, &opened);
        let (link, response) = in_turns(opened?, request, lookups, terms).await?;
        link.unless_refused(response).map(|response| (link, response))
    }

    /// The ways with those at the end that led nowhere lately.
    fn sorted(&self, mut ways: Vec<Way>) -> Vec<Way> {
        let mut kept = self.kept();
        kept.avoided.retain(|_, since| since.elapsed() < AVOID_FOR);
        ways.sort_by_key(|way| matches!(way, Way::Through(p) if kept.avoided.contains_key(p)));
        ways
    }

    /// Remembers whether a proxy was reached.
    fn remember(&self, way: &Way, opened: &Result<Link, ExchangeError>) {
        let Way::Through(proxy) = way else { return };
        match opened {
            Err(ExchangeError::Connect(ConnectError::Proxy(error))) if error.is_out_of_reach() => {
                self.kept().avoided.insert(proxy.clone(), Instant::now());
            }
            Ok(_) | Err(_) => drop(self.kept().avoided.remove(proxy)),
        }
    }

    /// Keeps a connection whose answer has been read to its end, if it can serve another.
    pub(crate) fn keep(self: &Arc<Self>, mut link: Link) {
        link.pace.set(None);
        if !link.is_ready() {
            return;
        }
        let mut kept = self.kept();
        let links = kept.links.entry(link.route.clone()).or_default();
        if links.len() < KEEP_MOST {
            links.push((Instant::now(), link));
        }
        if !std::mem::replace(&mut kept.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// The most recently kept connection of this `route` that is still open.
    fn take(&self, route: &Route) -> Option<Link> {
        let mut kept = self.kept();
        let links = kept.links.get_mut(route)?;
        while let Some((since, mut link)) = links.pop() {
            if since.elapsed() < KEEP_FOR && link.is_ready() {
                return Some(link);
            }
        }
        None
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes what has been kept too long, until nothing is kept.
async fn sweep(client: Weak<Client>) {
    loop {
        tokio::time::sleep(KEEP_FOR).await;
        let Some(client) = client.upgrade() else {
            return;
        };
        let mut kept = client.kept();
        for links in kept.links.values_mut() {
            links.retain(|(since, _)| since.elapsed() < KEEP_FOR);
        }
        kept.links.retain(|_, links| !links.is_empty());
        kept.swept = !kept.links.is_empty();
        if !kept.swept {
            return;
        }
    }
}

impl Link {
    async fn open(
        route: Route,
        trust: &Trust,
        lookups: &mut Lookups,
        terms: &Terms,
    ) -> Result<Self, ExchangeError> {
        let pace = Arc::new(Pace::default());
        pace.set(terms.bucket.clone());
        pace.set_fine(terms.bucket.as_ref().is_some_and(|bucket| bucket.manners().is_some()));
        let (stream, socket) =
            connect(&route, trust, lookups, Arc::clone(&pace), &terms.told).await?;
        let secured = route.origin.scheme == Scheme::Https;
        let binding = secured.then(|| stream.binding()).flatten().map(Arc::from);
        let (sender, connection) = handshake(stream).await?;
        let socket = Arc::new(socket);
        Ok(Self { route, pace, connection, over: false, sender, socket, binding })
    }

    /// Whether it was our own pace, since this was asked last, that nothing came.
    pub(crate) fn was_held_back(&self) -> bool {
        self.pace.was_held_back()
    }

    /// The socket under this connection, for whoever sets its pace.
    pub(crate) fn socket(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.socket)
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
    ) -> Result<Response<Incoming>, ExchangeError> {
        let response = self.ask(request, patience).await?;
        self.unless_refused(response)
    }

    fn unless_refused(
        &self,
        response: Response<Incoming>,
    ) -> Result<Response<Incoming>, ExchangeError> {
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
    ) -> Result<Response<Incoming>, ExchangeError> {
        if self.is_read_by_a_proxy() {
            *request.uri_mut() = whole_target(&request).ok_or(ConnectError::NotAnOrigin)?;
        }
        let answer = self.sender.send_request(request);
        let mut answer = pin!(drive(&mut self.connection, &mut self.over, answer));
        loop {
            match timeout(patience, &mut answer).await {
                Ok(answer) => return answer.map_err(|error| told(&error)),
                Err(_) if self.pace.was_held_back() => {}
                Err(_) => return Err(ExchangeError::TimedOut(patience)),
            }
        }
    }

    /// The next piece of the body; `None` at its end.
    pub(crate) async fn next(
        &mut self,
        body: &mut Incoming,
    ) -> Result<Option<Bytes>, ExchangeError> {
        loop {
            let frame = drive(&mut self.connection, &mut self.over, body.frame()).await;
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
    pub(crate) async fn cleared(&mut self, mut body: Incoming, patience: Duration) -> bool {
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
        let ready = self.sender.ready();
        let ready = drive(&mut self.connection, &mut self.over, ready).now_or_never();
        matches!(ready, Some(Ok(()))) && !self.over
    }
}

/// Begins to speak HTTP on a stream, within the limits of an answer's head.
pub(crate) async fn handshake(
    stream: Stream,
) -> Result<(SendRequest<Empty<Bytes>>, Exchanges), ExchangeError> {
    let hands = http1::Builder::new()
        .read_buf_exact_size(Some(PIECE))
        .max_header_size(MOST_HEAD_BYTES)
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
