//! Which jobs want to run, which run, and which wait for a moment, kept in order.
//!
//! There may be 100,000 jobs, and a turn of the loop must not look at all of them. This module
//! answers two questions without doing so: *which jobs can the schedule choose from?* and *which
//! deadline is next?* The schedule itself is `core`'s; of the jobs one owner has waiting in one
//! class it gets only the first ones, by its own order, as many as it could ever start.

use std::collections::{BTreeMap, BTreeSet};

use ebb_core::id::JobId;
use ebb_core::job::Priority;
use ebb_core::time::Moment;

/// Where a job stands in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Agents are on it, or are being stopped.
    Running,
    /// Its turn comes after those of the same owner and class that were served longer ago, or are
    /// older.
    Waiting { priority: Priority, owner: u32, served: u64 },
}

/// What the queue keeps about one job, by its number; numbers grow with age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    place: Option<Place>,
    deadline: Option<Moment>,
}

/// Every job that wants to run, runs, or has a deadline.
#[derive(Default)]
pub(super) struct Queue {
    running: BTreeMap<u64, JobId>,
    waiting: BTreeMap<(Priority, u32), BTreeMap<(u64, u64), JobId>>,
    deadlines: BTreeSet<(Moment, u64, JobId)>,
}

impl Queue {
    /// Keeps a job where it belongs now; `kept` is what is remembered about it.
    pub(super) fn keep(
        &mut self,
        (number, id): (u64, JobId),
        kept: &mut Kept,
        place: Option<Place>,
        deadline: Option<Moment>,
    ) {
        let now = Kept { place, deadline };
        if *kept == now {
            return;
        }
        self.take_out(number, id, *kept);
        match place {
            Some(Place::Running) => drop(self.running.insert(number, id)),
            Some(Place::Waiting { priority, owner, served }) => {
                let line = self.waiting.entry((priority, owner)).or_default();
                line.insert((served, number), id);
            }
            None => {}
        }
        self.deadlines.extend(deadline.map(|at| (at, number, id)));
        *kept = now;
    }

    fn take_out(&mut self, number: u64, id: JobId, kept: Kept) {
        match kept.place {
            Some(Place::Running) => drop(self.running.remove(&number)),
            Some(Place::Waiting { priority, owner, served }) => {
                if let Some(line) = self.waiting.get_mut(&(priority, owner)) {
                    line.remove(&(served, number));
                    if line.is_empty() {
                        self.waiting.remove(&(priority, owner));
                    }
                }
            }
            None => {}
        }
        if let Some(at) = kept.deadline {
            self.deadlines.remove(&(at, number, id));
        }
    }

    /// What the schedule can choose from, oldest first: all that run, and of each line the first
    /// `most`, but of no line whose owner is held.
    pub(super) fn choice(&self, most: usize, is_held: impl Fn(u32) -> bool) -> Vec<JobId> {
        let lines = self.waiting.iter().filter(|((_, owner), _)| !is_held(*owner));
        let lines = lines.map(|(_, line)| line);
        let waiting = lines.flat_map(|line| line.iter().take(most).map(|((_, n), id)| (*n, *id)));
        let running = self.running.iter().map(|(number, id)| (*number, *id));
        let mut choice: Vec<(u64, JobId)> = running.chain(waiting).collect();
        choice.sort_unstable_by_key(|(number, _)| *number);
        choice.into_iter().map(|(_, id)| id).collect()
    }

    /// All that run, oldest first.
    pub(super) fn running(&self) -> impl Iterator<Item = JobId> {
        self.running.values().copied()
    }

    /// The next deadline.
    pub(super) fn next_deadline(&self) -> Option<Moment> {
        self.deadlines.first().map(|(at, _, _)| *at)
    }

    /// Jobs whose deadline has come.
    pub(super) fn due(&self, now: Moment) -> Vec<JobId> {
        let due = self.deadlines.iter().take_while(|(at, _, _)| *at <= now);
        due.map(|(_, _, id)| *id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> JobId {
        JobId::from_bytes([u8::try_from(number).unwrap(); 16])
    }

    fn waiting(owner: u32, served: u64) -> Option<Place> {
        Some(Place::Waiting { priority: Priority::Normal, owner, served })
    }

    fn numbers(queue: &Queue, most: usize) -> Vec<u8> {
        queue.choice(most, |owner| owner == 9).iter().map(|id| id.as_bytes()[0]).collect()
    }

    #[test]
    fn of_each_line_those_unserved_longest_can_be_chosen_and_the_oldest_come_first() {
        let mut queue = Queue::default();
        for (number, place) in [
            (1, waiting(1, 9)),
            (2, waiting(1, 0)),
            (3, waiting(1, 0)),
            (4, waiting(2, 7)),
            (6, waiting(9, 0)),
        ] {
            queue.keep((number, id(number)), &mut Kept::default(), place, None);
        }
        queue.keep((5, id(5)), &mut Kept::default(), Some(Place::Running), None);
        assert_eq!(numbers(&queue, 2), [2, 3, 4, 5]);
        assert_eq!(numbers(&queue, 3), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_job_is_kept_in_one_place_only_and_leaves_without_a_trace() {
        let (mut queue, mut kept) = (Queue::default(), Kept::default());
        for place in [waiting(1, 0), waiting(1, 4), Some(Place::Running), waiting(2, 5)] {
            queue.keep((1, id(1)), &mut kept, place, Some(Moment(5)));
            assert_eq!(numbers(&queue, 9), [1]);
        }
        queue.keep((1, id(1)), &mut kept, None, None);
        assert!(queue.running.is_empty() && queue.waiting.is_empty());
        assert_eq!(queue.next_deadline(), None);
    }

    #[test]
    fn deadlines_come_in_their_order() {
        let mut queue = Queue::default();
        for (number, at) in [(1, 30), (2, 10), (3, 20)] {
            queue.keep((number, id(number)), &mut Kept::default(), None, Some(Moment(at)));
        }
        assert_eq!(queue.next_deadline(), Some(Moment(10)));
        assert_eq!(queue.due(Moment(20)), [id(2), id(3)]);
    }
}
