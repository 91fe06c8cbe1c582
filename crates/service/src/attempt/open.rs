//! A temporary file to go on with.
//!
//! Answers one question: *which file do the bytes go into?* The one of an earlier attempt, if this
//! identity can open it. Else a new one, which takes over what the former holds where a descriptor
//! of that was kept (R9), and is empty otherwise.
//!
//! A crash after any step leaves one recorded file that counts, and every other recorded as the
//! spare one, which the next attempt, or Cancel, deletes. It never copies a byte itself.

use std::os::fd::AsFd;

use ebb_core::failure::{DestinationTrouble, Failure};
use ebb_core::file::{File, next_mark};
use ebb_core::id::AttemptId;
use ebb_core::job::Report;

use super::{Attempt, Break, trouble};
use crate::agents::files::{FileAgent, Opened};

/// How much is copied by one request. A file agent does one thing at a time, and a stop waits for
/// the end of it.
pub(crate) const PART: u64 = 64 * 1024 * 1024;

impl Attempt {
    /// Opens a temporary file for a file, and tells in `file` what it holds.
    pub(super) async fn open(
        &self,
        files: &FileAgent,
        at: u32,
        file: &mut File,
    ) -> Result<Opened, Break> {
        let of = |failure| Break::Trouble(trouble(at, failure, String::new(), None));
        self.delete_spare(at, file).await;
        if let Some(temporary) = &file.temporary {
            match files.reopen(file, temporary).await {
                Ok(opened) => {
                    self.unless_doubted(at, file, &opened).await;
                    return Ok(opened);
                }
                Err(Failure::Destination(
                    DestinationTrouble::TemporaryLost | DestinationTrouble::AccessDenied,
                )) => {}
                Err(failure) => return Err(of(failure)),
            }
        }
        let mark = next_mark(self.order.job, at, file);
        // One that was made and never written down, because an earlier attempt ended in between.
        if self.order.attempt != AttemptId(1) {
            files.sweep(&file.destination, mark).await.map_err(of)?;
        }
        let opened = files.create(&file.destination, mark).await.map_err(of)?;
        match self.take_over(files, at, file, &opened).await {
            Ok(true) => {}
            Ok(false) => self.begin_empty(at, file, &opened).await,
            Err(ended) => {
                self.delete_spare(at, file).await;
                return Err(ended);
            }
        }
        self.kept.borrow_mut().forget(at);
        self.delete_spare(at, file).await;
        Ok(opened)
    }

    /// Copies what another identity has fetched. False if there is nothing to copy from; then
    /// nothing that is held can be kept.
    async fn take_over(
        &self,
        files: &FileAgent,
        at: u32,
        file: &mut File,
        opened: &Opened,
    ) -> Result<bool, Break> {
        let former = file.temporary.as_ref();
        let Some(source) = former.and_then(|former| self.kept.borrow().source(at, former)) else {
            return Ok(false);
        };
        if self.is_doubted(at, &source) {
            return Ok(false);
        }
        // Written down before the first byte goes into it.
        self.report(Report::Prepared(at, opened.temporary.clone())).await;
        file.spare = Some(opened.temporary.clone());
        let mut from = 0;
        while from < file.reach() {
            self.unless_halted()?;
            let until = file.reach().min(from + PART);
            let part = from..until;
            match files.fill(&file.destination, &opened.temporary, source.as_fd(), part).await {
                Ok(()) => from = until,
                Err(Failure::Destination(DestinationTrouble::TemporaryLost)) => return Ok(false),
                Err(failure) => {
                    return Err(Break::Trouble(trouble(at, failure, String::new(), None)));
                }
            }
        }
        self.report(Report::TookOver(at)).await;
        file.take_up_spare();
        Ok(true)
    }

    async fn begin_empty(&self, at: u32, file: &mut File, opened: &Opened) {
        if file.temporary.is_some() {
            eprintln!(
                "job {}: file {at} starts over: its temporary file is out of reach for uid {}",
                self.order.job, self.order.file_identity.uid
            );
        }
        self.report(Report::Created(at, opened.temporary.clone())).await;
        file.spare = file.go_on_in(Some(opened.temporary.clone()));
        file.start_over();
    }

    /// Deletes the temporary file that does not count, if there is one and somebody may.
    async fn delete_spare(&self, at: u32, file: &mut File) {
        let Some(spare) = file.spare.take() else { return };
        let tokens: Vec<_> = self.order.clear_up_as.iter().collect();
        let deleted =
            self.agents.delete(self.order.owner, &tokens, &file.destination, &spare).await;
        match deleted {
            Ok(()) => drop(self.report(Report::SpareDeleted(at)).await),
            Err(failure) => {
                eprintln!(
                    "job {}: an old temporary file of file {at} is left over: {failure}",
                    self.order.job
                );
                file.spare = Some(spare);
            }
        }
    }
}
