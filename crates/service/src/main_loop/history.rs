//! A job's history: who asked for what, and what became of it.
//!
//! What is remembered is `core`'s rule ([`ebb_core::history`]); here it gets its number, the time and
//! who asked, and goes into the transaction of the step it is about. Nothing of it is kept in memory
//! but how many entries there are: whoever may see the job has the store asked, after all that was
//! answered before.

use ebb_core::history::{self, Deed};
use ebb_core::id::JobId;
use ebb_core::policy::{Caller, Verb};
use ebb_core::refusal::Refusal;
use ebb_core::time::Now;
use tokio::sync::oneshot;

use super::{After, Entry, MainLoop, Turn};
use crate::command::{Answer, Answered};

/// The most entries a page holds.
const PAGE: u32 = 1000;

impl Entry {
    /// Has a deed remembered, by whoever this turn's message is from.
    pub(super) fn remember(
        &mut self,
        (deed, mut detail, state): (Deed, String, Option<ebb_core::event::Standing>),
        turn: &mut Turn,
        now: Now,
    ) {
        if let Some(why) = turn.why.take() {
            detail = format!("{detail}; {why}");
        }
        self.remembered += 1;
        let entry = history::Entry { at: now.wall, by: turn.acting, deed, detail, state };
        turn.batch.put_history(self.job.id, self.remembered, &entry);
    }
}

impl MainLoop {
    /// Takes over how long the histories are.
    pub(super) fn adopt_histories(&mut self, newest: &[(JobId, u64)]) {
        for (id, number) in newest {
            if let Some(entry) = self.jobs.get_mut(id) {
                entry.remembered = *number;
            }
        }
    }

    /// A page of a job's history, for whoever may see the job.
    pub(super) fn history(
        &self,
        caller: Caller,
        id: JobId,
        (after, limit): (u64, u32),
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let limit = if limit == 0 { PAGE } else { limit.min(PAGE) };
        let read = match self.permit(caller, Verb::See, id) {
            Ok(permit) => self.parts.writer.history(permit.job(), after, limit),
            Err(refusal) => return turn.after.push(After::Answer(reply, Err(refusal))),
        };
        tokio::task::spawn_local(async move {
            let answer = match read.await {
                Ok(Ok(entries)) => Ok(Answer::History(entries)),
                Ok(Err(error)) => {
                    eprintln!("job {id}: {error}");
                    Err(Refusal::HistoryUnavailable)
                }
                // The thread that answers is gone, and so are we.
                Err(_) => Err(Refusal::ShuttingDown),
            };
            // Whoever asked may be gone.
            let _ = reply.send(answer);
        });
    }
}
