//! Files of a high-performance job, which everybody can see while they grow.
//!
//! Answers two questions: *when does the file get its final name?* When the server's answer has been
//! written down, and not before: as long as there is nothing to put there, the file that was there
//! stays. *And may it be continued?* If it is as the attempt before has left it. Under its final name
//! anybody who may write to it takes it for theirs, and nobody syncs or records what is in it while it
//! is on its way; so what was left is remembered to the moment of its last change, and as long as the
//! service lives. In doubt it starts over, in the same file.
//!
//! It gets the name by a rename, as every file does at the end: nothing here opens, cuts or follows
//! what somebody else has put there.

use std::os::fd::OwnedFd;

use ebb_core::file::File;
use ebb_core::job::Report;
use ebb_wire::files::Look;

use super::{Attempt, Break, trouble};
use crate::agents::files::{FileAgent, Opened};

impl Attempt {
    /// Gives a file its final name, if it is of a job that wants that.
    pub(super) async fn put_in_place(&self, at: u32, file: &File) -> Result<(), Break> {
        let Some(temporary) = file.temporary.as_ref().filter(|_| self.is_straight()) else {
            return Ok(());
        };
        let terms = &self.order.terms;
        let look = Look { modified: None, mode: terms.file_mode, group: terms.file_group };
        let ask = async |agent: &FileAgent| agent.put_in_place(file, temporary, look).await;
        let done = self.agents.ask_files(self.order.owner, &self.order.file_identity, ask).await;
        done.map_err(|failure| Break::Trouble(trouble(at, failure, String::new(), None)))
    }

    /// Whether a file gets its name before it is whole.
    pub(super) fn is_straight(&self) -> bool {
        self.order.terms.high_performance
    }

    /// Whether somebody else may have written into a file since the last attempt.
    pub(super) fn is_doubted(&self, at: u32, fd: &OwnedFd) -> bool {
        self.is_straight() && !self.kept.borrow().is_as_left(at, fd)
    }

    /// Has a file start over whose content may be somebody else's.
    pub(super) async fn unless_doubted(&self, at: u32, file: &mut File, opened: &Opened) {
        if file.durable > 0 && self.is_doubted(at, &opened.fd) {
            eprintln!(
                "job {}: file {at} starts over: it may have been changed meanwhile",
                self.order.job
            );
            self.report(Report::Doubted(at)).await;
            file.start_over();
        }
    }

    /// Remembers how a file was left, when nothing of this attempt writes to it any more.
    pub(super) fn leave(&self, at: u32, fd: &OwnedFd) {
        if self.is_straight() {
            self.kept.borrow_mut().remember(at, fd);
        }
    }
}
