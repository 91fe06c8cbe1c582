//! How many files of a job may be in flight at the same time.
//!
//! Answers one question: *may the next file be started?* Small files may share the way, because
//! what they cost is mostly waiting; a large one has it to itself. Sizes are not known beforehand,
//! so trust is earned: one file is started alone, and each that turned out small makes room for one
//! more. A large one ends the trust: nothing is started beside it, and the next begins anew.
//!
//! It never says in which order; that is the order in which files were added.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// The most files in flight.
const MOST: usize = 8;
/// A file up to this size is small.
const SMALL: u64 = 1024 * 1024;

/// The files in flight.
#[derive(Default)]
pub(super) struct Flight(RefCell<State>);

#[derive(Default)]
struct State {
    /// Each with its size, or with as much of it as has been seen.
    sizes: BTreeMap<u32, u64>,
    found_small: usize,
}

impl Flight {
    /// Whether one more file may be started now.
    pub(super) fn has_room(&self) -> bool {
        let state = self.0.borrow();
        let room = MOST.min(1 + state.found_small);
        state.sizes.len() < room && state.sizes.values().all(|size| *size <= SMALL)
    }

    /// A file is started; its size, if it is known.
    pub(super) fn start(&self, at: u32, size: Option<u64>) {
        self.0.borrow_mut().sizes.insert(at, 0);
        self.learn(at, size.unwrap_or(0));
    }

    /// A file is at least this large.
    pub(super) fn learn(&self, at: u32, size: u64) {
        let mut state = self.0.borrow_mut();
        if size > SMALL {
            state.found_small = 0;
        }
        if let Some(known) = state.sizes.get_mut(&at) {
            *known = size.max(*known);
        }
    }

    /// A file is not in flight any more.
    pub(super) fn end(&self, at: u32) {
        let mut state = self.0.borrow_mut();
        if state.sizes.remove(&at).is_some_and(|size| size <= SMALL) {
            state.found_small += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_small_ones(count: u32) -> Flight {
        let flight = Flight::default();
        for at in 0..count {
            flight.start(at, None);
            flight.end(at);
        }
        flight
    }

    fn fill(flight: &Flight, from: u32) -> u32 {
        let started = (from..).take_while(|at| {
            let room = flight.has_room();
            if room {
                flight.start(*at, None);
            }
            room
        });
        u32::try_from(started.count()).unwrap()
    }

    #[test]
    fn each_small_file_makes_room_for_one_more_up_to_eight() {
        for (before, room) in [(0, 1), (1, 2), (3, 4), (7, 8), (8, 8), (100, 8)] {
            assert_eq!(fill(&after_small_ones(before), 1000), room, "after {before}");
        }
    }

    #[test]
    fn nothing_is_started_beside_a_large_file_however_that_is_known() {
        let flight = after_small_ones(9);
        flight.start(20, Some(SMALL + 1));
        assert!(!flight.has_room());
        let flight = after_small_ones(9);
        flight.start(20, None);
        assert!(flight.has_room());
        flight.learn(20, SMALL + 1);
        flight.learn(20, 1);
        assert!(!flight.has_room());
    }

    #[test]
    fn after_a_large_file_trust_begins_anew() {
        let flight = after_small_ones(9);
        flight.start(20, Some(SMALL + 1));
        flight.end(20);
        assert_eq!(fill(&flight, 21), 1);
    }
}
