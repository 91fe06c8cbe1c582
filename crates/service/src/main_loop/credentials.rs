//! Credentials that owners entrust to their jobs: theirs alone, never read back, and sealed in
//! every place but the attempt.
//!
//! As with header fields they are sealed before anything is decided. What cannot be opened when it
//! is needed is an error of the job, which its owner mends by setting it again. The journal is told
//! that a set changed, for what, and who wanted that; not a word of what is in it.

use ebb_core::credentials::{AuthPair, Credentials};
use ebb_core::failure::{Failure, ServiceTrouble};
use ebb_core::id::JobId;
use ebb_core::job::{Event, Job};
use ebb_core::policy::{Caller, Verb};
use ebb_core::refusal::Refusal;
use tokio::sync::oneshot;

use super::work::WaitFor;
use super::{After, MainLoop, Turn};
use crate::audit;
use crate::command::Answered;
use crate::vault::{Vault, VaultError};

/// What a job logs on with, in the clear.
pub(super) fn of(job: &Job, vault: &Vault) -> Result<Vec<(AuthPair, Credentials)>, VaultError> {
    let open = |(pair, sealed): (&AuthPair, _)| {
        let opened = vault.open_credentials(job.id, *pair, sealed);
        opened.map(|set| (*pair, set)).inspect_err(|error| {
            eprintln!("job {}: its credentials: {error}", job.id);
        })
    };
    job.credentials.iter().map(open).collect()
}

impl MainLoop {
    /// Answered when nobody logs on with the old ones any more.
    pub(super) fn set_credentials(
        &mut self,
        caller: Caller,
        id: JobId,
        pair: AuthPair,
        set: &Credentials,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let done = self.permit(caller, Verb::Entrust, id).and_then(|_| {
            let sealed = self.parts.vault.seal_credentials(id, pair, set).map_err(|error| {
                eprintln!("the vault: {error}");
                Refusal::Unusable(Failure::Service(ServiceTrouble::VaultUnavailable))
            })?;
            self.step(id, Event::SetCredentials(pair, Some(sealed)), turn)
        });
        let what = if set.login().is_some() { "set" } else { "set-implicit" };
        let done = done.map(|()| WaitFor::Done);
        self.answer_credentials((caller, id, pair, what), done, reply, turn);
    }

    /// The same; and whether there was anything to remove.
    pub(super) fn remove_credentials(
        &mut self,
        caller: Caller,
        id: JobId,
        pair: AuthPair,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let done = self.permit(caller, Verb::Entrust, id).and_then(|permit| {
            let entry = self.jobs.get(&permit.job()).ok_or(Refusal::NotFound)?;
            let had = entry.job.credentials.contains_key(&pair);
            self.step(id, Event::SetCredentials(pair, None), turn)?;
            Ok(WaitFor::Removed(had))
        });
        self.answer_credentials((caller, id, pair, "remove"), done, reply, turn);
    }

    fn answer_credentials(
        &mut self,
        (caller, id, pair, what): (Caller, JobId, AuthPair, &'static str),
        done: Result<WaitFor, Refusal>,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let outcome = done.as_ref().err().map_or(audit::DONE, Refusal::name);
        turn.audit.push(audit::credentials(id, caller.uid, pair, what, outcome));
        match done {
            Ok(what) => self.answer_when_settled(id, what, reply, turn),
            Err(refusal) => turn.after.push(After::Answer(reply, Err(refusal))),
        }
    }
}
