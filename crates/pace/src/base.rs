//! The lowest round trip of late: what the path takes when nobody queues.
//!
//! The lowest of the last ten minutes, kept as twenty half-minute minima, so that a route that has
//! become longer is believed after ten minutes, and one that has become shorter at once.

use std::collections::VecDeque;
use std::time::Duration;

const PART: Duration = Duration::from_secs(30);
const PARTS: u32 = 20;

/// The lowest round trip seen on one path of late.
#[derive(Clone, Debug, Default)]
pub struct Base {
    /// When the part began, and its lowest; the newest last.
    parts: VecDeque<(Duration, Duration)>,
}

impl Base {
    /// Takes notice of a round trip.
    pub fn see(&mut self, now: Duration, rtt: Duration) {
        while self.parts.front().is_some_and(|(began, _)| {
            self.parts.len() > 1 && now.saturating_sub(*began) >= PART * PARTS
        }) {
            self.parts.pop_front();
        }
        match self.parts.back_mut() {
            Some((began, lowest)) if now.saturating_sub(*began) < PART => {
                *lowest = (*lowest).min(rtt);
            }
            Some(_) | None => self.parts.push_back((now, rtt)),
        }
    }

    /// The lowest; nothing before the first.
    #[must_use]
    pub fn lowest(&self) -> Option<Duration> {
        self.parts.iter().map(|(_, lowest)| *lowest).min()
    }
}
