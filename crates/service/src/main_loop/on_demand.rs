//! Ranges of files: asked for, there, and told (`job-model.md` 5.5).
//!
//! Answers what callers ask about the order in which a file comes. What it means is decided in
//! `core`; whether the caller may ask is asked first, as everywhere.

use ebb_core::id::JobId;
use ebb_core::job::{Event, Report};
use ebb_core::policy::{Caller, Verb};
use ebb_core::ranges::Part;
use ebb_core::refusal::Refusal;
use tokio::sync::oneshot;

use super::{After, MainLoop, Turn};
use crate::command::{Answer, Answered, Notice, NoticeKind};

impl MainLoop {
    pub(super) fn filled_ranges(&self, caller: Caller, id: JobId, file: u32) -> Answered {
        let filled = self.see(caller, id)?.job.filled_ranges(file)?;
        let pairs = filled.into_iter().map(|range| (range.start(), range.length()));
        Ok(Answer::Ranges(pairs.collect()))
    }

    pub(super) fn file_headers(&self, caller: Caller, id: JobId, file: u32) -> Answered {
        let files = &self.see(caller, id)?.job.files;
        let file = files.get(file as usize).ok_or(Refusal::FileNotFound)?;
        Ok(Answer::Headers(file.headers.clone()))
    }

    /// Answered when nothing is fetched in the old order any more.
    pub(super) fn request_ranges(
        &mut self,
        caller: Caller,
        id: JobId,
        file: u32,
        parts: Vec<Part>,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let admitted = self
            .permit(caller, Verb::Steer, id)
            .and_then(|_| self.parts.policy.admit_ranges(caller, parts.len()));
        match admitted {
            Ok(()) => self.steer(caller, id, Event::RequestRanges(file, parts), reply, turn),
            Err(refusal) => turn.after.push(After::Answer(reply, Err(refusal))),
        }
    }

    /// What a report of filled ranges is to listeners.
    pub(super) fn ranges_told(&self, id: JobId, report: &Report) -> Option<Notice> {
        let Report::Filled(file, range) = report else {
            return None;
        };
        let entry = self.jobs.get(&id)?;
        let (owner, number) = (entry.job.owner.uid, entry.last_event());
        let what = NoticeKind::FileRangesTransferred(*file, (range.start(), range.length()));
        Some(Notice { job: id, owner, number, what })
    }
}
