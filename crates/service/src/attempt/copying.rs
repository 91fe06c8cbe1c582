//! A file whose source is on this machine.
//!
//! Answers one question: *what does the attempt do next with it?* The file agent copies it, a part at
//! a time, under the identity that the job's files have; no network agent is asked, and none is
//! started. What holds for every file holds here: the version it is of is written down before its
//! first byte counts, a part counts when it is synced, and a source that is another one than the bytes
//! that are here came from starts over.
//!
//! It never opens the source itself, and never holds a descriptor of it.

use std::os::fd::OwnedFd;

use ebb_core::failure::{Failure, SourceTrouble};
use ebb_core::file::{File, Validators};
use ebb_core::job::Report;
use ebb_wire::files::Source;

use super::{Attempt, Break, trouble};
use crate::agents::files::FileAgent;

/// How much is copied by one request: between two of them the attempt can be stopped.
const PART: u64 = 16 * 1024 * 1024;
/// A source that has changed so often is left alone for a while.
const MOST_VERSIONS: u32 = 3;

const CHANGED: Failure = Failure::Source(SourceTrouble::Changing);

impl Attempt {
    /// Copies it, from where it is to its end.
    pub(super) async fn copy(
        &self,
        at: u32,
        file: &mut File,
        fd: &OwnedFd,
        path: &[u8],
    ) -> Result<(), Break> {
        let mut versions = 1;
        let source = loop {
            match self.copy_once(at, file, fd, path).await {
                Err(Break::Trouble(found)) if found.failure == CHANGED => {
                    if versions == MOST_VERSIONS {
                        return Err(Break::Trouble(found));
                    }
                    versions += 1;
                }
                other => break other?,
            }
        };
        if file.digests() != (None, None) {
            let net = self.agents.net(self.order.owner, &self.order.file_identity).await;
            let net = net.map_err(|failure| broken(at, failure))?;
            self.unless_wrong(&net, fd, at, file).await?;
        }
        let modified = Some(source.modified);
        let done = Report::FileDone { file: at, length: source.size, modified };
        if self.report(done).await { Ok(()) } else { Err(Break::Stopped) }
    }

    async fn copy_once(
        &self,
        at: u32,
        file: &mut File,
        fd: &OwnedFd,
        path: &[u8],
    ) -> Result<Source, Break> {
        let of = |failure| broken(at, failure);
        let look = async |agent: &FileAgent| agent.look_at_source(path).await;
        let order = &self.order;
        let source = self.agents.ask_files(order.owner, &order.file_identity, look).await;
        let source = source.map_err(of)?;
        let validators = validators(&source);
        let same = file.validators == validators && !order.terms.starts_over();
        if !same || file.durable > source.size {
            file.start_over();
        }
        file.answered(validators.clone());
        let mut from = file.durable;
        let final_url = file.url.clone();
        let answered = Report::Answered { file: at, validators, final_url, status: 0, from };
        if !self.report(answered).await {
            return Err(Break::Stopped);
        }
        self.put_in_place(at, file).await?;
        loop {
            self.unless_halted()?;
            let until = source.size.min(from.saturating_add(PART));
            let copy = async |agent: &FileAgent| agent.copy(path, &source, fd, from..until).await;
            let copied = self.agents.ask_files(order.owner, &order.file_identity, copy).await;
            copied.map_err(of)?;
            from = until;
            file.durable = until;
            if !self.report(Report::Checkpoint { file: at, durable: until }).await {
                return Err(Break::Stopped);
            }
            if from == source.size {
                return Ok(source);
            }
        }
    }
}

fn broken(at: u32, failure: Failure) -> Break {
    Break::Trouble(trouble(at, failure, String::new(), None))
}

/// What tells this version from others, in the form in which servers say it.
fn validators(source: &Source) -> Validators {
    let Source { dev, ino, size, modified, modified_ns, changed, changed_ns } = source;
    let tag = format!("\"{dev}-{ino}-{modified}.{modified_ns}-{changed}.{changed_ns}\"");
    Validators { etag: Some(tag.into_bytes()), total: Some(*size), ..Validators::default() }
}
