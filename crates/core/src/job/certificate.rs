//! The client certificate an owner entrusted to a job (`job-model.md` 3.5, 3.8).
//!
//! The job holds it sealed, and never looks inside. An attempt in hand shows the old one, so it stops.
//! It goes when the job does, and when the job becomes another's.

use super::{Job, Step};
use crate::headers::Sealed;
use crate::refusal::Refusal;

impl Job {
    /// Sets what it shows, in place of what was there; nothing removes it.
    pub(super) fn set_certificate(&mut self, sealed: Option<Sealed>) -> Result<Step, Refusal> {
        self.not_over()?;
        if sealed.is_none() && self.certificate.is_none() {
            return Ok(Step::stay());
        }
        self.certificate = sealed;
        Ok(Step { certificate_changed: true, ..self.start_anew() })
    }

    /// The certificate, to be read back by its owner.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidState`] of a job that is over, [`Refusal::NoClientCertificate`] where there is
    /// none.
    pub fn readable_certificate(&self) -> Result<&Sealed, Refusal> {
        self.not_over()?;
        self.certificate.as_ref().ok_or(Refusal::NoClientCertificate)
    }

    /// Nobody needs it any more, or it is not the present owner's.
    pub(super) fn forget_certificate(&mut self, step: Step) -> Step {
        let had = self.certificate.take().is_some();
        let job_changed = step.job_changed || had;
        Step { certificate_changed: step.certificate_changed || had, job_changed, ..step }
    }
}
