//! What is being done for a job: one effect at a time, in order.
//!
//! Effects come from recorded steps. Nothing else of a job is begun before the attempt that must
//! stop has stopped; whoever asked for the stop is answered after it ("no byte is sent or written
//! under the old identity after the method has returned", R9), and listeners are told after it.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use ebb_core::file::{File, Progress};
use ebb_core::id::{AttemptId, JobId};
use ebb_core::job::{Effect, Event, Job, Patience};
use ebb_core::refusal::Refusal;
use ebb_core::time::Moment;
use ebb_core::token::Resource;
use tokio::sync::{oneshot, watch};

use super::{After, MainLoop, Turn};
use crate::attempt::kept::KeptFiles;
use crate::attempt::{Attempt, Entrusted, Order, logins, room};
use crate::clock;
use crate::command::{Answer, Answered, Message, Notice};
use crate::finish::Finish;

/// What is being done for a job, and what comes next.
#[derive(Default)]
pub(super) struct Work {
    hand: Hand,
    queue: VecDeque<Effect>,
    waiters: Vec<Waiter>,
    held_back: Vec<Notice>,
    /// Bytes received of the files in transfer; not durable yet.
    pub(super) live: BTreeMap<u32, u64>,
    /// For the next attempt, where its file identity is another.
    kept: KeptFiles,
}

#[derive(Default)]
enum Hand {
    #[default]
    Free,
    Attempt(Running),
    /// Renaming or deleting.
    Finishing,
}

struct Running {
    attempt: AttemptId,
    stop: watch::Sender<bool>,
    since: Moment,
    bytes_before: u64,
}

/// Somebody who is answered when everything asked for so far has been done.
struct Waiter {
    what: WaitFor,
    reply: oneshot::Sender<Answered>,
}

/// What the answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitFor {
    Done,
    Cancel,
    Complete,
    /// So many remote names were replaced.
    Replaced(u32),
    /// Whether credentials were removed.
    Removed(bool),
}

impl WaitFor {
    /// What the asker of this event wants to hear of.
    pub(super) fn outcome_of(event: &Event) -> Self {
        if *event == Event::Cancel {
            Self::Cancel
        } else if *event == Event::Complete {
            Self::Complete
        } else {
            Self::Done
        }
    }
}

impl Work {
    /// Keeps descriptors for the next attempt of a job that has another owner now.
    pub(super) fn keep(&mut self, kept: KeptFiles, job: &Job) {
        self.kept.absorb(kept);
        self.kept.retain_for(job);
    }

    pub(super) fn expect(&mut self, effects: Vec<Effect>) {
        self.queue.extend(effects);
    }

    pub(super) fn hold_back(&mut self, notices: Vec<Notice>) {
        self.held_back.extend(notices);
    }

    /// Whether a stop is under way or waits to be.
    pub(super) fn is_stopping(&self) -> bool {
        let asked = matches!(&self.hand, Hand::Attempt(running) if *running.stop.borrow());
        asked || self.queue.iter().any(|effect| matches!(effect, Effect::StopAttempt(_)))
    }

    pub(super) fn is_busy(&self) -> bool {
        !matches!(self.hand, Hand::Free)
    }

    pub(super) fn is_idle(&self) -> bool {
        !self.is_busy() && self.queue.is_empty()
    }

    pub(super) fn attempt_in_hand(&self) -> bool {
        matches!(self.hand, Hand::Attempt(_))
    }

    /// Since when the job runs, and how many bytes it has moved since.
    pub(super) fn slice(&self, job: &Job, held: u64) -> Option<(Moment, u64)> {
        match &self.hand {
            Hand::Attempt(running) => {
                Some((running.since, held.saturating_sub(running.bytes_before)))
            }
            Hand::Free | Hand::Finishing if job.state.attempt().is_some() => {
                Some((clock::now().moment, 0))
            }
            Hand::Free | Hand::Finishing => None,
        }
    }

    /// Says for how long it ran.
    pub(super) fn attempt_over(&mut self, over: AttemptId, kept: KeptFiles, job: &Job) -> Duration {
        let Hand::Attempt(Running { attempt, since, .. }) = self.hand else {
            return Duration::ZERO;
        };
        if attempt != over {
            return Duration::ZERO;
        }
        self.hand = Hand::Free;
        self.live.clear();
        self.kept.absorb(kept);
        self.kept.retain_for(job);
        clock::now().moment.since(since)
    }

    /// Tells the attempt in hand to stop, if there is one.
    pub(super) fn stop(&mut self) {
        if let Hand::Attempt(running) = &self.hand {
            running.stop.send_replace(true);
        }
    }

    /// Whether everything that was asked for has been done; a running attempt is not asked for.
    fn is_settled(&self) -> bool {
        let only_starts = self.queue.iter().all(|e| matches!(e, Effect::StartAttempt(_)));
        only_starts && !matches!(self.hand, Hand::Finishing) && !self.is_stopping()
    }

    /// The next effect that can be begun now.
    fn next(&mut self) -> Option<Effect> {
        loop {
            match (self.queue.front()?, &self.hand) {
                (Effect::StopAttempt(old), Hand::Attempt(running)) if *old == running.attempt => {
                    running.stop.send_replace(true);
                    return None;
                }
                (Effect::StopAttempt(_), _) => drop(self.queue.pop_front()),
                (_, Hand::Free) => return self.queue.pop_front(),
                (_, Hand::Attempt(_) | Hand::Finishing) => return None,
            }
        }
    }
}

impl MainLoop {
    /// Begins what can be begun for a job, and answers who waited for what is done.
    pub(super) fn act(&mut self, id: JobId) {
        if !self.finishing {
            while let Some(effect) = self.jobs.get_mut(&id).and_then(|entry| entry.work.next()) {
                self.begin(id, effect);
            }
        }
        self.index(id);
        let Some(entry) = self.jobs.get_mut(&id) else {
            return;
        };
        if !entry.work.is_settled() {
            return;
        }
        let held_back = std::mem::take(&mut entry.work.held_back);
        for waiter in std::mem::take(&mut entry.work.waiters) {
            // Whoever asked may be gone.
            let _ = waiter.reply.send(outcome(waiter.what, &entry.job));
        }
        if !held_back.is_empty() {
            self.may_be_told(id);
        }
        for notice in held_back {
            self.say(notice);
        }
    }

    /// Answers `reply` when everything the job has been asked for is done.
    pub(super) fn answer_when_settled(
        &mut self,
        id: JobId,
        what: WaitFor,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        match self.jobs.get_mut(&id) {
            Some(entry) => entry.work.waiters.push(Waiter { what, reply }),
            None => turn.after.push(After::Answer(reply, Err(Refusal::NotFound))),
        }
        turn.after.push(After::Act(id));
    }

    /// The hand that renamed or deleted is free again.
    pub(super) fn free(&mut self, id: JobId) {
        if let Some(entry) = self.jobs.get_mut(&id) {
            entry.work.hand = Hand::Free;
        }
    }

    fn begin(&mut self, id: JobId, effect: Effect) {
        match effect {
            Effect::StartAttempt(attempt) => self.begin_attempt(id, attempt),
            Effect::Complete => self.begin_finish(id, move |finish| async move {
                Message::Completed(id, finish.complete().await)
            }),
            Effect::DeleteTemporaries => self.begin_finish(id, move |finish| async move {
                Message::Deleted(id, finish.delete_all().await)
            }),
            // Nothing left to stop: `next` has seen to it.
            Effect::StopAttempt(_) => {}
        }
    }

    fn begin_attempt(&mut self, id: JobId, attempt: AttemptId) {
        let Some(entry) = self.jobs.get_mut(&id) else {
            return;
        };
        let job = &entry.job;
        // Stopped before it began; the stop is next in the queue.
        if job.state.attempt() != Some(attempt) {
            return;
        }
        let identities = (
            job.identity_for(Resource::LocalFile),
            job.identity_for(Resource::Network),
            job.certificate_identity(),
        );
        let (Ok(file_identity), Ok(network_identity), Ok(reader)) = identities else {
            return;
        };
        let Ok(headers) = super::headers::of(job, &self.parts.vault) else {
            return self.fail_at_once(id, attempt);
        };
        let Ok(credentials) = super::credentials::of(job, &self.parts.vault) else {
            return self.fail_at_once(id, attempt);
        };
        let Ok(certificate) = super::certificates::of(job, &self.parts.vault) else {
            return self.fail_at_once(id, attempt);
        };
        let entrusted = certificate.zip(reader.cloned());
        let order = Order {
            job: id,
            attempt,
            owner: job.owner.uid,
            file_identity: file_identity.clone(),
            network_identity: network_identity.clone(),
            terms: job.terms.clone(),
            room: room(&job.terms, &job.files),
            clear_up_as: [Some(file_identity), job.helper.as_ref(), Some(&job.owner)]
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
            files: job.to_fetch().map(|at| (at, job.files[at as usize].clone())).collect(),
            headers,
            logins: logins(&credentials),
            entrusted: entrusted.map(|(certificate, reader)| Entrusted { certificate, reader }),
            authorities: job.authorities.clone(),
            validated: job.validated,
            afresh: Cell::new(job.patience == Patience::default()),
            only_requested: job.terms.on_demand,
            bucket: self.buckets.of(id),
            connections: self.parts.policy.connections_per_file,
            stall_timeout_ms: self.parts.policy.stall_timeout * 1000,
        };
        let (stop, stopped) = watch::channel(false);
        let (agents, outbox) = (Rc::clone(&self.parts.agents), self.parts.outbox.clone());
        let kept = std::mem::take(&mut entry.work.kept);
        tokio::task::spawn_local(Attempt::new(order, kept, agents, outbox, stopped).run());
        let since = clock::now().moment;
        let bytes_before = entry.sums.held;
        entry.work.hand = Hand::Attempt(Running { attempt, stop, since, bytes_before });
    }

    fn begin_finish<F>(&mut self, id: JobId, how: impl FnOnce(Finish) -> F + 'static)
    where
        F: Future<Output = Message>,
    {
        let Some(entry) = self.jobs.get_mut(&id) else {
            return;
        };
        entry.work.hand = Hand::Finishing;
        entry.work.kept = KeptFiles::default();
        let finish = Finish::of(&entry.job, Rc::clone(&self.parts.agents));
        let outbox = self.parts.outbox.clone();
        tokio::task::spawn_local(async move {
            let message = how(finish).await;
            // The main loop ends only with the process.
            let _ = outbox.send(message);
        });
    }
}

/// What became of what was asked for.
fn outcome(what: WaitFor, job: &Job) -> Answered {
    let left_over = job.files.iter().any(File::has_temporary);
    let dropped = job.files.iter().any(|file| file.progress == Progress::Dropped);
    match what {
        WaitFor::Done => Ok(Answer::Done),
        WaitFor::Replaced(names) => Ok(Answer::Replaced(names)),
        WaitFor::Removed(had) => Ok(Answer::Removed(had)),
        WaitFor::Complete if !job.state.is_final() => match &job.error {
            Some(trouble) => Err(Refusal::Unusable(trouble.failure)),
            None => Err(Refusal::InvalidState),
        },
        WaitFor::Complete | WaitFor::Cancel if left_over => {
            Ok(Answer::Outcome("unable-to-delete-files"))
        }
        WaitFor::Complete if dropped => Ok(Answer::Outcome("partial-complete")),
        WaitFor::Complete | WaitFor::Cancel => Ok(Answer::Outcome("done")),
    }
}
