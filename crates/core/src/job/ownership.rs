//! Another owner (`job-model.md` 3.8): what goes with the old one, and what stays.
//!
//! Who may take a job over is `policy`'s business, and whether they can reach its files is found
//! out before. Here: what somebody lent or entrusted to the old owner is not the new one's.

use super::{Job, NotifyCommand, Step};
use crate::refusal::Refusal;
use crate::token::Token;

impl Job {
    pub(super) fn take_ownership(&mut self, token: Token) -> Result<Step, Refusal> {
        self.not_over()?;
        if token.uid == self.owner.uid {
            return Ok(Step::stay());
        }
        self.owner = token;
        let forgotten = self.forget_what_was_the_old_owners();
        let anew = self.start_anew();
        Ok(Step {
            effects: [forgotten.effects, anew.effects].concat(),
            headers_changed: forgotten.headers_changed,
            credentials_changed: forgotten.credentials_changed,
            ..anew
        })
    }

    /// The one place that knows what belongs to an owner and not to the job. A helper lent their
    /// identity to the old owner: what needs it waits until it is lent again. Header fields may be
    /// the old owner's secrets; credentials are. What was to run as them does not run as somebody else.
    /// Flags stay (R4), and so does everything that is not named here.
    fn forget_what_was_the_old_owners(&mut self) -> Step {
        self.terms.notify_command = NotifyCommand::default();
        let step = self.helper_token_lost();
        let step = self.forget_headers(step);
        self.forget_credentials(step)
    }
}
