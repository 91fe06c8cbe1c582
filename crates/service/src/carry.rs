//! What a job holds, carried over to who takes the job over (`job-model.md` 3.8).
//!
//! Answers one question: *can the new owner go on with every byte?* A temporary file belongs to the
//! identity that made it. The old owner's agent opens it, the new owner's agent has to be able to
//! make one in the same directory, and then
//!
//! * a file that is whole is copied at once: the copy is recorded as the spare one before its first
//!   byte, and takes the place of the first in the step that changes the owner;
//! * of a file that is not, the descriptor is kept: the next attempt copies from it (`attempt::open`).
//!
//! Nothing of the job is stopped or changed for it. If anything fails, the copies are deleted and the
//! job stays as it was. A crash leaves at most a recorded spare file, which Cancel, Complete and the
//! next attempt delete.

use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use ebb_core::failure::Failure;
use ebb_core::file::{File, Progress, Temporary, next_mark};
use ebb_core::id::JobId;
use ebb_core::job::Spare;
use ebb_core::refusal::Refusal;
use ebb_core::token::Token;
use tokio::sync::{mpsc, oneshot};

use crate::agents::Agents;
use crate::agents::files::FileAgent;
use crate::attempt::PART;
use crate::attempt::kept::KeptFiles;
use crate::command::Message;

/// Whose files, and for whom.
pub(crate) struct Carry {
    pub(crate) job: JobId,
    pub(crate) files: Vec<(u32, File)>,
    /// The owner, and the identity of the files, before; none if that is a helper's who is gone.
    pub(crate) from: (u32, Option<Token>),
    pub(crate) to: Token,
    pub(crate) agents: Rc<Agents>,
    pub(crate) outbox: mpsc::UnboundedSender<Message>,
}

/// What there is for the new owner.
#[derive(Default)]
pub(crate) struct Carried {
    /// Whole files, copied: which, and into what.
    pub(crate) copies: Vec<(u32, Temporary)>,
    /// Descriptors of those that are not whole.
    pub(crate) kept: KeptFiles,
}

impl Carry {
    /// Does all of it, or leaves nothing behind.
    pub(crate) async fn run(&self) -> Result<Carried, Refusal> {
        let mut carried = Carried::default();
        for (at, file) in &self.files {
            if let Err(refusal) = self.one(*at, file, &mut carried).await {
                self.undo(&carried).await;
                return Err(refusal);
            }
        }
        Ok(carried)
    }

    /// Deletes the copies.
    pub(crate) async fn undo(&self, carried: &Carried) {
        for (at, copy) in &carried.copies {
            let file = self.files.iter().find(|(known, _)| known == at).map(|(_, file)| file);
            let Some(File { destination, .. }) = file else { continue };
            let deleted = self.agents.delete(self.to.uid, &[&self.to], destination, copy).await;
            if deleted.is_ok() {
                self.tell(*at, Spare::Gone(copy.clone())).await;
            }
        }
    }

    /// Deletes the old owner's temporary files of what was copied, under the identity that made them.
    pub(crate) async fn delete_copied(&self) {
        let (owner, Some(identity)) = &self.from else { return };
        for (at, file) in &self.files {
            let Some(old) =
                file.temporary.as_ref().filter(|_| file.progress == Progress::Transferred)
            else {
                continue;
            };
            if old.made_by == self.to.uid {
                continue;
            }
            let deleted = self.agents.delete(*owner, &[identity], &file.destination, old).await;
            if deleted.is_ok() {
                self.tell(*at, Spare::Gone(old.clone())).await;
            }
        }
    }

    async fn one(&self, at: u32, file: &File, carried: &mut Carried) -> Result<(), Refusal> {
        let Some(temporary) = &file.temporary else {
            return Ok(());
        };
        if temporary.made_by == self.to.uid {
            return self.reopen(self.to.uid, &self.to, file, temporary).await.map(drop);
        }
        let File { destination, .. } = file;
        let look =
            async |agent: &FileAgent| agent.inspect(&destination.dir, &destination.name).await;
        let found = self.agents.ask_files(self.to.uid, &self.to, look).await;
        if found.map_err(refused)? != (destination.dev, destination.ino) {
            return Err(Refusal::NewOwnerNoFileAccess);
        }
        if file.reach() == 0 && file.progress == Progress::Unfinished {
            return Ok(());
        }
        let (owner, Some(identity)) = &self.from else {
            return Err(Refusal::NewOwnerNoFileAccess);
        };
        let source = self.reopen(*owner, identity, file, temporary).await?;
        if file.progress == Progress::Transferred {
            return self.copy(at, file, source, carried).await;
        }
        match carried.kept.keep(at, temporary.clone(), source, &self.agents.room) {
            true => Ok(()),
            false => Err(Refusal::TooManyRequests),
        }
    }

    async fn reopen(
        &self,
        owner: u32,
        identity: &Token,
        file: &File,
        temporary: &Temporary,
    ) -> Result<OwnedFd, Refusal> {
        let open = async |agent: &FileAgent| agent.reopen(file, temporary).await;
        let opened = self.agents.ask_files(owner, identity, open).await;
        opened.map(|opened| opened.fd).map_err(refused)
    }

    /// Copies a whole file into a new one of the new owner's.
    async fn copy(
        &self,
        at: u32,
        file: &File,
        source: OwnedFd,
        carried: &mut Carried,
    ) -> Result<(), Refusal> {
        let (to, destination) = (&self.to, &file.destination);
        let agent = self.agents.files(to.uid, to).await.map_err(refused)?;
        let mark = next_mark(self.job, at, file);
        // One that an earlier try made and did not get to write down.
        agent.sweep(destination, mark).await.map_err(refused)?;
        let copy = agent.create(destination, mark).await.map_err(refused)?.temporary;
        carried.copies.push((at, copy.clone()));
        if !self.tell(at, Spare::Made(copy.clone())).await {
            return Err(Refusal::NewOwnerNoFileAccess);
        }
        let mut from = 0;
        while from < file.reach() {
            let until = file.reach().min(from + PART);
            agent.fill(destination, &copy, source.as_fd(), from..until).await.map_err(refused)?;
            from = until;
        }
        Ok(())
    }

    /// Has it written down; whether it still counts.
    async fn tell(&self, at: u32, spare: Spare) -> bool {
        let (tell, told) = oneshot::channel();
        // The main loop ends only with the process.
        let _ = self.outbox.send(Message::Spare(self.job, at, spare, tell));
        told.await.unwrap_or(false)
    }
}

/// What a directory or a file of the old owner's says to the new one; trouble of our own is told as
/// what it is.
fn refused(failure: Failure) -> Refusal {
    let theirs = matches!(failure, Failure::Destination(_));
    if theirs { Refusal::NewOwnerNoFileAccess } else { Refusal::Unusable(failure) }
}
