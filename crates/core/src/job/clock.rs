//! What time alone does to a job (`job-model.md` 10.2): a retry delay that is over, patience that
//! has ended, and a job that has run as long as it may.
//!
//! [`Job::deadline`] says when to look again; whoever keeps the clock sends [`Event::Due`] then.
//! Everything counts on a clock that runs while the machine sleeps, so a transfer that is asleep
//! uses up its time too. Waiting for a turn or for a retry uses up nothing.
//!
//! How long nothing has happened to a job is another matter: that goes on over months and reboots,
//! and only the clock on the wall knows. A leap of that clock gives everybody the whole time again.

use super::{Effect, Event, Job, Report, State, Step, Trouble};
use crate::failure::ServiceTrouble;
use crate::time::{Moment, Now, WallTime};
use core::time::Duration;

/// How long a job has been CONNECTING or TRANSFERRING since it was last resumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Milliseconds used up, as far as they have been added up.
    pub used: u64,
    /// Since when more are being used up.
    pub since: Option<Moment>,
}

impl Event {
    /// Whether it shows that somebody still wants the job, or gets it nearer to its end.
    pub(super) fn is_activity(&self) -> bool {
        !matches!(
            self,
            Self::Start
                | Self::Preempt
                | Self::Due
                | Self::Block(_)
                | Self::Allow
                | Self::NetworkCame
                | Self::HelperTokenLost
                | Self::CommandEnded { .. }
                | Self::Spare(..)
                | Self::Report(
                    _,
                    Report::Created(..)
                        | Report::Prepared(..)
                        | Report::TookOver(_)
                        | Report::SpareDeleted(_)
                        | Report::Measured(..)
                        | Report::Moved(..)
                        | Report::Answered { .. }
                        | Report::Headers(..)
                        | Report::Doubted(_)
                        | Report::InOrder(_)
                        | Report::Ended(_)
                )
        )
    }
}

impl Job {
    /// For how many whole days nothing has happened to the job; none if it is over.
    #[must_use]
    pub fn inactive_days(&self, now: WallTime) -> Option<i64> {
        let days = now.0.saturating_sub(self.active.0) / (24 * 3600);
        (!self.state.is_final() && self.state != State::Completing).then_some(days)
    }

    pub(super) fn clock_leapt(&self) -> Step {
        if self.state.is_final() { Step::stay() } else { Step::changed(vec![]) }
    }

    /// When time alone will change the job, if nothing else happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        if let State::TransientError { retry_at } = self.state {
            return Some(self.patience_ends().map_or(retry_at, |end| end.min(retry_at)));
        }
        self.running_ends()
    }

    fn running_ends(&self) -> Option<Moment> {
        let allowed = u64::from(self.terms.maximum_download_time) * 1000;
        let left = Duration::from_millis(allowed.saturating_sub(self.running.used));
        self.running.since.map(|since| since.after(left))
    }

    pub(super) fn due(&mut self, now: Now) -> Step {
        if let State::TransientError { retry_at } = self.state {
            return self.retry_due(retry_at, now);
        }
        match self.running_ends() {
            Some(end) if now.moment >= end => {
                self.stop_with(Trouble::of(ServiceTrouble::MaxDownloadTime))
            }
            Some(_) | None => Step::stay(),
        }
    }

    fn retry_due(&mut self, retry_at: Moment, now: Now) -> Step {
        if self.out_of_patience(now) {
            // The last error stays (Q15).
            self.state = State::Error;
            return Step::changed(vec![]);
        }
        if now.moment < retry_at {
            return Step::stay();
        }
        self.state = State::Queued;
        Step::changed(vec![])
    }

    /// Fails, and stops the attempt in hand if there is one.
    pub(super) fn stop_with(&mut self, trouble: Trouble) -> Step {
        let stop = self.state.attempt().map(Effect::StopAttempt);
        Step { effects: stop.into_iter().collect(), ..self.fail(trouble) }
    }

    /// Adds up what has been used since the last step that is written down. A step that is not
    /// leaves the count alone: it goes on from where it was.
    pub(super) fn add_up(&mut self, now: Now) {
        if let Some(since) = self.running.since {
            let more = u64::try_from(now.moment.since(since).as_millis()).unwrap_or(u64::MAX);
            self.running.used = self.running.used.saturating_add(more);
        }
        self.running.since = self.state.attempt().map(|_| now.moment);
    }

    /// Resume gives a job the whole time again, even one that runs (Q36).
    pub(super) fn count_anew(&mut self, now: Now) -> Step {
        let anew = Running { used: 0, since: self.state.attempt().map(|_| now.moment) };
        if self.running == anew {
            return Step::stay();
        }
        self.running = anew;
        Step::changed(vec![])
    }

    /// When a waiting job becomes an errored one, if it waits (`job-model.md` 4.4 row 10).
    #[must_use]
    pub fn patience_ends(&self) -> Option<Moment> {
        let timeout = Duration::from_secs(u64::from(self.terms.no_progress_timeout));
        self.patience.since.map(|since| since.after(timeout))
    }

    pub(super) fn out_of_patience(&self, now: Now) -> bool {
        self.patience_ends().is_some_and(|end| now.moment >= end)
    }
}
