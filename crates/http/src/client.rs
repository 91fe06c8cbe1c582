//! Connections kept, and one exchange on one of them.
//!
//! This module answers one question: *given a request, which connection carries it, and what head
//! comes back?* A connection that has served one file to its end is kept for a few seconds for the
//! next file of the same origin. All connections of a [`Client`] belong to one identity; there is
//! one client in a network agent, and they never leave it.
//!
//! | file     | holds                                                                  |
//! |----------|------------------------------------------------------------------------|
//! | `link`   | one exchange on a connection of our own                                |
//! | `shared` | a connection on which many exchanges go on at the same time (HTTP/2)   |
//! | `crowd`  | who shares one, and when nobody does                                   |
//! | `body`   | what comes after a head, from either                                   |
//! | `told`   | what went wrong, in our words                                          |
//!
//! It never asks twice, with one exception: a kept connection that breaks before a byte of the
//! answer has come tells nothing about the server, so the request goes out once more on a new one.
//! What might do something at the server (any method but `GET` and `HEAD`) gets a new connection at
//! once, and is never sent again.
//!
//! Where proxies lead to the server, they are tried in their order until one is reached; what that one
//! says is the answer. One that was out of reach is tried after the others for a while.

mod body;
mod crowd;
mod link;
mod shared;
mod told;

pub(crate) use body::Body;
pub(crate) use link::{Exchanges, Link, MOST_SAID, drive, exchanged, handshake};

use crate::auth::{Account, Accounts, InHand, Logins, Tickets, Told, in_turns};
use crate::bucket::Bucket;
use crate::certificate::ClientCertificate;
use crate::connect::{ConnectError, Origin, Route, Scheme};
use crate::order::Options;
use crate::polite::Pacer;
use crate::proxy::{Proxy, ProxyUse, Way};
use crate::quick::Quick;
use crate::resolve::{Lookups, Resolver, system};
use crate::response::AnswerError;
use crate::tls::{Standard, Trust};
use crate::validation::Validation;
use bytes::Bytes;
use crowd::Crowd;
use http::{Method, Request, Response};
use http_body_util::Empty;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

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
    crowd: Crowd,
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
    /// Whether it may go out on a connection that others use at the same time.
    pub(crate) may_share: bool,
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
            may_share: crowd::may_share(options),
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
        let (kept, crowd) = (Mutex::default(), Crowd::default());
        let (pacer, quick) = (Arc::default(), Arc::default());
        Arc::new(Self { trust, resolver: system, kept, crowd, accounts, pacer, quick })
    }

    #[cfg(test)]
    pub(crate) fn with_resolver(trust: Trust, resolver: Resolver) -> Arc<Self> {
        let accounts = Accounts::default();
        let (kept, crowd) = (Mutex::default(), Crowd::default());
        let (pacer, quick) = (Arc::default(), Arc::default());
        Arc::new(Self { trust, resolver, kept, crowd, accounts, pacer, quick })
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
        self: &Arc<Self>,
        url: &Url,
        request: Option<Request<Empty<Bytes>>>,
        lookups: &mut Lookups,
        terms: Terms,
    ) -> Result<(Link, Response<Body>), ExchangeError> {
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
        self: &Arc<Self>,
        route: Route,
        mut request: Request<Empty<Bytes>>,
        lookups: &mut Lookups,
        terms: &Terms,
    ) -> Result<(Link, Response<Body>), ExchangeError> {
        if route.way.asks_for(route.origin.scheme).is_some() {
            request.headers_mut().extend(terms.told.fields.clone());
        }
        let repeatable = [Method::GET, Method::HEAD].contains(request.method());
        // A talk begins on a connection that has heard nothing yet.
        let any = repeatable && terms.told.turns.is_none();
        if any && terms.may_share && route.origin.scheme == Scheme::Https {
            let shared = self.exchange_shared(&route, &request, lookups, terms).await?;
            if let Some(answered) = shared {
                return Ok(answered);
            }
        }
        if any && let Some(mut link) = self.take(&route) {
            link.set_pace(terms.bucket.clone());
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
    fn remember<T>(&self, way: &Way, opened: &Result<T, ExchangeError>) {
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
        link.set_pace(None);
        link.rest();
        // Those that are shared are kept by those who share them.
        if link.is_shared() || !link.is_ready() {
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
