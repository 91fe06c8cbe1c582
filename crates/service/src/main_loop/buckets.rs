//! How fast those that run may be: the limit of the hour, divided among them.
//!
//! Each running job has a bucket of its own; its number is small, and another job's when it is
//! free again. How a limit is divided is `core`'s business ([`conditions::share`]); here it is known
//! who runs, and agents are told.

use std::collections::HashMap;

use ebb_core::conditions;
use ebb_core::id::JobId;
use ebb_core::job::{Job, Priority};
use ebb_core::time::Now;
use ebb_core::token::Resource;
use ebb_wire::net::{Manners, Path};

use super::MainLoop;
use crate::agents::net::Pace;

/// Which job has which bucket.
#[derive(Debug, Default)]
pub(super) struct Buckets(HashMap<JobId, u32>);

impl Buckets {
    /// The bucket of a running job; 0, which nothing limits, for others.
    pub(super) fn of(&self, job: JobId) -> u32 {
        self.0.get(&job).copied().unwrap_or(0)
    }

    /// Gives those that run a bucket each, and says which ones are free now.
    fn keep(&mut self, running: &[JobId]) -> Vec<u32> {
        let mut free = Vec::new();
        self.0.retain(|job, bucket| {
            let runs = running.contains(job);
            if !runs {
                free.push(*bucket);
            }
            runs
        });
        for job in running {
            let taken: Vec<u32> = self.0.values().copied().collect();
            let lowest = (1..).find(|number| !taken.contains(number)).unwrap_or(0);
            self.0.entry(*job).or_insert(lowest);
        }
        free
    }
}

impl MainLoop {
    /// Divides the limit of the hour anew among those that run.
    pub(super) fn share_bandwidth(&mut self, now: Now) {
        let running: Vec<JobId> = self.queue.running().collect();
        for bucket in self.buckets.keep(&running) {
            self.parts.agents.pace(bucket, Pace::default());
        }
        let time = self.parts.zone.local_time(now.wall);
        for priority in Priority::ALL {
            let of_class = |id: &&JobId| {
                self.jobs.get(id).is_some_and(|entry| entry.job.terms.priority == priority)
            };
            let class: Vec<JobId> = running.iter().filter(of_class).copied().collect();
            let limit = self.parts.policy.conditions.bandwidth.rate(priority, time);
            let own: Vec<_> = class.iter().map(|id| self.own_limit(*id)).collect();
            let shares = conditions::share(limit, &own);
            for (job, bytes_per_second) in class.iter().zip(shares) {
                let pace = Pace { bytes_per_second, manners: manners_of(priority) };
                self.parts.agents.pace(self.buckets.of(*job), pace);
            }
        }
        let jobs = running.iter().filter_map(|id| Some(&self.jobs.get(id)?.job));
        self.parts.agents.hurry(jobs.flat_map(urgent).collect());
    }

    /// How the path of a running job is doing, if it gives way on it.
    pub(super) fn path_of(&self, job: &Job) -> Option<Path> {
        let token = job.identity_for(Resource::Network).ok()?;
        self.parts.agents.path(job.owner.uid, token, manners_of(job.terms.priority)?)
    }

    fn own_limit(&self, id: JobId) -> Option<u64> {
        let limit = self.jobs.get(&id)?.job.terms.bandwidth_limit;
        (limit > 0).then_some(limit)
    }
}

/// The identities that a job wants something done for at once.
fn urgent(job: &Job) -> impl Iterator<Item = u32> {
    let uses = [Resource::Network, Resource::LocalFile].into_iter();
    let uses = uses.filter(|_| job.terms.priority == Priority::Foreground);
    uses.filter_map(|used| Some(job.identity_for(used).ok()?.uid))
}

/// How jobs of this priority behave towards others: the more urgent, the more queue they may keep up.
pub(super) fn manners_of(priority: Priority) -> Option<Manners> {
    match priority {
        Priority::Foreground => None,
        Priority::High => Some(Manners::High),
        Priority::Normal => Some(Manners::Normal),
        Priority::Low => Some(Manners::Low),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> JobId {
        JobId::from_bytes([number; 16])
    }

    #[test]
    fn a_bucket_is_one_jobs_while_it_runs_and_then_anothers() {
        let mut buckets = Buckets::default();
        assert_eq!(buckets.keep(&[id(1), id(2)]), []);
        assert_eq!((buckets.of(id(1)), buckets.of(id(2)), buckets.of(id(3))), (1, 2, 0));
        assert_eq!(buckets.keep(&[id(2)]), [1]);
        assert_eq!(buckets.keep(&[id(2), id(3), id(4)]), []);
        assert_eq!((buckets.of(id(2)), buckets.of(id(3)), buckets.of(id(4))), (2, 1, 3));
    }
}
