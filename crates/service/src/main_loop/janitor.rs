//! Temporary files that could not be deleted when their job ended (`job-model.md` 10.3).
//!
//! The job is what remembers them: where, of which inode, made by whom. So a job that is over is not
//! forgotten while one of its temporary files is left. It is deleted by a file agent of the identity
//! that made it: when the service starts, and then once a day. After a month without success the
//! names are written into the journal, and the job is forgotten like any other.

use ebb_core::id::JobId;
use ebb_core::job::Event;
use ebb_core::time::{Moment, Now};

use super::{MainLoop, Turn};
use std::time::Duration;

/// Between two tries.
const AGAIN: Duration = Duration::from_secs(24 * 3600);
/// How long it is tried, in seconds.
const PATIENCE: i64 = 30 * 24 * 3600;

impl MainLoop {
    /// Of a job that would be forgotten now: whether it is kept, because something of it is left.
    pub(super) fn tries_left_overs_again(&mut self, id: JobId, turn: &mut Turn, now: Now) -> bool {
        let Some(entry) = self.jobs.get_mut(&id).filter(|entry| entry.job.has_left_overs()) else {
            return false;
        };
        if now.wall.0.saturating_sub(entry.job.modified.0) > PATIENCE {
            for file in &entry.job.files {
                for temporary in file.temporary.iter().chain(&file.spare) {
                    let dir = String::from_utf8_lossy(&file.destination.dir);
                    let name = String::from_utf8_lossy(&temporary.name);
                    eprintln!("job {id}: given up to delete {name:?} in {dir:?}");
                }
            }
            return false;
        }
        if entry.swept.is_none_or(|at| now.moment.since(at) >= AGAIN) {
            entry.swept = Some(now.moment);
            // Only a job that is forgotten could refuse it.
            self.step_at(id, Event::SweepLeftOvers, turn, now).ok();
        }
        true
    }
}

/// When it was last tried; never in this life of the service.
pub(super) type Swept = Option<Moment>;
