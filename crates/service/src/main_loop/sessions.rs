//! Who is there, and the session a token comes from (`helper-tokens.md` R2, R5, R6, R13).
//!
//! The follower of logind tells who is there; here the tokens that `core` says are lost by that are
//! discarded, which stops their work before anybody is told. Whoever lends an identity is looked up
//! first, and taken only if their session is among those that are there when the answer has come.

use ebb_core::id::JobId;
use ebb_core::job::{Event, State};
use ebb_core::presence::{Logins, Lost, Presence};
use ebb_core::time::Now;
use tokio::sync::oneshot;

use super::{Entry, MainLoop, Turn};
use crate::command::{Answered, Asker, JobView, Lending, Message};

impl MainLoop {
    /// Takes over who is there now.
    pub(super) fn logged_on(&mut self, logins: Logins, turn: &mut Turn) {
        let now = self.parts.presence.with(logins);
        let before = std::mem::replace(&mut self.parts.presence, now);
        self.discard_lost(&before, turn);
        self.reschedule = true;
    }

    /// Whether the policy holds the jobs of this owner, who is not there.
    pub(super) fn is_held(&self, owner: u32) -> bool {
        self.parts.policy.owner_presence.holds(owner, &self.parts.presence)
    }

    /// Jobs that run and whose owner has left wait in the queue until they are back.
    pub(super) fn send_back_the_held(&mut self, turn: &mut Turn, now: Now) {
        let runs = |id: &JobId| self.jobs.get(id).map(|entry| &entry.job);
        let held: Vec<JobId> = self
            .queue
            .running()
            .filter(|id| runs(id).is_some_and(|job| self.is_held(job.owner.uid)))
            .collect();
        for id in held {
            self.step_at(id, Event::Preempt, turn, now).ok();
        }
    }

    /// A job as callers see it, with whether it waits for its owner.
    pub(super) fn view(&self, entry: &Entry, now: Now) -> JobView {
        let mut view = entry.view(now);
        if entry.job.state == State::Queued && self.is_held(entry.job.owner.uid) {
            view.reason = "owner-logged-off";
        }
        view
    }

    /// A new life of the service: of the tokens it found, those live on whose people are there.
    pub(super) fn discard_of_the_absent(&mut self, turn: &mut Turn) {
        let before = self.parts.presence.untold();
        self.discard_lost(&before, turn);
    }

    fn discard_lost(&mut self, before: &Presence, turn: &mut Turn) {
        let now = &self.parts.presence;
        let lost: Vec<(JobId, Lost)> = self
            .jobs
            .values()
            .filter_map(|entry| {
                let (owner, helper) = (entry.job.owner.uid, entry.job.helper.as_ref()?);
                Some((entry.job.id, now.lost(before, owner, helper)?))
            })
            .collect();
        for (id, why) in lost {
            self.discard_helper(id, why.name(), turn);
        }
    }

    /// Has the session found from which somebody lends their identity.
    pub(super) fn find_session(
        &self,
        capability: String,
        asker: Asker,
        reply: oneshot::Sender<Answered>,
    ) {
        let (finder, outbox) = (self.parts.finder.clone(), self.parts.outbox.clone());
        tokio::task::spawn_local(async move {
            let session = finder.session_of(asker.process.as_ref()).await;
            let lending = Lending { capability, asker, session, reply };
            // The main loop ends only with the process.
            let _ = outbox.send(Message::SessionFound(lending));
        });
    }
}
