//! The law itself: one window for one path.
//!
//! Each tick tells what has happened since the last one and gives the window until the next. All of
//! the path's connections are one: their bytes are added, and the queue is the smallest that any of
//! them sees, since a queue they share is seen by all.
//!
//! ```text
//!  what is seen                              what is done, per round trip
//!  ----------------------------------------  ------------------------------------------------------
//!  loss                                      halve, once in two round trips; the buffer is now known
//!  the lowest round trip not seen for 10 s   slow down to two segments for two round trips, look
//!  queue < T/4, and calm                     grow by a quarter: nobody queues, take it
//!  queue <= T                                creep: the path is full
//!  queue > T                                 shrink by how much it is too long, at most by half
//!  others have begun, says the card          a quarter of it, at once
//! ```
//!
//! Never more than twice what arrives in a round trip (the tether: by Little's law the rest would
//! lie in a queue), and never less than two segments.

use crate::guests::Guests;
use crate::noise::Noise;
use crate::numbers::{duration, real, whole};
use crate::part::{Part, TOLD_AFTER};
use crate::path::Path;
use crate::rate::Rate;
use crate::surge::{Belief, Surge};
use crate::upload::Upload;
use crate::words::{Course, Grant, Sample, Signals};
use crate::{LARGEST_TARGET, Manners};
use std::time::Duration;

/// What a segment carries if nobody says.
const SEGMENT: f64 = 1448.0;
/// Segments under way at the beginning, as a sender's own window is then (RFC 6928).
const FIRST: f64 = 10.0;
/// Segments that may always be under way.
const FLOOR: f64 = 2.0;
/// It never waits longer than this for the next tick.
const LONGEST: Duration = Duration::from_millis(20);
/// The largest window there is, in bytes.
const LARGEST: f64 = 1e9;
/// After so long without the lowest round trip, somebody has to look.
const DOUBT: Duration = Duration::from_secs(10);
/// A path that has brought nothing for so long is begun anew.
const IDLE: Duration = Duration::from_secs(1);
/// A round trip nobody has measured.
const UNKNOWN: Duration = Duration::from_millis(100);
/// The queue on the way up has tides of this size, in seconds, and everybody's round trip has them.
const BESIDE_AN_UPLOAD: f64 = 0.050;
/// Ours alone stays at the target. A short visit of others, to whom way is given meanwhile, is not much
/// more than that.
const VISIT: f64 = 1.25;
/// The target never falls below this for a small buffer's sake.
const SMALLEST_TARGET: f64 = 0.004;

/// A slowdown under way.
#[derive(Clone, Copy, Debug)]
struct Look {
    until: Duration,
    window: f64,
}

/// The law of one path.
#[derive(Clone, Debug)]
pub struct Controller {
    manners: Manners,
    part: Part,
    window: f64,
    /// What a segment carries, in bytes, and what of it counts here: the steps of all agents make one.
    whole_segment: f64,
    segment: f64,
    last: Option<Duration>,
    /// When anything arrived last.
    arrived: Duration,
    rate: Rate,
    /// Queue the buffer held when it overflowed, in seconds.
    buffer: f64,
    buffer_at: Duration,
    /// Highest queue of the last round trips.
    queues: Vec<(Duration, f64)>,
    lost_at: Option<Duration>,
    crowded_at: Option<Duration>,
    guests: Guests,
    look: Option<Look>,
    /// Where a slowdown began, and may be gone back to quickly.
    back_to: f64,
    /// The largest window of late, beside an upload.
    best: f64,
    seen_at: Duration,
    looked_at: Duration,
    noise: Noise,
    surge: Surge,
    upload: Upload,
    signals: Signals,
    /// The lowest round trip of the path, for whoever has no own.
    base: Option<Duration>,
}

impl Controller {
    /// A path of which nothing is known but perhaps the highest rate its card has shown, in bytes
    /// per second.
    #[must_use]
    pub fn new(manners: Manners, highest_rate: u64) -> Self {
        Self {
            manners,
            part: Part::WHOLE,
            window: FIRST * SEGMENT,
            whole_segment: SEGMENT,
            segment: SEGMENT,
            last: None,
            arrived: Duration::ZERO,
            rate: Rate::over(Duration::from_millis(100)),
            buffer: f64::INFINITY,
            buffer_at: Duration::ZERO,
            queues: Vec::new(),
            lost_at: None,
            crowded_at: None,
            guests: Guests::default(),
            look: None,
            back_to: 0.0,
            best: 0.0,
            seen_at: Duration::ZERO,
            looked_at: Duration::ZERO,
            noise: Noise::default(),
            surge: Surge::new(real(highest_rate)),
            upload: Upload::new(),
            signals: Signals::default(),
            base: None,
        }
    }

    /// What a segment carries on this path, in bytes.
    pub fn set_segment(&mut self, bytes: u32) {
        self.whole_segment = f64::from(bytes.clamp(256, 65_535));
        self.segment = self.whole_segment * self.part.weight();
    }

    /// The part of the path that is this law's. One that becomes smaller is left at once.
    pub fn set_part(&mut self, part: Part) {
        let smaller = (part.weight() / self.part.weight()).min(1.0);
        self.window *= smaller;
        self.back_to *= smaller;
        self.part = part;
        self.segment = self.whole_segment * part.weight();
    }

    /// Somebody remembers that the path has brought so many bytes a second.
    pub fn expect(&mut self, rate: u64) {
        self.surge.expect(real(rate));
    }

    /// Whether it holds still to see the path without us.
    #[must_use]
    pub fn is_looking(&self) -> bool {
        self.look.is_some()
    }

    /// What was seen last.
    #[must_use]
    pub fn signals(&self) -> Signals {
        self.signals
    }

    /// Takes notice of a sample, and says how much may be under way until the next.
    pub fn tick(&mut self, sample: &Sample<'_>) -> Grant {
        let now = self.last.map_or(sample.now, |last| last.max(sample.now));
        let length = self.last.map_or(Duration::ZERO, |last| now - last);
        if self.last.replace(now).is_none() {
            (self.seen_at, self.looked_at) = (now, now);
        }
        let bytes =
            sample.connections.iter().fold(0_u64, |sum, seen| sum.saturating_add(seen.bytes));
        if bytes > 0 {
            if now.saturating_sub(self.arrived) > IDLE {
                self.begin_anew();
            }
            self.arrived = now;
        }
        self.rate.add(now, length, bytes);
        if let Some(card) = sample.card {
            let highest = self.surge.highest();
            self.upload.see(now, length, (card.sent, card.all, card.own), highest);
        }
        let mut path = Path::of(sample.connections);
        path.uploads = self.beside_an_upload(now, &mut path);
        let rtt = path.rtt.or(path.base).or(self.base).unwrap_or(UNKNOWN).as_secs_f64().max(1e-6);
        let target = self.target(now, &path);
        let mut course = self.follow(now, length, bytes, rtt, target, &path);
        if self.alarmed(now, length, sample, rtt) {
            self.window /= 4.0;
            self.crowded_at = Some(now);
            course = Course::Alarmed;
        }
        if let Some(bound) = self.bound(now, rtt, sample.limit, path.uploads)
            && self.window > bound
        {
            self.window = bound;
            course = Course::Tethered;
        }
        self.window = self.window.clamp(self.floor(), LARGEST);
        self.signals = Signals {
            base: path.base,
            queue: path.queue.map(duration),
            target: duration(target),
            card: sample.card.is_some(),
            rate: whole(self.rate.per_second().unwrap_or(0.0)),
        };
        let slow = course != Course::Looking && self.takes_hardly_anything(rtt);
        let next = now + if slow { LONGEST } else { patience(rtt) };
        Grant { window: whole(self.window), next, course }
    }

    /// Whether it takes hardly more than what is left to it beside others: then nobody gains anything by
    /// its looking often.
    fn takes_hardly_anything(&self, rtt: f64) -> bool {
        self.rate.per_second().is_some_and(|rate| rate * rtt <= 2.0 * self.floor())
    }

    /// While somebody on this machine sends at full rate, the queue is counted from the round trip that
    /// leaves. Says whether it is so.
    fn beside_an_upload(&mut self, now: Duration, path: &mut Path) -> bool {
        let (Some(rtt), Some(lowest)) = (path.rtt.filter(|_| path.queue.is_some()), path.base)
        else {
            return false;
        };
        let at_floor = self.window <= 2.0 * self.least_beside();
        let (rtt, lowest) = (rtt.as_secs_f64(), lowest.as_secs_f64());
        let found = self.upload.base(now, rtt, lowest, at_floor);
        let Some(base) = found.filter(|base| *base > lowest) else { return false };
        if at_floor && rtt <= base && self.upload.rate(now).is_none() {
            // It has just been looked at: back to a part of what was, for its tides are quick.
            self.window = self.window.max(self.best / 4.0);
        }
        self.best = self.best.max(self.window) * 0.999;
        path.base = Some(duration(base));
        path.queue = Some((rtt - base).max(0.0));
        true
    }

    /// What has stood still is begun anew: what was known of the queue is old.
    fn begin_anew(&mut self) {
        self.window = self.window.min(FIRST * self.segment);
        self.queues.clear();
        self.noise.interrupt();
        self.look = None;
    }

    /// Whether the path should be seen without us. Agents that share it all look at the same time, or
    /// each would take the queue of the others for a part of the path.
    fn is_doubtful(&self, now: Duration) -> bool {
        match self.part.is_shared() {
            true => {
                let round = |at: Duration| at.as_secs() / DOUBT.as_secs();
                round(now) > round(self.looked_at) && now.saturating_sub(self.seen_at) > DOUBT / 4
            }
            false => now.saturating_sub(self.seen_at) > DOUBT,
        }
    }

    fn floor(&self) -> f64 {
        FLOOR * self.segment
    }

    /// The queue that is aimed at, in seconds.
    fn target(&mut self, now: Duration, path: &Path) -> f64 {
        let asked = self.manners.target.as_secs_f64();
        if path.uploads && self.upload.rate(now).is_some() {
            return asked.max(BESIDE_AN_UPLOAD);
        }
        let part = if path.uploads { 3.0 } else { 4.0 };
        let long = path.base.map_or(0.0, |base| base.as_secs_f64() / part);
        let largest = LARGEST_TARGET.as_secs_f64();
        let noise = 10.0 * self.noise.jump();
        // Each minute without loss the buffer is believed to be half as large again.
        while self.buffer.is_finite()
            && now.saturating_sub(self.buffer_at) >= Duration::from_secs(60)
        {
            self.buffer_at += Duration::from_secs(60);
            self.buffer *= 1.5;
            if self.buffer > 10.0 {
                self.buffer = f64::INFINITY;
            }
        }
        let most = if path.uploads { BESIDE_AN_UPLOAD } else { largest };
        let wanted = asked.max(long.max(noise).min(most));
        // Of two queues, the way up's and ours, the buffer of ours cannot be told.
        if path.uploads { wanted } else { wanted.min((self.buffer / 2.0).max(SMALLEST_TARGET)) }
    }

    /// The law. Returns what it did.
    fn follow(
        &mut self,
        now: Duration,
        length: Duration,
        bytes: u64,
        rtt: f64,
        target: f64,
        path: &Path,
    ) -> Course {
        let trip = duration(rtt);
        let queue = path.queue;
        if let Some(queue) = queue {
            self.queues.retain(|(at, _)| now.saturating_sub(*at) <= 3 * trip);
            self.queues.push((now, queue));
            if queue > VISIT * target {
                self.guests.come(now);
            }
            if queue > target {
                self.crowded_at = Some(now);
            }
            if queue > 2.0 * target {
                self.noise.interrupt();
            } else if let Some(rtt) = path.fresh.filter(|_| !path.uploads) {
                self.noise.see(rtt);
            }
            if queue <= path.base.map_or(0.0, |base| base.as_secs_f64() / 16.0).max(0.001) {
                self.seen_at = now;
            }
        }
        self.base = path.base.or(self.base);
        if path.lost && self.lost_at.is_none_or(|at| now.saturating_sub(at) > 2 * trip) {
            self.lose(now, path.uploads);
            return Course::Halved;
        }
        if let Some(look) = self.look {
            if now < look.until {
                return Course::Looking;
            }
            self.look = None;
            self.seen_at = now;
            self.upload.looked(now, rtt);
            self.window = (look.window / 2.0).max(self.floor());
            self.back_to = look.window;
            if path.uploads && self.upload.rate(now).is_some() {
                self.window = look.window / 4.0;
                self.back_to = 0.0;
            }
        }
        // How much of a round trip has passed: by what came, and by the clock.
        let came = (real(bytes) / self.window).min(1.0);
        let passed = came.max((length.as_secs_f64() / rtt).min(1.0));
        let Some(queue) = queue else {
            // The queue cannot be seen: the tether holds.
            self.window += 0.25 * self.window * came;
            return Course::Taking;
        };
        if path.uploads
            && let Some(rate) = self.upload.rate(now)
        {
            let rate = self.part.weight() * rate;
            return self.keep_to(rate, now, length, rtt, (queue, target));
        }
        let doubtful = match path.uploads {
            true => self.upload.wants_a_look(now),
            false => self.is_doubtful(now),
        };
        if doubtful && self.window > 8.0 * self.segment {
            // Others of ours look at the same time, to a tick or two.
            let ticks = if self.part.is_shared() { 2 * patience(rtt) } else { Duration::ZERO };
            self.looked_at = now;
            self.look = Some(Look { until: now + 2 * trip + ticks, window: self.window });
            self.window = self.floor();
            return Course::Looking;
        }
        if queue > target {
            let cut = (queue / target - 1.0).min(2.0 * (queue - target) / rtt).min(0.75);
            self.window *= 1.0 - cut * passed;
            self.back_to = 0.0;
            return Course::Yielding;
        }
        if self.window < self.back_to {
            self.window = (self.window * (1.0 + came)).min(self.back_to);
            return Course::Taking;
        }
        self.back_to = 0.0;
        if path.uploads && queue < target / 2.0 {
            // There is little time between two looks.
            self.window += self.window * came;
            return Course::Taking;
        }
        let expected = self.guests.are_expected(now);
        let wanted = if expected { 5 * self.manners.calm / 2 } else { self.manners.calm };
        let calm = |at: Option<Duration>| at.is_none_or(|at| now.saturating_sub(at) >= wanted);
        if queue < target / 4.0 && calm(self.crowded_at) && calm(self.lost_at) {
            self.window += 0.25 * self.window * came;
            return Course::Taking;
        }
        if self.part.is_far_from(self.window) {
            self.window += 0.25 * self.window * came;
            return Course::Taking;
        }
        if self.part.is_exceeded(self.window) {
            return Course::Creeping;
        }
        let step = self.segment.max(self.window / 128.0);
        self.window += if expected { step / 2.0 } else { step } * came;
        Course::Creeping
    }

    /// Beside an upload, on a path whose rate is known: asks for no more than that, whatever the round
    /// trip is.
    fn keep_to(
        &mut self,
        rate: f64,
        now: Duration,
        length: Duration,
        rtt: f64,
        (queue, target): (f64, f64),
    ) -> Course {
        if queue > target {
            // What comes in lumps is gone within a round trip.
            if self.upload.is_crowded(now, duration(1.5 * rtt)) && self.window > self.least_beside()
            {
                let look = 2 * duration(rtt);
                self.upload.crowded(now, look);
                self.look = Some(Look { until: now + look, window: self.window });
                self.window = (self.window / 4.0).max(self.least_beside());
                return Course::Looking;
            }
            return Course::Yielding;
        }
        self.upload.is_free(now, length);
        // What is let go while nothing comes back yet must not come faster, either.
        self.window = (self.window + rate * length.as_secs_f64()).min(rate * rtt);
        self.window = self.window.max(self.least_beside());
        if rate > 0.0 { Course::Taking } else { Course::Yielding }
    }

    /// Our acknowledgements are lost in the queue on the way up like everybody's: with fewer segments
    /// under way the server would hear of none, and begin anew.
    fn least_beside(&self) -> f64 {
        4.0 * self.floor()
    }

    /// Something was lost: the buffer holds no more than was in it.
    fn lose(&mut self, now: Duration, uploads: bool) {
        let highest = self.queues.iter().map(|(_, queue)| *queue).fold(0.0, f64::max);
        if highest > 0.0 && !uploads {
            self.buffer = self.buffer.min(highest);
            self.buffer_at = now;
        }
        if uploads {
            self.upload.crowded(now, Duration::ZERO);
        }
        self.lost_at = Some(now);
        self.look = None;
        self.back_to = 0.0;
        self.window = (self.window / 2.0).max(self.floor());
    }

    fn alarmed(&mut self, now: Duration, length: Duration, sample: &Sample<'_>, rtt: f64) -> bool {
        let Some(card) = sample.card else { return false };
        let rest = Duration::from_millis(200).max(4 * duration(rtt));
        let belief = match (self.part.is_alone(), sample.connections.len()) {
            (true, 0 | 1) => Belief::AtOnce,
            (true, _) => Belief::After(Duration::ZERO),
            (false, _) => Belief::After(TOLD_AFTER),
        };
        let sudden = self.surge.see(now, length, card, belief, rest);
        sudden && self.manners.alarm
    }

    /// The most that may be under way, whatever the law says.
    fn bound(&self, now: Duration, rtt: f64, limit: Option<u64>, uploads: bool) -> Option<f64> {
        // A round trip is longer than what the rate is measured over, beside an upload.
        let (times, more) = if uploads { (3.0, 64.0) } else { (2.0, 8.0) };
        let tether = self.rate.per_second().map(|rate| times * rate * rtt + more * self.segment);
        // What is known of the path bounds it already.
        let tether = tether.filter(|_| !uploads || self.upload.rate(now).is_none());
        let base = self.base.map_or(rtt, |base| base.as_secs_f64());
        let headroom = self.surge.headroom().filter(|_| self.manners.alarm);
        let headroom = headroom.map(|rate| self.part.weight() * rate * base);
        let limit = limit.map(|limit| real(limit) * rtt);
        [tether, headroom, limit].into_iter().flatten().reduce(f64::min)
    }
}

/// How long until the next tick, where there is something to give way with.
fn patience(rtt: f64) -> Duration {
    duration(rtt / 4.0).clamp(Duration::from_millis(4), LONGEST)
}
