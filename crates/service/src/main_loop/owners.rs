//! Whose jobs are whose, and how they stand.
//!
//! There may be 100,000 jobs, and somebody who asks for their own three must not have all of them
//! looked at. This module answers two questions without doing so: *which jobs has this owner?*, in
//! the order they were created, and *how many of them stand how?*

use std::collections::{BTreeMap, HashMap};

use ebb_core::id::JobId;
use ebb_core::job::State;

/// What is remembered of a job here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) owner: u32,
    pub(super) state: &'static str,
    pub(super) over: bool,
}

/// The jobs of every owner.
#[derive(Default)]
pub(super) struct Owners {
    of: HashMap<u32, Owned>,
    alive: usize,
}

#[derive(Default)]
struct Owned {
    jobs: BTreeMap<u64, JobId>,
    /// Jobs that are not over, by state.
    states: BTreeMap<&'static str, u32>,
}

impl Standing {
    pub(super) fn of(owner: u32, state: State) -> Self {
        Self { owner, state: state.name(), over: state.is_final() }
    }
}

impl Owners {
    /// A job, by its number, stands otherwise than before; nothing for one that is not there.
    pub(super) fn keep(
        &mut self,
        (number, id): (u64, JobId),
        before: Option<Standing>,
        now: Option<Standing>,
    ) {
        if before == now {
            return;
        }
        if let Some(before) = before {
            self.take_out(number, before);
        }
        if let Some(now) = now {
            let owned = self.of.entry(now.owner).or_default();
            owned.jobs.insert(number, id);
            if !now.over {
                *owned.states.entry(now.state).or_default() += 1;
                self.alive += 1;
            }
        }
    }

    fn take_out(&mut self, number: u64, before: Standing) {
        let Some(owned) = self.of.get_mut(&before.owner) else { return };
        owned.jobs.remove(&number);
        if !before.over {
            self.alive -= 1;
            if let Some(count) = owned.states.get_mut(before.state) {
                *count -= 1;
            }
            owned.states.retain(|_, count| *count > 0);
        }
        if owned.jobs.is_empty() {
            self.of.remove(&before.owner);
        }
    }

    /// How many jobs are not over, all in all.
    pub(super) fn alive(&self) -> usize {
        self.alive
    }

    /// How many of these an owner has.
    pub(super) fn alive_of(&self, owner: u32) -> usize {
        self.states_of(owner).map(|(_, count)| count as usize).sum()
    }

    /// How many of these stand how.
    pub(super) fn states_of(&self, owner: u32) -> impl Iterator<Item = (&'static str, u32)> {
        let states = self.of.get(&owner).into_iter().flat_map(|owned| &owned.states);
        states.map(|(state, count)| (*state, *count))
    }

    /// An owner's jobs from this number on, oldest first.
    pub(super) fn jobs_of(&self, owner: u32, first: u64) -> impl Iterator<Item = JobId> {
        let owned = self.of.get(&owner).into_iter();
        owned.flat_map(move |owned| owned.jobs.range(first..).map(|(_, id)| *id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> JobId {
        JobId::from_bytes([u8::try_from(number).unwrap(); 16])
    }

    fn keep(owners: &mut Owners, number: u64, before: Option<Standing>, now: Option<Standing>) {
        owners.keep((number, id(number)), before, now);
    }

    #[test]
    fn every_owner_has_their_own_jobs_in_the_order_of_creation() {
        let mut owners = Owners::default();
        for (number, owner) in [(3, 1), (1, 1), (2, 2)] {
            let new = Standing::of(owner, State::Suspended);
            keep(&mut owners, number, None, Some(new));
        }
        let listed = |owners: &Owners, owner, first| {
            owners.jobs_of(owner, first).map(|id| id.as_bytes()[0]).collect::<Vec<_>>()
        };
        assert_eq!(listed(&owners, 1, 0), [1, 3]);
        assert_eq!(listed(&owners, 1, 2), [3]);
        assert_eq!(listed(&owners, 2, 0), [2]);
        assert_eq!(listed(&owners, 9, 0), []);
        let taken = |owner| Some(Standing::of(owner, State::Suspended));
        keep(&mut owners, 2, taken(2), taken(1));
        assert_eq!((listed(&owners, 1, 0), listed(&owners, 2, 0)), (vec![1, 2, 3], vec![]));
    }

    #[test]
    fn jobs_are_counted_by_state_until_they_are_over_and_leave_without_a_trace() {
        let mut owners = Owners::default();
        let stands = |state| Some(Standing::of(1, state));
        let mut before = None;
        for state in [State::Suspended, State::Queued, State::Error] {
            keep(&mut owners, 1, before, stands(state));
            assert_eq!(owners.states_of(1).collect::<Vec<_>>(), [(state.name(), 1)]);
            assert_eq!((owners.alive(), owners.alive_of(1)), (1, 1));
            before = stands(state);
        }
        keep(&mut owners, 1, before, stands(State::Cancelled));
        assert_eq!((owners.alive(), owners.alive_of(1)), (0, 0));
        assert_eq!(owners.jobs_of(1, 0).count(), 1, "it can still be read");
        keep(&mut owners, 1, stands(State::Cancelled), None);
        assert!(owners.of.is_empty());
    }
}
