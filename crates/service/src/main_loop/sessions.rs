//! Who is there, and the session a token comes from (`helper-tokens.md` R2, R5, R6, R13).
//!
//! The follower of logind tells who is there; here the tokens that `core` says are lost by that are
//! discarded, which stops their work before anybody is told. Whoever lends an identity is looked up
//! first, and taken only if their session is among those that are there when the answer has come.

use ebb_core::id::JobId;
use ebb_core::presence::{Logins, Lost, Presence};
use tokio::sync::oneshot;

use super::{MainLoop, Turn};
use crate::command::{Answered, Asker, Lending, Message};

impl MainLoop {
    /// Takes over who is there now.
    pub(super) fn logged_on(&mut self, logins: Logins, turn: &mut Turn) {
        let now = self.parts.presence.with(logins);
        let before = std::mem::replace(&mut self.parts.presence, now);
        self.discard_lost(&before, turn);
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
