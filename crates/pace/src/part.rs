//! The part of a path that one of several agents has.
//!
//! Several programs steer connections on the same path, each with a law of its own. So that together
//! they cost others no more than one, each has a weight, and all of a law's constants that are
//! counted in segments are taken by it: the first window, the floor, the steps. What the law does in
//! proportion needs no weight. Whoever has more than its part does not creep, and whoever has less
//! than half of it does not only creep; so they come to share evenly.
//!
//! Nobody here speaks with the others: the weight, and what the others do, are passed in.

use crate::numbers::{real, whole};
use std::time::Duration;

/// How long a turn lasts while not all can move.
pub(crate) const TURN: Duration = Duration::from_secs(1);
/// No more than so many take turns; with more of them some have the same.
const MOST_TURNS: u64 = 8;
/// The least a part can be.
const LEAST: f64 = 0.001;
/// What the others do is told after this, at the latest.
pub(crate) const TOLD_AFTER: Duration = Duration::from_millis(500);
/// The others' rate is told late: so much more of what the card receives is taken for theirs.
const TOLD_LATE: f64 = 1.25;
/// More than its part is so much more.
const MORE: f64 = 1.1;

/// One agent's part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// The part of the whole, at most 1.
    pub weight: f64,
    /// The agent's place among those that have a part, from 0.
    pub place: u32,
    /// How many have one.
    pub of: u32,
    /// What the others, together, may have under way, in bytes.
    pub window: u64,
    /// What the others, and those with other manners, receive in a second, in bytes.
    pub rate: u64,
}

/// What the card may have received for other agents of ours. Bytes come in lumps, so what was not
/// there in one moment may be in the next.
#[derive(Clone, Debug, Default)]
pub struct Credit(f64);

impl Credit {
    /// Of so many bytes that nobody here received in this time, as many as are those of others of ours,
    /// who receive at this rate.
    pub fn take(&mut self, length: Duration, rate: u64, bytes: u64) -> u64 {
        let rate = TOLD_LATE * real(rate);
        let most = rate * TOLD_AFTER.as_secs_f64();
        self.0 = (self.0 + rate * length.as_secs_f64()).min(most);
        let taken = real(bytes).min(self.0);
        self.0 -= taken;
        whole(taken)
    }
}

impl Part {
    /// Of whoever is alone.
    pub const WHOLE: Self = Self { weight: 1.0, place: 0, of: 1, window: 0, rate: 0 };

    /// Nobody has said for long how the others do: they count for nothing, and the part stays.
    #[must_use]
    pub fn unheard(self) -> Self {
        Self { window: 0, rate: 0, ..self }
    }

    /// Whether it is this agent's turn to move while not all can.
    pub(crate) fn has_the_turn(&self, now: Duration) -> bool {
        let of = u64::from(self.of.max(1)).min(MOST_TURNS);
        (now.as_secs() / TURN.as_secs()) % of == u64::from(self.place) % of
    }

    /// How many turns all of them have had.
    pub(crate) fn rounds(&self, now: Duration) -> u64 {
        now.as_secs() / TURN.as_secs() / u64::from(self.of.max(1)).min(MOST_TURNS)
    }

    /// Whether no other agent of ours receives anything.
    pub(crate) fn is_alone(&self) -> bool {
        !self.is_shared() && self.rate == 0
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.of > 1
    }

    pub(crate) fn weight(&self) -> f64 {
        if self.weight >= LEAST { self.weight.min(1.0) } else { LEAST }
    }

    /// Whether this window is more than the part.
    pub(crate) fn is_exceeded(&self, window: f64) -> bool {
        self.is_shared() && self.window > 0 && window > MORE * self.due(window)
    }

    /// Whether it is less than half of the part.
    pub(crate) fn is_far_from(&self, window: f64) -> bool {
        self.is_shared() && self.window > 0 && window < 0.5 * self.due(window)
    }

    fn due(&self, window: f64) -> f64 {
        self.weight() * (window + real(self.window))
    }
}
