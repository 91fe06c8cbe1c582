//! When to try again: pure arithmetic on delays.
//!
//! `decisions.md`: the actual delay doubles from the minimum with jitter, up to one hour; a longer
//! `Retry-After` is honoured; three immediate tries come before the first TRANSIENT_ERROR (Q46).

use core::time::Duration;

/// Tries made at once before a job enters TRANSIENT_ERROR (Q46).
pub const IMMEDIATE_TRIES: u32 = 3;
/// The smallest minimum retry delay; smaller values are raised to it (`job-model.md` 3.2).
pub const SMALLEST_DELAY: u32 = 5;
/// The longest delay that doubling leads to, unless the minimum itself is longer.
const LONGEST_DELAY: Duration = Duration::from_secs(3600);

/// The delay before the next try.
///
/// `minimum` is the job's minimum retry delay in seconds, `failures` counts the stays in
/// TRANSIENT_ERROR since the last progress, `retry_after` is what the server asked for in seconds.
#[must_use]
pub fn delay(minimum: u32, failures: u32, retry_after: Option<u32>, dice: u32) -> Duration {
    let minimum = Duration::from_secs(u64::from(minimum.max(SMALLEST_DELAY)));
    let doubled = minimum.saturating_mul(1 << failures.min(16));
    let backed_off = doubled.min(LONGEST_DELAY.max(minimum));
    // Up to a tenth more, so that many jobs do not come back in step.
    let jitter = backed_off / 10 * (dice % 1000) / 1000;
    let asked = Duration::from_secs(u64::from(retry_after.unwrap_or(0)));
    (backed_off + jitter).max(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_one_hour() {
        let seconds: Vec<_> = (0..6).map(|n| delay(600, n, None, 0).as_secs()).collect();
        assert_eq!(seconds, [600, 1200, 2400, 3600, 3600, 3600]);
    }

    #[test]
    fn a_minimum_longer_than_an_hour_is_kept() {
        assert_eq!(delay(7200, 3, None, 0).as_secs(), 7200);
    }

    #[test]
    fn a_minimum_below_five_seconds_counts_as_five() {
        assert_eq!(delay(0, 0, None, 0).as_secs(), 5);
    }

    #[test]
    fn a_longer_retry_after_is_honoured_and_a_shorter_one_is_not() {
        assert_eq!(delay(600, 0, Some(5000), 0).as_secs(), 5000);
        assert_eq!(delay(600, 0, Some(1), 0).as_secs(), 600);
    }

    #[test]
    fn jitter_adds_at_most_a_tenth() {
        for dice in [0, 1, 999, 1000, u32::MAX] {
            let found = delay(600, 0, None, dice);
            assert!((600..=660).contains(&found.as_secs()), "{found:?}");
        }
    }
}
