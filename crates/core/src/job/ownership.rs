//! Another owner (`job-model.md` 3.8): what goes with the old one, and what stays.
//!
//! Who may take a job over is `policy`'s business, and whether they can reach its files is found
//! out before; the copies that are made for that are written down here. Else: what somebody lent or entrusted to the old owner is not the new one's.

use super::{Job, NotifyCommand, Spare, Step};
use crate::file::Progress;
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
            certificate_changed: forgotten.certificate_changed,
            ..anew
        })
    }

    /// A whole file is copied for whoever takes the job over: nobody else writes to it any more.
    pub(super) fn spare(&mut self, at: u32, spare: Spare) -> Result<Step, Refusal> {
        let over = self.not_over().is_err();
        let file = self.files.get_mut(at as usize).ok_or(Refusal::FileNotFound)?;
        match spare {
            Spare::Made(copy) => {
                if over || file.progress != Progress::Transferred || file.spare.is_some() {
                    return Err(Refusal::InvalidState);
                }
                file.spare = Some(copy);
            }
            Spare::TookOver(copy) => {
                if over || file.progress != Progress::Transferred || file.spare != Some(copy) {
                    return Err(Refusal::InvalidState);
                }
                file.take_up_spare();
            }
            Spare::Gone(copy) => {
                if file.spare.as_ref() != Some(&copy) {
                    return Ok(Step::stay());
                }
                file.spare = None;
            }
        }
        Ok(Step::changed(vec![]).and_files([at]))
    }

    /// The one place that knows what belongs to an owner and not to the job. A helper lent their
    /// identity to the old owner: what needs it waits until it is lent again. Header fields may be
    /// the old owner's secrets; credentials are. What was to run as them does not run as somebody else.
    /// Flags stay (R4), and so does everything that is not named here.
    fn forget_what_was_the_old_owners(&mut self) -> Step {
        self.terms.notify_command = NotifyCommand::default();
        let step = self.helper_token_lost();
        let step = self.forget_headers(step);
        let step = self.forget_credentials(step);
        self.forget_certificate(step)
    }
}
