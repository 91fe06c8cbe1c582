//! What a law is told and what it says: samples in, grants out.

use crate::surge::Card;
use std::time::Duration;

/// What one connection has shown since the last tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Bytes received.
    pub bytes: u64,
    /// Round trip with the queues in it, measured at the receiver; nothing without timestamps.
    pub rtt: Option<Duration>,
    /// The lowest round trip of this connection's peer.
    pub base: Option<Duration>,
    /// Segments that came out of order: what came before them was lost.
    pub lost: u32,
}

/// What a path has shown since the last tick.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Now, on a clock that only goes forward.
    pub now: Duration,
    /// Each of our connections on the path.
    pub connections: &'a [Seen],
    /// What the card has received since then, if it could be read.
    pub card: Option<Card>,
    /// The most that may be received, in bytes per second.
    pub limit: Option<u64>,
}

/// How much may be under way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grant {
    /// Bytes, for all connections of the path together.
    pub window: u64,
    /// When to ask again.
    pub next: Duration,
    /// What the law is doing, for whoever wants to know.
    pub course: Course,
}

/// What the law is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Nobody queues: the path is being taken.
    Taking,
    /// The path is full, by us.
    Creeping,
    /// Somebody queues.
    Yielding,
    /// Something was lost.
    Halved,
    /// Holding still, to see the path without us.
    Looking,
    /// Others on this machine have begun.
    Alarmed,
    /// What arrives bounds it: the server, or a limit.
    Tethered,
}

/// Which signals are live, and what they say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// Lowest round trip.
    pub base: Option<Duration>,
    /// Queue that is being kept up, by whomever.
    pub queue: Option<Duration>,
    /// Queue that is aimed at.
    pub target: Duration,
    /// Whether the card could be read.
    pub card: bool,
    /// Bytes per second of late.
    pub rate: u64,
}
