//! Who comes back: short visits of others, one after the other.
//!
//! Somebody who opens a page every second leaves gaps that look like calm. After some visits in a
//! row the next one is expected, and the gaps are left alone.

use std::time::Duration;

/// A push so long after the last one is a new visit.
const APART: Duration = Duration::from_millis(300);
/// Visits are remembered for so long.
const MEMORY: Duration = Duration::from_secs(8);
/// After so many within the memory, the next is expected.
const ENOUGH: usize = 3;

/// The latest visits of others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guests {
    pushed_at: Option<Duration>,
    came: Vec<Duration>,
}

impl Guests {
    /// Others push now.
    pub(crate) fn come(&mut self, now: Duration) {
        if self.pushed_at.is_none_or(|at| now.saturating_sub(at) > APART) {
            self.came.retain(|at| now.saturating_sub(*at) < MEMORY);
            self.came.push(now);
        }
        self.pushed_at = Some(now);
    }

    /// Whether the next visit is expected.
    pub(crate) fn are_expected(&self, now: Duration) -> bool {
        self.came.iter().filter(|at| now.saturating_sub(**at) < MEMORY).count() >= ENOUGH
    }
}
