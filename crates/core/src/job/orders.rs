//! What the owner asks of a job (`job-model.md` 4.2 and 4.3, as ruled).
//!
//! Every order names every state. Cancel is never refused on a job that is not over, and an order
//! that is refused changes nothing.

use super::{Effect, Job, Patience, Running, State, Step};
use crate::file::{Destination, File};
use crate::refusal::Refusal;
use crate::time::Now;
use crate::token::{Resource, TokenRequired};
use std::collections::BTreeSet;

impl Job {
    pub(super) fn suspend(&mut self) -> Result<Step, Refusal> {
        match self.state {
            State::Suspended => Ok(Step::stay()),
            State::Queued
            | State::TransientError { .. }
            | State::Blocked { .. }
            | State::Error
            | State::Transferred => {
                self.state = State::Suspended;
                Ok(Step::changed(vec![]))
            }
            State::Connecting { attempt } | State::Transferring { attempt } => {
                self.state = State::Suspended;
                Ok(Step::changed(vec![Effect::StopAttempt(attempt)]))
            }
            State::Completing | State::Acknowledged | State::Cancelled => {
                Err(Refusal::InvalidState)
            }
        }
    }

    pub(super) fn resume(&mut self, now: Now) -> Result<Step, Refusal> {
        match self.state {
            State::Suspended | State::Error if self.files.is_empty() => Err(Refusal::Empty),
            State::Transferred if self.unfinished().next().is_none() => Ok(Step::stay()),
            State::Suspended
            | State::TransientError { .. }
            | State::Blocked { .. }
            | State::Error
            | State::Transferred => {
                self.state = State::Queued;
                self.resumed = true;
                self.patience = Patience::default();
                self.running = Running::default();
                Ok(Step::changed(vec![]))
            }
            State::Queued | State::Connecting { .. } | State::Transferring { .. } => {
                Ok(self.count_anew(now))
            }
            State::Completing | State::Acknowledged | State::Cancelled => {
                Err(Refusal::InvalidState)
            }
        }
    }

    pub(super) fn cancel(&mut self) -> Result<Step, Refusal> {
        if self.state.is_final() {
            return Err(Refusal::InvalidState);
        }
        let stop = self.state.attempt().map(Effect::StopAttempt);
        self.state = State::Cancelled;
        self.error = None;
        self.forget_helper_when_clean();
        Ok(Step::changed(stop.into_iter().chain([Effect::DeleteTemporaries]).collect()))
    }

    /// Whether the job is over and a temporary file of its is still there.
    #[must_use]
    pub fn has_left_overs(&self) -> bool {
        self.state.is_final() && self.files.iter().any(File::has_temporary)
    }

    pub(super) fn sweep_left_overs(&self) -> Step {
        match self.has_left_overs() {
            true => Step { effects: vec![Effect::DeleteTemporaries], ..Step::stay() },
            false => Step::stay(),
        }
    }

    /// A job that is over needs its helper only to delete what was made under that identity.
    pub(super) fn forget_helper_when_clean(&mut self) {
        if !self.files.iter().any(File::has_temporary) {
            self.helper = None;
        }
    }

    pub(super) fn complete(&mut self) -> Result<Step, Refusal> {
        match self.state {
            State::Completing | State::Acknowledged | State::Cancelled => {
                return Err(Refusal::InvalidState);
            }
            State::Suspended
            | State::Queued
            | State::Connecting { .. }
            | State::Transferring { .. }
            | State::TransientError { .. }
            | State::Blocked { .. }
            | State::Error
            | State::Transferred => {}
        }
        self.identity_for(Resource::LocalFile).map_err(|TokenRequired| Refusal::TokenRequired)?;
        let stop = self.state.attempt().map(Effect::StopAttempt);
        self.state = State::Completing;
        Ok(Step::changed(stop.into_iter().chain([Effect::Complete]).collect()))
    }

    /// Whether two files would be written into the same place. Where they get their names at the
    /// end the last one wins; where they grow under them, none would ever be whole.
    fn would_share_a_destination(&self, added: &[File]) -> bool {
        let place = |file: &File| {
            let Destination { dev, ino, name, .. } = &file.destination;
            (*dev, *ino, name.clone())
        };
        let mut taken: BTreeSet<_> = self.files.iter().map(place).collect();
        !added.iter().all(|file| taken.insert(place(file)))
    }

    pub(super) fn add_files(&mut self, files: Vec<File>) -> Result<Step, Refusal> {
        if self.state.is_final() || self.state == State::Completing {
            return Err(Refusal::InvalidState);
        }
        if self.terms.dynamic_content && files.iter().any(File::is_given_as_ranges) {
            return Err(Refusal::UnsupportedJobConfiguration);
        }
        if self.terms.high_performance && self.would_share_a_destination(&files) {
            return Err(Refusal::UnsupportedJobConfiguration);
        }
        let first = self.files.len();
        self.files.extend(files);
        let added = (first..self.files.len()).filter_map(|at| u32::try_from(at).ok());
        Ok(Step::changed(vec![]).and_files(added))
    }
}
