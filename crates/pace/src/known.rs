//! What is known of one peer: what it has shown us, and what it showed somebody before us.
//!
//! A lowest round trip that is remembered helps where somebody else queues from the beginning: it is
//! taken for the base if it is lower than what is seen. It is hearsay, so it counts for two minutes
//! only. A route that has become longer is believed then, and told, so that nobody is told the old
//! one any more. One that is remembered too high changes nothing.
//!
//! This module answers two questions: *what is the base to go by?* and *what of it is worth telling
//! to who remembers?*

use crate::Base;
use crate::numbers::{real, whole};
use std::time::Duration;

/// What is remembered counts for so long from the first round trip on.
const BELIEVED: Duration = Duration::from_secs(120);
/// What has been told is told again after this, so that it is not forgotten.
const TELL_AGAIN: Duration = Duration::from_secs(600);
/// A difference of this part is worth telling.
const NOTABLE: u32 = 16;
/// A rate counts that was kept up for so long.
const KEPT_UP: Duration = Duration::from_secs(1);

/// The best that a peer has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Best {
    /// Lowest round trip.
    pub base: Duration,
    /// Highest rate in bytes a second, kept up for a second; 0 if there was none.
    pub rate: u64,
}

/// What is known of one peer.
#[derive(Clone, Debug, Default)]
pub struct Known {
    own: Base,
    hearsay: Option<Hearsay>,
    /// The second that is being counted, and the bytes in it.
    second: Option<(Duration, u64)>,
    /// The highest rate since it was told last.
    rate: u64,
    told: Option<(Duration, Best)>,
}

#[derive(Clone, Copy, Debug)]
struct Hearsay {
    base: Duration,
    rate: u64,
    /// When the first round trip was seen.
    since: Option<Duration>,
}

impl Known {
    /// A peer that somebody remembers.
    #[must_use]
    pub fn remembered(best: Best) -> Self {
        let hearsay = Hearsay { base: best.base, rate: best.rate, since: None };
        Self { hearsay: Some(hearsay), ..Self::default() }
    }

    /// Takes notice of a round trip.
    pub fn see(&mut self, now: Duration, rtt: Duration) {
        if let Some(hearsay) = &mut self.hearsay {
            let since = *hearsay.since.get_or_insert(now);
            if now.saturating_sub(since) >= BELIEVED {
                self.hearsay = None;
            }
        }
        self.own.see(now, rtt);
    }

    /// Takes notice of bytes that came since it was asked last.
    pub fn receive(&mut self, now: Duration, bytes: u64) {
        let Some((began, sum)) = &mut self.second else {
            self.second = Some((now, 0));
            return;
        };
        *sum = sum.saturating_add(bytes);
        let length = now.saturating_sub(*began);
        if length >= KEPT_UP {
            // What has stood still meanwhile is no rate; it is not higher than the real one, either.
            self.rate = self.rate.max(whole(real(*sum) / length.as_secs_f64()));
            self.second = Some((now, 0));
        }
    }

    /// The lowest round trip; nothing before the first is seen.
    #[must_use]
    pub fn base(&self) -> Option<Duration> {
        let own = self.own.lowest()?;
        Some(self.heard().map_or(own, |best| own.min(best.base)))
    }

    /// What is remembered, as long as it counts.
    #[must_use]
    pub fn heard(&self) -> Option<Best> {
        self.hearsay.map(|Hearsay { base, rate, .. }| Best { base, rate })
    }

    /// What is worth telling now. It counts as told.
    ///
    /// What was only heard is not: as long as it counts and is not seen, there is no news.
    pub fn news(&mut self, now: Duration) -> Option<Best> {
        let (own, base) = (self.own.lowest()?, self.base()?);
        let best = Best { base, rate: self.rate };
        let notable = |one: Duration, other: Duration| one.abs_diff(other) > other / NOTABLE;
        if notable(own, base) {
            return None;
        }
        let new = self.told.is_none_or(|(at, told)| {
            notable(base, told.base)
                || best.rate > told.rate.saturating_add(told.rate / u64::from(NOTABLE))
                || now.saturating_sub(at) >= TELL_AGAIN
        });
        if !new {
            return None;
        }
        let again = self.told.is_some_and(|(at, _)| now.saturating_sub(at) >= TELL_AGAIN);
        self.told = Some((now, best));
        if again {
            // From here on a rate counts anew.
            self.rate = 0;
        }
        Some(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn remembered(base: u64) -> Known {
        Known::remembered(Best { base: ms(base), rate: 1000 })
    }

    #[test]
    fn a_remembered_round_trip_counts_beside_a_longer_one_for_two_minutes() {
        let mut known = remembered(20);
        // Nobody has been there for an hour: that is no time in which it could have been seen.
        let hour = Duration::from_secs(3600);
        known.see(hour, ms(150));
        assert_eq!(known.base(), Some(ms(20)));
        known.see(hour + Duration::from_secs(119), ms(150));
        assert_eq!((known.base(), known.news(hour)), (Some(ms(20)), None));
        known.see(hour + Duration::from_secs(120), ms(150));
        assert_eq!((known.base(), known.heard()), (Some(ms(150)), None));
        assert_eq!(known.news(hour).map(|best| best.base), Some(ms(150)), "it heals for all");
    }

    #[test]
    fn one_that_is_remembered_too_high_changes_nothing() {
        let mut known = remembered(80);
        known.see(ms(0), ms(20));
        assert_eq!(known.base(), Some(ms(20)));
        assert_eq!(known.news(ms(0)).map(|best| best.base), Some(ms(20)));
    }

    #[test]
    fn what_is_seen_again_is_told_once_and_after_ten_minutes() {
        let mut known = remembered(20);
        assert_eq!(known.news(ms(0)), None, "nobody has seen anything");
        known.see(ms(0), ms(21));
        assert_eq!(known.news(ms(0)).map(|best| best.base), Some(ms(20)));
        known.see(ms(5000), ms(20));
        assert_eq!(known.news(ms(5000)), None);
        let later = Duration::from_secs(600);
        known.see(later, ms(20));
        assert!(known.news(later).is_some() && known.news(later).is_none());
    }

    #[test]
    fn a_rate_counts_that_is_kept_up_for_a_second() {
        let mut known = Known::default();
        known.see(ms(0), ms(20));
        known.receive(ms(0), 1_000_000);
        for tick in 1..=100 {
            known.receive(ms(10 * tick), if tick < 20 { 50_000 } else { 0 });
        }
        assert_eq!(known.news(ms(1000)), Some(Best { base: ms(20), rate: 950_000 }));
        known.receive(ms(2000), 955_000);
        assert_eq!(known.news(ms(2000)), None, "hardly more");
    }

    proptest! {
        #[test]
        fn the_base_is_never_above_what_was_seen_of_late_and_heals_whatever_was_remembered(
            heard in 0_u64..10_000, seen in proptest::collection::vec((1_u64..5000, 0_u64..10_000), 1..200)
        ) {
            let mut known = remembered(heard);
            let mut now = Duration::from_secs(100);
            let first = now;
            for (passed, rtt) in seen {
                known.see(now, ms(rtt));
                let base = known.base().unwrap();
                prop_assert!(base <= ms(rtt));
                let late = now - first >= BELIEVED;
                prop_assert!(!late || known.heard().is_none());
                if let Some(best) = known.news(now) {
                    prop_assert_eq!(best.base, base);
                }
                now += ms(passed);
            }
        }
    }
}
