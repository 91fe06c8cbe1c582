//! How many connections bring one file. Pure: time is passed in.
//!
//! ```text
//!  watching ── the rate does not grow by itself, and much is left ──▶ trying with more
//!     ▲                                                                  │
//!     ├── the rate is noticeably higher: they stay, and twice as many ◀──┤
//!     │   are tried next                                                 │
//!     └── it is not: they go, and are not tried again for a while ◀──────┘
//! ```
//!
//! This module answers one question: *does another connection help?* Nobody can know that beforehand:
//! a server may send so much to each connection, a long path may have windows that are too small, or
//! one connection may fill the path. So it is tried, and measured.
//!
//! It never wants more than it was allowed, and no more than there are once the server has refused
//! any. It knows nothing of bytes and servers.

use std::time::Duration;

/// Rates are measured over so much time: about a second, since servers that limit a rate often send a
/// second's worth at once.
const INTERVAL: Duration = Duration::from_millis(950);
/// A rate that is so much higher than the one before is growing by itself.
const GROWING: f64 = 1.1;
/// So much more is worth another connection.
const GAIN: f64 = 1.15;
/// How many intervals a trial may take.
const TRIAL: u32 = 3;
/// What comes in less than this needs no help.
const WORTH_HELPING: Duration = Duration::from_secs(3);
/// How long nobody may have answered the connections that are being tried.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);
/// After one that did not help, the next is tried after this, and then after twice as long.
const PAUSE: Duration = Duration::from_secs(60);

/// How many there are, and how many there should be.
#[derive(Debug)]
pub(super) struct Count {
    /// So many are allowed.
    most: usize,
    /// So many work out.
    bearable: usize,
    wanted: usize,
    phase: Phase,
    /// When the running interval began, and what had come by then.
    began: (Duration, u64),
    /// The rate in the interval before, in bytes per second, if there were as many of them as now.
    last: Option<f64>,
    /// There were more of them in the running interval than there are now.
    mixed: bool,
    /// The rate as it was measured last.
    rate: Option<f64>,
    pause: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Nothing is tried before this.
    Watching { not_before: Duration },
    /// More were asked for.
    Asking { since: Duration, few: usize, before: f64 },
    /// More are there.
    Trying { since: Duration, from: u64, few: usize, before: f64, intervals: u32 },
}

impl Count {
    /// One, of as many as `most`.
    pub(super) fn one_of(most: usize, now: Duration) -> Self {
        Self {
            most,
            bearable: usize::MAX,
            wanted: 1,
            phase: Phase::Watching { not_before: now },
            began: (now, 0),
            last: None,
            mixed: false,
            rate: None,
            pause: PAUSE,
        }
    }

    /// How many there should be.
    pub(super) fn wanted(&self) -> usize {
        self.wanted
    }

    /// The rate as it was measured last, in bytes per second.
    pub(super) fn rate(&self) -> Option<u64> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
        self.rate.map(|rate| rate as u64)
    }

    /// There may be so many from now on.
    pub(super) fn allow(&mut self, most: usize, now: Duration) {
        self.most = most.max(1);
        if self.wanted > self.most {
            self.wanted = self.most;
            self.mixed = true;
            self.watch(now);
        }
    }

    fn ceiling(&self) -> usize {
        self.most.min(self.bearable)
    }

    /// One of them did not work out. `left` of them do, and there will not be more.
    pub(super) fn refused(&mut self, left: usize, now: Duration) {
        self.bearable = left.max(1);
        self.wanted = self.wanted.min(self.bearable);
        self.mixed = true;
        self.watch(now);
    }

    /// Looks again: `came` bytes so far over `serving` connections, `left` are missing.
    pub(super) fn look(&mut self, now: Duration, came: u64, serving: usize, left: u64) {
        if let Phase::Asking { since, few, before } = self.phase {
            if serving >= self.wanted {
                self.mixed = false;
                self.phase = Phase::Trying { since: now, from: came, few, before, intervals: 0 };
                self.began = (now, came);
                return;
            }
            if now.saturating_sub(since) > ANSWERED_WITHIN {
                self.give_up(few, now);
            }
        }
        let length = now.saturating_sub(self.began.0);
        if length < INTERVAL {
            return;
        }
        let rate = per_second(came.saturating_sub(self.began.1), length);
        self.began = (now, came);
        self.rate = Some(rate);
        if std::mem::take(&mut self.mixed) {
            self.last = None;
            return;
        }
        let last = self.last.replace(rate);
        match self.phase {
            Phase::Watching { not_before } => {
                let Some(last) = last.filter(|_| now >= not_before) else { return };
                let steady = rate > 0.0 && rate <= last * GROWING;
                if steady && serving == self.wanted {
                    self.try_more(now, f64::midpoint(rate, last), left);
                }
            }
            Phase::Asking { .. } => {}
            Phase::Trying { since, from, few, before, intervals } => {
                let average = per_second(came.saturating_sub(from), now.saturating_sub(since));
                if average >= before * GAIN {
                    self.watch(now);
                    self.try_more(now, average.max(rate), left);
                } else if intervals + 1 < TRIAL {
                    let intervals = intervals + 1;
                    self.phase = Phase::Trying { since, from, few, before, intervals };
                } else {
                    self.give_up(few, now);
                }
            }
        }
    }

    /// Wants twice as many, if that may be and `left` takes long enough at the present rate.
    fn try_more(&mut self, now: Duration, before: f64, left: u64) {
        let worth = lossy(left) > before * WORTH_HELPING.as_secs_f64();
        if worth && self.wanted < self.ceiling() {
            let few = self.wanted;
            self.wanted = self.ceiling().min(2 * few);
            self.phase = Phase::Asking { since: now, few, before };
        }
    }

    fn watch(&mut self, now: Duration) {
        self.phase = Phase::Watching { not_before: now };
    }

    fn give_up(&mut self, few: usize, now: Duration) {
        self.wanted = few.min(self.ceiling());
        self.mixed = true;
        self.phase = Phase::Watching { not_before: now + self.pause };
        self.pause *= 2;
    }
}

fn per_second(bytes: u64, time: Duration) -> f64 {
    lossy(bytes) / time.as_secs_f64().max(f64::EPSILON)
}

#[expect(clippy::cast_precision_loss, reason = "rates are not that precise")]
fn lossy(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A path, looked at twice a second for so long. `rate` says what it brings by how many connections;
    /// those that are wanted are there at once. Returns how many there were in the end, and the most
    /// there ever were.
    fn on(rate: impl Fn(usize, u64) -> u64, seconds: u64, left: u64) -> (usize, usize) {
        let mut count = Count::one_of(4, Duration::ZERO);
        let (mut came, mut most) = (0, 1);
        for half in 1..=2 * seconds {
            came += rate(count.wanted(), half / 2) / 2;
            let now = Duration::from_millis(500 * half);
            count.look(now, came, count.wanted(), left.saturating_sub(came));
            most = most.max(count.wanted());
        }
        (count.wanted(), most)
    }

    const PLENTY: u64 = 1 << 40;

    #[test]
    fn where_each_connection_has_a_rate_of_its_own_all_are_used_within_seconds() {
        assert_eq!(on(|count, _| 4_000_000 * count as u64, 6, PLENTY), (4, 4));
        // Slowly, too, and never more than allowed.
        assert_eq!(on(|count, _| 50_000 * count as u64, 30, PLENTY), (4, 4));
    }

    #[test]
    fn where_one_fills_the_path_a_second_is_tried_once_and_goes() {
        assert_eq!(on(|_, _| 100_000_000, 30, PLENTY), (1, 2));
        assert_eq!(on(|count, _| 10_000_000 + 500_000 * count as u64, 30, PLENTY), (1, 2));
    }

    #[test]
    fn where_two_fill_the_path_the_others_go_again() {
        assert_eq!(on(|count, _| (60 * count as u64).min(100) * 1_000_000, 30, PLENTY), (2, 4));
    }

    #[test]
    fn a_rate_that_still_grows_by_itself_is_left_alone() {
        assert_eq!(on(|_, second| 1_000_000 << second.min(20), 10, PLENTY), (1, 1));
    }

    #[test]
    fn what_is_there_soon_or_does_not_come_at_all_gets_no_help() {
        assert_eq!(on(|_, _| 10_000_000, 10, 50_000_000), (1, 1));
        assert_eq!(on(|_, _| 0, 100, PLENTY), (1, 1));
    }

    #[test]
    fn what_did_not_help_is_tried_again_only_after_a_while() {
        let trials = |seconds| {
            let mut count = Count::one_of(4, Duration::ZERO);
            let (mut trials, mut before) = (0, 1);
            for second in 1..=seconds {
                count.look(Duration::from_secs(second), second * 1_000_000, count.wanted(), PLENTY);
                trials += usize::from(count.wanted() > before);
                before = count.wanted();
            }
            trials
        };
        assert_eq!((trials(50), trials(100), trials(1000)), (1, 2, 5));
    }

    #[test]
    fn connections_that_nobody_answers_are_not_waited_for_for_ever() {
        let mut count = Count::one_of(4, Duration::ZERO);
        for second in 1..=30 {
            count.look(Duration::from_secs(second), second * 1_000_000, 1, PLENTY);
        }
        assert_eq!(count.wanted(), 1);
    }

    #[test]
    fn a_refusal_is_final_and_a_smaller_allowance_counts_at_once() {
        let mut count = Count::one_of(4, Duration::ZERO);
        let mut came = 0;
        let mut pass = |count: &mut Count, seconds: std::ops::Range<u64>| {
            for second in seconds {
                came += 1_000_000 * count.wanted() as u64;
                count.look(Duration::from_secs(second), came, count.wanted(), PLENTY);
            }
        };
        pass(&mut count, 1..10);
        assert_eq!(count.wanted(), 4);
        count.allow(1, Duration::from_secs(10));
        assert_eq!(count.wanted(), 1);
        count.allow(4, Duration::from_secs(11));
        pass(&mut count, 11..25);
        assert_eq!(count.wanted(), 4);
        count.refused(3, Duration::from_secs(25));
        pass(&mut count, 25..200);
        assert_eq!(count.wanted(), 3);
    }

    proptest! {
        #[test]
        fn whatever_it_sees_there_is_one_at_least_and_never_more_than_allowed(
            looks in proptest::collection::vec(
                (0_u64..3000, any::<u32>(), 0_usize..6, any::<u64>(), 0_u8..20), 0..200),
            most in 1_usize..6,
        ) {
            let mut count = Count::one_of(most, Duration::ZERO);
            let (mut now, mut came, mut refused) = (Duration::ZERO, 0, most);
            for (passed, bytes, serving, left, what) in looks {
                now += Duration::from_millis(passed);
                came += u64::from(bytes);
                if what == 0 {
                    count.refused(serving, now);
                    refused = serving.max(1);
                }
                count.look(now, came, serving, left);
                prop_assert!((1..=refused).contains(&count.wanted()));
            }
        }
    }
}
