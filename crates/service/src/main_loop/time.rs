//! What time brings: deadlines, memories that fade, a new life after a restart, a clean end.
//!
//! Never here: what a deadline means for a job; that is `core`'s.

use std::time::Duration;

use ebb_core::event::Before;
use ebb_core::history::Before as Past;
use ebb_core::id::JobId;
use ebb_core::job::Event;
use ebb_core::time::{Moment, Now};

use super::sums::Sums;
use super::{After, MainLoop, Turn};
use crate::clock;
use crate::conditions::Zone;

/// Look again at least this often: the timer below us stands still while the machine sleeps.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// Jobs that are over are remembered this long, in seconds.
const REMEMBERED: i64 = 24 * 3600;
/// Whose time is over is looked for this often: it means looking at every job.
const FORGET_EVERY: Duration = Duration::from_secs(60);
/// A clean end may take this long.
const FINISH_PATIENCE: Duration = Duration::from_secs(8);

impl MainLoop {
    /// Retries that are due, slices that are over, memories that fade.
    pub(super) fn look_at_the_clock(&mut self, turn: &mut Turn) {
        let now = clock::now();
        for id in self.queue.due(now.moment) {
            self.step_at(id, Event::Due, turn, now).ok();
        }
        if self.slice_ends.is_some_and(|at| at <= now.moment) {
            self.reschedule = true;
        }
        self.look_at_the_hour(now);
        self.note_paths(now, turn);
        self.tell_waiting(now.moment);
        if self.forget_at <= now.moment {
            self.forget_at = now.moment.after(FORGET_EVERY);
            self.parts.zone = Zone::read();
            self.forget_old(now, turn);
            self.give_up_inactive(now, turn);
        }
        self.parts.agents.let_idle_go();
    }

    pub(super) fn sleep(&self, now: Moment) -> Duration {
        if self.weather.is_unsettled() {
            return Duration::ZERO;
        }
        let deadlines = self.queue.next_deadline().into_iter();
        let next = deadlines
            .chain(self.slice_ends)
            .chain(self.weather.changes_at())
            .chain(self.registered.next_due())
            .chain(self.next_call(now))
            .min();
        next.map_or(LONGEST_SLEEP, |at| at.since(now).min(LONGEST_SLEEP))
    }

    fn forget_old(&mut self, now: Now, turn: &mut Turn) {
        let old: Vec<JobId> = self
            .jobs
            .values()
            .filter(|entry| entry.job.state.is_final() && entry.work.is_idle())
            .filter(|entry| now.wall.0 - entry.job.modified.0 > REMEMBERED)
            .map(|entry| entry.job.id)
            .collect();
        for id in old {
            if self.tries_left_overs_again(id, turn, now) {
                continue;
            }
            if let Some(entry) = self.jobs.remove(&id) {
                self.order.remove(&entry.number);
                self.owners.keep((entry.number, id), Some(entry.standing()), None);
                self.forget_events(&entry, turn);
                self.calls.forget(id);
            }
            turn.batch.forget(id);
        }
    }

    /// What died with the last life of the service is put right: attempts, tokens of another boot,
    /// effects that may not have been carried out.
    pub(super) fn after_restart(&mut self, turn: &mut Turn) {
        let ids: Vec<JobId> = self.order.values().copied().collect();
        let now = clock::now();
        for id in ids {
            let Some(entry) = self.jobs.get_mut(&id) else {
                continue;
            };
            let (number, standing) = (entry.number, entry.standing());
            let before = Before::of(&entry.job, None);
            let past = Past::of(&entry.job, None);
            let step = entry.job.after_restart(self.parts.boot_before);
            self.owners.keep((number, id), Some(standing), Some(entry.standing()));
            if step.job_changed {
                turn.batch.put_job(&entry.job);
            }
            for &at in &step.files_changed {
                turn.batch.put_file(id, at, &entry.job.files[at as usize]);
            }
            if !step.files_changed.is_empty() {
                entry.sums = Sums::of(&entry.job);
            }
            let happened = before.what_happened(&entry.job, &step, now);
            if let Some(deed) = past.entry(&entry.job, &step) {
                entry.remember(deed, turn, now);
            }
            entry.work.expect(step.effects);
            let old = entry.job.helper.as_ref().is_some_and(|t| t.boot != self.parts.boot);
            self.index(id);
            for what in happened {
                self.note(id, now.wall, what, turn);
            }
            if old {
                self.discard_helper(id, "another boot", turn);
            }
            turn.after.push(After::Act(id));
        }
        self.discard_of_the_absent(turn);
        // What the surroundings were like in the last life means nothing now.
        self.judge_all();
    }

    /// A clean end: agents stop at a synced byte, which is written down.
    pub(super) async fn wind_up(mut self) -> Result<(), ebb_store::StoreError> {
        for entry in self.jobs.values_mut() {
            entry.work.stop();
        }
        let deadline = tokio::time::Instant::now() + FINISH_PATIENCE;
        while self.jobs.values().any(|entry| entry.work.is_busy()) {
            let Ok(message) = tokio::time::timeout_at(deadline, self.parts.inbox.recv()).await
            else {
                break;
            };
            let mut turn = Turn::default();
            if let Some(message) = message {
                self.hear(message, &mut turn);
            }
            self.finish_turn(turn).await?;
        }
        self.note_last_paths().await?;
        self.parts.writer.close();
        Ok(())
    }
}
