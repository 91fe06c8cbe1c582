//! Jobs that nobody wants any more (`job-model.md` 10.1): cancelled when nothing has happened to
//! them for as long as the policy says, with a line in the journal.
//!
//! Months are counted by the clock on the wall, which may be wrong and be put right. A leap of it
//! that this process sees gives every job the whole time again: better to keep a job too long than
//! to throw it away for a flat battery.

use std::time::Duration;

use ebb_core::id::JobId;
use ebb_core::job::Event;
use ebb_core::time::{Moment, Now, WallTime};

use super::{MainLoop, Turn};

/// What the clock on the wall may be wrong by between two looks.
const LEAP: Duration = Duration::from_secs(3600);

/// When we looked last, by both clocks.
#[derive(Debug, Default)]
pub(super) struct Calendar(Option<(Moment, WallTime)>);

impl Calendar {
    /// Whether the clock on the wall went forward by much more than time has passed.
    fn leapt(&mut self, now: Now) -> bool {
        let Some((moment, wall)) = self.0.replace((now.moment, now.wall)) else {
            return false;
        };
        let shown = u64::try_from(now.wall.0.saturating_sub(wall.0)).unwrap_or(0);
        Duration::from_secs(shown) > now.moment.since(moment) + LEAP
    }
}

impl MainLoop {
    /// Cancels what has been inactive for too long.
    pub(super) fn give_up_inactive(&mut self, now: Now, turn: &mut Turn) {
        if self.calendar.leapt(now) {
            return self.forgive_everybody(now, turn);
        }
        let allowed = i64::from(self.parts.policy.job_inactivity_timeout);
        let entries = self.jobs.values();
        let inactive: Vec<JobId> = entries
            .filter(|entry| entry.job.inactive_days(now.wall).is_some_and(|days| days >= allowed))
            .map(|entry| entry.job.id)
            .collect();
        for id in inactive {
            eprintln!("job-scavenged: job {id} is cancelled: idle for {allowed} days");
            self.step_at(id, Event::Cancel, turn, now).ok();
        }
    }

    fn forgive_everybody(&mut self, now: Now, turn: &mut Turn) {
        eprintln!("the clock leapt: the time without activity begins anew for every job");
        let all: Vec<JobId> = self.order.values().copied().collect();
        for id in all {
            self.step_at(id, Event::ClockLeapt, turn, now).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(moment: u64, wall: i64) -> Now {
        Now { moment: Moment(moment * 1000), wall: WallTime(wall), dice: 0 }
    }

    #[test]
    fn only_a_clock_that_outruns_time_has_leapt() {
        let mut calendar = Calendar::default();
        for (moment, wall, leapt) in [
            (10, 1_000_000, false),
            (70, 1_000_060, false),
            // Asleep for a year: both clocks know.
            (31_536_070, 32_536_060, false),
            (31_536_130, 32_530_000, false),
            (31_536_190, 1_700_000_000, true),
            (31_536_250, 1_700_000_060, false),
        ] {
            assert_eq!(calendar.leapt(at(moment, wall)), leapt, "{wall}");
        }
    }
}
