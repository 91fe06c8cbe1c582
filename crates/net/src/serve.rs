//! The channel to the service: what comes is done, what happens is told.
//!
//! Two loops run side by side: one takes messages and starts, releases and stops fetches; the other
//! sends what they report, in the order they reported it. This module answers one question: *whose
//! turn is it on the channel?* Fetches are looked after in `fetches.rs`.
//!
//! It never answers a message that does not fit: that ends the process. When the service closes the
//! channel the process ends too, and with it everything in transfer. And it ends by itself, between two
//! fetches, when it knows that it was misled ([`Leave::Misled`]).

use crate::fetches::{Fetches, Violation};
use ebb_http::{Client, ProxyUse};
use ebb_wire::Sandbox;
use ebb_wire::net::{FromNet, ToNet};
use ebb_wire::train::{self, Car};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked whether something is to be told of paths.
const TELL_PATHS_EVERY: Duration = Duration::from_millis(200);

/// The channel is of no more use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// A message that does not fit.
    #[error("the service sent what it never should: {0}")]
    Violation(#[from] Violation),
    /// The socket said no.
    #[error("{0}")]
    Channel(#[source] io::Error),
}

/// Serves the channel until the service closes it.
pub(crate) async fn serve(
    channel: OwnedFd,
    sandbox: Sandbox,
    client: Arc<Client>,
    preconfigured: ProxyUse,
) -> Result<(), ServeError> {
    rustix::io::ioctl_fionbio(&channel, true).map_err(|errno| ServeError::Channel(errno.into()))?;
    let channel = register(channel).map_err(ServeError::Channel)?;
    // Unbounded, but what is put in it is bounded by time: each fetch reports at checkpoints and
    // twice a second.
    let (outbox, reports) = unbounded_channel();
    outbox.send(FromNet::Hello { sandbox }).expect("its receiver lives until the end of this");
    let mut telling = pin!(tell(&channel, reports));
    tokio::select! {
        ended = take(&channel, Fetches::new(client, preconfigured, outbox)) => match ended? {
            Leave::Closed => return Ok(()),
            Leave::Misled => {}
        },
        ended = &mut telling => return ended,
    }
    // What happened to the last fetch is still to be told.
    telling.await
}

/// Why nothing more is taken.
enum Leave {
    /// The service has closed the channel.
    Closed,
    /// What says how to get to the network made no sense when we began. It is read once; so that it
    /// counts as soon as it is mended, whoever comes next begins anew.
    Misled,
}

#[expect(
    deprecated,
    reason = "the other constructors are unsafe; an owned descriptor is what they ask for"
)]
fn register(channel: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(channel, Interest::READABLE | Interest::WRITABLE)
}

async fn take(channel: &AsyncFd<OwnedFd>, mut fetches: Fetches) -> Result<Leave, ServeError> {
    let mut paths = interval(TELL_PATHS_EVERY);
    paths.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = paths.tick(), if fetches.are_running() => fetches.tell_paths(),
            () = fetches.one_ended() => {
                if fetches.are_over_and_misled() {
                    return Ok(Leave::Misled);
                }
            }
            received = channel.async_io(Interest::READABLE, |fd| Ok(train::receive::<ToNet>(fd)?)) => {
                match received {
                    Ok(messages) if messages.is_empty() => return Ok(Leave::Closed),
                    Ok(messages) => {
                        for (message, file) in messages {
                            fetches.handle(message, file)?;
                        }
                    }
                    // Closed, too, by a service that had not read everything we said.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                        return Ok(Leave::Closed);
                    }
                    Err(error) => return Err(classify(error)),
                }
            }
        }
    }
}

async fn tell(
    channel: &AsyncFd<OwnedFd>,
    mut reports: UnboundedReceiver<FromNet>,
) -> Result<(), ServeError> {
    let mut ready = Vec::new();
    // What is ready at the same time goes together.
    while reports.recv_many(&mut ready, train::MOST).await > 0 {
        let cars = ready.drain(..).map(|report| Car::of(&report, None));
        let cars = cars.collect::<io::Result<Vec<_>>>().map_err(ServeError::Channel)?;
        let mut rest = &cars[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(train::fitting(rest));
            match channel.async_io(Interest::WRITABLE, |fd| train::send(fd, now)).await {
                Ok(()) => rest = later,
                // The service has gone.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(ServeError::Channel(error)),
            }
        }
    }
    Ok(())
}

/// Bytes that are no message are the service's fault; anything else is the system's.
fn classify(error: io::Error) -> ServeError {
    if error.kind() == io::ErrorKind::InvalidData {
        ServeError::Violation(Violation::Malformed(error.to_string()))
    } else {
        ServeError::Channel(error)
    }
}
