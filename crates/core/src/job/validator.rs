//! Whether a program of the owner's judges servers' certificates (`job-model.md` 3.5, Q23, Q25).
//!
//! Which program that is, is a matter of connections and does not outlive them; that there has to be
//! one is written down. So a job whose validator is gone waits for it, and never speaks to a server
//! that nobody judged.

use super::{Job, State, Step};
use crate::refusal::Refusal;

impl Job {
    /// There is to be one from now on, maybe another one; or none.
    pub(super) fn set_validator(&mut self, wanted: bool) -> Result<Step, Refusal> {
        self.not_over()?;
        match self.state {
            State::Suspended | State::Error | State::Transferred => {}
            State::Queued
            | State::Connecting { .. }
            | State::Transferring { .. }
            | State::TransientError { .. }
            | State::Blocked { .. }
            | State::Completing
            | State::Acknowledged
            | State::Cancelled => return Err(Refusal::ReadOnlyWhenJobActive),
        }
        if self.validated == wanted {
            return Ok(Step::stay());
        }
        self.validated = wanted;
        Ok(Step::changed(vec![]))
    }
}
