//! One large file over several connections, where that is faster.
//!
//! ```text
//!  one answer streams ─▶ its rate is steady and much is left: a range further on is asked for
//!     ▲                        │
//!     │                        ├─ proved to be of the same file: the stream ends where it begins
//!     │                        └─ anything else: that connection is given up, the stream goes on
//!     │
//!     └─ faster: range by range over all of them, in order; not faster: back to one
//! ```
//!
//! This module answers one question: *who asks for what, and what becomes of an answer that will not
//! do?* How many connections there should be is known in `several/count.rs`, which bytes are whose in
//! `several/plan.rs`. A range is accepted by the same rules as a continuation (`response/part.rs`):
//! a 206 with the range that was asked for, the strong validator and the total of the answer that came
//! first. Nothing of an answer is written before that; so whatever the servers behind one name do, the
//! file has bytes of one version.
//!
//! An answer that will not do costs its connection and nothing else; only when the last one has failed
//! does the fetch go on as if nobody had tried: with what is there without a gap, and one connection.
//! It never opens a second one for a fetch that gives way to others.

mod count;
mod plan;

use super::{FetchError, REPORT_EVERY, Run};
use crate::client::{Body, Client, ExchangeError, Link, Terms};
use crate::fetch::Reports;
use crate::request::{Ask, Held, Part, Validators};
use crate::resolve::Lookups;
use crate::response::{AnswerError, Decision, judge};
use bytes::Bytes;
use count::Count;
use http::header::ACCEPT_RANGES;
use http::response::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Empty;
use plan::{Lane, Place, Plan};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use url::Url;

/// More than this nobody needs, whoever asks for them.
const MOST: u8 = 8;
/// A file of which less is missing is there soon enough, in bytes.
const WORTH_SHARING: u64 = 16 * 1024 * 1024;
/// A share takes about so long on its connection, and between a request and its answer nothing comes.
const SHARE_TIME: u64 = 4;
/// The least and the most that a share is, in bytes.
const SHARE: std::ops::RangeInclusive<u64> = 1024 * 1024..=32 * 1024 * 1024;
/// So far ahead of a stream another connection begins: it has about so long to show what it is worth.
const LEAD_TIME: u64 = 3;
const LEAD: std::ops::RangeInclusive<u64> = 2 * 1024 * 1024..=128 * 1024 * 1024;

/// The lookups of one connection after the other, which end with the fetch.
pub(super) type SharedLookups = Arc<Mutex<Lookups>>;

/// What happens next on a connection.
type Flight = Pin<Box<dyn Future<Output = Event> + Send>>;

enum Event {
    /// It was asked for a range. Nothing if the answer will not do.
    Answered(Option<Answer>),
    /// More of its body, or the end of it.
    Came(Box<Link>, Body, Result<Option<Bytes>, ExchangeError>),
}

struct Answer {
    link: Box<Link>,
    body: Body,
    until: u64,
}

/// A connection at work.
#[derive(Default)]
struct Worker {
    /// It serves, and its answer ends here.
    until: Option<u64>,
}

/// Everything about the connections of one file.
struct Several {
    held: Arc<Held>,
    total: u64,
    plan: Plan,
    count: Count,
    began: Instant,
    /// What has come over all of them.
    came: u64,
    workers: Vec<Option<Worker>>,
    flights: Vec<Option<Flight>>,
    /// Whose turn it is to be looked at first.
    turn: usize,
    /// What has been asked for ahead of a stream that has not been cut yet.
    offered: Option<(Lane, u64, u64)>,
}

impl<R: Reports> Run<'_, R> {
    /// Whether several connections may bring the rest of this answer, and what they must prove then.
    pub(super) fn may_share(&self, parts: &Parts, of: &Validators, from: u64) -> Option<Held> {
        let held = Held { offset: from, validators: of.clone() };
        let enough = held.known()?.total.saturating_sub(from) >= WORTH_SHARING;
        let told = parts.headers.get(ACCEPT_RANGES).is_some_and(|units| units == "bytes");
        let hinted = told || parts.status == StatusCode::PARTIAL_CONTENT;
        let wanted =
            self.order.options.connections > 1 && !self.alone && self.method == Method::GET;
        (enough && wanted && hinted && !self.order.options.restarts()).then_some(held)
    }

    /// Pours the rest of a file, beginning with the answer that is there. Returns how far it came: less
    /// than all if the rest has to be asked for in the ordinary way.
    pub(super) async fn pour_several(
        &mut self,
        link: Link,
        body: Body,
        from: u64,
        held: Held,
    ) -> Result<u64, FetchError> {
        let total = held.validators.total.unwrap_or(from);
        let most = usize::from(self.order.options.connections.min(MOST));
        let mut several = Several {
            held: Arc::new(held),
            total,
            plan: Plan::stream(from, total, 0),
            count: Count::one_of(most, Duration::ZERO),
            began: Instant::now(),
            came: 0,
            workers: (0..most).map(|_| None).collect(),
            flights: (0..most).map(|_| None).collect(),
            turn: 0,
            offered: None,
        };
        self.serve(&mut several, 0, Answer { link: Box::new(link), body, until: total });
        let mut tick = interval(REPORT_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reported = (from, from);
        while several.plan.reached() < total || several.at_work() > 0 {
            tokio::select! {
                biased;
                done = self.disk.checkpoint_done() => done?,
                _ = tick.tick() => {
                    self.disk.checkpoint_if_due().await?;
                    if self.disk.received() > reported.1 {
                        reported = self.report_progress();
                    }
                    self.look(&mut several);
                }
                (lane, event) = several.landed() => {
                    if !self.land(&mut several, lane, event).await? {
                        // What is written must survive the answer that comes next.
                        self.disk.checkpoint().await?;
                        self.alone = true;
                        return Ok(several.plan.reached());
                    }
                }
            }
            self.fill(&mut several);
            if self.disk.durable() > reported.0 {
                reported = self.report_progress();
            }
        }
        self.disk.flush().await?;
        Ok(total)
    }

    /// Decides anew how many connections there should be.
    fn look(&self, several: &mut Several) {
        let bucket = self.order.bucket.as_ref();
        let gives_way = bucket.is_some_and(|bucket| bucket.manners().is_some());
        let most = if gives_way { 1 } else { several.workers.len() };
        let now = several.began.elapsed();
        several.count.allow(most, now);
        // Where our own limit is what holds the file up, nobody could help.
        let limit = bucket.and_then(|bucket| bucket.rate());
        let own =
            limit.zip(several.count.rate()).is_some_and(|(limit, rate)| rate >= limit / 4 * 3);
        let left = if own { 0 } else { several.plan.left() };
        several.count.look(now, several.came, several.serving(), left);
        several.dismiss();
    }

    /// Has idle connections ask for something, as long as there should be more.
    fn fill(&mut self, several: &mut Several) {
        while several.at_work() < several.count.wanted() {
            let Some((lane, first, end)) = several.next() else { return };
            let flight = self.asking(several, lane, first, end);
            several.workers[lane] = Some(Worker::default());
            several.flights[lane] = Some(flight);
        }
    }

    /// A request for a range, on its way.
    fn asking(&mut self, several: &Several, lane: Lane, first: u64, end: u64) -> Flight {
        let held = Arc::clone(&several.held);
        let (request, mut terms) = self.outgoing(&wanted(&held, first, end));
        terms.may_share = false;
        while self.others.len() <= lane {
            self.others.push(Arc::new(Mutex::new(self.client.lookups())));
        }
        let lookups = Arc::clone(&self.others[lane]);
        let (client, url) = (Arc::clone(self.client), self.url.clone());
        Box::pin(async move {
            let answer = answered(&client, &url, request, terms, &lookups).await;
            let answer = answer.and_then(|(link, it)| accepted(&held, first, end, link, it));
            Event::Answered(answer)
        })
    }

    /// Something has happened on a connection. False if there is none left that could go on.
    async fn land(
        &mut self,
        several: &mut Several,
        lane: Lane,
        event: Event,
    ) -> Result<bool, FetchError> {
        match event {
            Event::Answered(Some(answer)) if several.is_in_time(lane) => {
                self.serve(several, lane, answer);
            }
            Event::Answered(_) => return Ok(several.lose(lane)),
            Event::Came(link, body, Ok(Some(piece))) => {
                return self.take(several, lane, (link, body), piece).await;
            }
            Event::Came(link, _, Ok(None)) if several.plan.is_done(lane) => {
                several.end(lane);
                self.client.keep(*link);
            }
            Event::Came(_, _, ended) => {
                let short = "the server closed it before everything had come";
                let error = ended.err().unwrap_or_else(|| ExchangeError::Lost(short.to_owned()));
                return several.lose(lane).then_some(true).ok_or_else(|| error.into());
            }
        }
        Ok(true)
    }

    /// Takes a piece of a body, and has the next one read.
    async fn take(
        &mut self,
        several: &mut Several,
        lane: Lane,
        (link, body): (Box<Link>, Body),
        mut piece: Bytes,
    ) -> Result<bool, FetchError> {
        let until = several.workers[lane].as_ref().and_then(|worker| worker.until);
        let place = several.plan.place(lane);
        let (Some(until), at) = (until, place.map(|place| place.at)) else { return Ok(true) };
        let sent = at.unwrap_or(until).saturating_add(piece.len() as u64);
        if sent > until {
            let error = AnswerError::SizeChanged { told: until, sent };
            return several.lose(lane).then_some(true).ok_or_else(|| error.into());
        }
        if let Some(Place { at, end, is_first }) = place {
            piece.truncate(usize::try_from(end - at).unwrap_or(usize::MAX));
            let length = piece.len() as u64;
            match is_first {
                true => self.disk.write(piece).await?,
                false => self.disk.write_ahead(at, piece).await?,
            }
            several.came += length;
            if let Some(reached) = several.plan.came(lane, length) {
                self.disk.reach(reached).await?;
            }
            if several.plan.is_done(lane) && end < until {
                // The rest of this answer is another's to bring.
                several.end(lane);
                return Ok(true);
            }
        }
        several.flights[lane] = Some(reading(link, body, self.order.stall_timeout));
        Ok(true)
    }

    /// Has a connection bring what its answer has.
    fn serve(&self, several: &mut Several, lane: Lane, answer: Answer) {
        let Answer { mut link, body, until } = answer;
        let length = several.plan.place(lane).map(|place| until.saturating_sub(place.at));
        link.steer(&self.client.pacer, self.order.bucket.as_ref(), length);
        several.workers[lane] = Some(Worker { until: Some(until) });
        several.flights[lane] = Some(reading(link, body, self.order.stall_timeout));
    }
}

impl Several {
    /// Waits for what happens next on any of them.
    async fn landed(&mut self) -> (Lane, Event) {
        let (flights, turn) = (&mut self.flights, &mut self.turn);
        poll_fn(|context| {
            let lanes = flights.len();
            for lane in (0..lanes).map(|step| (*turn + step) % lanes) {
                let Some(flight) = &mut flights[lane] else { continue };
                if let Poll::Ready(event) = flight.as_mut().poll(context) {
                    flights[lane] = None;
                    *turn = lane + 1;
                    return Poll::Ready((lane, event));
                }
            }
            Poll::Pending
        })
        .await
    }

    fn at_work(&self) -> usize {
        self.workers.iter().flatten().count()
    }

    fn serving(&self) -> usize {
        self.workers.iter().flatten().filter(|worker| worker.until.is_some()).count()
    }

    /// What is to be asked for next, by whom. Nothing if nothing is to be asked for now.
    fn next(&mut self) -> Option<(Lane, u64, u64)> {
        let lane = self.workers.iter().position(Option::is_none)?;
        if self.offered.is_some() {
            return None;
        }
        if !self.plan.is_stream() || self.plan.first_lane().is_none() {
            return self.plan.take(lane, self.size()).map(|(first, end)| (lane, first, end));
        }
        let lead = self.rate().saturating_mul(LEAD_TIME).clamp(*LEAD.start(), *LEAD.end());
        let first = self.plan.reached() + lead;
        let end = self.total.min(first + self.size());
        self.offered = (end.saturating_sub(first) >= *SHARE.start()).then_some((lane, first, end));
        self.offered
    }

    /// What one connection brings in a second.
    fn rate(&self) -> u64 {
        self.count.rate().unwrap_or(0) / self.serving().max(1) as u64
    }

    /// How large the next share is: towards the end they become smaller, so that all end together.
    fn size(&self) -> u64 {
        let wanted = self.count.wanted() as u64;
        if wanted == 1 {
            return self.total;
        }
        let by_time = self.rate().saturating_mul(SHARE_TIME);
        let fair = self.plan.left() / (2 * wanted);
        by_time.min(fair).clamp(*SHARE.start(), *SHARE.end())
    }

    /// Whether the range that this connection was asked for can still be used.
    fn is_in_time(&mut self, lane: Lane) -> bool {
        match self.offered.take_if(|(of, _, _)| *of == lane) {
            Some((_, first, end)) => self.plan.cut(first, end, lane),
            None => true,
        }
    }

    /// A connection brings nothing more of its share.
    fn end(&mut self, lane: Lane) {
        self.plan.leave(lane);
        self.offered.take_if(|(of, _, _)| *of == lane);
        self.workers[lane] = None;
        self.flights[lane] = None;
    }

    /// A connection has failed. False if there is none beside it, and no other may take its place.
    fn lose(&mut self, lane: Lane) -> bool {
        self.end(lane);
        let others = self.count.wanted() - 1;
        if others > 0 {
            self.count.refused(others, self.began.elapsed());
            self.dismiss();
        }
        others > 0
    }

    /// Sends away those that are too many: first who has nothing yet, then who is furthest ahead.
    fn dismiss(&mut self) {
        while self.at_work() > self.count.wanted() {
            let ahead = |lane: &Lane| match &self.workers[*lane] {
                Some(Worker { until: None, .. }) => Some(u64::MAX),
                Some(_) => Some(self.plan.place(*lane).map_or(0, |place| place.at)),
                None => None,
            };
            let Some(lane) = (0..self.workers.len()).max_by_key(ahead) else { break };
            self.end(lane);
        }
        let first = self.plan.first_lane().and_then(|lane| self.workers[lane].as_ref());
        let streams = first.is_some_and(|worker| worker.until == Some(self.total));
        if self.count.wanted() == 1 && streams && !self.plan.is_stream() {
            self.plan.join();
        }
    }
}

/// The question for these bytes of the file that is known.
fn wanted(held: &Held, first: u64, end: u64) -> Ask<'_> {
    Ask::Part(Part { first, last: Some(end.saturating_sub(1)), known: held.known() })
}

async fn answered(
    client: &Arc<Client>,
    url: &Url,
    request: Option<Request<Empty<Bytes>>>,
    terms: Terms,
    lookups: &Mutex<Lookups>,
) -> Option<(Link, Response<Body>)> {
    let mut lookups = lookups.lock().await;
    client.exchange_as_somebody(url, request, &mut lookups, terms).await.ok()
}

/// The answer, if it brings exactly these bytes and proves of what.
fn accepted(
    held: &Held,
    first: u64,
    end: u64,
    link: Link,
    response: Response<Body>,
) -> Option<Answer> {
    let (parts, body) = response.into_parts();
    let ask = wanted(held, first, end);
    let judged = judge(&ask, parts.status, &parts.headers, SystemTime::now()).ok()?;
    match judged.decision {
        Decision::Continue { from, until } if (from, until) == (first, end) => {
            Some(Answer { link: Box::new(link), body, until })
        }
        Decision::Continue { .. }
        | Decision::Whole
        | Decision::AskWhole
        | Decision::Complete
        | Decision::Redirect(_) => None,
    }
}

/// Waits for the next piece of a body.
fn reading(mut link: Box<Link>, mut body: Body, patience: Duration) -> Flight {
    Box::pin(async move {
        loop {
            let piece = match timeout(patience, link.next(&mut body)).await {
                Ok(piece) => piece,
                Err(_) if link.was_held_back() => continue,
                Err(_) => Err(ExchangeError::TimedOut(patience)),
            };
            return Event::Came(link, body, piece);
        }
    })
}
