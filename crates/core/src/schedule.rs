//! Whose turn it is.
//!
//! One question, answered like a mail queue's: *what now, and how long may I sleep?* ([`batch`]).
//! All foreground jobs run, up to a cap. The background slots go to the most urgent class that has
//! work; within it owners take turns, and an owner's jobs take turns, by time slices of 5 minutes
//! or 256 MiB, whichever comes first (`decisions.md`, Q2, Q47). Jobs that wait for a retry or for
//! their owner are not candidates and hold nobody back.

use core::time::Duration;
use std::collections::HashMap;

use crate::id::JobId;
use crate::job::Priority;
use crate::time::Moment;

/// A slice ends after this long, if somebody else of the same class waits.
pub const SLICE: Duration = Duration::from_secs(5 * 60);
/// A slice ends after so many bytes, if somebody else of the same class waits.
pub const SLICE_BYTES: u64 = 256 << 20;

/// A job that wants to run, or runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub job: JobId,
    /// Whose, by uid.
    pub owner: u32,
    /// How urgent.
    pub priority: Priority,
    /// Whether it runs already.
    pub turn: Turn,
}

/// Whether a candidate runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is queued.
    Waiting,
    /// It runs.
    Running {
        /// Since when.
        since: Moment,
        /// Bytes moved since then.
        bytes: u64,
    },
}

/// What to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Jobs to start.
    pub start: Vec<JobId>,
    /// Jobs to put back into the queue.
    pub preempt: Vec<JobId>,
    /// When to look again, if nothing happens before.
    pub wake_at: Option<Moment>,
}

/// How many may run.
#[derive(Clone, Copy, Debug)]
pub struct Slots {
    /// Foreground jobs.
    pub foreground: usize,
    /// Background jobs.
    pub background: usize,
}

/// Who was served when, and for how long. Lives as long as the service; a restart begins all turns
/// anew.
///
/// Owners are compared by the time their jobs have had, so that small jobs and large ones come to
/// the same share. Who was away gets no credit for it: nobody counts for less than whoever was
/// served last had then.
#[derive(Debug, Default)]
pub struct Turns {
    count: u64,
    owners: HashMap<u32, Account>,
    jobs: HashMap<JobId, u64>,
    /// What the owner served last had used when that was.
    level: u64,
}

/// What an owner has had.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// Milliseconds of slots.
    used: u64,
    /// The last turn, as a number that grows with every start.
    turn: u64,
}

impl Turns {
    /// Notes that a job has been started.
    pub fn served(&mut self, job: JobId, owner: u32) {
        self.count += 1;
        let account = self.owners.entry(owner).or_default();
        account.used = account.used.max(self.level);
        account.turn = self.count;
        self.level = account.used;
        self.jobs.insert(job, self.count);
    }

    /// Notes that a job has had a slot for so long.
    pub fn used(&mut self, owner: u32, time: Duration) {
        let more = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let account = self.owners.entry(owner).or_default();
        account.used = account.used.saturating_add(more);
    }

    /// Forgets a job that is over.
    pub fn forget(&mut self, job: JobId) {
        self.jobs.remove(&job);
    }

    /// When a job was started last, as a number that grows with every start; 0 if it was not.
    #[must_use]
    pub fn of_job(&self, job: JobId) -> u64 {
        self.jobs.get(&job).copied().unwrap_or(0)
    }

    fn rank(&self, candidate: &Candidate) -> (u64, u64, u64) {
        let account = self.owners.get(&candidate.owner).copied().unwrap_or_default();
        (account.used.max(self.level), account.turn, self.of_job(candidate.job))
    }
}

/// Decides who starts and who makes room. `candidates` come oldest first.
#[must_use]
pub fn batch(candidates: &[Candidate], slots: Slots, turns: &Turns, now: Moment) -> Batch {
    let (foreground, background): (Vec<_>, Vec<_>) =
        candidates.iter().copied().partition(|c| c.priority == Priority::Foreground);
    let mut batch = Batch { start: fill(&foreground, slots.foreground, turns), ..Batch::default() };
    make_room(&foreground, now, &mut batch);
    let Some(class) = background.iter().map(|c| c.priority).min() else {
        return batch;
    };
    let (ours, lower): (Vec<_>, Vec<_>) = background.into_iter().partition(|c| c.priority == class);
    batch.preempt.extend(lower.iter().filter(|c| c.turn != Turn::Waiting).map(|c| c.job));
    batch.start.extend(fill(&ours, slots.background, turns));
    let left =
        ours.iter().filter(|c| c.turn == Turn::Waiting && !batch.start.contains(&c.job)).count();
    end_slices(&ours, left, now, &mut batch);
    batch
}

/// Fills free slots: the owner with least running and longest unserved first, then the owner's job
/// longest unserved, then the oldest.
fn fill(class: &[Candidate], slots: usize, turns: &Turns) -> Vec<JobId> {
    let (running, mut waiting): (Vec<&Candidate>, Vec<&Candidate>) =
        class.iter().partition(|c| c.turn != Turn::Waiting);
    let mut load: HashMap<u32, usize> = HashMap::new();
    for candidate in &running {
        *load.entry(candidate.owner).or_default() += 1;
    }
    let mut start = Vec::new();
    while running.len() + start.len() < slots {
        let next = waiting
            .iter()
            .enumerate()
            .min_by_key(|(at, c)| (load.get(&c.owner).copied().unwrap_or(0), turns.rank(c), *at));
        let Some((at, _)) = next else { break };
        let chosen = waiting.remove(at);
        *load.entry(chosen.owner).or_default() += 1;
        start.push(chosen.job);
    }
    start
}

/// While others of the class wait, who has had a full slice makes room, longest running first.
fn end_slices(class: &[Candidate], waiting: usize, now: Moment, batch: &mut Batch) {
    if waiting == 0 {
        return;
    }
    let mut running: Vec<(Moment, u64, JobId)> = class
        .iter()
        .filter_map(|c| match c.turn {
            Turn::Running { since, bytes } => Some((since, bytes, c.job)),
            Turn::Waiting => None,
        })
        .collect();
    running.sort();
    let over = |&&(since, bytes, _): &&(Moment, u64, JobId)| {
        now.since(since) >= SLICE || bytes >= SLICE_BYTES
    };
    batch.preempt.extend(running.iter().filter(over).take(waiting).map(|(_, _, job)| *job));
    let next = running.iter().filter(|slot| !over(slot)).map(|(since, _, _)| since.after(SLICE));
    batch.wake_at = batch.wake_at.into_iter().chain(next).min();
}

/// While foreground jobs of one owner wait, an owner who has two more of the slots (or any, when
/// the first has none) makes room, with the job that runs longest, when its slice is over. Jobs of
/// one owner do not make room for each other: somebody waits for each of them.
fn make_room(foreground: &[Candidate], now: Moment, batch: &mut Batch) {
    let mut running: HashMap<u32, Vec<(Moment, JobId)>> = HashMap::new();
    let mut load: HashMap<u32, usize> = HashMap::new();
    let mut waiting = Vec::new();
    for candidate in foreground {
        match candidate.turn {
            Turn::Running { since, .. } => {
                running.entry(candidate.owner).or_default().push((since, candidate.job));
                *load.entry(candidate.owner).or_default() += 1;
            }
            Turn::Waiting if batch.start.contains(&candidate.job) => {
                *load.entry(candidate.owner).or_default() += 1;
            }
            Turn::Waiting => waiting.push(candidate.owner),
        }
    }
    running.values_mut().for_each(|jobs| jobs.sort_unstable_by(|one, other| other.cmp(one)));
    for owner in waiting {
        let own = load.get(&owner).copied().unwrap_or(0);
        let most = running.iter_mut().filter(|(other, jobs)| **other != owner && !jobs.is_empty());
        let most = most.max_by_key(|(other, _)| (load[*other], **other));
        let Some((other, jobs)) = most else { continue };
        if load[other] < own + if own == 0 { 1 } else { 2 } {
            continue;
        }
        let Some((since, job)) = jobs.last().copied() else { continue };
        if now.since(since) < SLICE {
            batch.wake_at = batch.wake_at.into_iter().chain([since.after(SLICE)]).min();
            continue;
        }
        jobs.pop();
        batch.preempt.push(job);
        *load.entry(*other).or_default() -= 1;
        *load.entry(owner).or_default() += 1;
    }
}

#[cfg(test)]
mod shares;
#[cfg(test)]
mod whatever;

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: Slots = Slots { foreground: 2, background: 2 };
    const NOON: Moment = Moment(10_000_000);

    fn waiting(id: u8, owner: u32, priority: Priority) -> Candidate {
        Candidate { job: JobId::from_bytes([id; 16]), owner, priority, turn: Turn::Waiting }
    }

    fn running(id: u8, owner: u32, priority: Priority, seconds: u64, bytes: u64) -> Candidate {
        let since = Moment(NOON.0 - seconds * 1000);
        Candidate { turn: Turn::Running { since, bytes }, ..waiting(id, owner, priority) }
    }

    fn ids(jobs: &[JobId]) -> Vec<u8> {
        jobs.iter().map(|job| job.as_bytes()[0]).collect()
    }

    fn look(candidates: &[Candidate]) -> (Vec<u8>, Vec<u8>) {
        let found = batch(candidates, SLOTS, &Turns::default(), NOON);
        (ids(&found.start), ids(&found.preempt))
    }

    use Priority::{Foreground, High, Low, Normal};

    #[test]
    fn foreground_jobs_run_beside_the_background_slots() {
        let all = [waiting(1, 1, Foreground), waiting(2, 1, Normal), waiting(3, 1, Foreground)];
        assert_eq!(look(&all), (vec![1, 3, 2], vec![]));
    }

    #[test]
    fn a_lower_class_gets_nothing_while_a_higher_one_has_work() {
        assert_eq!(look(&[waiting(1, 1, Low), waiting(2, 1, High)]), (vec![2], vec![]));
    }

    #[test]
    fn a_higher_class_takes_the_slots_of_a_lower_one() {
        let all = [running(1, 1, Normal, 10, 0), running(2, 1, Low, 10, 0), waiting(3, 2, High)];
        assert_eq!(look(&all), (vec![3], vec![1, 2]));
    }

    #[test]
    fn owners_share_the_slots_however_many_jobs_they_have() {
        let all = [waiting(1, 1, Normal), waiting(2, 1, Normal), waiting(3, 2, Normal)];
        assert_eq!(look(&all).0, [1, 3]);
    }

    #[test]
    fn the_owner_served_last_comes_last() {
        let mut turns = Turns::default();
        turns.served(JobId::from_bytes([1; 16]), 1);
        let all = [waiting(1, 1, Normal), waiting(2, 1, Normal), waiting(3, 2, Normal)];
        let slots = Slots { background: 1, ..SLOTS };
        assert_eq!(ids(&batch(&all, slots, &turns, NOON).start), [3]);
    }

    #[test]
    fn a_slice_ends_by_time_or_by_bytes_only_when_somebody_waits() {
        let old = running(1, 1, Normal, 301, 0);
        let heavy = running(2, 1, Normal, 1, SLICE_BYTES);
        assert_eq!(look(&[old, heavy]), (vec![], vec![]));
        assert_eq!(look(&[old, heavy, waiting(3, 1, Normal)]), (vec![], vec![1]));
        let all = [old, heavy, waiting(3, 1, Normal), waiting(4, 2, Normal)];
        assert_eq!(look(&all), (vec![], vec![1, 2]));
    }

    #[test]
    fn the_next_look_is_when_the_first_slice_ends() {
        let all =
            [running(1, 1, Normal, 100, 0), running(2, 1, Normal, 200, 0), waiting(3, 1, Normal)];
        let found = batch(&all, SLOTS, &Turns::default(), NOON);
        assert_eq!(found.wake_at, Some(Moment(NOON.0 + 100_000)));
    }

    #[test]
    fn an_owner_with_every_foreground_slot_makes_room_for_another_after_a_slice() {
        let mine = [running(1, 1, Foreground, 301, 0), running(2, 1, Foreground, 400, 0)];
        let [one, two] = mine;
        assert_eq!(
            look(&[one, two, waiting(3, 1, Foreground)]),
            (vec![], vec![]),
            "not for itself"
        );
        assert_eq!(look(&[one, two, waiting(3, 2, Foreground)]), (vec![], vec![2]));
        let two_wait = [one, two, waiting(3, 2, Foreground), waiting(4, 2, Foreground)];
        assert_eq!(look(&two_wait), (vec![], vec![2]), "half each is fair");
        let fair = [one, running(2, 2, Foreground, 400, 0), waiting(3, 2, Foreground)];
        assert_eq!(look(&fair), (vec![], vec![]));
        let early = [running(1, 1, Foreground, 100, 0), running(2, 1, Foreground, 200, 0)];
        let all = [early[0], early[1], waiting(3, 2, Foreground)];
        let found = batch(&all, SLOTS, &Turns::default(), NOON);
        assert_eq!((found.preempt, found.wake_at), (vec![], Some(Moment(NOON.0 + 100_000))));
    }

    #[test]
    fn who_was_away_gets_no_credit_for_it() {
        let mut turns = Turns::default();
        turns.served(JobId::from_bytes([1; 16]), 1);
        turns.used(1, Duration::from_secs(36_000));
        turns.served(JobId::from_bytes([1; 16]), 1);
        turns.served(JobId::from_bytes([2; 16]), 2);
        turns.used(2, Duration::from_secs(1));
        let slots = Slots { background: 1, ..SLOTS };
        let all = [waiting(1, 1, Normal), waiting(3, 2, Normal)];
        assert_eq!(ids(&batch(&all, slots, &turns, NOON).start), [1], "not ten hours of two's");
    }

    #[test]
    fn nobody_starves_among_equals() {
        let mut turns = Turns::default();
        let all: Vec<_> = (1..=9).map(|id| waiting(id, u32::from(id % 3), Normal)).collect();
        let mut served = std::collections::BTreeSet::new();
        let slots = Slots { background: 1, ..SLOTS };
        for _ in 0..9 {
            for job in batch(&all, slots, &turns, NOON).start {
                let owner = all.iter().find(|c| c.job == job).unwrap().owner;
                turns.served(job, owner);
                served.insert(job);
            }
        }
        assert_eq!(served.len(), 9);
    }
}
