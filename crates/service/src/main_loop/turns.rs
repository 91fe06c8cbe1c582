//! Whose turn it is: the schedule, applied.
//!
//! The rules are `core`'s ([`ebb_core::schedule`]); here candidates are gathered, and what it says is
//! done. Never here: a rule of its own.

use ebb_core::job::Event;
use ebb_core::schedule::{self, Candidate, Slots, Turn as Standing};

use super::{MainLoop, Turn};
use crate::clock;

impl MainLoop {
    /// Starts whose turn it is, and stops who has to make room.
    pub(super) fn schedule(&mut self, turn: &mut Turn) {
        while std::mem::take(&mut self.reschedule) && !self.finishing {
            self.judge(turn);
            let now = clock::now();
            self.send_back_the_held(turn, now);
            let batch = schedule::batch(&self.candidates(), self.slots(), &self.turns, now.moment);
            self.slice_ends = batch.wake_at;
            for id in batch.preempt {
                self.step_at(id, Event::Preempt, turn, now).ok();
            }
            for id in batch.start {
                if self.hold_if_blocked(id, turn, now) {
                    continue;
                }
                if let Some(entry) = self.jobs.get(&id) {
                    self.turns.served(id, entry.job.owner.uid);
                }
                self.step_at(id, Event::Start, turn, now).ok();
            }
            self.share_bandwidth(now);
        }
    }

    pub(super) fn slots(&self) -> Slots {
        Slots {
            foreground: self.parts.policy.foreground_slots as usize,
            background: self.parts.policy.background_slots as usize,
        }
    }

    fn candidates(&self) -> Vec<Candidate> {
        let slots = self.slots();
        // What runs is put back at most as often as there are slots, and these are filled again.
        let most = 2 * (slots.foreground + slots.background);
        let choice = self.queue.choice(most, |owner| self.is_held(owner));
        choice
            .iter()
            .filter_map(|id| self.jobs.get(id))
            .map(|entry| Candidate {
                job: entry.job.id,
                owner: entry.job.owner.uid,
                priority: entry.job.terms.priority,
                turn: entry
                    .work
                    .slice(&entry.job, entry.sums.held)
                    .map_or(Standing::Waiting, |(since, bytes)| Standing::Running { since, bytes }),
            })
            .collect()
    }
}
