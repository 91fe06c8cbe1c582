//! Bandwidth, shared by the fetches that take from one bucket.
//!
//! This module answers one question: *how many bytes may be read now?* Every byte moves the moment
//! up to which has been paid for; as long as that is not further ahead than a quarter of a second,
//! more may be read. So a bucket starts at once, is never more than a quarter of a second's worth
//! ahead, and needs no task of its own. A new rate holds from the next byte.
//!
//! A bucket also says how its fetches behave towards others on their path; see `polite.rs`.
//!
//! It reads nothing itself, and knows nothing of connections; see `pace.rs`.

use ebb_pace::Manners;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How far ahead of the time its bytes may be.
const AHEAD: Duration = Duration::from_millis(250);
/// Bytes are given out by so much time's worth, so that many small reads do not cost too much.
const WORTH_READING: Duration = Duration::from_millis(50);
/// Whoever waits looks again after this: the rate may have changed.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

const SECOND: u128 = 1_000_000_000;

/// A bandwidth that fetches share.
#[derive(Debug)]
pub struct Bucket(Mutex<State>);

#[derive(Debug)]
struct State {
    rate: Option<u64>,
    manners: Option<Manners>,
    paid_until: Instant,
}

/// What may be read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// As much as comes.
    All,
    /// So many bytes, at least one.
    Some(usize),
    /// Nothing before this moment.
    Later(Instant),
}

impl Bucket {
    /// A bucket with a rate in bytes per second; without one, it holds nobody back.
    #[must_use]
    pub fn new(rate: Option<u64>) -> Self {
        Self(Mutex::new(State { rate, manners: None, paid_until: Instant::now() }))
    }

    /// Changes the rate, also for whoever is reading now. With 0 nothing is read.
    pub fn set(&self, rate: Option<u64>) {
        self.state().rate = rate;
    }

    /// Changes how those who take from it behave, also those who are reading now. Without manners
    /// they give way to nobody.
    pub fn behave(&self, manners: Option<Manners>) {
        self.state().manners = manners;
    }

    pub(crate) fn manners(&self) -> Option<Manners> {
        self.state().manners
    }

    pub(crate) fn rate(&self) -> Option<u64> {
        self.state().rate
    }

    pub(crate) fn grant(&self, now: Instant) -> Grant {
        let state = self.state();
        let Some(rate) = state.rate else { return Grant::All };
        if rate == 0 {
            return Grant::Later(now + LOOK_AGAIN);
        }
        let lead = state.paid_until.saturating_duration_since(now);
        let ahead = AHEAD.max(cost(1, rate));
        let left = ahead.saturating_sub(lead);
        let worth = WORTH_READING.max(cost(1, rate));
        if left < worth {
            return Grant::Later(now + (worth - left).min(LOOK_AGAIN));
        }
        let bytes = left.as_nanos() * u128::from(rate) / SECOND;
        Grant::Some(usize::try_from(bytes).unwrap_or(usize::MAX).max(1))
    }

    pub(crate) fn spend(&self, bytes: usize, now: Instant) {
        let mut state = self.state();
        if let Some(rate) = state.rate.filter(|rate| *rate > 0) {
            state.paid_until = state.paid_until.max(now) + cost(bytes as u64, rate);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long so many bytes take.
fn cost(bytes: u64, rate: u64) -> Duration {
    let nanos = (u128::from(bytes) * SECOND).div_ceil(u128::from(rate));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads as fast as it may for so long, in reads of at most so many bytes.
    fn read_for(bucket: &Bucket, start: Instant, length: Duration, most: usize) -> usize {
        let (mut now, mut read) = (start, 0);
        while now < start + length {
            match bucket.grant(now) {
                Grant::Some(bytes) => {
                    bucket.spend(bytes.min(most), now);
                    read += bytes.min(most);
                }
                Grant::Later(then) => now = then,
                Grant::All => panic!("there is a rate"),
            }
        }
        read
    }

    proptest! {
        #[test]
        fn ten_seconds_bring_ten_seconds_worth(
            rate in 100_u64..2_000_000_000, most in 1000_usize..1_000_000, idle in 0_u64..100
        ) {
            let bucket = Bucket::new(Some(rate));
            let start = Instant::now() + Duration::from_secs(idle);
            let most = most.max(usize::try_from(rate / 1000).unwrap());
            let read = read_for(&bucket, start, Duration::from_secs(10), most) as u64;
            prop_assert!(read <= rate * 105 / 10 && read >= rate * 95 / 10, "{read} of {rate}");
        }
    }

    #[test]
    fn it_starts_at_once_and_never_gives_a_seconds_worth_together() {
        let bucket = Bucket::new(Some(1000));
        let now = Instant::now() + Duration::from_secs(3600);
        assert_eq!(bucket.grant(now), Grant::Some(250));
        bucket.spend(250, now);
        assert!(matches!(bucket.grant(now), Grant::Later(_)));
    }

    #[test]
    fn a_new_rate_holds_from_the_next_byte() {
        let bucket = Bucket::new(Some(10));
        let now = Instant::now();
        bucket.spend(2, now);
        assert!(matches!(bucket.grant(now), Grant::Later(_)));
        bucket.set(None);
        assert_eq!(bucket.grant(now), Grant::All);
        bucket.set(Some(0));
        assert!(matches!(bucket.grant(now), Grant::Later(_)));
    }

    #[test]
    fn the_slowest_rate_gives_a_byte_at_a_time() {
        let bucket = Bucket::new(Some(1));
        let start = Instant::now();
        let read = read_for(&bucket, start, Duration::from_secs(10), 10);
        assert!((9..=11).contains(&read), "{read}");
    }
}
