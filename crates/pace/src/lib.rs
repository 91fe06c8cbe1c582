//! Giving way: how much a background transfer may have under way, so that nobody notices it.
//!
//! This crate answers one question: *given what a path has shown up to now, how many bytes may we
//! let its servers have under way to us?* That number is the [`Grant`]. Whoever holds the sockets
//! makes it the receive window of live connections; nobody reads slowly.
//!
//! ```text
//!   what the sockets say ──▶ Base ──▶ queue = round trip − its lowest ──▶ law ──┐
//!   what the card says ────▶ Surge ─▶ somebody else has begun ──────────────────┼──▶ Grant
//!   bytes and time ────────▶ Tether ▶ twice what arrives in a round trip ───────┤
//!   a limit of the owner's ▶ limit × round trip ────────────────────────────────┘
//! ```
//!
//! The law is delay-based, as in LEDBAT, but at the receiver: it stays below a few milliseconds of
//! queue, leaves the whole path to whoever else queues, and takes it back when nobody does. Start
//! reading at [`Controller::tick`].
//!
//! Everything here is pure. Time is passed in, nothing is read or set, nothing can fail, and the
//! numbers stay inside their bounds whatever is passed in.

#![forbid(unsafe_code)]

mod base;
mod controller;
mod guests;
mod known;
mod noise;
mod numbers;
mod part;
mod path;
mod rate;
mod share;
mod surge;
mod upload;
mod words;

#[cfg(test)]
mod tests;

pub use base::Base;
pub use controller::Controller;
pub use known::{Best, Known};
pub use part::{Credit, Part};
pub use share::{Share, shares};
pub use surge::Card;
pub use words::{Course, Grant, Sample, Seen, Signals};

use std::time::Duration;

/// How much a transfer may cost others, as the priorities of its job promise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// The queue it may keep up, in milliseconds of everybody's time. It is raised where the path is
    /// long or noisy, never above [`LARGEST_TARGET`] by noise alone.
    pub target: Duration,
    /// How long nobody must have queued before the path is taken quickly.
    pub calm: Duration,
    /// Whether traffic of this machine's own, seen on its card, is fled from at once.
    pub alarm: bool,
}

/// Noise alone never makes the target larger than this.
pub const LARGEST_TARGET: Duration = Duration::from_millis(25);

impl Manners {
    /// Of a job of high priority.
    pub const HIGH: Self =
        Self { target: Duration::from_millis(60), calm: Duration::ZERO, alarm: false };
    /// Of a job of normal priority.
    pub const NORMAL: Self =
        Self { target: Duration::from_millis(20), calm: Duration::from_secs(1), alarm: false };
    /// Of a job of low priority.
    pub const LOW: Self =
        Self { target: Duration::from_millis(10), calm: Duration::from_secs(1), alarm: true };
}
