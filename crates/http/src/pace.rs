//! A socket that reads no faster than its bucket allows.
//!
//! This module answers one question: *may this connection be read from now?* What is not read stays
//! in the kernel, whose window then closes, and the server waits. The bucket belongs to the fetch,
//! not to the connection: a kept connection gets the bucket of whoever uses it next.
//!
//! Writing is not held back: requests are small.

use crate::bucket::{Bucket, Grant};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// What a connection takes from, for whoever holds the connection.
#[derive(Default)]
pub(crate) struct Pace {
    bucket: Mutex<Option<Arc<Bucket>>>,
    /// How often nothing was read though there was something to read.
    held_back: AtomicU64,
    fine: AtomicBool,
}

impl Pace {
    pub(crate) fn set(&self, bucket: Option<Arc<Bucket>>) {
        *self.bucket.lock().unwrap_or_else(PoisonError::into_inner) = bucket;
    }

    /// Whether the window of a connection that is to be made will be steered.
    pub(crate) fn set_fine(&self, fine: bool) {
        self.fine.store(fine, Ordering::Relaxed);
    }

    pub(crate) fn is_fine(&self) -> bool {
        self.fine.load(Ordering::Relaxed)
    }

    fn bucket(&self) -> Option<Arc<Bucket>> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Who waits for something on a connection, and wants to know why nothing comes. Of one connection
/// there may be several.
pub(crate) struct HeldBack {
    pace: Arc<Pace>,
    seen: u64,
}

impl HeldBack {
    pub(crate) fn of(pace: &Arc<Pace>) -> Self {
        Self { pace: Arc::clone(pace), seen: pace.held_back.load(Ordering::Relaxed) }
    }

    /// Whether it was our own doing, since this was asked last, that nothing was read.
    pub(crate) fn was_held_back(&mut self) -> bool {
        let before = std::mem::replace(&mut self.seen, self.pace.held_back.load(Ordering::Relaxed));
        self.seen != before
    }
}

/// A socket with a pace.
pub(crate) struct Paced {
    socket: TcpStream,
    pace: Arc<Pace>,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    pub(crate) fn new(socket: TcpStream, pace: Arc<Pace>) -> Self {
        Self { socket, pace, waiting: None }
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let paced = self.get_mut();
        let Some(bucket) = paced.pace.bucket() else {
            paced.waiting = None;
            return Pin::new(&mut paced.socket).poll_read(context, buffer);
        };
        loop {
            if let Some(sleep) = &mut paced.waiting {
                ready!(sleep.as_mut().poll(context));
                paced.waiting = None;
            }
            match bucket.grant(Instant::now()) {
                Grant::All => return Pin::new(&mut paced.socket).poll_read(context, buffer),
                Grant::Some(bytes) => {
                    let read = ready!(paced.read_some(context, buffer, bytes))?;
                    bucket.spend(read, Instant::now());
                    return Poll::Ready(Ok(()));
                }
                Grant::Later(then) => {
                    paced.pace.held_back.fetch_add(1, Ordering::Relaxed);
                    paced.waiting = Some(Box::pin(sleep_until(then)));
                }
            }
        }
    }
}

impl Paced {
    fn read_some(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most.min(buffer.remaining())));
        ready!(Pin::new(&mut self.socket).poll_read(context, &mut part))?;
        let read = part.filled().len();
        buffer.advance(read);
        Poll::Ready(Ok(read))
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(context)
    }
}
