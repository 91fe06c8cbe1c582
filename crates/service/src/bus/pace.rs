//! How often a subscriber is told what a job looks like.
//!
//! Answers one question: *which views are sent now?* A job of ten thousand small files changes
//! thousands of times a second, and each view says everything; only the last one is of use to
//! anybody. So between two views of a job there is a pause, in which the newest takes the place of
//! the one before. One that shows the job in another state is never held up.
//!
//! What has happened (a state, a file, an error) is not a view, has its number, and is never held up
//! or left out here.

use std::collections::HashMap;
use std::time::Duration;

use ebb_core::id::JobId;
use ebb_core::notify::Pace;
use ebb_core::time::Moment;

use crate::command::{Notice, NoticeKind};

/// Between two views of one job; a person sees ten in a second as steady.
const LEAST: Duration = Duration::from_millis(100);

/// So many jobs are remembered before those that rest are forgotten.
const MANY: usize = 1024;

/// Views on their way to one subscriber.
#[derive(Default)]
pub(super) struct Views {
    jobs: HashMap<JobId, Sent>,
    due: Option<Moment>,
}

#[derive(Default)]
struct Sent {
    pace: Pace,
    state: &'static str,
    waiting: Option<Notice>,
}

impl Views {
    /// Takes what was heard; gives what is to be sent now.
    pub(super) fn take(&mut self, notice: Notice, now: Moment) -> Option<Notice> {
        let NoticeKind::Changed(view) = &notice.what else {
            return Some(notice);
        };
        if self.jobs.len() >= MANY {
            self.jobs.retain(|_, sent| !sent.pace.clone().offer(now, LEAST));
        }
        let sent = self.jobs.entry(notice.job).or_default();
        if std::mem::replace(&mut sent.state, view.state) != view.state {
            sent.pace = Pace::default();
        }
        sent.waiting = None;
        if sent.pace.offer(now, LEAST) {
            return Some(notice);
        }
        sent.waiting = Some(notice);
        self.due = self.due.or_else(|| sent.pace.due(LEAST));
        None
    }

    /// When something that waits may be sent.
    pub(super) fn due(&self) -> Option<Moment> {
        self.due
    }

    /// What may be sent by now. Who has not changed for a while is forgotten.
    pub(super) fn take_due(&mut self, now: Moment) -> Vec<Notice> {
        let mut found = Vec::new();
        self.due = None;
        for sent in self.jobs.values_mut() {
            if sent.waiting.is_some() && sent.pace.offer(now, LEAST) {
                found.extend(sent.waiting.take());
            }
        }
        let waiting = self.jobs.values().filter(|sent| sent.waiting.is_some());
        self.due = waiting.filter_map(|sent| sent.pace.due(LEAST)).min();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebb_core::job::Terms;

    use crate::command::JobView;

    fn id(job: u8) -> JobId {
        JobId::from_bytes([job; 16])
    }

    fn notice(job: u8, number: u64, what: NoticeKind) -> Notice {
        Notice { job: id(job), owner: 1, number, what }
    }

    fn view(job: u8, number: u64, state: &'static str) -> Notice {
        let view = JobView {
            id: id(job),
            terms: Terms::named("test").unwrap(),
            state,
            reason: "",
            owner: 1,
            created: 0,
            modified: 0,
            transferred: 0,
            next_attempt: 0,
            files_total: 0,
            files_transferred: 0,
            bytes_total: None,
            bytes_transferred: 0,
            error_count: 0,
            helper: None,
            helper_flags: 0,
            attempts: 0,
            last_event: number,
        };
        notice(job, number, NoticeKind::Changed(Box::new(view)))
    }

    fn numbers(notices: impl IntoIterator<Item = Notice>) -> Vec<u64> {
        notices.into_iter().map(|notice| notice.number).collect()
    }

    #[test]
    fn of_many_views_the_first_is_sent_at_once_and_the_last_after_the_pause() {
        let mut views = Views::default();
        let now = |views: &mut Views, at, number| {
            numbers(views.take(view(1, number, "transferring"), Moment(at)))
        };
        assert_eq!(now(&mut views, 0, 1), [1]);
        assert_eq!(views.due(), None);
        for number in 2..90 {
            assert_eq!(now(&mut views, number, number), [] as [u64; 0]);
        }
        assert_eq!(views.due(), Some(Moment(100)));
        assert_eq!(numbers(views.take_due(Moment(100))), [89]);
        assert_eq!((views.due(), now(&mut views, 150, 90)), (None, vec![]));
        assert_eq!(numbers(views.take_due(Moment(200))), [90]);
        assert_eq!(now(&mut views, 300, 91), [91]);
    }

    #[test]
    fn another_state_is_sent_at_once_and_nothing_older_after_it() {
        let mut views = Views::default();
        assert!(views.take(view(1, 1, "transferring"), Moment(0)).is_some());
        assert!(views.take(view(1, 2, "transferring"), Moment(1)).is_none());
        assert_eq!(numbers(views.take(view(1, 3, "transferred"), Moment(2))), [3]);
        assert_eq!(numbers(views.take_due(Moment(100))), [] as [u64; 0]);
    }

    #[test]
    fn what_happened_is_never_held_up_and_jobs_do_not_wait_for_each_other() {
        let mut views = Views::default();
        for job in [1, 2] {
            assert!(views.take(view(job, 1, "transferring"), Moment(0)).is_some());
        }
        for number in 2..9 {
            let happened = notice(1, number, NoticeKind::FileTransferred(0));
            assert_eq!(numbers(views.take(happened, Moment(1))), [number]);
        }
        assert!(views.take(view(2, 9, "transferring"), Moment(50)).is_none());
        assert!(views.take(view(1, 10, "transferring"), Moment(60)).is_none());
        let mut sent = numbers(views.take_due(Moment(100)));
        sent.sort_unstable();
        assert_eq!(sent, [9, 10]);
    }
}
