//! Time, as the rules see it: passed in, never asked for.
//!
//! Delays and time-outs count on [`Moment`] (`CLOCK_BOOTTIME`: runs through suspend, never set,
//! starts anew at boot). People are shown [`WallTime`], on which nothing depends.

use core::time::Duration;

/// A point on `CLOCK_BOOTTIME`, in milliseconds since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

/// Seconds since the epoch, for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub i64);

/// Everything about the present that a decision may need.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The clock that delays count on.
    pub moment: Moment,
    /// The clock on the wall.
    pub wall: WallTime,
    /// A random number, for jitter.
    pub dice: u32,
}

impl Moment {
    /// The moment `delay` later, or the last one there is.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}
