//! The helper token of a job: what its changes mean (`helper-tokens.md` R2 to R9).
//!
//! Who may make them is `policy`'s business. Here: a change on a running job stops the attempt in
//! hand, so that no byte goes out or down under the old identity; it goes on, from its last durable
//! byte, under the new one. Flags set and no token is an error, never the owner instead.

use super::{Job, State, Step, Trouble};
use crate::failure::ServiceTrouble;
use crate::refusal::Refusal;
use crate::token::{Token, TokenFlags};

impl Job {
    pub(super) fn set_helper_token(&mut self, token: Token) -> Result<Step, Refusal> {
        self.not_over()?;
        self.helper = Some(token);
        Ok(if self.flags.is_empty() { Step::changed(vec![]) } else { self.start_anew() })
    }

    pub(super) fn set_helper_token_flags(&mut self, flags: TokenFlags) -> Result<Step, Refusal> {
        self.not_over()?;
        if flags == self.flags {
            return Ok(Step::stay());
        }
        self.flags = flags;
        Ok(self.start_anew())
    }

    pub(super) fn clear_helper_token(&mut self) -> Result<Step, Refusal> {
        self.not_over()?;
        if self.helper.take().is_none() {
            return Ok(Step::stay());
        }
        if self.flags.is_empty() {
            return Ok(Step::changed(vec![]));
        }
        Ok(match self.state.attempt() {
            Some(_) => self.stop_for_token(),
            None => Step::changed(vec![]),
        })
    }

    /// R6: the token's session ended, or the owner logged off.
    pub(super) fn helper_token_lost(&mut self) -> Step {
        if self.helper.take().is_none() {
            return Step::stay();
        }
        if self.flags.is_empty() {
            return Step::changed(vec![]);
        }
        match self.state {
            State::Suspended
            | State::Queued
            | State::Connecting { .. }
            | State::Transferring { .. }
            | State::TransientError { .. }
            | State::Blocked { .. } => self.stop_for_token(),
            // Already waiting for the owner, or everything is transferred: files are kept.
            State::Error
            | State::Transferred
            | State::Completing
            | State::Acknowledged
            | State::Cancelled => Step::changed(vec![]),
        }
    }

    fn stop_for_token(&mut self) -> Step {
        self.stop_with(Trouble::of(ServiceTrouble::TokenRequired))
    }

    /// R9: the attempt in hand stops; the schedule starts another under the new identities.
    pub(super) fn start_anew(&mut self) -> Step {
        let mut step = self.preempt();
        step.job_changed = true;
        step
    }

    /// While files are being renamed the identity they are renamed under stays (R9).
    pub(super) fn not_over(&self) -> Result<(), Refusal> {
        if self.state.is_final() || self.state == State::Completing {
            Err(Refusal::InvalidState)
        } else {
            Ok(())
        }
    }
}
