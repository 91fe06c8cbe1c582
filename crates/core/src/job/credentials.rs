//! Credentials an owner entrusted to a job (`job-model.md` 3.4, 3.8).
//!
//! The job holds them sealed, and never looks inside. An attempt in hand logs on with the old ones,
//! so it stops. They go when the job does, and when the job becomes another's.

use super::{Job, Step};
use crate::credentials::AuthPair;
use crate::headers::Sealed;
use crate::refusal::Refusal;

impl Job {
    /// Sets what a pair logs on with, in place of what was there; nothing removes it.
    pub(super) fn set_credentials(
        &mut self,
        pair: AuthPair,
        sealed: Option<Sealed>,
    ) -> Result<Step, Refusal> {
        self.not_over()?;
        let changed = match sealed {
            Some(sealed) => {
                let _ = self.credentials.insert(pair, sealed);
                true
            }
            None => self.credentials.remove(&pair).is_some(),
        };
        if !changed {
            return Ok(Step::stay());
        }
        Ok(Step { credentials_changed: true, ..self.start_anew() })
    }

    /// Nobody needs them any more, or they are not the present owner's.
    pub(super) fn forget_credentials(&mut self, step: Step) -> Step {
        let had = !std::mem::take(&mut self.credentials).is_empty();
        let job_changed = step.job_changed || had;
        Step { credentials_changed: step.credentials_changed || had, job_changed, ..step }
    }
}
