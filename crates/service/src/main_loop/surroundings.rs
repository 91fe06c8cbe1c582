//! Who may not move now, and who may again: the verdicts of `core`, applied.
//!
//! A job is judged when it changes, and before it starts; all are judged when the surroundings or
//! the rules change, those that run at once and the others a thousand in a turn. Never here: a rule
//! of its own.

use std::collections::BTreeSet;

use ebb_core::conditions::{Surroundings, Verdict, Wanting};
use ebb_core::id::JobId;
use ebb_core::job::{Event, Job, Priority};
use ebb_core::time::{Moment, Now};

use super::{MainLoop, Turn};
use crate::clock;
use crate::conditions::Sighting;

/// So many jobs are judged in one turn, when all are.
const SWEEP: usize = 1000;

/// Who is to be judged, and when the hour changes what is allowed.
#[derive(Debug, Default)]
pub(super) struct Weather {
    unjudged: BTreeSet<JobId>,
    /// All jobs from this number on are to be judged.
    sweep: Option<Sweep>,
    /// The limits of the hour, by priority.
    limits: [Option<u32>; 4],
    changes_at: Option<Moment>,
}

#[derive(Clone, Copy, Debug)]
struct Sweep {
    next: u64,
    /// What waits for a retry is queued.
    network_came: bool,
}

impl Weather {
    /// This job is to be judged before the next turn is over.
    pub(super) fn judge(&mut self, job: JobId) {
        self.unjudged.insert(job);
    }

    /// Whether there is more to judge than one turn could hold.
    pub(super) fn is_unsettled(&self) -> bool {
        self.sweep.is_some()
    }

    /// When the hour changes what is allowed.
    pub(super) fn changes_at(&self) -> Option<Moment> {
        self.changes_at
    }
}

/// Whether an event may change what the surroundings mean for a job that stays in its state.
pub(super) fn may_matter(event: &Event) -> bool {
    matches!(event, Event::Set(_) | Event::AddFiles(_) | Event::SetRemoteNames(_))
}

impl MainLoop {
    /// Takes over what a watcher has seen.
    pub(super) fn sighted(&mut self, sighting: Sighting) {
        let before = self.parts.surroundings;
        if let Sighting::Network { came, .. } = sighting {
            self.parts.agents.network_seen(came);
        }
        let (now, came) = match sighting {
            Sighting::Network { network, came } => (Surroundings { network, ..before }, came),
            Sighting::Cost(cost) => (Surroundings { cost, ..before }, false),
            Sighting::Power(power) => (Surroundings { power, ..before }, false),
        };
        self.parts.surroundings = now;
        if before != self.parts.surroundings {
            println!("the surroundings are now {:?}", self.parts.surroundings);
        }
        if came || before != self.parts.surroundings {
            self.sweep(came);
        }
    }

    /// What is allowed may be something else from now on.
    pub(super) fn judge_all(&mut self) {
        self.sweep(false);
    }

    fn sweep(&mut self, network_came: bool) {
        // A sweep that has not come to its end begins anew, and loses nothing.
        let pending = self.weather.sweep.is_some_and(|sweep| sweep.network_came);
        self.weather.sweep = Some(Sweep { next: 0, network_came: network_came || pending });
        self.weather.unjudged.extend(self.queue.running());
        self.reschedule = true;
    }

    /// The hour may have come that allows something else.
    pub(super) fn look_at_the_hour(&mut self, now: Now) {
        let bandwidth = &self.parts.policy.conditions.bandwidth;
        let time = self.parts.zone.local_time(now.wall);
        let limits = Priority::ALL.map(|priority| bandwidth.limit(priority, time));
        self.weather.changes_at = bandwidth.until_change(time).map(|still| now.moment.after(still));
        if std::mem::replace(&mut self.weather.limits, limits) != limits {
            self.judge_all();
        }
        self.reschedule |= self.weather.sweep.is_some();
    }

    /// Judges whoever is to be judged. What a verdict changes is judged again, once.
    pub(super) fn judge(&mut self, turn: &mut Turn) {
        let now = clock::now();
        self.go_on_sweeping(turn, now);
        while let Some(id) = self.weather.unjudged.pop_first() {
            let Some(entry) = self.jobs.get(&id) else {
                continue;
            };
            let verdict = self.verdict(&entry.job, now);
            let event = match (verdict, entry.job.blocked_by()) {
                (Some(Verdict::Blocked { by, .. }), present) if present != Some(by) => {
                    Event::Block(by)
                }
                (Some(Verdict::May(_)), Some(_)) => Event::Allow,
                (Some(Verdict::Blocked { .. } | Verdict::May(_)) | None, _) => continue,
            };
            self.step_at(id, event, turn, now).ok();
        }
    }

    fn go_on_sweeping(&mut self, turn: &mut Turn, now: Now) {
        let Some(Sweep { next, network_came }) = self.weather.sweep.take() else {
            return;
        };
        let swept: Vec<(u64, JobId)> =
            self.order.range(next..).take(SWEEP).map(|(number, id)| (*number, *id)).collect();
        if let (SWEEP, Some((last, _))) = (swept.len(), swept.last()) {
            self.weather.sweep = Some(Sweep { next: last + 1, network_came });
        }
        for (_, id) in swept {
            if network_came {
                self.step_at(id, Event::NetworkCame, turn, now).ok();
            }
            self.weather.judge(id);
        }
    }

    /// Whether a job that was to start may not; then it has been told to wait.
    pub(super) fn hold_if_blocked(&mut self, id: JobId, turn: &mut Turn, now: Now) -> bool {
        let job = self.jobs.get(&id).map(|entry| &entry.job);
        let Some(Verdict::Blocked { by, .. }) = job.and_then(|job| self.verdict(job, now)) else {
            return false;
        };
        self.step_at(id, Event::Block(by), turn, now).ok();
        true
    }

    /// What the surroundings mean for this job; nothing if it does not mind them now.
    fn verdict(&self, job: &Job, now: Now) -> Option<Verdict> {
        let rules = &self.parts.policy.conditions;
        let time = self.parts.zone.local_time(now.wall);
        job.minds_surroundings()
            .then(|| rules.verdict(self.parts.surroundings, time, Wanting::of(job)))
    }
}
