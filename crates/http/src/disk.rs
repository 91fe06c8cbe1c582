//! Pieces to the file, sync, and what is durable.
//!
//! A slow disk must not stall the connections of other files, so each file in transfer has a writer
//! on a blocking thread, behind a short queue: when the disk is behind, the queue is full, the
//! socket is not read, and the server waits. This module answers one question: *which bytes,
//! counted from the beginning, would survive a power cut now?* ([`Marks::durable`])
//!
//! The writer does what it is told and decides nothing: when to sync is decided by the sending
//! end, and whether bytes may be written at all by `response.rs`. Nothing in the file is touched
//! before [`Disk::begin`], and nothing after [`Disk::close`] has returned.
//!
//! The page cache is left as it was found: what has been synced is given up at once.

use bytes::Bytes;
use rustix::fs::{Advice, FallocateFlags};
use rustix::io::Errno;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Pieces under way to the disk; each is at most 512 KiB.
const QUEUE: usize = 4;

/// A checkpoint is due after this much, whichever comes first.
const CHECKPOINT_BYTES: u64 = 32 * 1024 * 1024;
const CHECKPOINT_TIME: Duration = Duration::from_secs(4);

/// Below this, asking for the space beforehand costs more than it is worth.
const WORTH_ALLOCATING: u64 = 1024 * 1024;

/// How far the file is, counted from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Written.
    pub(crate) received: u64,
    /// Written and synced.
    pub(crate) durable: u64,
}

/// The file could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// No space, or no quota, left.
    #[error("there is no space left for the file")]
    NoSpace,
    /// The kernel refused.
    #[error("the file cannot be written: {}", std::io::Error::from_raw_os_error(*.0))]
    Write(i32),
}

impl From<Errno> for DiskError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOSPC | Errno::DQUOT => Self::NoSpace,
            other => Self::Write(other.raw_os_error()),
        }
    }
}

/// The writer's error has been told already, or the runtime is going down.
const UNTOLD: DiskError = DiskError::Write(Errno::CANCELED.raw_os_error());

enum Command {
    Begin {
        from: u64,
        total: Option<u64>,
    },
    Write(Bytes),
    Sync,
    /// Without this, the end of the queue means that nobody waits for the file any more; it may
    /// even have a new writer by then. It is left as it is.
    End,
}

/// The sending end of a file in transfer.
pub(crate) struct Disk {
    queue: Option<mpsc::Sender<Command>>,
    writer: Option<JoinHandle<Result<(), DiskError>>>,
    marks: watch::Receiver<Marks>,
    unsynced: u64,
    last_sync: Instant,
}

impl Disk {
    /// Takes `file`, of which `durable` bytes are there already. Must be called in a runtime.
    pub(crate) fn open(file: OwnedFd, durable: u64) -> Self {
        let (queue, commands) = mpsc::channel(QUEUE);
        let (told, marks) = watch::channel(Marks {
            received: durable,
            durable,
        });
        let writer = Writer {
            file,
            position: durable,
            synced: durable,
            begun: false,
            told,
        };
        Self {
            queue: Some(queue),
            writer: Some(tokio::task::spawn_blocking(|| writer.run(commands))),
            marks,
            unsynced: 0,
            last_sync: Instant::now(),
        }
    }

    /// How far the file is; changes are announced when `durable` does.
    pub(crate) fn marks(&self) -> watch::Receiver<Marks> {
        self.marks.clone()
    }

    /// Cuts the file to `from` bytes and gets ready to write there.
    pub(crate) async fn begin(&mut self, from: u64, total: Option<u64>) -> Result<(), DiskError> {
        self.last_sync = Instant::now();
        self.send(Command::Begin { from, total }).await
    }

    /// Writes a piece after the last one. Waits while the queue is full.
    pub(crate) async fn write(&mut self, piece: Bytes) -> Result<(), DiskError> {
        self.unsynced += piece.len() as u64;
        self.send(Command::Write(piece)).await?;
        if self.unsynced >= CHECKPOINT_BYTES {
            self.checkpoint_begun();
            self.send(Command::Sync).await?;
        }
        Ok(())
    }

    /// Asks for a checkpoint if it is time for one. Waits for nothing: a disk whose queue is full
    /// is asked again at the next opportunity.
    pub(crate) fn checkpoint_if_due(&mut self) {
        if self.unsynced == 0 || self.last_sync.elapsed() < CHECKPOINT_TIME {
            return;
        }
        if let Some(queue) = &self.queue
            && queue.try_send(Command::Sync).is_ok()
        {
            self.checkpoint_begun();
        }
    }

    /// Writes out what is queued, cuts off what was allocated beyond it, syncs, and ends the
    /// writer. When this returns the descriptor is closed.
    pub(crate) async fn close(mut self) -> (Marks, Result<(), DiskError>) {
        let ended = match self.send(Command::End).await {
            Ok(()) => self.ended().await,
            Err(error) => Err(error),
        };
        let marks = *self.marks.borrow();
        (marks, ended)
    }

    /// Why the writer ended before it was told to; it does so only with an error.
    pub(crate) async fn failure(&mut self) -> DiskError {
        self.ended().await.err().unwrap_or(UNTOLD)
    }

    fn checkpoint_begun(&mut self) {
        self.unsynced = 0;
        self.last_sync = Instant::now();
    }

    async fn send(&mut self, command: Command) -> Result<(), DiskError> {
        if let Some(queue) = &self.queue
            && queue.send(command).await.is_ok()
        {
            return Ok(());
        }
        Err(self.failure().await)
    }

    /// Waits for the writer's end. If this is dropped halfway, it can be called again.
    async fn ended(&mut self) -> Result<(), DiskError> {
        self.queue = None;
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let ended = writer.await;
        self.writer = None;
        ended.unwrap_or(Err(UNTOLD))
    }
}

/// The end on the blocking thread.
struct Writer {
    file: OwnedFd,
    position: u64,
    synced: u64,
    begun: bool,
    told: watch::Sender<Marks>,
}

impl Writer {
    fn run(mut self, mut commands: mpsc::Receiver<Command>) -> Result<(), DiskError> {
        while let Some(command) = commands.blocking_recv() {
            if let Err(error) = self.carry_out(command) {
                // What has been written stays, and is made durable. The first error is told.
                let _ = self.end();
                return Err(error);
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, command: Command) -> Result<(), DiskError> {
        match command {
            Command::Begin { from, total } => self.begin(from, total),
            Command::Write(piece) => self.write(&piece),
            Command::Sync => self.sync(),
            Command::End => self.end(),
        }
    }

    /// Bytes beyond `from` were never durable, or belong to another version: they go.
    fn begin(&mut self, from: u64, total: Option<u64>) -> Result<(), DiskError> {
        rustix::fs::ftruncate(&self.file, from)?;
        self.begun = true;
        self.position = from;
        self.synced = from;
        // No checkpoint, so nobody is woken for it.
        self.told.send_if_modified(|marks| {
            *marks = Marks {
                received: from,
                durable: from,
            };
            false
        });
        match total.and_then(|total| total.checked_sub(from)) {
            Some(rest) if rest >= WORTH_ALLOCATING => self.allocate(from, rest),
            Some(_) | None => Ok(()),
        }
    }

    /// A disk that is too full is better noticed now than after hours.
    fn allocate(&self, from: u64, length: u64) -> Result<(), DiskError> {
        loop {
            match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, from, length) {
                Err(Errno::INTR) => {}
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn write(&mut self, mut piece: &[u8]) -> Result<(), DiskError> {
        while !piece.is_empty() {
            match rustix::io::pwrite(&self.file, piece, self.position) {
                Ok(0) => return Err(DiskError::NoSpace),
                Ok(written) => {
                    self.position += written as u64;
                    piece = &piece[written..];
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        let received = self.position;
        self.told.send_if_modified(|marks| {
            marks.received = received;
            false
        });
        Ok(())
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        rustix::fs::fdatasync(&self.file)?;
        if let Some(length) = NonZeroU64::new(self.position - self.synced) {
            // Advice; a file system that does not take it loses nothing.
            let _ = rustix::fs::fadvise(&self.file, self.synced, Some(length), Advice::DontNeed);
        }
        self.synced = self.position;
        self.told.send_replace(Marks {
            received: self.position,
            durable: self.position,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), DiskError> {
        if !self.begun {
            return Ok(());
        }
        rustix::fs::ftruncate(&self.file, self.position)?;
        self.sync()
    }
}
