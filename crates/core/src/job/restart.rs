//! A new life of the service: what of a job goes on, and what has to be done again.
//!
//! Nobody who looks at a job may be able to tell that the service was restarted, except by what was
//! under way: attempts died with the last life, so a job that was connecting or transferring waits
//! for its turn, with every byte that was synced. Clocks that run since the machine was started go
//! on within one boot; after another they count nothing, so a job that was waiting is tried at once.
//! A job of high performance keeps no record of what was written between its attempts and the end of
//! the service: its unfinished files start over.
//! Whether the surroundings still block a job is the main loop's to find out: it judges all anew.

use super::{Calling, Effect, Job, State, Step};
use crate::time::Moment;

/// Whether the machine was started anew since the last life of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boot {
    /// It was not: moments written down are still true.
    Same,
    /// It was, or nobody knows.
    Another,
}

impl Job {
    /// Takes a job as it was on disk into a new life of the service, and says what has to be done
    /// again.
    pub fn after_restart(&mut self, boot: Boot) -> Step {
        let before = (self.state, self.patience, self.running, self.calling);
        self.running.since = None;
        if boot == Boot::Another {
            self.patience.since = None;
            if let Calling::Owed { at, .. } = &mut self.calling {
                *at = Moment(0);
            }
        }
        let effects = match self.state {
            State::TransientError { .. } | State::Blocked { .. } if boot == Boot::Same => vec![],
            State::Connecting { .. }
            | State::Transferring { .. }
            | State::TransientError { .. }
            | State::Blocked { .. } => {
                self.state = State::Queued;
                vec![]
            }
            State::Completing => vec![Effect::Complete],
            State::Cancelled | State::Acknowledged if self.has_left_overs() => {
                vec![Effect::DeleteTemporaries]
            }
            State::Suspended
            | State::Queued
            | State::Error
            | State::Transferred
            | State::Acknowledged
            | State::Cancelled => vec![],
        };
        let over = self.state.is_final() || self.state == State::Completing;
        let again = if over || !self.terms.high_performance { vec![] } else { self.start_over() };
        let job_changed =
            !again.is_empty() || before != (self.state, self.patience, self.running, self.calling);
        Step { effects, job_changed, ..Step::stay() }.and_files(again)
    }
}
