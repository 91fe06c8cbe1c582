//! The authorities an owner gave a job (`docs/design/034-authorities-of-a-job.md`).
//!
//! An attempt in hand trusts the old ones, so it stops. They go when the job does. When the job becomes
//! another's they stay, as the other terms of trust do: a job that trusts nobody but these would
//! trust more people without them, and whoever takes it over can read them.

use super::{Job, Step};
use crate::authorities::Authorities;
use crate::refusal::Refusal;

impl Job {
    /// Sets them, in place of those before; nothing removes them.
    pub(super) fn set_authorities(&mut self, them: Option<Authorities>) -> Result<Step, Refusal> {
        self.not_over()?;
        if self.authorities == them {
            return Ok(Step::stay());
        }
        self.authorities = them;
        Ok(Step { authorities_changed: true, ..self.start_anew() })
    }

    /// Nobody needs them any more.
    pub(super) fn forget_authorities(&mut self, step: Step) -> Step {
        let had = self.authorities.take().is_some();
        let job_changed = step.job_changed || had;
        Step { authorities_changed: step.authorities_changed || had, job_changed, ..step }
    }
}
