//! Which connection brings which bytes of a file. Pure.
//!
//! ```text
//!  held │ first share      │ second     │ third          │ not given yet
//! ──────┼▓▓▓▓▓▓────────────┼▓▓▓─────────┼▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓┼──────────────── total
//!       └ without a gap ─▶ │ ahead      │ ahead, all of it
//! ```
//!
//! This module answers one question: *what is asked for next, by whom, and how far is the file there
//! without a gap?* Only that counts as held; what is ahead of it does when the gap is closed. So shares
//! are given out in their order, and not further ahead than a few of them: what a crash may cost is
//! bounded.
//!
//! Every byte between what is held and what has been given out belongs to exactly one share. One that
//! was left by its connection keeps what has come, and is the first to be given out again.

use std::collections::VecDeque;

/// So many shares ahead of the first gap are given out.
const AHEAD: u64 = 8;

/// Which connection.
pub(super) type Lane = usize;

/// Who brings what.
#[derive(Debug)]
pub(super) struct Plan {
    total: u64,
    /// In their order, without a gap between them.
    shares: VecDeque<Share>,
    /// Where the last of them ends.
    given: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    /// The next byte that is to come.
    at: u64,
    end: u64,
    lane: Option<Lane>,
}

/// Where the next bytes of a connection go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The first of them.
    pub(super) at: u64,
    /// Where its share ends.
    pub(super) end: u64,
    /// Nothing is missing before them.
    pub(super) is_first: bool,
}

impl Plan {
    /// One connection brings everything from there to the end.
    pub(super) fn stream(from: u64, total: u64, lane: Lane) -> Self {
        let share = Share { at: from, end: total, lane: Some(lane) };
        Self { total, shares: VecDeque::from([share]), given: total }
    }

    /// How far the file is there without a gap.
    pub(super) fn reached(&self) -> u64 {
        self.shares.front().map_or(self.given, |share| share.at)
    }

    /// Bytes that are neither there nor ahead.
    pub(super) fn left(&self) -> u64 {
        let in_hand: u64 = self.shares.iter().map(|share| share.end - share.at).sum();
        in_hand + (self.total - self.given)
    }

    /// Whether a single share is left, and reaches to the end.
    pub(super) fn is_stream(&self) -> bool {
        self.shares.len() == 1 && self.given == self.total
    }

    /// Who brings the first bytes that are missing.
    pub(super) fn first_lane(&self) -> Option<Lane> {
        self.shares.front()?.lane
    }

    /// Where the next bytes of this connection go.
    pub(super) fn place(&self, lane: Lane) -> Option<Place> {
        let index = self.index(lane)?;
        let Share { at, end, .. } = self.shares[index];
        Some(Place { at, end, is_first: index == 0 })
    }

    /// So many bytes have come over this connection, no more than its share has room for. Returns up to
    /// where nothing is missing any more, if that is further than these bytes by themselves reach.
    pub(super) fn came(&mut self, lane: Lane, bytes: u64) -> Option<u64> {
        let index = self.index(lane)?;
        let share = &mut self.shares[index];
        share.at = share.end.min(share.at + bytes);
        let before = share.at;
        if index > 0 {
            return None;
        }
        while let Some(first) = self.shares.front().filter(|first| first.at == first.end) {
            // What ends here was the connection's to bring, and it has.
            debug_assert!(first.end <= self.given);
            self.shares.pop_front();
        }
        Some(self.reached()).filter(|reached| *reached > before)
    }

    /// Whether the share of this connection is there, and its next bytes belong to nobody.
    pub(super) fn is_done(&self, lane: Lane) -> bool {
        self.place(lane).is_none_or(|place| place.at == place.end)
    }

    /// The connection brings nothing more of its share.
    pub(super) fn leave(&mut self, lane: Lane) {
        for share in &mut self.shares {
            share.lane = share.lane.filter(|of| *of != lane);
        }
    }

    /// Gives this connection what is to be asked for next: what another one has left, or the next
    /// `size` bytes. Nothing if that is too far ahead, or everything has been given out.
    pub(super) fn take(&mut self, lane: Lane, size: u64) -> Option<(u64, u64)> {
        let orphan = |share: &&mut Share| share.lane.is_none() && share.at < share.end;
        if let Some(share) = self.shares.iter_mut().find(orphan) {
            share.lane = Some(lane);
            return Some((share.at, share.end));
        }
        let (at, reached) = (self.given, self.reached());
        if at == self.total || at.saturating_sub(reached) > size.saturating_mul(AHEAD) {
            return None;
        }
        let end = self.total.min(at.saturating_add(size));
        self.shares.push_back(Share { at, end, lane: Some(lane) });
        self.given = end;
        Some((at, end))
    }

    /// Ends the stream at `at`, where another connection goes on until `end`. False if the stream has
    /// come further meanwhile.
    pub(super) fn cut(&mut self, at: u64, end: u64, lane: Lane) -> bool {
        let fits = self.reached() < at && at < end && end <= self.total;
        if !self.is_stream() || !fits {
            return false;
        }
        self.shares[0].end = at;
        self.shares.push_back(Share { at, end, lane: Some(lane) });
        self.given = end;
        true
    }

    /// Nobody else brings anything any more: the first share is a stream again. What was ahead comes
    /// once more.
    pub(super) fn join(&mut self) {
        self.shares.truncate(1);
        if let Some(first) = self.shares.front_mut() {
            first.end = self.total;
            self.given = self.total;
        }
    }

    fn index(&self, lane: Lane) -> Option<usize> {
        self.shares.iter().position(|share| share.lane == Some(lane))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_ahead_counts_when_the_gap_before_it_is_closed() {
        let mut plan = Plan::stream(10, 100, 0);
        assert!(plan.is_stream() && plan.cut(40, 60, 1));
        assert_eq!(plan.take(2, 20), Some((60, 80)));
        assert_eq!(plan.came(1, 20), None);
        assert_eq!(plan.came(2, 5), None);
        assert!(plan.is_done(1) && !plan.is_done(2));
        assert_eq!((plan.reached(), plan.left()), (10, 30 + 15 + 20));
        assert_eq!(plan.came(0, 30), Some(65));
        assert_eq!(plan.place(2), Some(Place { at: 65, end: 80, is_first: true }));
    }

    #[test]
    fn a_stream_that_came_further_than_its_end_would_be_is_not_cut() {
        let mut plan = Plan::stream(0, 100, 0);
        assert_eq!(plan.came(0, 40), None);
        assert!(!plan.cut(40, 60, 1) && !plan.cut(60, 101, 1) && plan.cut(41, 60, 1));
    }

    #[test]
    fn what_was_left_is_given_out_first_from_where_it_was_left() {
        let mut plan = Plan::stream(0, 100, 0);
        assert!(plan.cut(40, 60, 1));
        plan.came(1, 7);
        plan.leave(1);
        assert_eq!(plan.take(2, 10), Some((47, 60)));
        assert_eq!(plan.take(1, 10), Some((60, 70)));
        plan.leave(0);
        assert_eq!(plan.take(0, 10), Some((0, 40)));
    }

    #[test]
    fn a_stream_that_was_not_reached_by_its_end_yet_is_one_again() {
        let mut plan = Plan::stream(0, 100, 0);
        assert!(plan.cut(40, 60, 1));
        plan.came(1, 7);
        plan.leave(1);
        plan.join();
        assert!(plan.is_stream());
        assert_eq!(plan.place(0), Some(Place { at: 0, end: 100, is_first: true }));
    }

    proptest! {
        /// Connections come and go, and bring what they bring in any order. Whatever they do, no byte
        /// is asked for twice at a time, all that counts has come, and it is not far ahead.
        #[test]
        fn whatever_the_connections_do_each_byte_comes_and_none_counts_before_it_has(
            steps in proptest::collection::vec((0_u8..6, 0_usize..4, 1_u64..40), 0..400),
        ) {
            const TOTAL: u64 = 500;
            const SIZE: u64 = 16;
            let mut plan = Plan::stream(0, TOTAL, 0);
            let mut there = [false; 500];
            let mut reached = 0;
            for (what, lane, bytes) in steps {
                match what {
                    0 if plan.place(lane).is_none() => drop(plan.take(lane, SIZE)),
                    1 => plan.leave(lane),
                    2 if plan.place(lane).is_none() => {
                        let at = plan.reached() + bytes;
                        let _whether = plan.cut(at, TOTAL.min(at + SIZE), lane);
                    }
                    _ => {
                        let Some(place) = plan.place(lane) else { continue };
                        let bytes = bytes.min(place.end - place.at);
                        prop_assert_eq!(place.is_first, place.at == plan.reached());
                        for at in place.at..place.at + bytes {
                            let at = usize::try_from(at).unwrap();
                            prop_assert!(!there[at], "{} comes twice", at);
                            there[at] = true;
                        }
                        let jumped = plan.came(lane, bytes);
                        prop_assert!(jumped.is_none_or(|to| to == plan.reached()));
                    }
                }
                prop_assert!(plan.reached() >= reached);
                reached = plan.reached();
                prop_assert!(there[..usize::try_from(reached).unwrap()].iter().all(|there| *there));
                prop_assert_eq!(plan.left(), there.iter().filter(|there| !**there).count() as u64);
            }
            // And all of it can be brought to its end.
            for lane in 0..4 {
                plan.leave(lane);
            }
            while plan.reached() < TOTAL {
                let (at, end) = plan.take(0, SIZE).unwrap();
                plan.came(0, end - at);
                plan.leave(0);
            }
        }
    }
}
