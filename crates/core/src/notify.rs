//! What of a job's events reaches those who registered for it, and how soon (`job-model.md` 7.1, 7.2).
//!
//! A job's `NotifyFlags` say which kinds its owner wants. Two kinds may come by the thousand, changes
//! and ranges: of each, one is told in `MinimumNotificationInterval`, and what comes before that time
//! is over waits and is told as one. Nothing here knows who is registered or looks at a clock.

use core::time::Duration;

use crate::job::NotifyFlags;
use crate::time::Moment;

/// The most ranges that wait to be told together; those beyond are left out.
pub const RANGES_WAITING: usize = 256;

/// A kind of notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Every file is in its temporary file.
    Transferred,
    /// The job stopped and waits for its owner.
    Error,
    /// Anything else changed.
    Modification,
    /// One file is whole.
    FileTransferred,
    /// Ranges of a file are there.
    RangesTransferred,
}

/// Keeps the distance between two notifications of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    last: Option<Moment>,
    waiting: bool,
}

/// Ranges of one file: its index; offsets and lengths.
pub type OfFile = (u32, Vec<(u64, u64)>);

/// Ranges that wait to be told together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u32, u64, u64)>);

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Transferred,
        Self::Error,
        Self::Modification,
        Self::FileTransferred,
        Self::RangesTransferred,
    ];

    /// Its name on the bus.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Transferred => "transferred",
            Self::Error => "error",
            Self::Modification => "modification",
            Self::FileTransferred => "file-transferred",
            Self::RangesTransferred => "file-ranges-transferred",
        }
    }

    /// Whether a job with these flags tells it.
    #[must_use]
    pub fn is_wanted(self, flags: NotifyFlags) -> bool {
        let bit = match self {
            Self::Transferred => NotifyFlags::TRANSFERRED,
            Self::Error => NotifyFlags::ERROR,
            Self::Modification => NotifyFlags::MODIFICATION,
            Self::FileTransferred => NotifyFlags::FILE_TRANSFERRED,
            Self::RangesTransferred => NotifyFlags::FILE_RANGES_TRANSFERRED,
        };
        flags.contains(bit) && !flags.contains(NotifyFlags::DISABLE)
    }
}

impl Pace {
    /// Something is to be told: now, or else it waits.
    pub fn offer(&mut self, now: Moment, least: Duration) -> bool {
        let early = self.last.is_some_and(|last| last.after(least) > now);
        self.waiting = early;
        if !early {
            self.last = Some(now);
        }
        !early
    }

    /// When what waits may be told.
    #[must_use]
    pub fn due(&self, least: Duration) -> Option<Moment> {
        self.last.filter(|_| self.waiting).map(|last| last.after(least))
    }

    /// Nobody wants any more what waits.
    pub fn forget(&mut self) {
        self.waiting = false;
    }
}

impl Ranges {
    /// One more; one that begins where the last one of its file ended makes it longer.
    pub fn add(&mut self, file: u32, (offset, length): (u64, u64)) {
        let full = self.0.len() >= RANGES_WAITING;
        match self.0.last_mut() {
            Some((last, start, long)) if *last == file && *start + *long == offset => {
                *long += length;
            }
            Some(_) if full => {}
            Some(_) | None => self.0.push((file, offset, length)),
        }
    }

    /// All of them, by file, in the order they came.
    pub fn take(&mut self) -> Vec<OfFile> {
        let mut files: Vec<OfFile> = Vec::new();
        for (file, offset, length) in core::mem::take(&mut self.0) {
            match files.iter_mut().find(|(known, _)| *known == file) {
                Some((_, ranges)) => ranges.push((offset, length)),
                None => files.push((file, vec![(offset, length)])),
            }
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_millis(500);

    #[test]
    fn each_kind_has_its_own_bit_and_disable_silences_all() {
        for bits in 0..0x40 {
            let flags = NotifyFlags::from_bits(bits).unwrap();
            let wanted: Vec<Kind> = Kind::ALL.into_iter().filter(|k| k.is_wanted(flags)).collect();
            let bit = |kind| [0x1, 0x2, 0x8, 0x10, 0x20][kind as usize];
            let expected = Kind::ALL.into_iter().filter(|k| bits & 0x4 == 0 && bits & bit(*k) != 0);
            assert_eq!(wanted, expected.collect::<Vec<_>>(), "{bits:#x}");
        }
        let first = NotifyFlags::default();
        assert_eq!(Kind::ALL.map(|k| k.is_wanted(first)), [true, true, false, false, false]);
    }

    #[test]
    fn of_many_changes_one_is_told_at_once_one_at_the_end_and_none_too_soon() {
        let (mut pace, mut told) = (Pace::default(), Vec::new());
        for now in (0..=2600).step_by(7).map(Moment) {
            if pace.due(LEAST).is_some_and(|due| due <= now) || now.0 % 14 == 0 && now.0 < 2000 {
                told.extend(pace.offer(now, LEAST).then_some(now.0));
            }
        }
        assert_eq!(told.first(), Some(&0));
        assert!(told.windows(2).all(|two| two[1] - two[0] >= 500), "{told:?}");
        // The last change came before 2000, and was told after it, once.
        assert_eq!(told.len(), 5, "{told:?}");
        assert_eq!(pace.due(LEAST), None);
    }

    #[test]
    fn without_an_interval_nothing_waits_and_what_nobody_wants_is_forgotten() {
        let mut pace = Pace::default();
        assert!(pace.offer(Moment(5), Duration::ZERO) && pace.offer(Moment(5), Duration::ZERO));
        assert!(!pace.offer(Moment(6), LEAST));
        assert_eq!(pace.due(LEAST), Some(Moment(505)));
        pace.forget();
        assert_eq!(pace.due(LEAST), None);
    }

    #[test]
    fn ranges_that_touch_are_told_as_one_and_of_too_many_the_last_are_left_out() {
        let mut ranges = Ranges::default();
        for (file, range) in [(0, (0, 5)), (0, (5, 5)), (1, (0, 1)), (0, (20, 1)), (1, (1, 1))] {
            ranges.add(file, range);
        }
        let all = vec![(0, vec![(0, 10), (20, 1)]), (1, vec![(0, 1), (1, 1)])];
        assert_eq!(ranges.take(), all);
        for at in 0..1000 {
            ranges.add(0, (at * 2, 1));
        }
        assert_eq!(ranges.take().remove(0).1.len(), RANGES_WAITING);
        assert_eq!(ranges.take(), []);
    }
}
