//! Ranges of bytes: which there are, which are missing, which somebody wants.
//!
//! Two questions are answered here. *Are these ranges what an owner may ask for?* ([`given`],
//! `job-model.md` 5.5) and *what is left of them?* ([`Ranges`], a set of bytes kept as few ranges as
//! possible). Everything is arithmetic; nothing here knows of files or jobs.
//!
//! | type       | what it is                                                          |
//! |------------|---------------------------------------------------------------------|
//! | [`Range`]  | bytes from a first to a last; never empty                           |
//! | [`Ranges`] | a set of bytes: ranges in order, with a gap between each and the next |
//! | [`Part`]   | a range as an owner gives it: it may go on to the end of the file    |

use core::fmt;

use crate::refusal::Refusal;

/// On every interface this length means "to the end of the file" (BITS: `BG_LENGTH_TO_EOF`).
pub const TO_END: u64 = u64::MAX;

/// Bytes from `start` up to, and not with, `end`. Never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    start: u64,
    end: u64,
}

/// Bytes as an owner names them: so many from an offset, or all from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first byte.
    pub offset: u64,
    /// How many; nothing: to the end of the file.
    pub length: Option<u64>,
}

/// A set of bytes. Its ranges are in order, and between two of them there is a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<Range>);

impl Range {
    /// The bytes from `start` up to `end`, if those are any.
    #[must_use]
    pub fn new(start: u64, end: u64) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// Its first byte.
    #[must_use]
    pub fn start(self) -> u64 {
        self.start
    }

    /// The byte after its last.
    #[must_use]
    pub fn end(self) -> u64 {
        self.end
    }

    /// How many bytes it has; never 0.
    #[must_use]
    pub fn length(self) -> u64 {
        self.end - self.start
    }

    /// The bytes that are in both.
    #[must_use]
    pub fn common(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// Its bytes before and from `at` on.
    #[must_use]
    pub fn split(self, at: u64) -> (Option<Self>, Option<Self>) {
        let at = at.clamp(self.start, self.end);
        (Self::new(self.start, at), Self::new(at, self.end))
    }
}

impl Part {
    /// The byte after its last one; as far as numbers go if it has no end of its own.
    fn end(self) -> u64 {
        self.length.map_or(u64::MAX, |length| self.offset.saturating_add(length))
    }

    /// Its bytes in a file of this size; as far as numbers go while that is unknown.
    #[must_use]
    pub fn range(self, total: Option<u64>) -> Option<Range> {
        Range::new(self.offset, self.end().min(total.unwrap_or(u64::MAX)))
    }

    /// How many bytes it has, if it says so itself or the file's size does.
    #[must_use]
    pub fn length(self, total: Option<u64>) -> Option<u64> {
        self.length.or_else(|| Some(total?.saturating_sub(self.offset)))
    }
}

/// The ranges of a file of which nothing else is wanted, as the owner named them: offset, and length
/// or [`TO_END`]. Their order stays.
///
/// # Errors
///
/// [`Refusal::InvalidArgument`] for none at all, [`Refusal::InvalidRange`] for one without bytes or
/// beyond what numbers reach, [`Refusal::OverlappingRanges`] for a byte that is in two of them.
pub fn given(ranges: &[(u64, u64)]) -> Result<Vec<Part>, Refusal> {
    let parts = parts(ranges)?;
    let mut sorted = parts.clone();
    sorted.sort_unstable_by_key(|part| part.offset);
    if sorted.windows(2).any(|pair| pair[0].end() > pair[1].offset) {
        return Err(Refusal::OverlappingRanges);
    }
    Ok(parts)
}

/// Ranges as a caller names them; they may overlap.
///
/// # Errors
///
/// As [`given`], but for overlaps.
pub fn parts(ranges: &[(u64, u64)]) -> Result<Vec<Part>, Refusal> {
    if ranges.is_empty() {
        return Err(Refusal::InvalidArgument("a list of ranges needs one at least"));
    }
    ranges.iter().map(|&(offset, length)| part(offset, length)).collect()
}

fn part(offset: u64, length: u64) -> Result<Part, Refusal> {
    match length {
        _ if offset == TO_END => Err(Refusal::InvalidRange("a range begins at an offset")),
        // Q17.
        0 => Err(Refusal::InvalidRange("a range has one byte at least")),
        TO_END => Ok(Part { offset, length: None }),
        length if offset.checked_add(length).is_none() => {
            Err(Refusal::InvalidRange("a range ends beyond every file"))
        }
        length => Ok(Part { offset, length: Some(length) }),
    }
}

/// How many bytes all of them have together, if that is known.
#[must_use]
pub fn sum(parts: &[Part], total: Option<u64>) -> Option<u64> {
    parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.length(total)?))
}

impl Ranges {
    /// No byte.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The first `length` bytes.
    #[must_use]
    pub fn first(length: u64) -> Self {
        Range::new(0, length).into_iter().collect()
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ranges they are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// How many bytes they have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|range| range.length()).sum()
    }

    /// The ranges, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Range> + '_ {
        self.0.iter().copied()
    }

    /// Whether every byte of `range` is among them.
    #[must_use]
    pub fn covers(&self, range: Range) -> bool {
        self.missing_in(range).is_empty()
    }

    /// Adds bytes; those that are there already are fine.
    pub fn insert(&mut self, range: Range) {
        // Those that overlap or touch become one with it.
        let from = self.0.partition_point(|known| known.end < range.start);
        let to = self.0.partition_point(|known| known.start <= range.end);
        let touched = self.0.get(from..to).unwrap_or_default();
        let start = touched.first().map_or(range.start, |first| first.start.min(range.start));
        let end = touched.last().map_or(range.end, |last| last.end.max(range.end));
        self.0.splice(from..to, [Range { start, end }]);
    }

    /// Takes bytes out; those that are not there are fine.
    pub fn remove(&mut self, range: Range) {
        let from = self.0.partition_point(|known| known.end <= range.start);
        let to = self.0.partition_point(|known| known.start < range.end);
        let touched = self.0.get(from..to).unwrap_or_default();
        let before = touched.first().and_then(|first| Range::new(first.start, range.start));
        let after = touched.last().and_then(|last| Range::new(range.end, last.end));
        self.0.splice(from..to, before.into_iter().chain(after));
    }

    /// The bytes of `range` that are not among them, in order.
    #[must_use]
    pub fn missing_in(&self, range: Range) -> Self {
        let mut missing = Self(vec![range]);
        let from = self.0.partition_point(|known| known.end <= range.start);
        for known in self.0.iter().skip(from).take_while(|known| known.start < range.end) {
            missing.remove(*known);
        }
        missing
    }

    /// Drops everything from `end` on.
    pub fn cut(&mut self, end: u64) {
        if let Some(rest) = Range::new(end, u64::MAX) {
            self.remove(rest);
        }
    }
}

impl FromIterator<Range> for Ranges {
    fn from_iter<I: IntoIterator<Item = Range>>(ranges: I) -> Self {
        let mut all = Self::new();
        ranges.into_iter().for_each(|range| all.insert(range));
        all
    }
}

impl Extend<Range> for Ranges {
    fn extend<I: IntoIterator<Item = Range>>(&mut self, ranges: I) {
        ranges.into_iter().for_each(|range| self.insert(range));
    }
}

/// `offset:length`, the form people and the store use.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.start, self.length())
    }
}

/// `offset:length`, or `offset:eof`.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length {
            Some(length) => write!(f, "{}:{length}", self.offset),
            None => write!(f, "{}:eof", self.offset),
        }
    }
}

/// Reads `offset:length,offset:eof`, in that form and no other.
///
/// # Errors
///
/// What [`parts`] says of them, and [`Refusal::InvalidArgument`] for anything else.
pub fn read(text: &str) -> Result<Vec<Part>, Refusal> {
    const FORM: Refusal = Refusal::InvalidArgument(
        "ranges are written offset:length,offset:eof, such as 0:100,5000:eof",
    );
    let number = |text: &str| text.parse().map_err(|_| FORM);
    let pair = |text: &str| {
        let (offset, length) = text.split_once(':').ok_or(FORM)?;
        Ok((number(offset)?, if length == "eof" { TO_END } else { number(length)? }))
    };
    let pairs: Vec<(u64, u64)> = text.split(',').map(pair).collect::<Result<_, Refusal>>()?;
    parts(&pairs)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn range(start: u64, end: u64) -> Range {
        Range::new(start, end).unwrap()
    }

    fn bytes(ranges: &Ranges) -> BTreeSet<u64> {
        ranges.iter().flat_map(|range| range.start()..range.end()).collect()
    }

    /// As few ranges as possible, in order.
    fn is_tidy(ranges: &Ranges) -> bool {
        ranges.0.windows(2).all(|pair| pair[0].end < pair[1].start)
            && ranges.0.iter().all(|range| range.start < range.end)
    }

    #[test]
    fn a_list_without_ranges_is_refused_and_so_is_a_range_without_bytes() {
        assert!(matches!(given(&[]), Err(Refusal::InvalidArgument(_))));
        for bad in [(0, 0), (TO_END, 1), (TO_END, TO_END), (10, u64::MAX - 9), (5, u64::MAX - 1)] {
            assert!(matches!(given(&[bad]), Err(Refusal::InvalidRange(_))), "{bad:?}");
        }
        assert!(given(&[(10, u64::MAX - 10), (0, 10)]).is_ok());
    }

    #[test]
    fn a_byte_that_is_in_two_ranges_is_refused_whatever_their_order() {
        for bad in [
            &[(0, 5), (0, 5)][..],
            &[(0, 5), (4, 1)],
            &[(9, 1), (0, 10)],
            &[(0, TO_END), (7, 1)],
            &[(7, 1), (0, TO_END)],
            &[(3, TO_END), (9, TO_END)],
        ] {
            assert_eq!(given(bad), Err(Refusal::OverlappingRanges), "{bad:?}");
        }
        let order = given(&[(100, 100), (900, TO_END), (0, 100)]).unwrap();
        assert_eq!(order.iter().map(|part| part.offset).collect::<Vec<_>>(), [100, 900, 0]);
    }

    #[test]
    fn ranges_come_to_their_sum_and_an_open_end_waits_for_the_size() {
        let closed = given(&[(100, 100), (900, 100), (400, 100)]).unwrap();
        assert_eq!(sum(&closed, None), Some(300));
        let open = given(&[(0, 10), (900, TO_END)]).unwrap();
        assert_eq!((sum(&open, None), sum(&open, Some(1000))), (None, Some(110)));
        assert_eq!(sum(&open, Some(5)), Some(10));
        let huge = [Part { offset: 0, length: Some(u64::MAX) }; 2];
        assert_eq!(sum(&huge, None), None);
    }

    #[test]
    fn what_is_written_is_read_again_and_nothing_else_is() {
        let parts = read("0:100,5000:eof").unwrap();
        let written: Vec<_> = parts.iter().map(ToString::to_string).collect();
        assert_eq!(written.join(","), "0:100,5000:eof");
        for bad in ["", "1", "1:", ":1", "1:2,", "-1:2", "1:2:3", "eof:1", "1: 2", "0:0", "1-2"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_range_splits_at_a_byte_and_a_part_ends_with_the_file() {
        assert_eq!(range(2, 6).split(4), (Range::new(2, 4), Range::new(4, 6)));
        assert_eq!(range(2, 6).split(1), (None, Range::new(2, 6)));
        assert_eq!(range(2, 6).split(9), (Range::new(2, 6), None));
        let part = Part { offset: 5, length: None };
        assert_eq!((part.range(Some(9)), part.range(Some(5))), (Range::new(5, 9), None));
    }

    fn any_range() -> impl Strategy<Value = Range> {
        (0..60_u64, 1..20_u64).prop_map(|(start, length)| range(start, start + length))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_set_of_ranges_is_a_set_of_bytes(changes in vec((any::<bool>(), any_range()), 0..40)) {
            let (mut ranges, mut model) = (Ranges::new(), BTreeSet::new());
            for (add, change) in changes {
                let these = change.start()..change.end();
                if add {
                    ranges.insert(change);
                    model.extend(these);
                } else {
                    ranges.remove(change);
                    model.retain(|byte| !these.contains(byte));
                }
                prop_assert!(is_tidy(&ranges), "{ranges:?}");
                prop_assert_eq!(bytes(&ranges), model.clone());
                prop_assert_eq!(ranges.bytes(), model.len() as u64);
            }
        }

        #[test]
        fn what_is_there_and_what_is_missing_are_the_whole_and_share_nothing(
            known in vec(any_range(), 0..10),
            asked in any_range(),
        ) {
            let known: Ranges = known.into_iter().collect();
            let missing = known.missing_in(asked);
            prop_assert!(is_tidy(&missing));
            let expected: BTreeSet<u64> =
                (asked.start()..asked.end()).filter(|byte| !bytes(&known).contains(byte)).collect();
            prop_assert_eq!(bytes(&missing), expected);
            prop_assert_eq!(known.covers(asked), missing.is_empty());
            let mut whole = known.clone();
            whole.extend(missing.iter());
            prop_assert!(whole.covers(asked));
        }

        #[test]
        fn a_cut_leaves_what_is_before_it(known in vec(any_range(), 0..10), end in 0..90_u64) {
            let known: Ranges = known.into_iter().collect();
            let mut cut = known.clone();
            cut.cut(end);
            let expected: BTreeSet<u64> = bytes(&known).into_iter().filter(|b| *b < end).collect();
            prop_assert_eq!(bytes(&cut), expected);
        }
    }
}
