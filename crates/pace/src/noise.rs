//! How much the round trip wavers by itself, as on a radio link.
//!
//! A queue grows and drains over round trips; noise jumps. So what counts is how far the round trip
//! jumps from one sample to the next, and only while no queue is in sight.

use std::time::Duration;

/// How slowly the mean follows, in samples.
const MEMORY: f64 = 400.0;

/// The wavering of one path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noise {
    last: Option<f64>,
    /// Mean jump, in seconds.
    jump: f64,
    samples: f64,
}

impl Noise {
    /// Takes notice of a round trip. The same again is no new sample.
    pub(crate) fn see(&mut self, rtt: Duration) {
        let rtt = rtt.as_secs_f64();
        if let Some(last) = self.last.filter(|last| *last != rtt) {
            self.samples = (self.samples + 1.0).min(MEMORY);
            self.jump += ((rtt - last).abs() - self.jump) / self.samples;
        }
        self.last = Some(rtt);
    }

    /// A queue was in sight: the next sample has no neighbour.
    pub(crate) fn interrupt(&mut self) {
        self.last = None;
    }

    /// Mean jump, in seconds; 0 before enough has been seen.
    pub(crate) fn jump(&self) -> f64 {
        if self.samples < MEMORY / 16.0 { 0.0 } else { self.jump }
    }
}
