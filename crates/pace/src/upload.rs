//! An upload of this machine's own: a round trip that is long, though nobody queues on the way to us.
//!
//! A round trip has two directions. While somebody on this machine sends at full rate, what we
//! acknowledge waits in their queue, and a delay law takes that for a queue on the way down. What the
//! card sends tells the two apart: when we are down to the floor, so that the queue cannot be ours,
//! when the card sends much and hardly receives, the present round trip is taken for the lowest.
//!
//! The queue on the way up has its tides. Where it is known what the way down can take, as much is
//! asked for as a little less than that brings in the present round trip: it makes no queue there,
//! however long the one on the way up is. When the round trip becomes longer than tides are, we go out
//! of the way and look; when it does so as soon as we are back, somebody is on the way down, and we
//! stay away for a while, longer each time. Where it is not known, the delay law goes by the round trip
//! that was seen without us, and looks again every few seconds. Somebody on *another* machine who
//! loads at that time is taken for a part of the tide, and gets less than all: that is the price.

use crate::LARGEST_TARGET;
use crate::rate::Rate;
use std::time::Duration;

/// Less than this is nobody's upload, in bytes a second.
const WORTH_NOTICING: f64 = 65_536.0;
/// An upload's own acknowledgements are a fortieth of it.
const ONE_SIDED: f64 = 4.0;
/// What of it others may receive before it counts as over: two readings disagree a little.
const STILL_ONE_SIDED: f64 = 1.0;
/// For so long, too.
const GRACE: Duration = Duration::from_secs(1);
/// What we send ourselves, as a part of what we receive: an acknowledgement for each segment.
const ACKNOWLEDGED: f64 = 0.055;
/// How long others must queue while we are at the floor.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often the queue on the way up is looked at again, where nothing else is known.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// The part of what the way down can take that makes no queue there.
const NO_QUEUE: f64 = 0.8;
/// Who finds the way crowded sooner than this after coming back has company there.
const COMPANY: Duration = Duration::from_millis(1500);
/// What company left us grows by so much in a second.
const AGAIN: f64 = 0.25;
/// How long to stay away from company, at first and at most.
const AWAY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(4));

/// Watches for one.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    sent: Rate,
    received: Rate,
    own: Rate,
    /// Since when there is a queue that cannot be ours.
    since: Option<Duration>,
    /// When it was under way last.
    seen_at: Duration,
    /// Lowest round trip since the last look, in seconds, and when that was.
    base: Option<(f64, Duration)>,
    /// What the card received at most while nobody sent, in bytes a second.
    highest: f64,
    /// The part of it that company has left us, by experience.
    part: f64,
    /// When we came back, and how long we stay away next.
    back_at: Duration,
    away: Duration,
    away_until: Duration,
    crowded_since: Option<Duration>,
}

impl Upload {
    pub(crate) fn new() -> Self {
        let rate = || Rate::over(Duration::from_secs(1));
        Self {
            sent: rate(),
            received: rate(),
            own: rate(),
            since: None,
            seen_at: Duration::ZERO,
            base: None,
            highest: 0.0,
            part: 1.0,
            back_at: Duration::ZERO,
            away: AWAY.0,
            away_until: Duration::ZERO,
            crowded_since: None,
        }
    }

    /// Takes notice of what the card has sent and received, and of what of that was ours; and of the
    /// highest rate it has received at.
    pub(crate) fn see(
        &mut self,
        now: Duration,
        length: Duration,
        (sent, all, own): (u64, u64, u64),
        highest: f64,
    ) {
        self.sent.add(now, length, sent);
        self.received.add(now, length, all.saturating_sub(own));
        self.own.add(now, length, own);
        if self.is_under_way(STILL_ONE_SIDED) {
            self.seen_at = now;
        } else if self.base.is_none() {
            self.highest = highest;
        } else if now.saturating_sub(self.seen_at) > GRACE {
            self.base = None;
        }
    }

    fn is_under_way(&self, one_sided: f64) -> bool {
        let rate = |rate: &Rate| rate.per_second().unwrap_or(0.0);
        let sent = rate(&self.sent) - ACKNOWLEDGED * rate(&self.own);
        sent > WORTH_NOTICING && sent > one_sided * rate(&self.received)
    }

    /// The lowest round trip to go by, in seconds, given the one of now and the lowest without an
    /// upload, and whether we are at the floor; nothing while there is no upload.
    pub(crate) fn base(
        &mut self,
        now: Duration,
        rtt: f64,
        lowest: f64,
        at_floor: bool,
    ) -> Option<f64> {
        if let Some((base, _)) = &mut self.base {
            *base = base.min(rtt);
        }
        let present = self.base.map_or(lowest, |(base, _)| base);
        if at_floor && rtt - present > LARGEST_TARGET.as_secs_f64() && self.is_under_way(ONE_SIDED)
        {
            // With hardly anything of ours under way, whatever queues is not ours.
            let since = *self.since.get_or_insert(now);
            if now.saturating_sub(since) >= PATIENCE {
                self.since = None;
                self.base = Some((rtt, now));
            }
        } else {
            self.since = None;
        }
        self.base.map(|(base, _)| base)
    }

    /// What may be asked for in a second without a queue on the way down, in bytes; nothing where that
    /// is not known.
    pub(crate) fn rate(&self, now: Duration) -> Option<f64> {
        if self.highest < WORTH_NOTICING {
            return None;
        }
        let others = self.received.per_second().unwrap_or(0.0);
        let free = (NO_QUEUE * self.highest - 1.25 * others).max(0.0);
        Some(if now < self.away_until { 0.0 } else { self.part * free })
    }

    /// Whether the round trip has been longer than tides are for so long.
    pub(crate) fn is_crowded(&mut self, now: Duration, long: Duration) -> bool {
        now.saturating_sub(*self.crowded_since.get_or_insert(now)) >= long
    }

    /// It is no longer so. What company left us grows again by and by.
    pub(crate) fn is_free(&mut self, now: Duration, length: Duration) {
        self.crowded_since = None;
        if now.saturating_sub(self.back_at) >= COMPANY {
            self.part = (self.part * (1.0 + AGAIN * length.as_secs_f64())).min(1.0);
            if self.part >= 1.0 {
                self.away = AWAY.0;
            }
        }
    }

    /// The round trip has become longer than tides are. Until the look that follows is over, and
    /// longer if it did so as soon as we were back, we stay away.
    pub(crate) fn crowded(&mut self, now: Duration, look: Duration) {
        if now.saturating_sub(self.back_at.max(self.away_until)) < COMPANY {
            self.part = (self.part * 0.7).max(0.1);
            self.away_until = now + look + self.away;
            self.away = (2 * self.away).min(AWAY.1);
        }
        self.back_at = now + look;
        self.crowded_since = None;
    }

    /// Whether it is time to see the queue on the way up without us.
    pub(crate) fn wants_a_look(&self, now: Duration) -> bool {
        self.base.is_some_and(|(_, looked)| now.saturating_sub(looked) >= LOOK_EVERY)
    }

    /// It has been looked at: this is the round trip without us.
    pub(crate) fn looked(&mut self, now: Duration, rtt: f64) {
        if let Some(base) = &mut self.base {
            *base = (rtt, now);
        }
    }
}
