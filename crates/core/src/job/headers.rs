//! What an owner entrusts to a job: header fields (`job-model.md` 3.5, 3.8).
//!
//! The job holds them sealed and never looks inside. An attempt in hand asks with the old ones, so
//! it stops. They go when the job does, and when the job becomes another's.

use super::{Job, Step};
use crate::headers::Sealed;
use crate::refusal::Refusal;

/// The header fields of a job's requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomHeaders {
    /// Those that were set, if any were.
    pub sealed: Option<Sealed>,
    /// Whether nobody may read them back any more. Never taken back.
    pub write_only: bool,
}

impl Job {
    pub(super) fn set_headers(&mut self, sealed: Option<Sealed>) -> Result<Step, Refusal> {
        self.not_over()?;
        if sealed.is_none() && self.headers.sealed.is_none() {
            return Ok(Step::stay());
        }
        self.headers.sealed = sealed;
        Ok(Step { headers_changed: true, ..self.start_anew() })
    }

    pub(super) fn make_headers_write_only(&mut self) -> Result<Step, Refusal> {
        self.not_over()?;
        if self.headers.write_only {
            return Ok(Step::stay());
        }
        self.headers.write_only = true;
        Ok(Step::changed(vec![]))
    }

    /// The headers, to be read back by their owner.
    ///
    /// # Errors
    ///
    /// [`Refusal::AccessDenied`] once they are write-only.
    pub fn readable_headers(&self) -> Result<Option<&Sealed>, Refusal> {
        self.not_over()?;
        if self.headers.write_only {
            Err(Refusal::AccessDenied)
        } else {
            Ok(self.headers.sealed.as_ref())
        }
    }

    /// Nobody needs them any more, or they are not the present owner's.
    pub(super) fn forget_headers(&mut self, step: Step) -> Step {
        let had = self.headers.sealed.take().is_some();
        let job_changed = step.job_changed || had;
        Step { headers_changed: step.headers_changed || had, job_changed, ..step }
    }
}
