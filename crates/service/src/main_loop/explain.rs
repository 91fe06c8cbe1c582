//! Why a job does what it does: what `core` needs to say it, gathered.
//!
//! Whoever may see the job may ask. Of other owners' jobs only whether there are some goes in.

use std::time::Duration;

use ebb_core::explain::{Course, Occupied, Path, Standing, explain};
use ebb_core::id::JobId;
use ebb_core::job::{Job, Priority, State};
use ebb_core::policy::Caller;

use super::{Entry, MainLoop};
use crate::clock;
use crate::command::{Answer, Answered};

impl MainLoop {
    pub(super) fn explain(&self, caller: Caller, id: JobId) -> Answered {
        let entry = self.see(caller, id)?;
        let job = &entry.job;
        let now = clock::now();
        let standing = Standing {
            now,
            time: self.parts.zone.local_time(now.wall),
            rules: &self.parts.policy.conditions,
            surroundings: self.parts.surroundings,
            slots: self.occupied(entry),
            owner_away: self.is_held(job.owner.uid),
            path: self.seen_of_path(job),
        };
        Ok(Answer::Explanation(explain(job, &standing)))
    }

    pub(super) fn path(&self, caller: Caller, id: JobId) -> Answered {
        let job = &self.see(caller, id)?.job;
        Ok(Answer::Path(self.seen_of_path(job)))
    }

    fn seen_of_path(&self, job: &Job) -> Option<Path> {
        let transfers = matches!(job.state, State::Transferring { .. });
        self.path_of(job).filter(|_| transfers).map(path)
    }

    /// Who holds the slots that this job could have.
    fn occupied(&self, entry: &Entry) -> Occupied {
        let job = &entry.job;
        let slots = self.slots();
        let foreground = |priority| priority == Priority::Foreground;
        let (ours, all) = match foreground(job.terms.priority) {
            true => (true, slots.foreground),
            false => (false, slots.background),
        };
        let running: Vec<&Job> = self
            .queue
            .running()
            .filter_map(|id| Some(&self.jobs.get(&id)?.job))
            .filter(|other| other.id != job.id && foreground(other.terms.priority) == ours)
            .collect();
        let by_owner = running.iter().filter(|other| other.owner.uid == job.owner.uid).count();
        let most = slots.foreground + slots.background;
        let choice = self.queue.choice(most, |owner| self.is_held(owner));
        let others_wait = choice.iter().any(|id| {
            let other =
                self.jobs.get(id).map(|entry| &entry.job).filter(|other| other.id != job.id);
            other.is_some_and(|other| {
                other.state == State::Queued && foreground(other.terms.priority) == ours
            })
        });
        let outranked = running.iter().any(|other| other.terms.priority < job.terms.priority);
        Occupied {
            all,
            by_owner,
            by_others: running.len() - by_owner,
            outranked,
            slice_ends: self.slice_ends,
            others_wait,
            since: entry.work.slice(job, entry.sums.held).map(|(since, _)| since),
        }
    }
}

/// What an agent tells of a path, in the core's words.
fn path(told: ebb_wire::net::Path) -> Path {
    use ebb_wire::net::Course as Told;
    let duration = |micros: u32| Duration::from_micros(micros.into());
    Path {
        course: match told.course {
            Told::Taking => Course::Taking,
            Told::Creeping => Course::Creeping,
            Told::Yielding => Course::Yielding,
            Told::Halved => Course::Halved,
            Told::Looking => Course::Looking,
            Told::Alarmed => Course::Alarmed,
            Told::Tethered => Course::Tethered,
        },
        connections: told.connections,
        window: told.window,
        rate: told.rate,
        base: told.base_us.map(duration),
        queue: told.queue_us.map(duration),
        target: duration(told.target_us),
        card: told.card,
        echoes: told.echoes,
        remembered: told.remembered_us.map(duration),
        share: told.share,
    }
}
