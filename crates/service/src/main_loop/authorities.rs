//! Authorities that owners give their jobs to judge servers by (`docs/design/034-authorities-of-a-job.md`).
//!
//! Whom a job trusts is its owner's to say, and no administrator's. They are no secret: whoever may see
//! the job may read them. The journal is told that they changed, and who wanted that.

use ebb_core::authorities::Authorities;
use ebb_core::id::JobId;
use ebb_core::job::Event;
use ebb_core::policy::{Caller, Verb};
use ebb_core::refusal::Refusal;
use tokio::sync::oneshot;

use super::work::WaitFor;
use super::{After, MainLoop, Turn};
use crate::audit;
use crate::command::{Answer, Answered};

impl MainLoop {
    /// Answered when no server is judged by the old ones any more.
    pub(super) fn set_authorities(
        &mut self,
        caller: Caller,
        id: JobId,
        them: Option<Authorities>,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let what = if them.is_some() { "set" } else { "remove" };
        let permitted = self.permit(caller, Verb::Entrust, id);
        let done = permitted.and_then(|_| self.step(id, Event::SetAuthorities(them), turn));
        let outcome = done.as_ref().err().map_or(audit::DONE, Refusal::name);
        turn.audit.push(audit::authorities(id, caller.uid, what, outcome));
        match done {
            Ok(()) => self.answer_when_settled(id, WaitFor::Done, reply, turn),
            Err(refusal) => turn.after.push(After::Answer(reply, Err(refusal))),
        }
    }

    pub(super) fn get_authorities(&self, caller: Caller, id: JobId) -> Answered {
        let job = &self.see(caller, id)?.job;
        Ok(Answer::Authorities(job.authorities.clone()))
    }
}
