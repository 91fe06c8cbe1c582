//! Header fields that owners entrust to their jobs: theirs alone, and sealed in every place but the
//! request.
//!
//! They are sealed before anything is decided, so that no turn, no batch and no copy of a job holds
//! them in the clear. What cannot be opened when it is needed (the key is another one, or somebody
//! changed a byte) is an error of the job, which its owner mends by setting them again. The journal
//! is told that they changed, and who wanted that.

use ebb_core::failure::{Failure, ServiceTrouble};
use ebb_core::headers::Headers;
use ebb_core::id::{AttemptId, JobId};
use ebb_core::job::{Event, Job, Report, Trouble};
use ebb_core::policy::{Caller, Verb};
use ebb_core::refusal::Refusal;
use tokio::sync::oneshot;

use super::work::WaitFor;
use super::{After, MainLoop, Turn};
use crate::audit;
use crate::command::{Answer, Answered, Message};
use crate::vault::{Vault, VaultError};

const UNAVAILABLE: ServiceTrouble = ServiceTrouble::VaultUnavailable;

/// The header fields of a job, in the clear.
pub(super) fn of(job: &Job, vault: &Vault) -> Result<Headers, VaultError> {
    match &job.headers.sealed {
        None => Ok(Headers::default()),
        Some(sealed) => vault.open(job.id, sealed).inspect_err(|error| {
            eprintln!("job {}: its custom headers: {error}", job.id);
        }),
    }
}

impl MainLoop {
    pub(super) fn set_headers(
        &mut self,
        caller: Caller,
        id: JobId,
        headers: &Headers,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let what = if headers.is_empty() { "remove" } else { "set" };
        let event = self.permit(caller, Verb::Entrust, id).and_then(|_| {
            let sealed = (!headers.is_empty()).then(|| self.parts.vault.seal(id, headers));
            let sealed = sealed.transpose().map_err(|error| {
                eprintln!("the vault: {error}");
                Refusal::Unusable(Failure::Service(UNAVAILABLE))
            })?;
            Ok(Event::SetHeaders(sealed))
        });
        self.entrust(caller, id, what, event, reply, turn);
    }

    pub(super) fn make_headers_write_only(
        &mut self,
        caller: Caller,
        id: JobId,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let event = self.permit(caller, Verb::Entrust, id).map(|_| Event::MakeHeadersWriteOnly);
        self.entrust(caller, id, "write-only", event, reply, turn);
    }

    /// Answered when nothing is sent with the old ones any more.
    fn entrust(
        &mut self,
        caller: Caller,
        id: JobId,
        what: &'static str,
        event: Result<Event, Refusal>,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let done = event.and_then(|event| self.step(id, event, turn));
        let outcome = done.as_ref().err().map_or(audit::DONE, Refusal::name);
        turn.audit.push(audit::headers(id, caller.uid, what, outcome));
        match done {
            Ok(()) => self.answer_when_settled(id, WaitFor::Done, reply, turn),
            Err(refusal) => turn.after.push(After::Answer(reply, Err(refusal))),
        }
    }

    pub(super) fn get_headers(&self, caller: Caller, id: JobId) -> Answered {
        let permit = self.permit(caller, Verb::Entrust, id)?;
        let job = &self.jobs.get(&permit.job()).ok_or(Refusal::NotFound)?.job;
        let _ = job.readable_headers()?;
        let headers = of(job, &self.parts.vault);
        let unusable = |_| Refusal::Unusable(Failure::Service(UNAVAILABLE));
        headers.map(Answer::CustomHeaders).map_err(unusable)
    }

    /// An attempt that has nothing to ask with is over before it begins.
    pub(super) fn fail_at_once(&self, id: JobId, attempt: AttemptId) {
        let report = Report::Ended(Err(Trouble::of(UNAVAILABLE)));
        let (tell, _) = oneshot::channel();
        // We ourselves hear it.
        let _ = self.parts.outbox.send(Message::Report(id, attempt, report, tell));
    }
}
