//! Pieces to the file, sync, and what is durable.
//!
//! This module answers one question: *which bytes, counted from the beginning, would survive a
//! power cut now?* ([`Disk::durable`])
//!
//! Writing is done on the spot: a write goes to the page cache, and the piece is still in the
//! processor's. What can take long is done on a blocking thread: cutting and allocating, and every
//! sync, beside which writing goes on. When a write itself turns out slow, because the kernel makes
//! writers wait for the disk, the following ones go to a thread too, so that one slow disk does not
//! stall the connections of other files. At most two checkpoints' worth is ahead of the disk; after
//! that the socket is not read, and the server waits.
//!
//! The last sync of a small file is done on the spot where the disk has shown that it takes no time
//! ([`crate::quick`]).
//!
//! It decides nothing about bytes: whether they may be written at all is decided in `response.rs`.
//! Nothing in the file is touched before [`Disk::begin`], and nothing after [`Disk::close`] has
//! returned. What it leaves in the page cache is `cache`'s business.

mod ahead;
mod cache;

use crate::hash::{Hashes, Wanted};
use crate::quick::{self, Quick};
use bytes::Bytes;
use cache::{Cache, give_up, read_on, write_all};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

/// A checkpoint is due after this much, whichever comes first.
const CHECKPOINT_BYTES: u64 = 32 * 1024 * 1024;
const CHECKPOINT_TIME: Duration = Duration::from_secs(4);

/// A write that takes longer has waited for the disk.
const SLOW_WRITE: Duration = Duration::from_millis(30);

/// Below this, asking for the space beforehand costs more than it is worth.
const WORTH_ALLOCATING: u64 = 1024 * 1024;

/// So much is read back at once.
const READ_BACK: u64 = 8 * 1024 * 1024;
const READ_PIECE: usize = 128 * 1024;

/// The file could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// No space, or no quota, left.
    #[error("there is no space left for the file")]
    NoSpace,
    /// The kernel refused.
    #[error("the file cannot be written: {}", std::io::Error::from_raw_os_error(*.0))]
    Write(i32),
    /// The kernel refused, when what is in it was read back.
    #[error("the file cannot be read: {}", std::io::Error::from_raw_os_error(*.0))]
    Read(i32),
}

/// What is known of the hashes of the first bytes of a file, to go on from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// Of how many bytes.
    pub at: u64,
    /// Bytes that only this crate reads.
    pub state: Vec<u8>,
}

impl From<Errno> for DiskError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOSPC | Errno::DQUOT => Self::NoSpace,
            other => Self::Write(other.raw_os_error()),
        }
    }
}

/// What a thread did: bytes written, and how it ended.
type Work = (u64, Result<(), DiskError>);

/// What is in the file besides what is written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    /// Nothing that counts: it ends with the last byte written.
    Nothing,
    /// Other pieces, from other fetches.
    Pieces,
}

/// So many bytes, and what is known of their hashes.
type Reached = (u64, Option<Hashed>);

/// A file in transfer.
pub(crate) struct Disk {
    file: Arc<OwnedFd>,
    begun: Option<Keep>,
    position: u64,
    /// The byte at this position goes there in the file; those after it follow.
    place: (u64, u64),
    /// Where in the file has been written since the last checkpoint began: beginnings and ends.
    written: Vec<(u64, u64)>,
    durable: u64,
    /// Cutting or writing, on a thread. Nothing else is written meanwhile.
    work: Option<JoinHandle<Work>>,
    /// The checkpoint under way, and where it reaches.
    checkpoint: Option<(JoinHandle<Result<(), DiskError>>, Reached)>,
    last_checkpoint: (Instant, u64),
    slow: bool,
    /// Where the file is, and how quick that was lately.
    device: Option<(u64, Arc<Quick>)>,
    /// Nothing is synced before it is closed.
    at_end: bool,
    /// A sync has failed. The kernel tells that once and forgets it, so none after it counts.
    sync_failed: bool,
    /// Of the bytes from the beginning, where digests are wanted.
    hashes: Option<Hashes>,
    /// What was known of them where it is durable.
    hashed: Option<Hashed>,
    /// Which way the bytes go, and those that have not gone yet.
    cache: Cache,
}

impl Disk {
    /// Takes `file`, of which `durable` bytes are there already.
    pub(crate) fn open(file: OwnedFd, durable: u64) -> Self {
        Self {
            file: Arc::new(file),
            begun: None,
            position: durable,
            place: (0, 0),
            written: Vec::new(),
            durable,
            work: None,
            checkpoint: None,
            last_checkpoint: (Instant::now(), durable),
            slow: false,
            device: None,
            at_end: false,
            sync_failed: false,
            hashes: None,
            hashed: None,
            cache: Cache::new(),
        }
    }

    /// On this device, which may be quick.
    pub(crate) fn on(self, device: u64, quick: &Arc<Quick>) -> Self {
        Self { device: Some((device, Arc::clone(quick))), ..self }
    }

    /// Makes no checkpoints: what is written counts when it is closed, and not before.
    pub(crate) fn synced_at_end(self) -> Self {
        Self { at_end: true, ..self }
    }

    /// Bytes written and synced, from the beginning.
    pub(crate) fn durable(&self) -> u64 {
        self.durable
    }

    /// Bytes taken, from the beginning.
    pub(crate) fn received(&self) -> u64 {
        self.position + self.cache.gathered()
    }

    /// What is known of the hashes of the durable bytes.
    pub(crate) fn hashed(&self) -> Option<Hashed> {
        self.hashed.clone().filter(|hashed| hashed.at == self.durable)
    }

    /// Counts nothing that is there as durable any more, without touching it.
    pub(crate) fn forget(&mut self) {
        self.position = 0;
        self.durable = 0;
        self.cache.drop_gathered();
    }

    /// Cuts the file to `from` bytes and gets ready to write there. What was beyond was never
    /// durable, or belongs to another version.
    pub(crate) async fn begin(&mut self, from: u64, total: Option<u64>) -> Result<(), DiskError> {
        self.settle().await?;
        self.begun = Some(Keep::Nothing);
        self.place = (from, from);
        self.cache.goes_to(from);
        self.written.clear();
        self.position = from;
        // What was written since the last checkpoint is held, and not synced yet.
        self.durable = self.durable.min(from);
        self.last_checkpoint = (Instant::now(), from);
        let rest = total.and_then(|total| total.checked_sub(from));
        let rest = rest.filter(|rest| *rest >= WORTH_ALLOCATING);
        // Nothing to cut and nothing to allocate: so it is with most small files.
        if rest.is_none() && length(&self.file)? == from {
            return Ok(());
        }
        self.work(move |file| (0, prepare(file, from, rest))).await
    }

    /// Gets ready to write, after all bytes so far, a piece that goes to `at` in the file. What is
    /// in the file elsewhere stays.
    pub(crate) async fn begin_piece(
        &mut self,
        at: u64,
        length: Option<u64>,
    ) -> Result<(), DiskError> {
        self.flush().await?;
        self.begun = Some(Keep::Pieces);
        self.place = (self.position, at);
        self.cache.goes_to(at);
        match length.filter(|length| *length >= WORTH_ALLOCATING) {
            Some(length) => self.work(move |file| (0, allocate(file, at, length))).await,
            None => Ok(()),
        }
    }

    /// Gets ready to hash what comes after the first `from` bytes. Of those `known` says what is
    /// needed; where it does not, they are read back: that is so after a write that failed halfway, and
    /// of files that did not come from their beginning to their end.
    pub(crate) async fn begin_hashes(
        &mut self,
        wanted: Wanted,
        from: u64,
        known: Option<&Hashed>,
    ) -> Result<(), DiskError> {
        let at_hand = self.hashes.take();
        if wanted == Wanted::default() {
            return Ok(());
        }
        let known = known.filter(|known| known.at == from);
        let resumed = at_hand
            .filter(|hashes| hashes.length() == from && hashes.has(wanted))
            .or_else(|| Hashes::resume(wanted, from, &known?.state));
        self.hashes = Some(match resumed {
            Some(hashes) => hashes,
            None => self.read_back(Hashes::begin(wanted), from).await?,
        });
        Ok(())
    }

    async fn read_back(&mut self, hashes: Hashes, until: u64) -> Result<Hashes, DiskError> {
        // In parts, since whoever waits for the end of this must not wait for all of it.
        let mut at = hashes.length();
        let hashes = Arc::new(Mutex::new(hashes));
        while at < until {
            let part = until.min(at + READ_BACK);
            let shared = Arc::clone(&hashes);
            self.work(move |file| {
                let mut hashes = shared.lock().expect("panics abort");
                (0, read_on(file, &mut hashes, part))
            })
            .await?;
            at = part;
        }
        let hashes = hashes.lock().expect("panics abort").clone();
        Ok(hashes)
    }

    /// The hashes of all bytes so far, if there are any.
    pub(crate) fn hashes(&self) -> Option<&Hashes> {
        self.hashes.as_ref().filter(|hashes| hashes.length() == self.position)
    }

    fn hashed_so_far(&self) -> Option<Hashed> {
        self.hashes().map(|hashes| Hashed { at: hashes.length(), state: hashes.state() })
    }

    /// Writes a piece after the last one, and begins a checkpoint when one is due.
    pub(crate) async fn write(&mut self, piece: Bytes) -> Result<(), DiskError> {
        if self.position - self.durable >= 2 * CHECKPOINT_BYTES {
            self.settle().await?;
        }
        self.take(piece).await?;
        if self.position - self.last_checkpoint.1 >= CHECKPOINT_BYTES {
            self.begin_checkpoint();
        }
        Ok(())
    }

    /// Where in the file the next byte goes.
    fn place_in_file(&self) -> u64 {
        self.place.1 + (self.position - self.place.0)
    }

    /// Has bytes written that follow the last ones: on the spot, unless the disk is slow.
    async fn write_out(
        &mut self,
        write: impl FnOnce(&OwnedFd) -> Work + Send + 'static,
    ) -> Result<(), DiskError> {
        if self.slow {
            return self.work(write).await;
        }
        let start = Instant::now();
        let (written, ended) = write(&self.file);
        self.position += written;
        self.slow = start.elapsed() > SLOW_WRITE;
        ended
    }

    /// Begins a checkpoint if enough time has passed since the last one.
    pub(crate) async fn checkpoint_if_due(&mut self) -> Result<(), DiskError> {
        if self.last_checkpoint.0.elapsed() >= CHECKPOINT_TIME && !self.at_end {
            self.flush().await?;
            self.begin_checkpoint();
        }
        Ok(())
    }

    /// Waits until the checkpoint under way is done; without one, for ever.
    pub(crate) async fn checkpoint_done(&mut self) -> Result<(), DiskError> {
        let Some((sync, reached)) = &mut self.checkpoint else {
            return std::future::pending().await;
        };
        let synced = sync.await.unwrap_or(Err(LOST));
        let (reached, hashed) = std::mem::take(reached);
        self.checkpoint = None;
        self.slow = false;
        self.sync_failed |= synced.is_err();
        synced?;
        self.durable = reached;
        self.hashed = hashed;
        Ok(())
    }

    /// Ends all work, cuts off what was allocated beyond the last byte, syncs, and closes the
    /// descriptor. Returns how much is durable: also after an error what was written stays.
    pub(crate) async fn close(mut self) -> (u64, Option<Hashed>, Result<(), DiskError>) {
        let mut ended = self.settle().await;
        self.advised().await;
        if let Some(keep) = self.begun.filter(|_| !self.sync_failed) {
            let (to, written) = (self.position, std::mem::take(&mut self.written));
            let finished = self.finished(keep, to, written).await;
            if finished.is_ok() {
                self.durable = to;
                self.hashed = self.hashed_so_far();
            }
            ended = ended.and(finished);
        }
        (self.durable, self.hashed(), ended)
    }

    /// Has the end of the file written out: on the spot where that takes no time.
    async fn finished(
        &mut self,
        keep: Keep,
        to: u64,
        written: Vec<(u64, u64)>,
    ) -> Result<(), DiskError> {
        let size: u64 = written.iter().map(|(from, to)| to.saturating_sub(*from)).sum();
        let device = self.device.clone().filter(|_| size <= quick::SMALL);
        let at_once = device.as_ref().is_some_and(|(device, quick)| quick.is(*device));
        let keeps_pages = !self.cache.gives_way();
        let work = move |file: &OwnedFd| {
            let begun = Instant::now();
            let done = finish(file, keep, to, &written, keeps_pages);
            if let Some((device, quick)) = device {
                quick.took(device, begun.elapsed());
            }
            (0, done)
        };
        match at_once {
            true => work(&self.file).1,
            false => self.work(work).await,
        }
    }

    /// Waits until nothing is under way. If this is dropped halfway, it can be called again.
    async fn settle(&mut self) -> Result<(), DiskError> {
        let worked = match self.work_done().await {
            Ok(()) => self.flush().await,
            failed @ Err(_) => {
                self.cache.drop_gathered();
                failed
            }
        };
        if self.checkpoint.is_some() {
            self.checkpoint_done().await?;
        }
        worked
    }

    fn begin_checkpoint(&mut self) {
        let begun = self.checkpoint.is_some() || self.position == self.durable;
        if begun || self.at_end || self.sync_failed {
            return;
        }
        let (file, to) = (Arc::clone(&self.file), self.position);
        let written = std::mem::take(&mut self.written);
        self.last_checkpoint = (Instant::now(), to);
        let hashed = self.hashed_so_far();
        let keeps_pages = !self.cache.gives_way();
        let sync = move || sync(&file, &written, keeps_pages);
        self.checkpoint = Some((spawn_blocking(sync), (to, hashed)));
    }

    fn note(&mut self, at: u64, length: u64) {
        match self.written.last_mut() {
            Some((_, end)) if *end == at => *end += length,
            Some(_) | None => self.written.push((at, at + length)),
        }
    }

    async fn work(
        &mut self,
        work: impl FnOnce(&OwnedFd) -> Work + Send + 'static,
    ) -> Result<(), DiskError> {
        let file = Arc::clone(&self.file);
        self.work = Some(spawn_blocking(move || work(&file)));
        self.work_done().await
    }

    async fn work_done(&mut self) -> Result<(), DiskError> {
        let Some(work) = &mut self.work else {
            return Ok(());
        };
        let (written, ended) = work.await.unwrap_or((0, Err(LOST)));
        self.work = None;
        self.position += written;
        ended
    }
}

/// The runtime went down before a thread had done its work.
const LOST: DiskError = DiskError::Write(Errno::CANCELED.raw_os_error());

fn length(file: &OwnedFd) -> Result<u64, DiskError> {
    let length = rustix::fs::fstat(file)?.st_size;
    Ok(u64::try_from(length).expect("the kernel has no files of negative length"))
}

fn prepare(file: &OwnedFd, from: u64, rest: Option<u64>) -> Result<(), DiskError> {
    rustix::fs::ftruncate(file, from)?;
    rest.map_or(Ok(()), |rest| allocate(file, from, rest))
}

/// Gives back what was allocated beyond the last byte, and syncs.
fn finish(
    file: &OwnedFd,
    keep: Keep,
    to: u64,
    written: &[(u64, u64)],
    keeps_pages: bool,
) -> Result<(), DiskError> {
    let end = match keep {
        Keep::Nothing => to,
        Keep::Pieces => length(file)?,
    };
    rustix::fs::ftruncate(file, end)?;
    sync(file, written, keeps_pages)
}

/// A disk that is too full is better noticed now than after hours.
fn allocate(file: &OwnedFd, from: u64, length: u64) -> Result<(), DiskError> {
    loop {
        match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, from, length) {
            Err(Errno::INTR) => {}
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn sync(file: &OwnedFd, written: &[(u64, u64)], keeps_pages: bool) -> Result<(), DiskError> {
    rustix::fs::fdatasync(file)?;
    for (from, to) in written.iter().filter(|_| !keeps_pages) {
        give_up(file, *from, *to);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags, open};

    fn opened(path: &str, flags: OFlags) -> OwnedFd {
        open(path, flags | OFlags::CLOEXEC, Mode::from(0o600)).unwrap()
    }

    fn unnamed(content: &[u8]) -> OwnedFd {
        let file = opened("/tmp", OFlags::TMPFILE | OFlags::RDWR);
        assert_eq!(rustix::io::pwrite(&file, content, 0).unwrap(), content.len());
        file
    }

    #[tokio::test]
    async fn nothing_is_touched_before_begin() {
        let file = unnamed(b"12345");
        let disk = Disk::open(file.try_clone().unwrap(), 3);
        assert_eq!(disk.close().await, (3, None, Ok(())));
        assert_eq!(length(&file), Ok(5));
    }

    #[tokio::test]
    async fn what_is_allocated_beyond_the_last_byte_is_given_back() {
        let file = unnamed(b"12345");
        let mut disk = Disk::open(file.try_clone().unwrap(), 3);
        disk.begin(3, Some(64 * 1024 * 1024)).await.unwrap();
        assert!(rustix::fs::fstat(&file).unwrap().st_blocks > 1000);
        disk.write(Bytes::from_static(b"xyz")).await.unwrap();
        assert_eq!((disk.durable(), disk.received()), (3, 6));
        assert_eq!(disk.close().await, (6, None, Ok(())));
        assert_eq!(length(&file), Ok(6));
        assert!(rustix::fs::fstat(&file).unwrap().st_blocks <= 64);
    }

    #[tokio::test]
    async fn pieces_go_to_their_places_and_leave_the_others_alone() {
        let file = unnamed(b"0123456789");
        let mut disk = Disk::open(file.try_clone().unwrap(), 4);
        disk.begin_piece(2, Some(64 * 1024 * 1024)).await.unwrap();
        disk.write(Bytes::from_static(b"ab")).await.unwrap();
        disk.begin_piece(8, Some(4)).await.unwrap();
        disk.write(Bytes::from_static(b"cd")).await.unwrap();
        disk.write(Bytes::from_static(b"ef")).await.unwrap();
        assert_eq!((disk.durable(), disk.received()), (4, 10));
        assert_eq!(disk.close().await, (10, None, Ok(())));
        let mut content = [0; 12];
        assert_eq!(rustix::io::pread(&file, &mut content, 0).unwrap(), 12);
        assert_eq!(&content, b"01ab4567cdef");
        assert!(rustix::fs::fstat(&file).unwrap().st_blocks <= 64);
    }

    #[tokio::test]
    async fn writing_goes_on_beside_a_checkpoint() {
        let mut disk = Disk::open(unnamed(b""), 0);
        disk.begin(0, None).await.unwrap();
        let piece = Bytes::from(vec![7; 1024 * 1024]);
        for _ in 0..33 {
            disk.write(piece.clone()).await.unwrap();
        }
        assert_eq!(disk.received(), 33 * 1024 * 1024);
        disk.checkpoint_done().await.unwrap();
        assert_eq!(disk.durable(), CHECKPOINT_BYTES);
        assert_eq!(disk.close().await, (33 * 1024 * 1024, None, Ok(())));
    }

    #[tokio::test]
    async fn what_is_synced_at_the_end_does_not_count_before() {
        let mut disk = Disk::open(unnamed(b""), 0).synced_at_end();
        disk.begin(0, None).await.unwrap();
        let piece = Bytes::from(vec![7; 1024 * 1024]);
        for _ in 0..70 {
            disk.write(piece.clone()).await.unwrap();
        }
        assert!(disk.checkpoint.is_none());
        assert_eq!((disk.durable(), disk.received()), (0, 70 * 1024 * 1024));
        assert_eq!(disk.close().await, (70 * 1024 * 1024, None, Ok(())));
    }

    #[tokio::test]
    async fn a_slow_disk_gets_its_writes_from_a_thread_and_in_order() {
        let file = unnamed(b"");
        let mut disk = Disk::open(file.try_clone().unwrap(), 0);
        disk.begin(0, None).await.unwrap();
        disk.slow = true;
        disk.write(Bytes::from_static(b"one ")).await.unwrap();
        disk.write(Bytes::from_static(b"two")).await.unwrap();
        assert_eq!(disk.close().await, (7, None, Ok(())));
        let mut content = [0; 7];
        rustix::io::pread(&file, &mut content, 0).unwrap();
        assert_eq!(&content, b"one two");
    }

    #[tokio::test]
    async fn a_full_disk_is_told_as_no_space_and_nothing_is_claimed() {
        let mut disk = Disk::open(opened("/dev/full", OFlags::RDWR), 0);
        disk.begin(0, None).await.unwrap();
        assert_eq!(disk.write(Bytes::from_static(b"x")).await, Err(DiskError::NoSpace));
        assert_eq!(disk.close().await.0, 0);
    }

    #[tokio::test]
    async fn after_a_failed_sync_nothing_counts_any_more() {
        // Takes every write, and has no sync.
        let mut disk = Disk::open(opened("/dev/null", OFlags::RDWR), 0);
        disk.begin(0, None).await.unwrap();
        disk.write(Bytes::from(vec![0; 33 * 1024 * 1024])).await.unwrap();
        assert!(disk.checkpoint_done().await.is_err());
        assert!(disk.sync_failed);
        disk.begin_checkpoint();
        assert!(disk.checkpoint.is_none());
        assert_eq!(disk.close().await, (0, None, Ok(())));
    }
}
