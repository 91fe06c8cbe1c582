//! The alarm: somebody else on this machine has begun to receive.
//!
//! What the network card has received, less what is ours, is other people's. It is blind beyond this
//! machine, so it never says that the path is free; but it says that it is not, long before a queue
//! does. Two readings of different things at different moments disagree a little: with several
//! connections the alarm is believed when two ticks in a row say the same. What other agents of ours
//! receive is told late: beside them it is believed when it has been said for longer than that takes.

use crate::rate::Rate;
use std::time::Duration;

/// Less than this part of what the card can take is nobody.
const WORTH_NOTICING: f64 = 0.03;
/// A full packet, in bytes. So much at once is the network talking to itself (who has this address, which
/// printers are there), and in the first moments, when little has come at all, it would be a large part.
const CHATTER: u64 = 1514;
/// What the card can take is believed by half for so long: there may be another line behind it.
const FADES: f64 = 6.0 * 3600.0;
/// So much more than of late is a beginning.
const SUDDEN: f64 = 1.5;

/// What the card has received since the last sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// All of it.
    pub all: u64,
    /// What of it was ours, with the headers.
    pub own: u64,
    /// What the card has sent, whoever it was.
    pub sent: u64,
}

/// When an alarm is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belief {
    AtOnce,
    /// When another tick, at least so much later, still says the same.
    After(Duration),
}

/// Watches the card.
#[derive(Clone, Debug)]
pub(crate) struct Surge {
    late: Rate,
    mean: Rate,
    total: Rate,
    highest: f64,
    suspicious_since: Option<Duration>,
    quiet_until: Duration,
}

impl Surge {
    pub(crate) fn new(highest: f64) -> Self {
        Self {
            late: Rate::over(Duration::from_millis(40)),
            mean: Rate::over(Duration::from_secs(1)),
            total: Rate::over(Duration::from_millis(200)),
            highest,
            suspicious_since: None,
            quiet_until: Duration::ZERO,
        }
    }

    /// Takes notice; says whether others have suddenly begun. After an alarm there is none for
    /// `rest`.
    pub(crate) fn see(
        &mut self,
        now: Duration,
        length: Duration,
        card: Card,
        belief: Belief,
        rest: Duration,
    ) -> bool {
        let others = card.all.saturating_sub(card.own);
        let before = self.mean.per_second().unwrap_or(0.0);
        self.late.add(now, length, others);
        self.mean.add(now, length, others);
        self.total.add(now, length, card.all);
        self.highest -= self.highest * (0.7 * length.as_secs_f64() / FADES).min(1.0);
        self.highest = self.highest.max(self.total.per_second().unwrap_or(0.0));
        let late = self.late.per_second().unwrap_or(0.0);
        let sudden = self.late.bytes() > CHATTER
            && late > WORTH_NOTICING * self.highest
            && late > SUDDEN * before;
        let since = self.suspicious_since.filter(|_| sudden);
        self.suspicious_since = sudden.then(|| since.unwrap_or(now));
        let believed = match belief {
            Belief::AtOnce => sudden,
            Belief::After(wait) => since.is_some_and(|at| now.saturating_sub(at) >= wait),
        };
        if !believed || now < self.quiet_until {
            return false;
        }
        self.quiet_until = now + rest;
        true
    }

    /// Somebody remembers that it has received at this rate.
    pub(crate) fn expect(&mut self, rate: f64) {
        self.highest = self.highest.max(rate);
    }

    /// The highest rate the card has received at, in bytes a second.
    pub(crate) fn highest(&self) -> f64 {
        self.highest
    }

    /// Bytes per second that may be ours while others are at it; nothing while nobody is.
    pub(crate) fn headroom(&self) -> Option<f64> {
        let others = self.mean.per_second().filter(|rate| *rate > WORTH_NOTICING * self.highest)?;
        Some((0.95 * self.highest - 1.25 * others).max(0.0))
    }
}
