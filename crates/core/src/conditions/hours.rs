//! How much background jobs may use, by the hour of the week (`job-model.md` 9.2).
//!
//! There is a schedule for work, with limits inside and outside of it, and one for maintenance,
//! whose limits supersede the others. Limits are in kbit/s; 0 stops background jobs, and 1 counts
//! as 2, so that whoever may go on does.

use core::time::Duration;

use crate::job::Priority;

const MINUTES_A_DAY: u16 = 24 * 60;
const MINUTES_A_WEEK: u16 = 7 * MINUTES_A_DAY;
/// The least limit that is not 0, in kbit/s.
const LEAST: u32 = 2;

/// A time of the week, as the clock on the wall shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocalTime {
    minute: u16,
    second: u8,
}

/// Some hours of some days. One that ends before it begins goes on after midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    days: u8,
    from: u16,
    to: u16,
}

/// Limits for the background classes, in kbit/s; none where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// For high priority.
    pub high: Option<u32>,
    /// For normal priority.
    pub normal: Option<u32>,
    /// For low priority.
    pub low: Option<u32>,
}

/// How much background jobs may use, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth {
    /// The hours of work; without them all time is outside.
    pub work: Option<Window>,
    /// While others work.
    pub inside: Limits,
    /// At other times.
    pub outside: Limits,
    /// Hours in which other limits count than all the above.
    pub maintenance: Option<(Window, Limits)>,
}

impl LocalTime {
    /// The time at which so many seconds have passed on the clock on the wall since the epoch,
    /// which was a Thursday.
    #[must_use]
    pub fn of_wall_clock(seconds: i64) -> Self {
        let monday = 4 * 24 * 3600;
        let week = i64::from(MINUTES_A_WEEK) * 60;
        let within = (seconds.rem_euclid(week) + week - monday).rem_euclid(week);
        let minute = u16::try_from(within / 60).unwrap_or(0);
        Self { minute, second: u8::try_from(within % 60).unwrap_or(0) }
    }

    fn until(self, minute: u16) -> Duration {
        let whole = (minute + MINUTES_A_WEEK - self.minute) % MINUTES_A_WEEK;
        // This very minute has begun already: it comes again in a week.
        let whole = if whole == 0 { MINUTES_A_WEEK } else { whole };
        Duration::from_secs(u64::from(whole) * 60 - u64::from(self.second))
    }
}

impl Window {
    /// The hours between two minutes of the day, on these days (bit 0 is Monday). `None` if that
    /// is no window: no day, no time, or more than a day has.
    #[must_use]
    pub fn new(days: u8, from: u16, to: u16) -> Option<Self> {
        let fits = from < MINUTES_A_DAY && to <= MINUTES_A_DAY && from != to;
        (fits && days != 0 && days < 0x80).then_some(Self { days, from, to })
    }

    fn contains(&self, time: LocalTime) -> bool {
        let (day, minute) = (time.minute / MINUTES_A_DAY, time.minute % MINUTES_A_DAY);
        let on = |day: u16| self.days & (1 << (day % 7)) != 0;
        if self.from < self.to {
            return on(day) && (self.from..self.to).contains(&minute);
        }
        // After midnight it is the window of the day before.
        (on(day) && minute >= self.from) || (on(day + 6) && minute < self.to)
    }

    /// Every minute of the week at which it may begin or end.
    fn edges(self) -> impl Iterator<Item = u16> {
        (0..7).flat_map(move |day| {
            [self.from, self.to].map(|minute| (day * MINUTES_A_DAY + minute) % MINUTES_A_WEEK)
        })
    }
}

impl Limits {
    /// The same for every class.
    #[must_use]
    pub fn all(limit: u32) -> Self {
        Self { high: Some(limit), normal: Some(limit), low: Some(limit) }
    }

    fn of(&self, priority: Priority) -> Option<u32> {
        match priority {
            Priority::Foreground => None,
            Priority::High => self.high,
            Priority::Normal => self.normal,
            Priority::Low => self.low,
        }
    }
}

impl Bandwidth {
    /// The limit of a class at this time, in kbit/s.
    #[must_use]
    pub fn limit(&self, priority: Priority, time: LocalTime) -> Option<u32> {
        let limits = match self.maintenance {
            Some((window, limits)) if window.contains(time) => limits,
            Some(_) | None if self.work.is_some_and(|work| work.contains(time)) => self.inside,
            Some(_) | None => self.outside,
        };
        limits.of(priority).map(|limit| if limit == 0 { 0 } else { limit.max(LEAST) })
    }

    /// The same in bytes a second.
    #[must_use]
    pub fn rate(&self, priority: Priority, time: LocalTime) -> Option<u64> {
        self.limit(priority, time).map(bytes_a_second)
    }

    /// How long until the limit of any class may be another one.
    #[must_use]
    pub fn until_change(&self, time: LocalTime) -> Option<Duration> {
        self.edges().map(|edge| time.until(edge)).min()
    }

    /// How long until a class whose limit is 0 may move again.
    #[must_use]
    pub fn until_open(&self, priority: Priority, time: LocalTime) -> Option<Duration> {
        let open =
            |edge: &u16| self.limit(priority, LocalTime { minute: *edge, second: 0 }) != Some(0);
        self.edges().filter(open).map(|edge| time.until(edge)).min()
    }

    fn edges(&self) -> impl Iterator<Item = u16> {
        let maintenance = self.maintenance.map(|(window, _)| window);
        self.work.into_iter().chain(maintenance).flat_map(Window::edges)
    }
}

/// From kbit/s.
pub(super) fn bytes_a_second(kilobits: u32) -> u64 {
    u64::from(kilobits) * 1000 / 8
}
