//! Descriptors of temporary files that whoever comes next cannot open.
//!
//! When a job's file identity changes in mid-transfer, the temporary file belongs to the identity
//! before (R9). What reaches it then is the descriptor the attempt that was stopped had in hand. It
//! is kept with the job, while it runs under another identity or waits for a token, and handed to
//! that identity's file agent, which copies what counts. This module answers one question: *is
//! there a descriptor of the file that counts?*
//!
//! The service never reads or writes through one. They do not survive it; and there is a limit.
//! Where none is kept, the file starts over.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use ebb_core::file::{Progress, Temporary};
use ebb_core::job::{Job, State};
use ebb_core::token::Resource;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most in the whole service, far below what it may open.
pub(crate) const MOST: usize = 64;

/// What is kept of one job, by file.
#[derive(Default)]
pub(crate) struct KeptFiles(BTreeMap<u32, Kept>);

struct Kept {
    temporary: Temporary,
    fd: OwnedFd,
    _room: OwnedSemaphorePermit,
}

impl KeptFiles {
    /// Keeps one, where there is room for it; says whether there was.
    pub(crate) fn keep(
        &mut self,
        at: u32,
        temporary: Temporary,
        fd: OwnedFd,
        room: &Arc<Semaphore>,
    ) -> bool {
        self.0.remove(&at);
        let Ok(_room) = Arc::clone(room).try_acquire_owned() else {
            return false;
        };
        self.0.insert(at, Kept { temporary, fd, _room });
        true
    }

    /// Takes up others; what they are of counts more.
    pub(crate) fn absorb(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// A descriptor of this temporary file, if one is kept.
    pub(super) fn source(&self, at: u32, temporary: &Temporary) -> Option<OwnedFd> {
        let kept = self.0.get(&at).filter(|kept| kept.temporary == *temporary)?;
        kept.fd.try_clone().ok()
    }

    /// Another file counts now.
    pub(super) fn forget(&mut self, at: u32) {
        self.0.remove(&at);
    }

    /// Keeps only what counts for the job as it stands, and what its next file identity cannot open
    /// by itself.
    pub(crate) fn retain_for(&mut self, job: &Job) {
        let ends = job.state == State::Completing || job.state.is_final();
        let next = job.identity_for(Resource::LocalFile).ok().map(|token| token.uid);
        self.0.retain(|at, kept| {
            let counts = job.files.get(*at as usize).is_some_and(|file| {
                file.progress == Progress::Unfinished
                    && file.durable > 0
                    && file.temporary.as_ref() == Some(&kept.temporary)
            });
            counts && !ends && next != Some(kept.temporary.made_by)
        });
    }
}
