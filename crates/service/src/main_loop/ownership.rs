//! An administrator becomes the owner of a job (`job-model.md` 3.8).
//!
//! Whoever owns a job owns what it holds. So the taker's own file agent is asked first to open
//! every temporary file that it would have to go on with; if it cannot, nothing happens. Then the
//! attempt in hand stops, and what belonged to the old owner goes with them: the helper's token,
//! and every capability that was opened on the job. Each try is in the audit log, whatever came
//! of it.

use std::rc::Rc;

use ebb_core::failure::Failure;
use ebb_core::file::{File, Progress};
use ebb_core::id::JobId;
use ebb_core::job::{Event, Job};
use ebb_core::policy::Verb;
use ebb_core::refusal::Refusal;
use ebb_core::token::{Resource, Token};
use tokio::sync::oneshot;

use super::work::WaitFor;
use super::{After, MainLoop, Turn};
use crate::agents::Agents;
use crate::agents::files::FileAgent;
use crate::audit::Record;
use crate::clock;
use crate::command::{Answered, Asker, Looked, Message, Notice, NoticeKind};

impl MainLoop {
    /// Judges, and has the taker's agent look at what there is.
    pub(super) fn take_ownership(
        &mut self,
        asker: Asker,
        id: JobId,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let files = match self.may_take(&asker, id) {
            Ok(files) => files,
            Err(refusal) => return self.not_taken(&asker, id, refusal, reply, turn),
        };
        if files.is_empty() {
            return self.take(&asker, id, reply, turn);
        }
        let (agents, outbox) = (Rc::clone(&self.parts.agents), self.parts.outbox.clone());
        tokio::task::spawn_local(async move {
            let reached = reach(&agents, &asker.token, &files).await;
            // The main loop ends only with the process.
            let _ = outbox.send(Message::Looked(Looked { job: id, asker, files, reached, reply }));
        });
    }

    /// The agent has looked; meanwhile anything may have happened to the job.
    pub(super) fn looked(&mut self, looked: Looked, turn: &mut Turn) {
        let Looked { job: id, asker, files, reached, reply } = looked;
        let judged = reached.and_then(|()| self.may_take(&asker, id)).and_then(|now| {
            let known = |file: &File| files.iter().any(|seen| seen.temporary == file.temporary);
            // What has been made since was made by the old owner.
            if now.iter().all(known) { Ok(()) } else { Err(Refusal::NewOwnerNoFileAccess) }
        });
        match judged {
            Ok(()) => self.take(&asker, id, reply, turn),
            Err(refusal) => self.not_taken(&asker, id, refusal, reply, turn),
        }
    }

    /// Whether this caller may take this job, and what they would have to go on with.
    fn may_take(&self, asker: &Asker, id: JobId) -> Result<Vec<File>, Refusal> {
        let permit = self.permit(asker.caller, Verb::Take, id)?;
        let job = &self.jobs.get(&permit.job()).ok_or(Refusal::NotFound)?.job;
        // Tried with a copy, before anybody is troubled with it.
        let mut taken = job.clone();
        let _ = taken.decide(Event::TakeOwnership(asker.token.clone()), clock::now())?;
        let is_new = taken.owner.uid != job.owner.uid;
        Ok(if is_new { to_reach(&taken) } else { Vec::new() })
    }

    fn take(
        &mut self,
        asker: &Asker,
        id: JobId,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let Some(before) = self.jobs.get(&id).map(|entry| entry.job.clone()) else {
            return self.not_taken(asker, id, Refusal::NotFound, reply, turn);
        };
        if let Err(refusal) = self.step(id, Event::TakeOwnership(asker.token.clone()), turn) {
            return self.not_taken(asker, id, refusal, reply, turn);
        }
        record(asker, id, Some(&before), "done");
        if before.owner.uid != asker.token.uid {
            self.hand_over(&before, asker, turn);
        }
        self.answer_when_settled(id, WaitFor::Done, reply, turn);
    }

    /// For the old owner the job is gone; for the new one it is new.
    fn hand_over(&mut self, before: &Job, asker: &Asker, turn: &mut Turn) {
        self.capabilities.close_all_for(before.id);
        let (old, new) = (before.owner.uid, asker.token.uid);
        let told = [(old, NoticeKind::Removed), (new, NoticeKind::Added)];
        let number = self.jobs.get(&before.id).map_or(0, super::Entry::last_event);
        let told = told.map(|(owner, what)| Notice { job: before.id, owner, number, what });
        match self.jobs.get_mut(&before.id) {
            Some(entry) if entry.work.is_stopping() => entry.work.hold_back(told.into()),
            Some(_) | None => turn.after.extend(told.map(After::Tell)),
        }
        if before.helper.is_some() {
            Record {
                job: before.id,
                opener: "service".into(),
                action: "discard",
                old: before.helper.as_ref(),
                new: None,
                flags: before.flags.bits(),
                outcome: "another owner",
            }
            .write();
        }
    }

    fn not_taken(
        &self,
        asker: &Asker,
        id: JobId,
        refusal: Refusal,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        record(asker, id, self.jobs.get(&id).map(|entry| &entry.job), refusal.name());
        turn.after.push(After::Answer(reply, Err(refusal)));
    }
}

fn record(asker: &Asker, job: JobId, before: Option<&Job>, outcome: &str) {
    Record {
        job,
        opener: asker.caller.uid.to_string(),
        action: "take",
        old: before.map(|job| &job.owner),
        new: Some(&asker.token),
        flags: before.map_or(0, |job| job.flags.bits()),
        outcome,
    }
    .write();
}

/// The files the new owner of this job has to go on with. Where files are the helper's business,
/// they stay the helper's: the identity has to be lent again.
fn to_reach(job: &Job) -> Vec<File> {
    if job.identity_for(Resource::LocalFile).is_err() {
        return Vec::new();
    }
    let needed = |file: &&File| {
        file.temporary.is_some()
            && matches!(file.progress, Progress::Unfinished | Progress::Transferred)
    };
    job.files.iter().filter(needed).cloned().collect()
}

/// Opens each file as the new owner would have to, and closes it again.
async fn reach(agents: &Agents, token: &Token, files: &[File]) -> Result<(), Refusal> {
    for file in files {
        let Some(temporary) = &file.temporary else { continue };
        let ask = async |agent: &FileAgent| {
            agent.reopen(&file.destination, temporary, file.durable).await
        };
        match agents.ask_files(token.uid, token, ask).await {
            Ok(_) => {}
            Err(Failure::Destination(_)) => return Err(Refusal::NewOwnerNoFileAccess),
            Err(failure) => return Err(Refusal::Unusable(failure)),
        }
    }
    Ok(())
}
