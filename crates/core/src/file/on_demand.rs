//! A file that comes in the order somebody wants to read it (`job-model.md` 5.5).
//!
//! Answers one question: *which bytes next?* First what was requested, in the order it was
//! requested; then what is missing from the position on; then the rest. What is there is never
//! asked for again, and what is requested twice is asked for once.
//!
//! It never knows a server or a temporary file: that the bytes are of one version is the business of
//! [`super::Validators`], as for every file.

use crate::ranges::{Range, Ranges};

/// So many pieces are asked for at a time; more of them are more work for no gain.
pub const MOST_PIECES: usize = 256;
/// So many ranges a file may be in, there and requested together: it is written down with each of
/// them.
pub const MOST_RANGES: u32 = 4096;

/// What is there of a file, and what is wanted of it next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnDemand {
    /// Bytes that are in the temporary file, at their places, and synced.
    pub filled: Ranges,
    /// Ranges that were requested and are not there, in the order of the requests; no byte twice.
    pub requested: Vec<Range>,
    /// Where somebody reads.
    pub position: u64,
}

impl OnDemand {
    /// A file whose first `durable` bytes are there.
    #[must_use]
    pub fn begin(durable: u64) -> Self {
        Self { filled: Ranges::first(durable), ..Self::default() }
    }

    /// Wants these bytes, after what was requested before. Says whether that changes anything.
    pub fn request(&mut self, range: Range) -> bool {
        let mut known = self.filled.clone();
        known.extend(self.requested.iter().copied());
        let missing = known.missing_in(range);
        self.requested.extend(missing.iter());
        !missing.is_empty()
    }

    /// These bytes are there now.
    pub fn fill(&mut self, range: Range) {
        self.filled.insert(range);
        self.requested = without(&self.requested, range);
    }

    /// The file is so large; nothing is wanted beyond its end.
    pub fn learn(&mut self, total: u64) {
        if let Some(beyond) = Range::new(total, u64::MAX) {
            self.requested = without(&self.requested, beyond);
        }
    }

    /// Nothing is there any more: what was there is requested again, after what is requested now.
    pub fn start_over(&mut self) {
        let lost = core::mem::take(&mut self.filled);
        for range in lost.iter() {
            self.request(range);
        }
    }

    /// Whether every byte of a file of this size is there.
    #[must_use]
    pub fn is_whole(&self, total: u64) -> bool {
        Range::new(0, total).is_none_or(|all| self.filled.covers(all))
    }

    /// How many ranges have to be remembered.
    #[must_use]
    pub fn ranges(&self) -> usize {
        self.filled.count() + self.requested.len()
    }

    /// The byte after the last one that is there.
    #[must_use]
    pub fn reach(&self) -> u64 {
        self.filled.iter().next_back().map_or(0, Range::end)
    }

    /// What to ask for next of a file of this size, in this order; not all of it if that is much.
    #[must_use]
    pub fn next(&self, total: u64, only_requested: bool) -> Vec<Range> {
        let mut next: Vec<Range> =
            self.requested.iter().filter_map(|range| range.split(total).0).collect();
        if !only_requested {
            let mut known = self.filled.clone();
            known.extend(next.iter().copied());
            let position = self.position.min(total);
            let rest = [Range::new(position, total), Range::new(0, position)];
            let rest: Vec<Ranges> =
                rest.into_iter().flatten().map(|range| known.missing_in(range)).collect();
            next.extend(rest.iter().flat_map(Ranges::iter));
        }
        next.truncate(MOST_PIECES);
        next
    }
}

/// The ranges without the bytes of one, in their order.
fn without(ranges: &[Range], gone: Range) -> Vec<Range> {
    let left = |range: &Range| {
        let (before, rest) = range.split(gone.start());
        let after = rest.and_then(|rest| rest.split(gone.end()).1);
        [before, after]
    };
    ranges.iter().flat_map(left).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn range(start: u64, end: u64) -> Range {
        Range::new(start, end).unwrap()
    }

    fn pairs(ranges: &[Range]) -> Vec<(u64, u64)> {
        ranges.iter().map(|range| (range.start(), range.end())).collect()
    }

    #[test]
    fn requests_come_first_then_the_position_then_the_rest() {
        let mut file = OnDemand::begin(10);
        file.position = 60;
        assert!(file.request(range(80, 90)));
        assert!(file.request(range(30, 40)));
        let expected = [(80, 90), (30, 40), (60, 80), (90, 100), (10, 30), (40, 60)];
        assert_eq!(pairs(&file.next(100, false)), expected);
        assert_eq!(pairs(&file.next(100, true)), [(80, 90), (30, 40)]);
    }

    #[test]
    fn a_request_is_split_around_what_is_there_or_requested_already() {
        let mut file = OnDemand::begin(10);
        file.request(range(20, 30));
        assert!(file.request(range(0, 40)));
        assert_eq!(pairs(&file.requested), [(20, 30), (10, 20), (30, 40)]);
        assert!(!file.request(range(5, 35)));
        file.fill(range(15, 25));
        assert_eq!(pairs(&file.requested), [(25, 30), (10, 15), (30, 40)]);
    }

    #[test]
    fn nothing_is_asked_for_beyond_the_end() {
        let mut file = OnDemand::default();
        file.request(range(90, u64::MAX));
        assert_eq!(pairs(&file.next(100, true)), [(90, 100)]);
        file.learn(95);
        assert_eq!(pairs(&file.requested), [(90, 95)]);
        file.position = 1000;
        assert_eq!(pairs(&file.next(95, false)), [(90, 95), (0, 90)]);
        assert!(OnDemand::default().is_whole(0) && OnDemand::default().next(0, false).is_empty());
    }

    #[test]
    fn after_starting_over_what_was_there_is_requested_again() {
        let mut file = OnDemand::begin(10);
        file.request(range(50, 60));
        file.start_over();
        assert!(file.filled.is_empty());
        assert_eq!(pairs(&file.requested), [(50, 60), (0, 10)]);
    }

    #[derive(Clone, Debug)]
    enum Act {
        Request(Range),
        Position(u64),
        /// A piece of what is asked for arrives: so many bytes of it.
        Arrive(u64),
        StartOver,
    }

    const TOTAL: u64 = 60;

    fn any_act() -> impl Strategy<Value = Act> {
        let any_range = (0..80_u64, 1..20_u64).prop_map(|(at, length)| range(at, at + length));
        prop_oneof![
            4 => any_range.prop_map(Act::Request),
            2 => (0..80_u64).prop_map(Act::Position),
            8 => (1..30_u64).prop_map(Act::Arrive),
            1 => Just(Act::StartOver),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_is_asked_for_twice_and_every_request_is_filled_in_the_end(
            acts in vec(any_act(), 0..40),
            only_requested in any::<bool>(),
        ) {
            let mut file = OnDemand::default();
            let mut wanted = Ranges::new();
            for act in acts {
                let before = file.filled.clone();
                match act {
                    Act::Request(range) => {
                        file.request(range);
                        wanted.extend(range.split(TOTAL).0);
                    }
                    Act::Position(at) => file.position = at,
                    Act::Arrive(most) => {
                        if let Some(first) = file.next(TOTAL, only_requested).first() {
                            file.fill(range(first.start(), first.end().min(first.start() + most)));
                        }
                    }
                    Act::StartOver => {
                        file.start_over();
                        prop_assert!(file.filled.is_empty());
                        continue;
                    }
                }
                prop_assert!(before.iter().all(|range| file.filled.covers(range)));
                let mut asked = file.filled.clone();
                for piece in file.next(TOTAL, only_requested) {
                    prop_assert_eq!(asked.missing_in(piece).bytes(), piece.length());
                    asked.insert(piece);
                }
                prop_assert!(wanted.iter().all(|range| asked.covers(range)));
                prop_assert!(only_requested || asked == Ranges::first(TOTAL));
            }
            while let Some(first) = file.next(TOTAL, only_requested).first() {
                file.fill(*first);
            }
            prop_assert!(wanted.iter().all(|range| file.filled.covers(range)));
            prop_assert!(only_requested || file.is_whole(TOTAL));
        }
    }
}
