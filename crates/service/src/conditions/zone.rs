//! Which time the machine's clocks show: its time zone, from `/etc/localtime`.
//!
//! Without that file, or with one that makes no sense, it is UTC, as for every other program.

use ebb_core::conditions::LocalTime;
use ebb_core::time::WallTime;
use jiff::Timestamp;
use jiff::tz::TimeZone;

const LOCALTIME: &str = "/etc/localtime";

/// The machine's time zone.
#[derive(Clone, Debug)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    /// As it is set now.
    pub(crate) fn read() -> Self {
        let bytes = std::fs::read(LOCALTIME).unwrap_or_default();
        Self(TimeZone::tzif("local", &bytes).unwrap_or(TimeZone::UTC))
    }

    /// What the clocks show at this moment.
    pub(crate) fn local_time(&self, wall: WallTime) -> LocalTime {
        let offset = Timestamp::from_second(wall.0).map_or(0, |at| self.0.to_offset(at).seconds());
        LocalTime::of_wall_clock(wall.0.saturating_add(i64::from(offset)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summer_time_counts_and_an_unknown_zone_is_utc() {
        let utc = Zone(TimeZone::UTC);
        let east = Zone(TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
        // 2026-01-15 and 2026-07-15, 12:00 UTC.
        for (wall, hours) in [(1_768_478_400, 1), (1_784_116_800, 2)] {
            let there = east.local_time(WallTime(wall));
            assert_eq!(there, utc.local_time(WallTime(wall + hours * 3600)));
        }
        assert_eq!(Zone::read().local_time(WallTime(i64::MAX)), LocalTime::of_wall_clock(i64::MAX));
    }
}
