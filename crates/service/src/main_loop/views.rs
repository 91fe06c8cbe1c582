//! A job as callers and listeners see it, and what changed between two looks.
//!
//! Views are made of what is recorded, and of the live byte count, which is marked as such by being
//! no checkpoint. Whether somebody may see them is not decided here.

use ebb_core::failure::Blocked;
use ebb_core::file::{File, Progress, Wanted};
use ebb_core::job::{Event, Job, State, Trouble};
use ebb_core::ranges::TO_END;
use ebb_core::time::Now;

use super::sums::Sums;
use super::work::Work;
use crate::command::{ErrorView, FileView, JobView};

/// What a job was before a step, as far as listeners care.
pub(super) struct Before {
    pub(super) state: State,
    job: Facts,
}

#[derive(PartialEq)]
struct Facts {
    owner: u32,
    /// Nothing where they cannot change.
    terms: Option<ebb_core::job::Terms>,
    helper: Option<u32>,
    flags: u32,
    files: usize,
    held: u64,
    error_count: u32,
}

impl Facts {
    fn of(job: &Job, sums: &Sums, with_terms: bool) -> Self {
        Self {
            owner: job.owner.uid,
            terms: with_terms.then(|| job.terms.clone()),
            helper: job.helper.as_ref().map(|token| token.uid),
            flags: job.flags.bits(),
            files: job.files.len(),
            held: sums.held,
            error_count: job.error_count,
        }
    }
}

impl Before {
    /// Of a job that is about to hear of an event. What agents report changes no terms.
    pub(super) fn of(job: &Job, sums: &Sums, event: &Event) -> Self {
        let with_terms = !matches!(event, Event::Report(..));
        Self { state: job.state, job: Facts::of(job, sums, with_terms) }
    }

    /// Whether the job looks different now.
    pub(super) fn differs(&self, job: &Job, sums: &Sums) -> bool {
        let now = Facts::of(job, sums, self.job.terms.is_some());
        job.state.name() != self.state.name() || self.job != now
    }
}

/// A job.
pub(super) fn job(job: &Job, sums: &Sums, work: &Work, last_event: u64, now: Now) -> JobView {
    JobView {
        id: job.id,
        terms: job.terms.clone(),
        state: job.state.name(),
        reason: reason(job),
        owner: job.owner.uid,
        created: job.created.0,
        modified: job.modified.0,
        transferred: job.transferred.map_or(0, |at| at.0),
        next_attempt: next_attempt(job, now),
        files_total: count(job.files.len()),
        files_transferred: sums.done,
        bytes_total: sums.total(),
        bytes_transferred: sums.held.wrapping_add(ahead(job, work)),
        error_count: job.error_count,
        helper: job.helper.as_ref().map(|token| token.uid),
        helper_flags: job.flags.bits(),
        attempts: job.attempts,
        last_event,
    }
}

/// A page of files.
pub(super) fn files(job: &Job, work: &Work, first: u32, limit: u32) -> Vec<FileView> {
    let page = (0..).zip(&job.files).skip(first as usize).take(limit as usize);
    page.map(|(at, file)| FileView {
        index: at,
        url: file.url.clone(),
        path: path(file),
        ranges: ranges(file),
        digest: file.digest.as_ref().map(ToString::to_string).unwrap_or_default(),
        total: file.total(),
        received: received(at, file, work),
        durable: file.durable,
        transferred: matches!(file.progress, Progress::Transferred | Progress::Completed),
        completed: file.progress == Progress::Completed,
        temporary: temporary_name(file),
        final_url: file.final_url.clone().unwrap_or_default(),
        http_status: file.http_status.unwrap_or(0),
        valid: file.valid,
    })
    .collect()
}

/// What the temporary file is called; one that has its final name is none any more.
fn temporary_name(file: &File) -> Vec<u8> {
    let temporary = file.temporary.as_ref().filter(|_| !file.in_place);
    temporary.map(|temporary| temporary.name.clone()).unwrap_or_default()
}

/// An error, with the file it belongs to.
pub(super) fn error(job: &Job, trouble: &Trouble) -> ErrorView {
    let file = trouble.file.and_then(|at| Some((at, job.files.get(at as usize)?)));
    ErrorView {
        failure: trouble.failure,
        detail: trouble.detail.clone(),
        file: file.map(|(at, file)| (at, file.url.clone(), path(file))),
    }
}

/// The ranges a file was given, as they are on every interface.
fn ranges(file: &File) -> Vec<(u64, u64)> {
    match &file.wanted {
        Wanted::Whole | Wanted::OnDemand(_) | Wanted::InOrder => Vec::new(),
        Wanted::Given(parts) => {
            parts.iter().map(|part| (part.offset, part.length.unwrap_or(TO_END))).collect()
        }
    }
}

fn path(file: &File) -> Vec<u8> {
    let dir = &file.destination.dir;
    let slash: &[u8] = if dir.ends_with(b"/") { b"" } else { b"/" };
    [dir, slash, &file.destination.name].concat()
}

fn received(at: u32, file: &File, work: &Work) -> u64 {
    match work.live.get(&at) {
        Some(bytes) if file.progress == Progress::Unfinished => file.durable.max(*bytes),
        Some(_) | None => file.durable,
    }
}

/// Bytes that have come and are not durable yet.
fn ahead(job: &Job, work: &Work) -> u64 {
    let files = work.live.keys().filter_map(|at| Some((*at, job.files.get(*at as usize)?)));
    files.map(|(at, file)| received(at, file, work) - file.durable).sum()
}

/// Why it neither moves nor is over, in the words of `command-line.md` 5.8.
fn reason(job: &Job) -> &'static str {
    let helper_missing = !job.flags.is_empty() && job.helper.is_none();
    match job.state {
        State::Suspended if job.rests() => "nothing-requested",
        State::Suspended => "paused-by-user",
        State::Queued => "queued-behind",
        State::TransientError { .. } => "retry-at",
        State::Blocked { .. } => job.blocked_by().map_or("", Blocked::reason),
        State::Error if helper_missing => "helper-required",
        State::Error => "error",
        State::Transferred if job.error.is_some() => "complete-failed",
        State::Transferred if job.terms.auto_complete && helper_missing => "helper-required",
        State::Transferred => "waiting-for-complete",
        State::Connecting { .. }
        | State::Transferring { .. }
        | State::Completing
        | State::Acknowledged
        | State::Cancelled => "",
    }
}

fn next_attempt(job: &Job, now: Now) -> i64 {
    let State::TransientError { retry_at } = job.state else {
        return 0;
    };
    let wait = i64::try_from(retry_at.since(now.moment).as_secs()).unwrap_or(0);
    now.wall.0.saturating_add(wait)
}

fn count(files: usize) -> u32 {
    u32::try_from(files).unwrap_or(u32::MAX)
}
