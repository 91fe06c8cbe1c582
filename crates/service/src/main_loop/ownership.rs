//! An administrator becomes the owner of a job (`job-model.md` 3.8).
//!
//! Whoever owns a job owns what it holds. So what it holds is carried over first ([`Carry`]); where
//! the taker's own file agent cannot reach it, nothing happens. Then the attempt in hand stops, and what belonged to the old owner goes with them: the helper's token,
//! and every capability that was opened on the job. Each try is in the audit log, whatever came
//! of it.

use std::rc::Rc;

use ebb_core::file::{File, Progress};
use ebb_core::id::JobId;
use ebb_core::job::{Event, Job, Spare};
use ebb_core::policy::Verb;
use ebb_core::refusal::Refusal;
use ebb_core::token::Resource;
use tokio::sync::oneshot;

use super::authority::Right;
use super::tokens::discarded;
use super::work::WaitFor;
use super::{After, MainLoop, Turn};
use crate::audit::{self, Kind, OfToken};
use crate::carry::{Carried, Carry};
use crate::clock;
use crate::command::{Answered, Asker, Looked, Message, Notice, NoticeKind};

impl MainLoop {
    /// Judges, and has agents carry over what there is.
    pub(super) fn take_ownership(
        &mut self,
        asker: Asker,
        id: JobId,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let carry = match self.may_take(&asker, id) {
            Ok(carry) => carry,
            Err(refusal) => return self.not_taken(&asker, id, refusal, reply, turn),
        };
        if carry.files.is_empty() {
            return self.take(&asker, id, reply, turn);
        }
        let outbox = self.parts.outbox.clone();
        tokio::task::spawn_local(async move {
            let carried = carry.run().await;
            let looked = Looked { job: id, asker, carry, carried, reply };
            // The main loop ends only with the process.
            let _ = outbox.send(Message::Looked(Box::new(looked)));
        });
    }

    /// The agents are done; meanwhile anything may have happened to the job.
    pub(super) fn looked(&mut self, looked: Looked, turn: &mut Turn) {
        let Looked { job: id, asker, carry, carried, reply } = looked;
        let carried = match carried {
            Ok(carried) => carried,
            Err(refusal) => return self.not_taken(&asker, id, refusal, reply, turn),
        };
        let judged = self.may_take(&asker, id).and_then(|now| {
            // What has been made or has become whole since was not looked at.
            let known = |(at, file): &(u32, File)| {
                carry.files.iter().any(|(seen, old)| {
                    (seen, &old.temporary, old.progress) == (at, &file.temporary, file.progress)
                })
            };
            now.files.iter().all(known).then_some(()).ok_or(Refusal::NewOwnerNoFileAccess)
        });
        let moved = judged.and_then(|()| {
            carried.copies.iter().try_for_each(|(at, copy)| {
                self.step(id, Event::Spare(*at, Spare::TookOver(copy.clone())), turn)
            })
        });
        match moved {
            Ok(()) => {
                self.take(&asker, id, reply, turn);
                self.settle_carried(id, carry, carried);
            }
            Err(refusal) => {
                self.not_taken(&asker, id, refusal, reply, turn);
                tokio::task::spawn_local(async move { carry.undo(&carried).await });
            }
        }
    }

    /// Descriptors go to the next attempt; what was copied is deleted by who made it.
    fn settle_carried(&mut self, id: JobId, carry: Carry, carried: Carried) {
        if let Some(entry) = self.jobs.get_mut(&id) {
            entry.work.keep(carried.kept, &entry.job);
        }
        if !carried.copies.is_empty() {
            tokio::task::spawn_local(async move { carry.delete_copied().await });
        }
    }

    /// Whether this caller may take this job, and what they would have to go on with.
    fn may_take(&self, asker: &Asker, id: JobId) -> Result<Carry, Refusal> {
        let permit = self.permit(asker.caller, Verb::Take, id)?;
        let job = &self.jobs.get(&permit.job()).ok_or(Refusal::NotFound)?.job;
        // Tried with a copy, before anybody is troubled with it.
        let mut taken = job.clone();
        let _ = taken.decide(Event::TakeOwnership(asker.token.clone()), clock::now())?;
        let is_new = taken.owner.uid != job.owner.uid;
        let identity = job.identity_for(Resource::LocalFile).ok().cloned();
        Ok(Carry {
            job: id,
            files: if is_new { to_reach(&taken) } else { Vec::new() },
            from: (job.owner.uid, identity),
            to: asker.token.clone(),
            agents: Rc::clone(&self.parts.agents),
            outbox: self.parts.outbox.clone(),
        })
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
        let record = record(asker, id, Some(&before), audit::DONE);
        turn.audit.push(record.by_right(turn.right.map(Right::name)));
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
            turn.audit.push(discarded(before, "another owner"));
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
        let job = self.jobs.get(&id).map(|entry| &entry.job);
        turn.audit.push(record(asker, id, job, refusal.name()));
        turn.after.push(After::Answer(reply, Err(refusal)));
    }
}

fn record(asker: &Asker, job: JobId, before: Option<&Job>, outcome: &str) -> audit::Record {
    OfToken {
        job,
        owner: before.map(|job| job.owner.uid),
        opener: Some(asker.caller.uid),
        caller: Some(asker.caller.uid),
        kind: Kind::OwnershipTaken,
        old: before.map(|job| &job.owner),
        new: Some(&asker.token),
        flags: before.map_or(0, |job| job.flags.bits()),
        outcome,
    }
    .record()
}

/// The files the new owner of this job has to go on with. Where files are the helper's business,
/// they stay the helper's: the identity has to be lent again.
fn to_reach(job: &Job) -> Vec<(u32, File)> {
    if job.identity_for(Resource::LocalFile).is_err() {
        return Vec::new();
    }
    let needed = |(_, file): &(u32, &File)| {
        file.temporary.is_some()
            && matches!(file.progress, Progress::Unfinished | Progress::Transferred)
    };
    let needed = (0..).zip(&job.files).filter(needed);
    needed.map(|(at, file)| (at, file.clone())).collect()
}
