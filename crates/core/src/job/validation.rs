//! Whether a file is what it should be, as whoever can tell says (`job-model.md` 5.4).
//!
//! Only a file that is fully here can be judged. One that is declared wrong is dropped, and stops
//! the job until its owner decides: Resume fetches it again. Complete counts as a yes for all.

use super::{Effect, Job, State, Step, Trouble};
use crate::failure::{Failure, ServerTrouble};
use crate::file::Progress;
use crate::refusal::Refusal;

impl Job {
    pub(super) fn set_validation_state(&mut self, at: u32, valid: bool) -> Result<Step, Refusal> {
        if self.state.is_final() || self.state == State::Completing {
            return Err(Refusal::InvalidState);
        }
        let file = self.files.get_mut(at as usize).ok_or(Refusal::FileNotFound)?;
        match file.progress {
            Progress::Unfinished => return Err(Refusal::Pending),
            // It has its name already: what is wrong with it is its owner's to mend.
            Progress::Completed | Progress::Dropped => return Err(Refusal::InvalidState),
            Progress::Transferred => {}
        }
        if valid {
            file.valid = true;
            return Ok(Step::changed(vec![]).and_files([at]));
        }
        file.progress = Progress::Unfinished;
        file.start_over();
        let stop = self.state.attempt().map(Effect::StopAttempt);
        self.transferred = None;
        let step = self.fail(Trouble {
            failure: Failure::Server(ServerTrouble::ValidationFailed),
            file: Some(at),
            detail: String::new(),
            retry_after: None,
        });
        Ok(Step { effects: stop.into_iter().collect(), ..step }.and_files([at]))
    }
}
