//! One file, from the first request to the last synced byte.
//!
//! ```text
//!  ask ─▶ exchange ─▶ judge ─┬─ Redirect ──▶ ask there
//!                            ├─ AskWhole ──▶ ask again, holding nothing
//!                            ├─ Complete ──▶ done
//!                            ├─ Continue ──▶ head, begin at what we hold, pour
//!                            └─ Whole ─────▶ head, wait for proceed if bytes are dropped,
//!                                            begin at 0, pour
//! ```
//!
//! This module answers one question: *what happens next in this fetch?* What an answer means is
//! decided in `response.rs`; which bytes are durable is known in `disk.rs`. Pieces of a file are
//! fetched in `fetch/pieces.rs`, and a large one over several connections in `fetch/several.rs`, with
//! what is here.
//!
//! A fetch ends in exactly one way, as [`Ended`]. By then its connection is closed or kept, its
//! writer has ended, its descriptor is closed, and no name is being resolved for it: no byte is sent,
//! written or received any more.
//! It never truncates a file that holds bytes its owner counts on without the owner's word, and
//! never tries a second time what has failed once; but what came whole and does not have the digest
//! that its server gave is asked for once more (`fetch/checked.rs`).

mod checked;
mod pieces;
mod several;

pub use checked::check;

use crate::answer::modified;
use crate::auth::InHand;
use crate::client::{Body, Client, ExchangeError, Link, Terms};
use crate::connect::Origin;
use crate::control::Control;
use crate::disk::{Disk, DiskError, Hashed};
use crate::order::{Order, Redirects};
use crate::pieces::Stream;
use crate::redirect::{Downgrade, MOST_REDIRECTS, RedirectError, follow};
use crate::request::{Ask, Held, Validators, ask, write};
use crate::resolve::Lookups;
use crate::response::{AnswerError, Decision, judge};
use crate::shown::{shown_fields, without_user_info};
use bytes::Bytes;
use http::response::Parts;
use http::{Method, Request, StatusCode};
use http_body_util::Empty;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use url::Url;

/// How often progress is reported between checkpoints.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// The server's answer will serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// HTTP status.
    pub status: StatusCode,
    /// What the server says the representation is.
    pub validators: Validators,
    /// Where the bytes come from, after redirects; without user-info.
    pub final_url: Url,
    /// First byte this answer will write.
    pub from: u64,
    /// The file begins anew: nothing that is in it counts any more.
    pub anew: bool,
    /// It comes on a connection that others share.
    pub shared: bool,
    /// The fields of the answer, as far as they may be shown.
    pub fields: Vec<(String, String)>,
}

/// Who is told how a fetch goes.
pub trait Reports {
    /// The answer will serve. If it is `anew` and bytes were held, the fetch now waits for
    /// [`crate::Steering::proceed`].
    fn head(&mut self, head: Head);

    /// So much is durable, and so much received, counted from the beginning of the file, or of the
    /// first piece.
    fn progress(&mut self, durable: u64, received: u64);

    /// What is known of the hashes of bytes that are about to be told as durable.
    fn hashed(&mut self, hashed: Hashed) {
        drop(hashed);
    }
}

/// How a fetch ended.
#[derive(Debug)]
pub enum Ended {
    /// Everything is there and synced.
    Done {
        /// Length of the whole file, or of the pieces together.
        length: u64,
        /// `Last-Modified` in seconds since the epoch.
        modified: Option<i64>,
    },
    /// Its owner stopped it.
    Stopped {
        /// Bytes that are on disk and synced.
        durable: u64,
    },
    /// It did not work.
    Failed {
        /// Bytes that are on disk and synced.
        durable: u64,
        /// Whom we asked last.
        at: Url,
        /// What happened.
        error: FetchError,
    },
}

/// What a fetch ran into.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The network, or the server at its end.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The file.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl From<AnswerError> for FetchError {
    fn from(error: AnswerError) -> Self {
        Self::Exchange(error.into())
    }
}

impl From<RedirectError> for FetchError {
    fn from(error: RedirectError) -> Self {
        AnswerError::from(error).into()
    }
}

/// Fetches one file into `file`, an open regular file that may be written.
///
/// Reports and waits as [`Reports`] says. Dropping the future abandons the fetch with its writer
/// still running; stop it through `control` instead, and wait for the end.
pub async fn fetch(
    client: &Arc<Client>,
    order: Order,
    file: OwnedFd,
    mut control: Control,
    reports: &mut (impl Reports + Send),
) -> Ended {
    let durable = order.held.offset;
    let stream = Stream::of(&order.pieces);
    let length = match &stream {
        Some(stream) => stream.reach(durable, order.held.validators.total),
        None => durable,
    };
    let (device, there) = found(&file);
    let counts = there >= length && !order.options.restarts();
    let held = if counts { order.held.clone() } else { Held::nothing() };
    let logins = &order.options.logins;
    let account = match order.options.afresh {
        true => client.accounts.afresh(logins),
        false => client.accounts.of(logins),
    };
    let mut disk = Disk::open(file, durable).on(device, &client.quick).of(order.bucket.as_ref());
    if order.options.sync_at_end {
        disk = disk.synced_at_end();
    }
    let mut run = Run {
        client,
        lookups: client.lookups(),
        others: Vec::new(),
        account,
        url: without_user_info(&order.url),
        method: order.options.method.clone(),
        redirects: 0,
        order,
        held,
        control: control.clone(),
        disk,
        reports,
        headed: false,
        shared: false,
        doubted: false,
        alone: false,
    };
    // When this is decided, the losing side is dropped, and a connection in it closed.
    let end = tokio::select! {
        biased;
        () = control.stopped() => None,
        end = run.until_there(stream) => Some(end),
    };
    let Run { mut lookups, others, url, disk, reports, .. } = run;
    for other in others {
        other.lock().await.over().await;
    }
    let ((), (durable, hashed, closed)) = tokio::join!(lookups.over(), disk.close());
    if let Some(hashed) = hashed {
        reports.hashed(hashed);
    }
    match (end, closed) {
        (None, _) => Ended::Stopped { durable },
        (Some(Err(error)), _) => Ended::Failed { durable, at: url, error },
        (Some(Ok(_)), Err(error)) => Ended::Failed { durable, at: url, error: error.into() },
        (Some(Ok(whole)), Ok(())) => {
            Ended::Done { length: whole.length, modified: modified(&whole.validators) }
        }
    }
}

/// Where a file is, and how long. One that is shorter than it is said to be would be continued after a
/// gap of zeros.
fn found(file: &impl AsFd) -> (u64, u64) {
    let found = rustix::fs::fstat(file);
    found.map_or((0, 0), |found| (found.st_dev, u64::try_from(found.st_size).unwrap_or(0)))
}

/// A file that is there, whole.
struct Whole {
    length: u64,
    validators: Validators,
}

/// A fetch under way.
struct Run<'a, R> {
    client: &'a Arc<Client>,
    lookups: Lookups,
    /// Those of further connections.
    others: Vec<several::SharedLookups>,
    /// Who we are at home, if anybody.
    account: Option<InHand>,
    order: Order,
    url: Url,
    method: Method,
    redirects: u32,
    held: Held,
    control: Control,
    disk: Disk,
    reports: &'a mut R,
    /// Whether the owner has written a head of this fetch down already.
    headed: bool,
    /// Whether the last answer came on a connection that others share.
    shared: bool,
    /// Whether it came whole once, and was not what its server said.
    doubted: bool,
    /// Whether one connection has to bring it, since several would not do.
    alone: bool,
}

impl<R: Reports> Run<'_, R> {
    async fn until_there(&mut self, stream: Option<Stream>) -> Result<Whole, FetchError> {
        match stream {
            Some(stream) => self.until_pieces(&stream).await,
            None if self.order.pieces.is_empty() => self.until_whole().await,
            None => Err(AnswerError::InvalidRange.into()),
        }
    }

    async fn until_whole(&mut self) -> Result<Whole, FetchError> {
        loop {
            let held = self.held.clone();
            let ask = ask(&held);
            let (link, parts, body) = self.exchange(&ask).await?;
            let judged = judge(&ask, parts.status, &parts.headers, SystemTime::now())?;
            match judged.decision {
                Decision::Redirect(location) => self.go(parts.status, &location)?,
                Decision::AskWhole => self.held = Held::nothing(),
                Decision::Complete => {
                    let Held { offset: length, validators } = self.held.clone();
                    self.report_head(self.head_of(&parts, &validators, length, false));
                    self.hash_from(length, &validators).await?;
                    if self.stands(&validators)? {
                        return Ok(Whole { length, validators });
                    }
                }
                Decision::Continue { from, until } => {
                    let total = judged.validators.total;
                    self.unless_too_large(total)?;
                    self.report_head(self.head_of(&parts, &judged.validators, from, false));
                    self.disk.begin(from, total).await?;
                    self.hash_from(from, &judged.validators).await?;
                    let several = self.may_share(&parts, &judged.validators, from);
                    let reached = match several.filter(|_| Some(until) == total) {
                        Some(held) => self.pour_several(link, body, from, held).await?,
                        None => self.pour(link, body, from, Some(until)).await?,
                    };
                    // A server may shorten a range; the rest is asked for in the same way.
                    let all = Some(reached) == total;
                    if all && self.stands(&judged.validators)? {
                        return Ok(Whole { length: reached, validators: judged.validators });
                    }
                    if !all {
                        self.held = Held { offset: reached, validators: judged.validators };
                    }
                }
                Decision::Whole => {
                    let total = judged.validators.total;
                    self.unless_too_large(total)?;
                    let counted_on = self.headed || self.order.held.offset > 0;
                    self.report_head(self.head_of(&parts, &judged.validators, 0, true));
                    self.drop_what_is_held(counted_on).await;
                    self.disk.begin(0, total).await?;
                    self.hash_from(0, &judged.validators).await?;
                    // A request for the head alone has no body, whatever length it tells.
                    let total = if self.method == Method::HEAD { Some(0) } else { total };
                    let length = match self.may_share(&parts, &judged.validators, 0) {
                        Some(held) => self.pour_several(link, body, 0, held).await?,
                        None => self.pour(link, body, 0, total).await?,
                    };
                    if total.is_some_and(|total| length < total) {
                        self.held = Held { offset: length, validators: judged.validators };
                    } else if self.stands(&judged.validators)? {
                        return Ok(Whole { length, validators: judged.validators });
                    }
                }
            }
        }
    }

    /// Asks where we are now.
    async fn exchange(&mut self, ask: &Ask<'_>) -> Result<(Link, Parts, Body), FetchError> {
        let (request, terms) = self.outgoing(ask);
        let exchange =
            self.client.exchange_as_somebody(&self.url, request, &mut self.lookups, terms);
        let (link, response) = exchange.await?;
        self.shared = link.is_shared();
        let (parts, body) = response.into_parts();
        Ok((link, parts, body))
    }

    /// A request to where we are now. The owner's own fields and credentials go to the origin they were
    /// given for, and to no other.
    fn outgoing(&self, ask: &Ask<'_>) -> (Option<Request<Empty<Bytes>>>, Terms) {
        let at_home = matches!(
            (Origin::of(&self.url), Origin::of(&self.order.url)),
            (Ok(here), Ok(home)) if here == home
        );
        let options = &self.order.options;
        let own = at_home.then_some(&options.fields);
        let request = write(&self.url, &self.method, own, ask);
        let (bucket, patience) = (self.order.bucket.clone(), self.order.stall_timeout);
        (request, Terms::of(options, bucket, patience, self.account.as_ref(), at_home))
    }

    /// Goes where the server sends us, if the owner lets us.
    fn go(&mut self, status: StatusCode, location: &[u8]) -> Result<(), FetchError> {
        if self.order.options.redirects == Redirects::Refuse {
            let there = Box::new(follow(&self.url, location, Downgrade::Allow)?);
            return Err(AnswerError::RedirectRefused { status, there }.into());
        }
        if status == StatusCode::MULTIPLE_CHOICES {
            return Err(AnswerError::Status { status, retry_after: None }.into());
        }
        self.redirects += 1;
        if self.redirects > MOST_REDIRECTS {
            return Err(RedirectError::TooMany.into());
        }
        self.url = follow(&self.url, location, self.order.options.downgrade)?;
        let see_other = status == StatusCode::SEE_OTHER && self.method != Method::HEAD;
        let moved = [StatusCode::MOVED_PERMANENTLY, StatusCode::FOUND].contains(&status);
        // RFC 9110, 15.4: what everybody does, and all that is left to do without a body.
        if see_other || (moved && self.method == Method::POST) {
            self.method = Method::GET;
        }
        Ok(())
    }

    /// What is told of an answer that begins there.
    fn head_of(&self, parts: &Parts, validators: &Validators, from: u64, anew: bool) -> Head {
        let (status, validators) = (parts.status, validators.clone());
        let (final_url, fields) = (self.url.clone(), shown_fields(&parts.headers));
        Head { status, validators, final_url, from, anew, shared: self.shared, fields }
    }

    fn unless_too_large(&self, bytes: Option<u64>) -> Result<(), FetchError> {
        match self.order.options.most_bytes {
            Some(most) if bytes.is_some_and(|bytes| bytes > most) => {
                Err(AnswerError::TooLarge { most }.into())
            }
            Some(_) | None => Ok(()),
        }
    }

    fn report_head(&mut self, head: Head) {
        self.headed = true;
        self.reports.head(head);
    }

    fn report_progress(&mut self) -> (u64, u64) {
        let (durable, received) = (self.disk.durable(), self.disk.received());
        if let Some(hashed) = self.disk.hashed() {
            self.reports.hashed(hashed);
        }
        self.reports.progress(durable, received);
        (durable, received)
    }

    /// Waits for the owner's word if there are bytes the owner counts on: those held when the
    /// fetch began, or those of an earlier answer, whose validators are written down.
    ///
    /// The owner may have written the new validators down already. From here on, bytes of the old
    /// version must not be reported as durable, however this ends: they would be taken for the
    /// beginning of the new one.
    async fn drop_what_is_held(&mut self, counted_on: bool) {
        self.disk.forget();
        if counted_on {
            self.control.proceeded().await;
        }
    }

    /// Pours the body into the file, beginning at `from`. Returns where it ended.
    async fn pour(
        &mut self,
        mut link: Link,
        mut body: Body,
        from: u64,
        until: Option<u64>,
    ) -> Result<u64, FetchError> {
        let length = until.map(|until| until.saturating_sub(from));
        link.steer(&self.client.pacer, self.order.bucket.as_ref(), length);
        let mut tick = interval(REPORT_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let patience = self.order.stall_timeout;
        let mut reported = (from, from);
        let mut position = from;
        let mut deadline = Instant::now() + patience;
        loop {
            tokio::select! {
                biased;
                done = self.disk.checkpoint_done() => done?,
                _ = tick.tick() => {
                    self.disk.checkpoint_if_due().await?;
                    if self.disk.received() > reported.1 {
                        reported = self.report_progress();
                    }
                }
                piece = timeout_at(deadline, link.next(&mut body)) => {
                    let Ok(piece) = piece else {
                        if !link.was_held_back() {
                            return Err(ExchangeError::TimedOut(patience).into());
                        }
                        deadline = Instant::now() + patience;
                        continue;
                    };
                    let Some(piece) = piece? else { break };
                    position += piece.len() as u64;
                    self.unless_too_large(Some(position))?;
                    if let Some(told) = until.filter(|until| position > *until) {
                        return Err(AnswerError::SizeChanged { told, sent: position }.into());
                    }
                    self.disk.write(piece).await?;
                    deadline = Instant::now() + patience;
                }
            }
            if self.disk.durable() > reported.0 {
                reported = self.report_progress();
            }
        }
        if until.is_some_and(|until| position < until) {
            let short = "the server closed it before everything had come";
            return Err(ExchangeError::Lost(short.to_owned()).into());
        }
        self.client.keep(link);
        self.disk.flush().await?;
        Ok(position)
    }
}
