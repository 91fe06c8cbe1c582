//! A connection on which several exchanges go on at the same time (HTTP/2).
//!
//! ```text
//!  seats ──▶ streams ─┐
//!  seats ──▶ streams ─┼─ one connection, one window of the path, one bucket ─ driven by a task of its own
//!  seats ──▶ streams ─┘
//! ```
//!
//! This module answers two questions: *who sits on it, and when is it closed?* Everybody on it belongs
//! to the same route and takes from the same bucket: so what steers it steers one job, and a job in the
//! foreground never shares one with a job that gives way. It is steered as a whole, from the first seat
//! to the last, however small the bodies are.
//!
//! When the last one gets up in the middle of an answer, it is closed then and there: of a job that was
//! stopped nothing is sent or received any more. Otherwise it is kept for a while.
//!
//! What a server may try. An answer that nobody reads holds up no other: the windows of all streams
//! together are no larger than that of the connection. What the library counts (streams reset, empty
//! frames, settings without end) ends the connection. Heads have the limits of HTTP/1.1.

use super::body::Body;
use super::link::{MOST_FIELDS, MOST_HEAD_BYTES, Reached};
use super::told::{Unanswered, broken, unanswered};
use super::{ExchangeError, KEEP_FOR};
use crate::bucket::Bucket;
use crate::pace::{HeldBack, Pace};
use crate::polite::{Joined, Pacer};
use crate::response::AnswerError;
use crate::stream::Stream;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use h2::RecvStream;
use h2::client::{Builder, Connection, SendRequest};
use http::header::HOST;
use http::{Request, Response, Uri, Version};
use http_body_util::Empty;
use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

/// More exchanges than this nobody has under way on one connection.
const MOST_SEATS: u32 = 64;
/// So much of one answer may be here before it is read, in bytes. On a path of 50 ms that is 5 MB a
/// second for each.
const WINDOW: u32 = 256 * 1024;
/// So much of all: one that is not read leaves the others theirs.
const WINDOW_OF_ALL: u32 = MOST_SEATS * WINDOW;
/// What is here already is handed on in pieces of about this size: servers send some kilobytes at a time.
const PIECE: usize = 128 * 1024;

/// A connection, and who sits on it.
pub(super) struct Shared {
    pace: Arc<Pace>,
    binding: Option<Arc<[u8]>>,
    bucket: Option<Arc<Bucket>>,
    pacer: Arc<Pacer>,
    /// Nothing once it is closed.
    live: Mutex<Option<Live>>,
    seats: Mutex<Seats>,
    driver: OnceLock<AbortHandle>,
}

struct Live {
    connection: Connection<Stream, Bytes>,
    sender: SendRequest<Bytes>,
    socket: Arc<OwnedFd>,
}

struct Seats {
    taken: u32,
    /// Nobody else may sit down.
    retired: bool,
    /// An answer has come on it.
    served: bool,
    idle_since: Instant,
    steered: Option<Joined>,
}

/// A place for one exchange after the other.
pub(super) struct Seat {
    shared: Arc<Shared>,
    /// An answer is awaited, or not at its end.
    under_way: bool,
}

impl Shared {
    /// Begins to speak HTTP/2 on a stream whose other end wants it.
    pub(super) async fn open(
        reached: Reached,
        bucket: Option<Arc<Bucket>>,
        pacer: Arc<Pacer>,
    ) -> Result<Arc<Self>, ExchangeError> {
        let Reached { stream, socket, pace, binding } = reached;
        let (sender, connection) = Builder::new()
            .enable_push(false)
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW_OF_ALL)
            .max_header_list_size(MOST_HEAD_BYTES)
            .handshake(stream)
            .await
            .map_err(|error| broken(&error))?;
        let live = Live { connection, sender, socket: Arc::new(socket) };
        let seats = Seats {
            taken: 0,
            retired: false,
            served: false,
            idle_since: Instant::now(),
            steered: None,
        };
        let (live, seats) = (Mutex::new(Some(live)), Mutex::new(seats));
        let driver = OnceLock::new();
        let shared = Arc::new(Self { pace, binding, bucket, pacer, live, seats, driver });
        let driven = Arc::downgrade(&shared);
        let task = tokio::spawn(poll_fn(move |context| match driven.upgrade() {
            Some(shared) => shared.drive(context),
            None => Poll::Ready(()),
        }));
        shared.driver.get_or_init(|| task.abort_handle());
        tokio::spawn(sweep(Arc::downgrade(&shared)));
        Ok(shared)
    }

    /// A seat, if there is one to be had.
    pub(super) fn sit(self: &Arc<Self>) -> Option<Seat> {
        let mut seats = self.seats();
        if seats.retired || seats.taken >= MOST_SEATS {
            return None;
        }
        let socket = self.live().as_ref().map(|live| Arc::clone(&live.socket))?;
        if seats.taken == 0
            && let Some(bucket) = &self.bucket
        {
            seats.steered = self.pacer.join(socket, bucket, None);
        }
        seats.taken += 1;
        Some(Seat { shared: Arc::clone(self), under_way: false })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.seats().retired && self.live().is_some()
    }

    fn drive(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut live = self.live();
        let Some(Live { connection, .. }) = live.as_mut() else { return Poll::Ready(()) };
        // How it ended is told to whoever waits for an answer or a body on it.
        let ended = connection.poll_unpin(context).map(drop);
        if ended.is_ready() {
            *live = None;
        }
        ended
    }

    fn close(&self) {
        *self.live() = None;
        if let Some(driver) = self.driver.get() {
            driver.abort();
        }
    }

    fn live(&self) -> MutexGuard<'_, Option<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

/// Closes a connection on which nobody has sat for long enough.
async fn sweep(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(KEEP_FOR).await;
        let Some(shared) = shared.upgrade() else { return };
        let mut seats = shared.seats();
        if seats.taken == 0 && seats.idle_since.elapsed() >= KEEP_FOR {
            seats.retired = true;
            drop(seats);
            shared.close();
            return;
        }
    }
}

impl Seat {
    /// Asks on a stream of its own.
    pub(super) async fn ask(
        &mut self,
        request: Request<Empty<Bytes>>,
        patience: Duration,
    ) -> Result<Response<Body>, Unanswered> {
        let request = absolute(request).ok_or(Unanswered::OverOne { for_good: false })?;
        let mut held_back = HeldBack::of(self.pace());
        self.under_way = true;
        let answered = {
            let mut asking = pin!(self.shared.asked(request));
            loop {
                match timeout(patience, &mut asking).await {
                    Ok(answered) => break answered,
                    Err(_) if held_back.was_held_back() => {}
                    Err(_) => {
                        return Err(Unanswered::Failed(ExchangeError::TimedOut(patience)));
                    }
                }
            }
        };
        let mut seats = self.shared.seats();
        let answered = answered.map_err(|error| unanswered(&error, seats.served));
        match &answered {
            Ok(_) => seats.served = true,
            Err(error) => {
                // There is no stream any more. Of another connection better is to be hoped.
                self.under_way = false;
                seats.retired |= matches!(error, Unanswered::Again | Unanswered::OverOne { .. });
            }
        }
        drop(seats);
        let response = answered?;
        if response.headers().len() > MOST_FIELDS {
            return Err(Unanswered::Failed(AnswerError::HeadTooLarge.into()));
        }
        Ok(response.map(Body::Shared))
    }

    /// The next piece of a body; `None` at its end.
    pub(super) async fn next(
        &mut self,
        body: &mut RecvStream,
    ) -> Result<Option<Bytes>, ExchangeError> {
        let first = match body.data().await.transpose() {
            Ok(Some(first)) => first,
            other => {
                self.under_way = false;
                return other.map_err(|error| broken(&error));
            }
        };
        let mut length = first.len();
        let mut more = BytesMut::new();
        // The end, or what went wrong, is met again.
        while length + more.len() < PIECE
            && let Some(Some(Ok(next))) = body.data().now_or_never()
        {
            if more.is_empty() {
                more.reserve(PIECE);
                more.extend_from_slice(&first);
                length = 0;
            }
            more.extend_from_slice(&next);
        }
        let piece = if more.is_empty() { first } else { more.freeze() };
        // What has been taken makes room for as much again. A stream that is over needs none.
        let _ = body.flow_control().release_capacity(piece.len());
        Ok(Some(piece))
    }

    /// Nobody wants the rest of the answer, and the server is told so.
    pub(super) fn decline(&mut self) {
        self.under_way = false;
    }

    pub(super) fn is_open(&self) -> bool {
        self.shared.is_open()
    }

    pub(super) fn pace(&self) -> &Arc<Pace> {
        &self.shared.pace
    }

    pub(super) fn binding(&self) -> Option<Arc<[u8]>> {
        self.shared.binding.clone()
    }
}

impl Shared {
    async fn asked(&self, request: Request<()>) -> Result<Response<RecvStream>, h2::Error> {
        let sender = self.live().as_ref().map(|live| live.sender.clone());
        let gone = || h2::Error::from(h2::Reason::REFUSED_STREAM);
        let mut sender = sender.ok_or_else(gone)?.ready().await?;
        let (answer, _) = sender.send_request(request, true)?;
        answer.await
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.shared.seats();
        seats.taken -= 1;
        seats.retired |= self.under_way;
        if seats.taken > 0 {
            return;
        }
        seats.idle_since = Instant::now();
        let (steered, retired) = (seats.steered.take(), seats.retired);
        drop(seats);
        drop(steered);
        if retired {
            self.shared.close();
        }
    }
}

/// The same request, as HTTP/2 has it: with the whole URL, and no field for the host.
fn absolute(request: Request<Empty<Bytes>>) -> Option<Request<()>> {
    let (mut parts, _) = request.into_parts();
    let host = parts.headers.remove(HOST)?;
    let path = parts.uri.path_and_query()?.clone();
    let uri = Uri::builder().scheme("https").authority(host.as_bytes()).path_and_query(path);
    parts.uri = uri.build().ok()?;
    parts.version = Version::HTTP_2;
    Some(Request::from_parts(parts, ()))
}
