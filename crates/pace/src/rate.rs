//! A rate over the last moments: a window of samples that slides.

use crate::numbers::real;
use std::collections::VecDeque;
use std::time::Duration;

/// Bytes per second over the last `span`.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    span: Duration,
    /// End of a stretch, its length, and the bytes in it; the newest last.
    stretches: VecDeque<(Duration, Duration, u64)>,
}

impl Rate {
    pub(crate) fn over(span: Duration) -> Self {
        Self { span, stretches: VecDeque::new() }
    }

    pub(crate) fn add(&mut self, now: Duration, length: Duration, bytes: u64) {
        self.stretches.push_back((now, length, bytes));
        while self.stretches.front().is_some_and(|(end, ..)| now.saturating_sub(*end) >= self.span)
        {
            self.stretches.pop_front();
        }
    }

    /// Nothing while the samples do not fill half the span.
    pub(crate) fn per_second(&self) -> Option<f64> {
        let time = self.stretches.iter().map(|(_, length, _)| *length).sum::<Duration>();
        (time >= self.span / 2).then(|| real(self.bytes()) / time.as_secs_f64())
    }

    /// What came within the span, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.stretches.iter().fold(0, |sum, (.., bytes)| sum.saturating_add(*bytes))
    }
}
