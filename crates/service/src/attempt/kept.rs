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
//!
//! Beside them it is kept how a file that everybody can see was left (`straight`), which answers a
//! second one: *has somebody else written into it since?*

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use ebb_core::file::{Progress, Temporary};
use ebb_core::job::{Job, State};
use ebb_core::token::Resource;
use rustix::fs::fstat;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most in the whole service, far below what it may open.
pub(crate) const MOST: usize = 64;

/// What is kept of one job, by file.
#[derive(Default)]
pub(crate) struct KeptFiles {
    open: BTreeMap<u32, Kept>,
    left: BTreeMap<u32, Mark>,
}

/// What of a file changes whenever anybody writes to it, cuts it or gives it another link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    inode: (u64, u64),
    length: i64,
    changed: (i64, i64),
}

impl Mark {
    /// The mark of an open file, as it is now.
    pub(super) fn of(fd: &OwnedFd) -> Option<Self> {
        let stat = fstat(fd).ok()?;
        Some(Self {
            inode: (stat.st_dev, stat.st_ino),
            length: stat.st_size,
            changed: (stat.st_ctime, i64::try_from(stat.st_ctime_nsec).ok()?),
        })
    }
}

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
        self.open.remove(&at);
        let Ok(_room) = Arc::clone(room).try_acquire_owned() else {
            return false;
        };
        self.open.insert(at, Kept { temporary, fd, _room });
        true
    }

    /// Takes up others; what they are of counts more.
    pub(crate) fn absorb(&mut self, others: Self) {
        self.open.extend(others.open);
        self.left.extend(others.left);
    }

    /// Remembers how an attempt has left a file.
    pub(super) fn remember(&mut self, at: u32, fd: &OwnedFd) {
        match Mark::of(fd) {
            Some(mark) => drop(self.left.insert(at, mark)),
            None => drop(self.left.remove(&at)),
        }
    }

    /// Whether a file is as the last attempt has left it; of what nobody remembers, nobody knows.
    pub(super) fn is_as_left(&self, at: u32, fd: &OwnedFd) -> bool {
        self.left.get(&at).is_some_and(|left| Mark::of(fd).as_ref() == Some(left))
    }

    /// A descriptor of this temporary file, if one is kept.
    pub(super) fn source(&self, at: u32, temporary: &Temporary) -> Option<OwnedFd> {
        let kept = self.open.get(&at).filter(|kept| kept.temporary == *temporary)?;
        kept.fd.try_clone().ok()
    }

    /// Another file counts now.
    pub(super) fn forget(&mut self, at: u32) {
        self.open.remove(&at);
    }

    /// Keeps only what counts for the job as it stands, and what its next file identity cannot open
    /// by itself.
    pub(crate) fn retain_for(&mut self, job: &Job) {
        let ends = job.state == State::Completing || job.state.is_final();
        let next = job.identity_for(Resource::LocalFile).ok().map(|token| token.uid);
        let holds = |at: &u32| {
            job.files
                .get(*at as usize)
                .is_some_and(|file| file.progress == Progress::Unfinished && file.durable > 0)
        };
        self.left.retain(|at, _| holds(at) && !ends);
        self.open.retain(|at, kept| {
            let file = job.files.get(*at as usize).filter(|_| holds(at));
            let counts = file.is_some_and(|file| file.temporary.as_ref() == Some(&kept.temporary));
            counts && !ends && next != Some(kept.temporary.made_by)
        });
    }
}
