//! From the kernel's whole numbers to the law's real ones, and back.

use std::time::Duration;

/// Bytes, or a count of them, as a real number. Above 2^53 it is rounded.
#[expect(clippy::cast_precision_loss, reason = "a rounded byte count is as good")]
pub(crate) fn real(bytes: u64) -> f64 {
    bytes as f64
}

/// Whole bytes. What is no number, or below zero, is 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "such casts saturate, and a NaN becomes 0"
)]
pub(crate) fn whole(bytes: f64) -> u64 {
    bytes as u64
}

/// A duration of so many seconds; 0 for what is none.
pub(crate) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}
