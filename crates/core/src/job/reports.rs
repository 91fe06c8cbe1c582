//! What agents report, and what becomes of the job by it.
//!
//! A report from an attempt that is not in hand any more changes no state: whoever stopped it has
//! decided already. What it has synced to disk still counts ([`Job::decide`] with a late
//! `Checkpoint`). Bytes held never shrink except when the server's answer says so (`from: 0`), a new
//! temporary file had to be made, or what came whole has another digest than it must have.

use super::{Brought, CompleteReport, Job, Report, State, Step, Trouble};
use crate::failure::{Failure, Remedy, ServerTrouble};
use crate::file::{File, Progress, Wanted};
use crate::id::AttemptId;
use crate::ranges::Range;
use crate::retry;
use crate::time::Now;

impl Job {
    pub(super) fn hear(&mut self, attempt: AttemptId, report: Report, now: Now) -> Step {
        if self.state.attempt() != Some(attempt) {
            return self.hear_late(attempt, report);
        }
        let step = self.hear_now(attempt, report, now);
        if self.state.attempt() != Some(attempt) || !self.is_too_large() {
            return step;
        }
        let stop = self.stop_with(Trouble {
            failure: Failure::Server(ServerTrouble::SizeLimit),
            file: step.files_changed.first().copied(),
            detail: String::new(),
            retry_after: None,
        });
        stop.and_files(step.files_changed)
    }

    fn hear_now(&mut self, attempt: AttemptId, report: Report, now: Now) -> Step {
        match report {
            Report::Created(..)
            | Report::Prepared(..)
            | Report::TookOver(_)
            | Report::SpareDeleted(_) => self.hear_of_temporary(report),
            Report::Measured(at, size) => self.change_file(at, |file| file.told_size = Some(size)),
            Report::Moved(at, url) => self.change_file(at, |file| file.url = url),
            Report::Answered { file: at, validators, final_url, status, from } => {
                self.state = State::Transferring { attempt };
                self.error = None;
                let in_place = self.terms.high_performance;
                let step = self.change_file(at, |file| {
                    if from != file.durable {
                        file.start_over();
                    } else if from > 0 {
                        // What this one brings is new, however far another version was.
                        file.furthest = from;
                    }
                    file.answered(validators);
                    file.final_url = Some(final_url);
                    file.http_status = Some(status);
                    file.in_place |= in_place;
                });
                Step { job_changed: true, ..step }
            }
            Report::Hashed(at, hashed) => self.change_file(at, |file| file.hashed = Some(hashed)),
            Report::Checkpoint { file: at, durable } => self.arrived(at, Range::new(0, durable)),
            Report::Headers(at, headers) => self.change_file(at, |file| file.headers = headers),
            Report::Filled(at, range) => self.arrived(at, Some(range)),
            Report::Doubted(at) => self.change_file(at, File::start_over),
            Report::InOrder(at) => self.change_file(at, |file| {
                file.start_over();
                file.wanted = Wanted::InOrder;
            }),
            Report::FileDone { file: at, length, modified } => {
                let step = self.change_file(at, |file| {
                    file.became_whole(length);
                    file.modified = modified;
                });
                if step != Step::stay() {
                    self.patience = Default::default();
                }
                step
            }
            Report::Brought(at, brought) => self.brought(attempt, at, *brought, now),
            Report::Ended(Ok(())) if self.has_work() => self.begin_attempt(),
            Report::Ended(Ok(())) if self.unfinished().next().is_some() => self.rest(),
            Report::Ended(Ok(())) => self.all_transferred(now),
            Report::Ended(Err(trouble)) => {
                let dropped = self.drop_what_is_wrong(&trouble);
                self.attempt_failed(trouble, now).and_files(dropped)
            }
        }
    }

    /// One after the other, as if they had been told so.
    fn brought(&mut self, attempt: AttemptId, at: u32, brought: Brought, now: Now) -> Step {
        let Brought { validators, final_url, status, headers, length, modified } = brought;
        let answered = Report::Answered { file: at, validators, final_url, status, from: 0 };
        let done = Report::FileDone { file: at, length, modified };
        let answered = self.hear_now(attempt, answered, now);
        let _ = self.hear_now(attempt, Report::Headers(at, headers), now);
        let done = self.hear_now(attempt, done, now);
        Step { job_changed: answered.job_changed || done.job_changed, ..done }
    }

    /// What came whole and is not the file: none of it counts, and Resume fetches it again.
    fn drop_what_is_wrong(&mut self, trouble: &Trouble) -> Option<u32> {
        let at = trouble.file.filter(|_| trouble.failure.condemns_what_came())?;
        self.change_file(at, File::start_over).files_changed.first().copied()
    }

    /// Whether more is here, or is to come, than the owner wants (`job-model.md` 3.6).
    fn is_too_large(&self) -> bool {
        let limit = self.terms.maximum_download_size;
        let size = |file: &File| file.total().unwrap_or(0).max(file.durable);
        let sum = |sum: u64, file: &File| sum.saturating_add(size(file));
        limit != u64::MAX && self.files.iter().fold(0, sum) > limit
    }

    /// The last words of an attempt that was stopped: what it holds on disk still counts, so that
    /// the next one goes on from there. Nothing else of it does, and only the newest attempt has
    /// last words: effects are carried out in order, so no other has begun.
    fn hear_late(&mut self, attempt: AttemptId, report: Report) -> Step {
        // A cancelled job has to know of a temporary file made at the last moment, to delete it.
        if attempt.0 != self.attempts || self.state == State::Acknowledged {
            return Step::stay();
        }
        if let Some((at, range)) = report.synced() {
            return range
                .map_or_else(Step::stay, |range| self.change_file(at, |file| file.fill(range)));
        }
        match report {
            Report::Created(..)
            | Report::Prepared(..)
            | Report::TookOver(_)
            | Report::SpareDeleted(_) => self.hear_of_temporary(report),
            Report::Hashed(at, hashed) => self.change_file(at, |file| file.hashed = Some(hashed)),
            // Everything is there, with what it is part of; the next attempt only has it confirmed.
            Report::Brought(at, brought) => self.change_file(at, |file| {
                if file.durable == 0 {
                    file.answered(brought.validators);
                    Range::new(0, brought.length).into_iter().for_each(|all| file.fill(all));
                }
            }),
            Report::Measured(..)
            | Report::Checkpoint { .. }
            | Report::Filled(..)
            | Report::Headers(..)
            | Report::Doubted(_)
            | Report::InOrder(_)
            | Report::Moved(..)
            | Report::Answered { .. }
            | Report::FileDone { .. }
            | Report::Ended(_) => Step::stay(),
        }
    }

    /// What is on the disk is written down whoever asks for it: it has to be deleted some day. Which
    /// of two files counts changes in one step, so that at any moment one of them does.
    fn hear_of_temporary(&mut self, report: Report) -> Step {
        match report {
            Report::Created(at, temporary) => self.change_file(at, |file| {
                file.start_over();
                if let Some(former) = file.go_on_in(Some(temporary)) {
                    file.spare = Some(former);
                }
            }),
            Report::Prepared(at, temporary) => {
                self.change_file(at, |file| file.spare = Some(temporary))
            }
            Report::TookOver(at) => self.change_file(at, |file| {
                if file.spare.is_some() {
                    file.take_up_spare();
                }
            }),
            Report::SpareDeleted(at) => self.change_file(at, |file| file.spare = None),
            Report::Measured(..)
            | Report::Answered { .. }
            | Report::Hashed(..)
            | Report::Checkpoint { .. }
            | Report::Filled(..)
            | Report::Headers(..)
            | Report::Moved(..)
            | Report::Doubted(_)
            | Report::InOrder(_)
            | Report::FileDone { .. }
            | Report::Brought(..)
            | Report::Ended(_) => Step::stay(),
        }
    }

    pub(super) fn change_file(&mut self, at: u32, change: impl FnOnce(&mut File)) -> Step {
        match self.files.get_mut(at as usize) {
            Some(file) if file.progress == Progress::Unfinished => {
                change(file);
                Step::stay().and_files([at])
            }
            Some(_) | None => Step::stay(),
        }
    }

    /// Every file is whole. A job that completes by itself goes on at once, unless that needs a
    /// helper token that is gone; then it waits like any other.
    pub(super) fn all_transferred(&mut self, now: Now) -> Step {
        self.state = State::Transferred;
        self.error = None;
        self.transferred = Some(now.wall);
        if !self.terms.auto_complete {
            return Step::changed(vec![]);
        }
        self.complete().unwrap_or_else(|_| Step::changed(vec![]))
    }

    fn attempt_failed(&mut self, trouble: Trouble, now: Now) -> Step {
        let passing = trouble.failure.remedy() == Remedy::Retry;
        let unheard = trouble.retry_after.is_none() && !trouble.failure.was_decided();
        self.patience.tries += 1;
        if !passing || !self.may_retry() {
            return self.fail(trouble);
        }
        if unheard && self.patience.tries < retry::IMMEDIATE_TRIES {
            return self.begin_attempt();
        }
        self.wait(trouble, now)
    }

    /// `job-model.md` 4.4 row 8: without a time-out, or with a delay longer than it, every error is
    /// fatal; and with a method of its own (3.5), as nobody knows what a second request would do.
    fn may_retry(&self) -> bool {
        let delay = self.terms.retry_delay.max(retry::SMALLEST_DELAY);
        self.terms.no_progress_timeout >= delay && !self.terms.has_own_method()
    }

    fn wait(&mut self, trouble: Trouble, now: Now) -> Step {
        self.patience.since.get_or_insert(now.moment);
        if self.out_of_patience(now) {
            return self.fail(trouble);
        }
        let delay = retry::delay(
            self.terms.retry_delay,
            self.patience.stays,
            trouble.retry_after,
            now.dice,
        );
        self.patience.stays += 1;
        // After a pause, one try each time.
        self.patience.tries = retry::IMMEDIATE_TRIES;
        self.error = Some(trouble);
        self.error_count += 1;
        self.state = State::TransientError { retry_at: now.moment.after(delay) };
        Step::changed(vec![])
    }

    /// What an attempt ran into counts as an error; what stops a job that nobody works on does not.
    pub(super) fn fail(&mut self, trouble: Trouble) -> Step {
        self.error = Some(trouble);
        self.error_count += u32::from(self.state.attempt().is_some());
        self.state = State::Error;
        Step::changed(vec![])
    }

    pub(super) fn complete_ended(&mut self, report: CompleteReport) -> Step {
        if self.state != State::Completing && self.state != State::Cancelled {
            return Step::stay();
        }
        for &at in &report.renamed {
            self.settle(at, Progress::Completed, true);
        }
        for &at in &report.dropped {
            self.settle(at, Progress::Dropped, true);
        }
        for &at in &report.left_over {
            self.settle(at, Progress::Dropped, false);
        }
        let touched: Vec<u32> =
            [report.renamed, report.dropped, report.left_over].into_iter().flatten().collect();
        let lost = report.trouble.as_ref().and_then(Trouble::lost_temporary);
        if let Some(file) = lost.and_then(|at| self.files.get_mut(at as usize)) {
            // Resume fetches it again (R8).
            file.progress = Progress::Unfinished;
            file.start_over();
        }
        let touched: Vec<u32> = touched.into_iter().chain(lost).collect();
        if self.state == State::Completing {
            self.state = match report.trouble {
                None => State::Acknowledged,
                Some(_) => State::Transferred,
            };
            self.error = report.trouble;
            if self.state == State::Acknowledged {
                self.forget_helper_when_clean();
            }
        }
        Step::changed(vec![]).and_files(touched)
    }

    fn settle(&mut self, at: u32, progress: Progress, temporary_gone: bool) {
        if let Some(file) = self.files.get_mut(at as usize) {
            file.progress = progress;
            file.valid |= progress == Progress::Completed;
            if temporary_gone {
                file.temporary = None;
                file.spare = None;
            }
        }
    }

    pub(super) fn deleted(&mut self, at: u32) -> Step {
        let left = self.files.get(at as usize).is_some_and(File::has_temporary);
        match self.state {
            State::Cancelled => {}
            State::Acknowledged if left => {}
            State::Suspended
            | State::Queued
            | State::Connecting { .. }
            | State::Transferring { .. }
            | State::TransientError { .. }
            | State::Blocked { .. }
            | State::Error
            | State::Transferred
            | State::Completing
            | State::Acknowledged => return Step::stay(),
        }
        self.settle(at, Progress::Dropped, true);
        self.forget_helper_when_clean();
        Step::changed(vec![]).and_files([at])
    }
}
