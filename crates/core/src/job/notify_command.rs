//! The command that runs when a job ends (`job-model.md` 7.4, NotifyCmdLine): what it may be, when
//! it is owed, and how often it is tried.
//!
//! ```text
//!  the job comes to                     the command is
//!  ---------------------------------    ------------------------------------------------------
//!  error, transferred                   owed
//!  acknowledged, by AutoComplete        owed, unless it ran when the job was transferred
//!  a command is set at such an end      owed anew
//!  it ended with 0                      done
//!  it ended otherwise, or never ran     owed again, after the retry delay; the tenth time done
//!  anything else                        nothing: whoever moved the job knows where it stands
//! ```
//!
//! Whether the machine allows any command is `policy`'s business; who else is listening, and that it
//! runs as the owner and never as the helper, is the main loop's. Nothing here is a shell's: the
//! words are what the program gets.

use super::{Calling, Job, State, Step};
use crate::notify::Kind;
use crate::refusal::Refusal;
use crate::retry;
use crate::time::{Moment, Now};

/// The most bytes of a program's path.
pub const PROGRAM_LIMIT: u32 = 4095;
/// The most bytes of its parameters, each with one more for its end (BITS: 4,000 characters).
pub const PARAMETERS_LIMIT: u32 = 4000;
/// How often it is tried.
const MOST_TRIES: u32 = 10;

/// A program and its parameters; or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotifyCommand(Vec<Vec<u8>>);

impl NotifyCommand {
    /// Takes the program, as an absolute path, and its parameters; nothing at all removes it.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidArgument`] for a path that is not absolute and for zero bytes,
    /// [`Refusal::StringTooLong`].
    pub fn new(words: Vec<Vec<u8>>) -> Result<Self, Refusal> {
        let Some((program, parameters)) = words.split_first() else {
            return Ok(Self::default());
        };
        if program.first() != Some(&b'/') || program.last() == Some(&b'/') {
            return Err(Refusal::InvalidArgument("the program of a command is an absolute path"));
        }
        if words.iter().any(|word| word.contains(&0)) {
            return Err(Refusal::InvalidArgument("a command has no zero bytes"));
        }
        if program.len() > PROGRAM_LIMIT as usize {
            return Err(Refusal::StringTooLong { what: "program", limit: PROGRAM_LIMIT });
        }
        let length: usize = parameters.iter().map(|word| word.len() + 1).sum();
        if length > PARAMETERS_LIMIT as usize {
            return Err(Refusal::StringTooLong { what: "parameters", limit: PARAMETERS_LIMIT });
        }
        Ok(Self(words))
    }

    /// The program first; nothing where there is none.
    #[must_use]
    pub fn words(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

impl Job {
    /// When the command may be run, if it is owed, is there, and the flags want what it would tell.
    #[must_use]
    pub fn command_due(&self) -> Option<Moment> {
        let Calling::Owed { at, .. } = self.calling else {
            return None;
        };
        // Somebody has moved the job; whether that ends well is not known yet.
        if self.state == State::Completing {
            return None;
        }
        let kind = if self.state == State::Error { Kind::Error } else { Kind::Transferred };
        let wanted = kind.is_wanted(self.terms.notify_flags);
        (wanted && !self.terms.notify_command.is_none()).then_some(at)
    }

    /// Follows a step of the job that was in this state before; says whether anything changed.
    pub(super) fn owe_command(&mut self, before: State, set_anew: bool) -> bool {
        const OWED: Calling = Calling::Owed { tries: 0, at: Moment(0) };
        let was = self.calling;
        let stayed = before == self.state;
        self.calling = match self.state {
            State::Error | State::Transferred | State::Acknowledged if stayed => {
                let anew = set_anew && was != Calling::Nothing;
                if anew { OWED } else { was }
            }
            State::Error => OWED,
            // From there it is no new end: a rename has failed.
            State::Transferred if before == State::Completing && was != Calling::Nothing => was,
            State::Transferred => OWED,
            State::Completing => was,
            State::Acknowledged if !self.terms.auto_complete => Calling::Nothing,
            State::Acknowledged if was == Calling::Done => Calling::Done,
            State::Acknowledged => OWED,
            State::Suspended
            | State::Queued
            | State::Connecting { .. }
            | State::Transferring { .. }
            | State::TransientError { .. }
            | State::Blocked { .. }
            | State::Cancelled => Calling::Nothing,
        };
        was != self.calling
    }

    /// It has run for the end that came after so many attempts.
    pub(super) fn command_ended(&mut self, attempts: u64, well: bool, now: Now) -> Step {
        let Calling::Owed { tries, .. } = self.calling else {
            return Step::stay();
        };
        if attempts != self.attempts {
            return Step::stay();
        }
        let tries = tries + 1;
        self.calling = if well || tries >= MOST_TRIES {
            Calling::Done
        } else {
            let delay = retry::delay(self.terms.retry_delay, tries - 1, None, now.dice);
            Calling::Owed { tries, at: now.moment.after(delay) }
        };
        Step::changed(vec![])
    }
}
