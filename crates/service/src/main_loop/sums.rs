//! What a job's files come to, kept as they change.
//!
//! A job may have thousands of files, and a report is about one of them. This module answers one
//! question, *how far is the job?*, without looking at the others. What is not about one file only
//! has everything counted again.

use ebb_core::file::{File, Progress};
use ebb_core::job::{Event, Job, Report};

/// What files come to, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Bytes that are there and synced.
    pub(super) held: u64,
    /// Files that are whole.
    pub(super) done: u32,
    total: u64,
    of_unknown_size: u32,
}

/// One file, as it was before a step.
pub(super) struct Before(Option<(u32, Sums)>);

impl Sums {
    pub(super) fn of(job: &Job) -> Self {
        job.files.iter().fold(Self::default(), |sums, file| sums.with(Self::of_one(file)))
    }

    /// All bytes, if every size is known.
    pub(super) fn total(&self) -> Option<u64> {
        (self.of_unknown_size == 0).then_some(self.total)
    }

    fn of_one(file: &File) -> Self {
        let size = file.total();
        let done = matches!(file.progress, Progress::Transferred | Progress::Completed);
        Self {
            held: file.durable,
            done: u32::from(done),
            total: size.unwrap_or(0),
            of_unknown_size: u32::from(size.is_none()),
        }
    }

    // A server may claim any size: what wraps around comes back when it is taken away again.
    fn with(self, one: Self) -> Self {
        Self {
            held: self.held.wrapping_add(one.held),
            done: self.done.wrapping_add(one.done),
            total: self.total.wrapping_add(one.total),
            of_unknown_size: self.of_unknown_size.wrapping_add(one.of_unknown_size),
        }
    }

    fn without(self, one: Self) -> Self {
        Self {
            held: self.held.wrapping_sub(one.held),
            done: self.done.wrapping_sub(one.done),
            total: self.total.wrapping_sub(one.total),
            of_unknown_size: self.of_unknown_size.wrapping_sub(one.of_unknown_size),
        }
    }

    /// Follows a step. `before` is from before it; `changed` are the files it changed.
    pub(super) fn follow(&mut self, before: &Before, job: &Job, changed: &[u32]) {
        match (&before.0, changed) {
            (_, []) => {}
            (Some((at, was)), [only]) if at == only => {
                let is = job.files.get(*at as usize).map_or_else(Self::default, Self::of_one);
                *self = self.without(*was).with(is);
            }
            _ => *self = Self::of(job),
        }
    }
}

impl Before {
    /// What `event` may change, if it is about one file.
    pub(super) fn of(job: &Job, event: &Event) -> Self {
        let at = about(event);
        Self(at.and_then(|at| Some((at, Sums::of_one(job.files.get(at as usize)?)))))
    }
}

/// The one file an event is about.
fn about(event: &Event) -> Option<u32> {
    if let Event::Deleted(at)
    | Event::Report(
        _,
        Report::Created(at, _)
        | Report::Prepared(at, _)
        | Report::TookOver(at)
        | Report::SpareDeleted(at)
        | Report::Measured(at, _)
        | Report::Moved(at, _)
        | Report::Answered { file: at, .. }
        | Report::Hashed(at, _)
        | Report::Checkpoint { file: at, .. }
        | Report::Filled(at, _)
        | Report::Doubted(at)
        | Report::InOrder(at)
        | Report::Headers(at, _)
        | Report::Brought(at, _)
        | Report::FileDone { file: at, .. },
    ) = event
    {
        Some(*at)
    } else {
        None
    }
}
