//! Whether a disk takes a small file at once.
//!
//! To sync a file can take long, so it is done on a thread; but where a disk does it faster than a thread is
//! woken (memory, or a cache that outlives a power cut), the threads of ten thousand small files cost more than
//! all else. This module answers one question: *is a thread worth it for this file?* It goes by what was
//! measured on the same device just now. One sync that took longer, and the next ones go to a thread again.
//!
//! It never says that a sync is not needed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What is about as long as it takes to wake a thread and to be woken by it.
const QUICK: Duration = Duration::from_micros(150);
/// So many have to be quick in a row.
const TRUSTED: u8 = 8;
/// More than this is never written out on the spot, however quick the disk was.
pub(crate) const SMALL: u64 = 256 * 1024;

/// How quick devices were.
#[derive(Debug, Default)]
pub(crate) struct Quick {
    in_a_row: Mutex<HashMap<u64, u8>>,
}

impl Quick {
    /// Whether the last ones on this device were quick.
    pub(crate) fn is(&self, device: u64) -> bool {
        let devices = self.in_a_row.lock().unwrap_or_else(PoisonError::into_inner);
        devices.get(&device).is_some_and(|count| *count >= TRUSTED)
    }

    /// Takes note of how long it took for a small file.
    pub(crate) fn took(&self, device: u64, time: Duration) {
        let mut devices = self.in_a_row.lock().unwrap_or_else(PoisonError::into_inner);
        let count = devices.entry(device).or_default();
        *count = if time <= QUICK { count.saturating_add(1) } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_quick_after_eight_quick_syncs_in_a_row_and_until_one_is_not() {
        let quick = Quick::default();
        for _ in 0..TRUSTED {
            assert!(!quick.is(1));
            quick.took(1, QUICK);
        }
        assert!(quick.is(1) && !quick.is(2));
        quick.took(2, QUICK);
        quick.took(1, QUICK + Duration::from_micros(1));
        assert!(!quick.is(1) && !quick.is(2));
    }
}
