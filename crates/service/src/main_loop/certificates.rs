//! The client certificates that owners entrust to their jobs: theirs alone.
//!
//! As with header fields, where one is and what opens it is sealed before anything is decided. What
//! opens it is never read back. The journal is told that it changed, and who wanted that; not where it
//! is. Opening it is the business of whoever may read it, when an attempt needs it.

use ebb_core::certificate::ClientCertificate;
use ebb_core::failure::{Failure, ServiceTrouble};
use ebb_core::id::JobId;
use ebb_core::job::{Event, Job};
use ebb_core::policy::{Caller, Verb};
use ebb_core::refusal::Refusal;
use tokio::sync::oneshot;

use super::work::WaitFor;
use super::{After, MainLoop, Turn};
use crate::audit;
use crate::command::{Answer, Answered};
use crate::vault::{Vault, VaultError};

const UNAVAILABLE: Failure = Failure::Service(ServiceTrouble::VaultUnavailable);

/// Where a job's certificate is, if it has one.
pub(super) fn of(job: &Job, vault: &Vault) -> Result<Option<ClientCertificate>, VaultError> {
    let opened = job.certificate.as_ref().map(|sealed| vault.open_certificate(job.id, sealed));
    opened.transpose().inspect_err(|error| {
        eprintln!("job {}: its client certificate: {error}", job.id);
    })
}

impl MainLoop {
    /// Answered when nobody is shown the old one any more.
    pub(super) fn set_certificate(
        &mut self,
        caller: Caller,
        id: JobId,
        certificate: &ClientCertificate,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let done = self.permit(caller, Verb::Entrust, id).and_then(|_| {
            let sealed = self.parts.vault.seal_certificate(id, certificate).map_err(|error| {
                eprintln!("the vault: {error}");
                Refusal::Unusable(UNAVAILABLE)
            })?;
            self.step(id, Event::SetCertificate(Some(sealed)), turn)
        });
        self.answer_certificate((caller, id, "set"), done.map(|()| WaitFor::Done), reply, turn);
    }

    /// The same; and whether there was one to remove.
    pub(super) fn remove_certificate(
        &mut self,
        caller: Caller,
        id: JobId,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let done = self.permit(caller, Verb::Entrust, id).and_then(|permit| {
            let entry = self.jobs.get(&permit.job()).ok_or(Refusal::NotFound)?;
            let had = entry.job.certificate.is_some();
            self.step(id, Event::SetCertificate(None), turn)?;
            Ok(WaitFor::Removed(had))
        });
        self.answer_certificate((caller, id, "remove"), done, reply, turn);
    }

    fn answer_certificate(
        &mut self,
        (caller, id, what): (Caller, JobId, &'static str),
        done: Result<WaitFor, Refusal>,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let outcome = done.as_ref().err().map_or(audit::DONE, Refusal::name);
        turn.audit.push(audit::certificate(id, caller.uid, what, outcome));
        match done {
            Ok(what) => self.answer_when_settled(id, what, reply, turn),
            Err(refusal) => turn.after.push(After::Answer(reply, Err(refusal))),
        }
    }

    pub(super) fn get_certificate(&self, caller: Caller, id: JobId) -> Answered {
        let permit = self.permit(caller, Verb::Entrust, id)?;
        let job = &self.jobs.get(&permit.job()).ok_or(Refusal::NotFound)?.job;
        let sealed = job.readable_certificate()?;
        let opened = self.parts.vault.open_certificate(id, sealed);
        opened.map(Answer::ClientCertificate).map_err(|_| Refusal::Unusable(UNAVAILABLE))
    }
}
