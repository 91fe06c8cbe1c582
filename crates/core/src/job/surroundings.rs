//! What the machine's surroundings do to a job (`job-model.md` 4.4 rows 11 to 14).
//!
//! A job that may not move waits in TRANSIENT_ERROR with the condition as its error. No timer ends
//! that, it is no error of the job's (it is not counted), and the time is not held against it. When
//! the condition clears, the job is queued again.

use super::{Effect, Job, State, Step, Trouble};
use crate::failure::{Blocked, Failure};
use crate::time::Now;

impl Job {
    /// A condition stands in its way. What waits for a retry keeps its own error (Q38).
    pub(super) fn block(&mut self, by: Blocked, now: Now) -> Step {
        match self.state {
            State::Queued | State::Connecting { .. } | State::Transferring { .. } => {
                self.begin_wait(by, now)
            }
            State::Blocked { .. } if self.blocked_by() != Some(by) => {
                self.error = Some(trouble(by));
                Step::changed(vec![])
            }
            State::Blocked { .. }
            | State::Suspended
            | State::TransientError { .. }
            | State::Error
            | State::Transferred
            | State::Completing
            | State::Acknowledged
            | State::Cancelled => Step::stay(),
        }
    }

    fn begin_wait(&mut self, by: Blocked, now: Now) -> Step {
        let stop = self.state.attempt().map(Effect::StopAttempt);
        self.error = Some(trouble(by));
        // To the letter: without a no-progress time-out every error is lasting.
        self.state = match self.terms.no_progress_timeout {
            0 => State::Error,
            _ => State::Blocked { since: now.moment },
        };
        Step::changed(stop.into_iter().collect())
    }

    /// Nothing stands in its way any more.
    pub(super) fn allow(&mut self, now: Now) -> Step {
        let State::Blocked { since } = self.state else {
            return Step::stay();
        };
        let waited = now.moment.since(since);
        self.patience.since = self.patience.since.map(|began| began.after(waited));
        self.state = State::Queued;
        Step::changed(vec![])
    }

    /// There is a network again, or another one: whatever a job waits for may have been mended by
    /// that (row 12).
    pub(super) fn network_came(&mut self) -> Step {
        match self.state {
            State::TransientError { .. } => {
                self.state = State::Queued;
                Step::changed(vec![])
            }
            // Judged by all conditions, not by this one alone.
            State::Blocked { .. }
            | State::Suspended
            | State::Queued
            | State::Connecting { .. }
            | State::Transferring { .. }
            | State::Error
            | State::Transferred
            | State::Completing
            | State::Acknowledged
            | State::Cancelled => Step::stay(),
        }
    }

    /// What stands in its way, if it is that for which it waits.
    #[must_use]
    pub fn blocked_by(&self) -> Option<Blocked> {
        match (self.state, self.error.as_ref().map(|trouble| trouble.failure)) {
            (State::Blocked { .. }, Some(Failure::Blocked(by))) => Some(by),
            _ => None,
        }
    }

    /// Whether the surroundings matter to it now.
    #[must_use]
    pub fn minds_surroundings(&self) -> bool {
        let waits = matches!(self.state, State::Queued | State::Blocked { .. });
        waits || self.state.attempt().is_some()
    }
}

fn trouble(by: Blocked) -> Trouble {
    Trouble { failure: Failure::Blocked(by), file: None, detail: String::new(), retry_after: None }
}
