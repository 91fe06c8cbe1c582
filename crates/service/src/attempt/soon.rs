//! Reports that nobody waits for.
//!
//! That a small file is there changes nothing about what the attempt does next, so it does not wait until
//! that is written down; and if each were written down by itself, the store would take longer than the
//! files. This module answers one question: *when is it told?* With the next report that is waited for,
//! when there are many, or after a moment, whichever comes first.
//!
//! Order is kept: whatever else is reported goes after these. What a crash loses of them is fetched again,
//! as everything is that came after the last checkpoint.

use std::cell::RefCell;
use std::time::Duration;

use ebb_core::job::Report;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Attempt;
use crate::command::Message;

/// Not longer than this; nobody sees the difference, and the next checkpoint of a large file is seconds
/// away.
const MOMENT: Duration = Duration::from_millis(30);
/// Not more than these.
const MANY: usize = 32;

/// What is to be told, and since when.
#[derive(Default)]
pub(super) struct Soon(RefCell<Option<(Instant, Vec<Report>)>>);

impl Soon {
    /// Puts one in; whether there are many now.
    fn put(&self, report: Report) -> bool {
        let mut waiting = self.0.borrow_mut();
        let (_, reports) = waiting.get_or_insert_with(|| (Instant::now(), Vec::new()));
        reports.push(report);
        reports.len() >= MANY
    }

    fn take(&self) -> Vec<Report> {
        self.0.borrow_mut().take().map(|(_, reports)| reports).unwrap_or_default()
    }

    /// Returns when they have waited long enough; without any, never.
    pub(super) async fn is_due(&self) {
        let since = self.0.borrow().as_ref().map(|(since, _)| *since);
        match since {
            Some(since) => tokio::time::sleep_until(since + MOMENT).await,
            None => std::future::pending().await,
        }
    }
}

impl Attempt {
    /// Reports what nobody waits for.
    pub(super) fn report_soon(&self, report: Report) {
        if self.soon.put(report) {
            self.tell_soon();
        }
    }

    /// Tells all of it now.
    pub(super) fn tell_soon(&self) {
        for report in self.soon.take() {
            let (tell, _) = oneshot::channel();
            self.tell(Message::Report(self.order.job, self.order.attempt, report, tell));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_nobody_waits_for_is_told_when_there_are_many_or_after_a_moment() {
        let soon = Soon::default();
        let none = tokio::time::timeout(2 * MOMENT, soon.is_due()).await;
        assert!(none.is_err());
        let begun = Instant::now();
        assert!((1..MANY).all(|_| !soon.put(Report::Doubted(0))));
        assert!(soon.put(Report::Doubted(1)));
        soon.is_due().await;
        assert!(begun.elapsed() >= MOMENT);
        let told = soon.take();
        assert_eq!((told.len(), told.last()), (MANY, Some(&Report::Doubted(1))));
        assert!(soon.take().is_empty());
    }
}
