//! How many files of a job may be in flight at the same time.
//!
//! Answers one question: *may the next file be started?* Small files may share the way, because
//! what they cost is mostly waiting; a large one has it to itself. Sizes are not known beforehand,
//! so trust is earned: one file is started alone, and each that turned out small makes room for one
//! more. A large one ends the trust: nothing is started beside it, and the next begins anew.
//!
//! Where files share a connection, many more of them may be in flight: they wait together, and nobody
//! else on the way has more to do with it. Again each one that came so makes room for one more.
//!
//! It never says in which order; that is the order in which files were added.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// The most files in flight, each with a connection to itself.
const MOST: usize = 8;
/// The most where they share one.
const MOST_SHARED: usize = 64;
/// So many temporary files are opened ahead of the files in flight: as many as are asked for in one
/// datagram.
const AHEAD: usize = ebb_wire::train::MOST;
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
    /// How many have come on a shared connection since one came otherwise.
    shared: usize,
}

impl Flight {
    /// How many more files may be started now.
    pub(super) fn room(&self) -> usize {
        let state = self.0.borrow();
        match state.only_small() {
            true => state.most().min(1 + state.found_small).saturating_sub(state.sizes.len()),
            false => 0,
        }
    }

    /// How many more temporary files are to be opened where so many are open, or about to be, of files that
    /// are not in flight. Where files are known to be small, that is done ahead of them and for many at
    /// once.
    pub(super) fn to_open(&self, there: usize) -> usize {
        let trusted = {
            let state = self.0.borrow();
            state.only_small() && state.found_small >= MOST
        };
        match trusted {
            true if there <= AHEAD / 2 => AHEAD,
            true => 0,
            false => self.room().saturating_sub(there),
        }
    }

    /// Whether the next file is likely to be small and not the last, so that it may share a connection.
    pub(super) fn may_share(&self) -> bool {
        self.0.borrow().found_small > 0
    }

    /// An answer has come, on a connection that others share or not.
    pub(super) fn came(&self, shared: bool) {
        let mut state = self.0.borrow_mut();
        state.shared = if shared { state.shared.saturating_add(1) } else { 0 };
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

impl State {
    fn most(&self) -> usize {
        MOST.saturating_add(self.shared).min(MOST_SHARED)
    }

    fn only_small(&self) -> bool {
        self.sizes.values().all(|size| *size <= SMALL)
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
            let room = flight.room();
            if room > 0 {
                flight.start(*at, None);
            }
            room > 0
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
    fn each_file_that_shared_a_connection_makes_room_for_one_more_until_one_did_not() {
        let flight = after_small_ones(100);
        for (shared, room) in [(0, 8), (1, 9), (56, 64), (100, 64)] {
            (0..shared).for_each(|_| flight.came(true));
            assert_eq!(flight.room(), room, "after {shared}");
            flight.came(false);
            assert_eq!(flight.room(), 8);
        }
        let few = after_small_ones(1);
        few.came(true);
        assert_eq!(few.room(), 2, "trust is earned by small files all the same");
    }

    #[test]
    fn the_first_file_and_the_one_after_a_large_one_share_nothing() {
        assert!(!after_small_ones(0).may_share() && after_small_ones(1).may_share());
        let flight = after_small_ones(9);
        flight.start(20, Some(SMALL + 1));
        assert!(!flight.may_share());
    }

    #[test]
    fn nothing_is_started_beside_a_large_file_however_that_is_known() {
        let flight = after_small_ones(9);
        flight.start(20, Some(SMALL + 1));
        assert_eq!((flight.room(), flight.to_open(0)), (0, 0));
        let flight = after_small_ones(9);
        flight.start(20, None);
        assert!(flight.room() > 0);
        flight.learn(20, SMALL + 1);
        flight.learn(20, 1);
        assert_eq!((flight.room(), flight.to_open(0)), (0, 0));
    }

    #[test]
    fn temporary_files_are_opened_ahead_when_enough_files_were_small() {
        for (before, to_open) in [(0, 1), (3, 4), (7, 8), (8, AHEAD), (100, AHEAD)] {
            assert_eq!(after_small_ones(before).to_open(0), to_open, "after {before}");
        }
        let flight = after_small_ones(8);
        assert_eq!([flight.to_open(AHEAD / 2), flight.to_open(AHEAD / 2 + 1)], [AHEAD, 0]);
        assert_eq!(after_small_ones(3).to_open(3), 1);
    }

    #[test]
    fn after_a_large_file_trust_begins_anew() {
        let flight = after_small_ones(9);
        flight.start(20, Some(SMALL + 1));
        flight.end(20);
        assert_eq!(fill(&flight, 21), 1);
    }
}
