//! Who shares a connection with whom.
//!
//! ```text
//!  may it share? ── no ───────────────────────────────────────────────▶ HTTP/1.1, as ever
//!       │ yes
//!  a connection of its route and bucket? ── none: one of them opens it
//!       │                                       └─ the server does not want to: HTTP/1.1 for a while
//!  ask ─┬─ an answer ─┬─ small, or of unknown size ────▶ there it is
//!       │             └─ large ───────────────────────▶ declined; HTTP/1.1
//!       ├─ not processed (GOAWAY, REFUSED_STREAM) ─────▶ another connection, three times at most
//!       └─ HTTP_1_1_REQUIRED, or nothing we can read ──▶ HTTP/1.1
//! ```
//!
//! This module answers one question: *does this request go out on a connection that others use at the same
//! time?* Many small files do, where the server speaks HTTP/2: on a long path what they cost is waiting, and
//! sixty on one connection wait together. Nothing else does: a large file wants the connection, and its
//! window, to itself.
//!
//! Who may have to log on for a connection (NTLM, Negotiate) never shares one, and neither does Digest,
//! whose requests some servers want in the order of their numbers.

use super::link::{Link, Reached};
use super::shared::{Seat, Shared};
use super::told::Unanswered;
use super::{Body, Client, ExchangeError, Terms};
use crate::answer::content_length;
use crate::auth::{LoginScheme, LoginTarget};
use crate::bucket::Bucket;
use crate::connect::{Offer, Origin, Route};
use crate::order::Options;
use crate::resolve::Lookups;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Empty;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// An answer that is longer has a connection to itself, in bytes.
const MOST_SHARED: u64 = 1024 * 1024;
/// So many connections are tried where the server keeps refusing.
const MOST_TRIES: usize = 3;
/// How long a server that does not want to share is not asked to.
const ALONE_FOR: Duration = Duration::from_secs(300);

/// Where one connection leads, and whose bandwidth it takes.
type Key = (Route, usize);
/// Whoever holds it opens the connection, and the others wait.
type Slot = tokio::sync::Mutex<Option<Arc<Shared>>>;

/// The connections that are shared.
#[derive(Default)]
pub(super) struct Crowd {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
    /// Servers that do not share, and since when that is known.
    alone: Mutex<HashMap<Origin, Instant>>,
}

impl Crowd {
    fn slot(&self, route: &Route, bucket: Option<&Arc<Bucket>>) -> Arc<Slot> {
        // While there is a connection it has the bucket, so that no other comes to lie there.
        let key = (route.clone(), bucket.map_or(0, |bucket| Arc::as_ptr(bucket).addr()));
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&key) {
            return Arc::clone(slot);
        }
        slots.retain(|_, slot| Arc::strong_count(slot) > 1 || is_open(slot));
        Arc::clone(slots.entry(key).or_default())
    }

    fn is_alone(&self, origin: &Origin) -> bool {
        let mut alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        alone.retain(|_, since| since.elapsed() < ALONE_FOR);
        alone.contains_key(origin)
    }

    fn leave_alone(&self, origin: &Origin) {
        let mut alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        alone.insert(origin.clone(), Instant::now());
    }
}

fn is_open(slot: &Slot) -> bool {
    slot.try_lock().is_ok_and(|place| place.as_ref().is_some_and(|shared| shared.is_open()))
}

/// Whether what is asked for in this way may share a connection.
pub(super) fn may_share(options: &Options) -> bool {
    let held = [LoginScheme::Negotiate, LoginScheme::Ntlm, LoginScheme::Digest];
    options.may_share
        && options.method == Method::GET
        && held.iter().all(|scheme| options.logins.find(LoginTarget::Server, *scheme).is_none())
}

impl Client {
    /// Asks on a connection that others use at the same time. Nothing if it is to be asked over HTTP/1.1.
    pub(super) async fn exchange_shared(
        self: &Arc<Self>,
        route: &Route,
        request: &Request<Empty<Bytes>>,
        lookups: &mut Lookups,
        terms: &Terms,
    ) -> Result<Option<(Link, Response<Body>)>, ExchangeError> {
        for _ in 0..MOST_TRIES {
            let Some(mut seat) = self.seat(route, lookups, terms).await? else { return Ok(None) };
            match seat.ask(request.clone(), terms.patience).await {
                Ok(response) => {
                    let length = content_length(response.headers());
                    if matches!(length, Ok(Some(length)) if length > MOST_SHARED) {
                        seat.decline();
                        return Ok(None);
                    }
                    return Ok(Some((Link::shared(route.clone(), seat), response)));
                }
                Err(Unanswered::Again) => {}
                Err(Unanswered::OverOne { for_good }) => {
                    if for_good {
                        self.crowd.leave_alone(&route.origin);
                    }
                    return Ok(None);
                }
                Err(Unanswered::Failed(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// A seat on the connection of this route and bucket, which is opened if there is none.
    async fn seat(
        self: &Arc<Self>,
        route: &Route,
        lookups: &mut Lookups,
        terms: &Terms,
    ) -> Result<Option<Seat>, ExchangeError> {
        let slot = self.crowd.slot(route, terms.bucket.as_ref());
        let mut place = slot.lock().await;
        if self.crowd.is_alone(&route.origin) {
            return Ok(None);
        }
        if let Some(seat) = place.as_ref().and_then(Shared::sit) {
            return Ok(Some(seat));
        }
        let reached = Reached::open(route, &self.trust, lookups, terms, Offer::Many).await;
        self.remember(&route.way, &reached);
        let reached = reached?;
        if !reached.stream.is_to_be_shared() {
            self.crowd.leave_alone(&route.origin);
            self.keep(Link::own(route.clone(), reached).await?);
            return Ok(None);
        }
        let shared = Shared::open(reached, terms.bucket.clone(), Arc::clone(&self.pacer)).await?;
        let seat = shared.sit();
        *place = Some(shared);
        Ok(seat)
    }
}
