//! What a file leaves in the page cache.
//!
//! Whoever gives way to others on the network does so here as well: a file nobody has asked to look at
//! must not push out what others work with. Such a transfer writes past the cache, with
//! `RWF_DONTCACHE`: the kernel begins to write out at once, and gives up each page when that is done.
//! So that no page is written twice, pieces are gathered into batches that end with a page.
//!
//! Where the kernel or the file system has no such flag, the same is done by hand: every 8 MiB it is
//! told that they are not needed, which begins to write them out, and so are once more the 8 MiB
//! before, which are clean by then and go. What was slower than that goes at the checkpoint.
//!
//! This module answers one question: *by which way do bytes go to the file, and what becomes of their
//! pages?* It asks before each batch, since the owner may change the priority at any time. A foreground
//! transfer writes plainly: somebody waits for the file, and will read it.

use super::{Disk, DiskError, Hashes, READ_PIECE, Work};
use crate::bucket::Bucket;
use bytes::Bytes;
use rustix::fs::Advice;
use rustix::io::{Errno, ReadWriteFlags};
use std::io::IoSlice;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::{JoinHandle, spawn_blocking};

/// `RWF_DONTCACHE` of `linux/fs.h`, since Linux 6.14.
const DONTCACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);
/// Gathered before it is written, in bytes.
const BATCH: usize = 256 * 1024;
/// Pieces of one batch: fewer than the kernel takes at once.
const MOST_PIECES: usize = 512;
/// What is written out together where that is done by hand, in bytes.
const WINDOW: u64 = 8 * 1024 * 1024;
const PAGE: u64 = 4096;

/// How the bytes of one file pass the page cache.
pub(super) struct Cache {
    bucket: Option<Arc<Bucket>>,
    /// The file system has no such flag.
    refused: Arc<AtomicBool>,
    gathered: Vec<Bytes>,
    /// How many bytes these have.
    length: usize,
    /// Where the window before the last one begins, and where that ends.
    windows: (u64, u64),
    advice: Option<JoinHandle<()>>,
}

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            bucket: None,
            refused: Arc::new(AtomicBool::new(false)),
            gathered: Vec::new(),
            length: 0,
            windows: (0, 0),
            advice: None,
        }
    }

    /// Whether the transfer gives way to others, as far as is known now.
    pub(super) fn gives_way(&self) -> bool {
        self.bucket.as_ref().is_some_and(|bucket| bucket.manners().is_some())
    }

    /// Bytes that have been taken and are not written.
    pub(super) fn gathered(&self) -> u64 {
        self.length as u64
    }

    /// What comes next goes there in the file.
    pub(super) fn goes_to(&mut self, at: u64) {
        self.windows = (at, at);
    }

    /// What has been taken does not count.
    pub(super) fn drop_gathered(&mut self) {
        self.gathered.clear();
        self.length = 0;
    }

    /// All that is gathered; or, if more is to come, as much of it as ends with a page.
    fn batch(&mut self, at: u64, more: bool) -> Vec<Bytes> {
        let end = at + self.length as u64;
        let tail = usize::try_from(end % PAGE).unwrap_or(0);
        let mut batch = std::mem::take(&mut self.gathered);
        let keep = more && tail < self.length;
        let mut left = if keep { tail } else { 0 };
        self.length = left;
        while left > 0 {
            let Some(mut last) = batch.pop() else { break };
            if last.len() > left {
                let kept = last.split_off(last.len() - left);
                batch.push(last);
                last = kept;
            }
            left -= last.len();
            self.gathered.insert(0, last);
        }
        batch
    }
}

impl Disk {
    /// For a transfer that takes from this bucket, which says whether it gives way.
    pub(crate) fn of(mut self, bucket: Option<&Arc<Bucket>>) -> Self {
        self.cache.bucket = bucket.cloned();
        self
    }

    /// Takes a piece; when there is enough for a batch, or nothing is to be gathered, it is written.
    pub(super) async fn take(&mut self, piece: Bytes) -> Result<(), DiskError> {
        self.cache.length += piece.len();
        self.cache.gathered.push(piece);
        let gathers = self.cache.gives_way() && !self.cache.refused.load(Ordering::Relaxed);
        let enough = self.cache.length >= BATCH || self.cache.gathered.len() >= MOST_PIECES;
        match (gathers, enough) {
            (true, false) => Ok(()),
            (gathers, _) => self.put(gathers).await,
        }
    }

    /// Writes what is gathered.
    pub(crate) async fn flush(&mut self) -> Result<(), DiskError> {
        match self.cache.gathered.is_empty() {
            true => Ok(()),
            false => self.put(false).await,
        }
    }

    async fn put(&mut self, more: bool) -> Result<(), DiskError> {
        let ended = self.put_batch(more).await;
        if ended.is_err() {
            // Without those before them they are nothing.
            self.cache.drop_gathered();
        }
        ended
    }

    async fn put_batch(&mut self, more: bool) -> Result<(), DiskError> {
        self.work_done().await?;
        let at = self.place_in_file();
        let batch = self.cache.batch(at, more);
        for piece in &batch {
            if let Some(hashes) = &mut self.hashes {
                hashes.update(piece);
            }
        }
        self.note(at, batch.iter().map(|piece| piece.len() as u64).sum());
        let past = self.cache.gives_way().then(|| Arc::clone(&self.cache.refused));
        self.write_out(move |file| write_all(file, batch, at, past.as_deref())).await?;
        self.give_up_windows();
        Ok(())
    }

    /// What the flag does elsewhere.
    fn give_up_windows(&mut self) {
        let by_hand = self.cache.gives_way() && self.cache.refused.load(Ordering::Relaxed);
        let busy = self.cache.advice.as_ref().is_some_and(|advice| !advice.is_finished());
        let (before, last) = self.cache.windows;
        let here = self.place_in_file();
        if !by_hand || busy || here < last.saturating_add(WINDOW) {
            return;
        }
        self.cache.windows = (last, here);
        let file = Arc::clone(&self.file);
        self.cache.advice = Some(spawn_blocking(move || give_up(&file, before, here)));
    }

    /// Waits until the kernel has taken all advice.
    pub(super) async fn advised(&mut self) {
        if let Some(advice) = &mut self.cache.advice {
            // It has no result.
            let _ = advice.await;
            self.cache.advice = None;
        }
    }
}

/// These pages are not needed any more: those to be written out are, and the others go. It is advice; a
/// file system that does not take it loses nothing.
pub(super) fn give_up(file: &OwnedFd, from: u64, to: u64) {
    if let Some(length) = NonZeroU64::new(to.saturating_sub(from)) {
        let _ = rustix::fs::fadvise(file, from, Some(length), Advice::DontNeed);
    }
}

/// Writes all pieces, one after the other; `past` the cache, unless that has been refused.
pub(super) fn write_all(
    file: &OwnedFd,
    mut pieces: Vec<Bytes>,
    at: u64,
    past: Option<&AtomicBool>,
) -> Work {
    let mut written = 0;
    let mut first = 0;
    while first < pieces.len() {
        if pieces[first].is_empty() {
            first += 1;
            continue;
        }
        let past = past.filter(|refused| !refused.load(Ordering::Relaxed));
        let flags = past.map_or(ReadWriteFlags::empty(), |_| DONTCACHE);
        let slices: Vec<IoSlice<'_>> =
            pieces[first..].iter().map(|piece| IoSlice::new(piece)).collect();
        match (rustix::io::pwritev2(file, &slices, at + written, flags), past) {
            (Ok(0), _) => return (written, Err(DiskError::NoSpace)),
            (Ok(mut some), _) => {
                written += some as u64;
                while some > 0 {
                    let part = some.min(pieces[first].len());
                    let _ = pieces[first].split_to(part);
                    some -= part;
                    first += usize::from(pieces[first].is_empty());
                }
            }
            (Err(Errno::INTR), _) => {}
            (Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS), Some(refused)) => {
                refused.store(true, Ordering::Relaxed);
            }
            (Err(errno), _) => return (written, Err(errno.into())),
        }
    }
    (written, Ok(()))
}

/// Hashes what is in the file, from where the hashes are, and leaves nothing of it in the page cache.
pub(super) fn read_on(file: &OwnedFd, hashes: &mut Hashes, until: u64) -> Result<(), DiskError> {
    let failed = |errno: Errno| DiskError::Read(errno.raw_os_error());
    let mut buffer = vec![0; READ_PIECE];
    let from = hashes.length();
    while hashes.length() < until {
        let most = usize::try_from(until - hashes.length()).unwrap_or(usize::MAX);
        let room = buffer.len().min(most);
        match rustix::io::pread(file, &mut buffer[..room], hashes.length()) {
            // It has become shorter than it was when it was looked at.
            Ok(0) => return Err(failed(Errno::IO)),
            Ok(some) => hashes.update(&buffer[..some]),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(failed(errno)),
        }
    }
    give_up(file, from, until);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebb_pace::Manners;
    use rustix::fs::{Mode, OFlags, open};

    const FILE: u64 = 48 * 1024 * 1024;

    fn unnamed(directory: &str) -> OwnedFd {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        open(directory, flags, Mode::from(0o600)).unwrap()
    }

    /// Looks at a page in every 64 KiB: which part of them is in the page cache? Nothing if the file
    /// system cannot tell.
    fn resident(file: &OwnedFd, length: u64) -> Option<f64> {
        rustix::fs::fadvise(file, 0, None, Advice::Random).unwrap();
        let (mut looked, mut there) = (0_u32, 0_u32);
        for at in (0..length).step_by(64 * 1024) {
            let mut byte = [0];
            let slices = &mut [std::io::IoSliceMut::new(&mut byte)];
            match rustix::io::preadv2(file, slices, at, ReadWriteFlags::NOWAIT) {
                Ok(_) => there += 1,
                Err(Errno::AGAIN) => {}
                Err(_) => return None,
            }
            looked += 1;
        }
        Some(f64::from(there) / f64::from(looked))
    }

    /// Writes a file in pieces that end nowhere in particular, and returns how much of it is cached.
    async fn written(manners: Option<Manners>, refused: bool) -> (OwnedFd, Option<f64>) {
        // Not in memory, as /tmp may be.
        let file = unnamed(env!("CARGO_MANIFEST_DIR"));
        let bucket = Arc::new(Bucket::new(None));
        bucket.behave(manners);
        let mut disk = Disk::open(file.try_clone().unwrap(), 0).of(Some(&bucket));
        disk.cache.refused.store(refused, Ordering::Relaxed);
        disk.begin(0, Some(FILE)).await.unwrap();
        let mut at = 0;
        while at < FILE {
            let length = (FILE - at).min(50_003);
            let piece: Vec<u8> = (at..at + length).map(|at| at.to_le_bytes()[0]).collect();
            disk.write(Bytes::from(piece)).await.unwrap();
            at += length;
            assert_eq!(disk.received(), at);
        }
        assert_eq!(disk.close().await, (FILE, None, Ok(())));
        let cached = resident(&file, FILE);
        (file, cached)
    }

    fn is_what_was_written(file: &OwnedFd) {
        let mut read = vec![0; usize::try_from(FILE).unwrap()];
        let mut at = 0;
        while at < read.len() {
            at += rustix::io::pread(file, &mut read[at..], at as u64).unwrap();
        }
        assert!((0..FILE).zip(&read).all(|(at, byte)| at.to_le_bytes()[0] == *byte));
    }

    #[tokio::test]
    async fn who_gives_way_leaves_nothing_in_the_page_cache_with_the_flag_and_without() {
        for refused in [false, true] {
            let (file, cached) = written(Some(Manners::LOW), refused).await;
            // A page that somebody holds just now may stay; the kernel promises nothing about one.
            assert!(cached.is_none_or(|part| part < 0.1), "{cached:?}, refused: {refused}");
            is_what_was_written(&file);
        }
    }

    #[tokio::test]
    async fn a_file_that_somebody_waits_for_stays_in_the_page_cache() {
        let (file, cached) = written(None, false).await;
        // Were it gone, the test above would show nothing.
        assert!(cached.is_none_or(|part| part > 0.1), "{cached:?}");
        is_what_was_written(&file);
    }

    #[tokio::test]
    async fn a_file_system_without_the_flag_is_asked_once_and_gets_everything() {
        let file = unnamed("/dev/shm");
        let refused = AtomicBool::new(false);
        let pieces = vec![Bytes::from_static(b"one "), Bytes::new(), Bytes::from_static(b"two")];
        assert_eq!(write_all(&file, pieces, 0, Some(&refused)), (7, Ok(())));
        let mut content = [0; 7];
        assert_eq!(rustix::io::pread(&file, &mut content, 0).unwrap(), 7);
        assert_eq!(&content, b"one two");
    }

    #[tokio::test]
    async fn a_new_priority_counts_for_the_next_piece_and_the_pieces_stay_in_order() {
        let file = unnamed("/tmp");
        let bucket = Arc::new(Bucket::new(None));
        let mut disk = Disk::open(file.try_clone().unwrap(), 0).of(Some(&bucket));
        disk.begin(0, None).await.unwrap();
        bucket.behave(Some(Manners::NORMAL));
        disk.write(Bytes::from_static(b"one ")).await.unwrap();
        assert_eq!((disk.position, disk.received()), (0, 4));
        bucket.behave(None);
        disk.write(Bytes::from_static(b"two ")).await.unwrap();
        assert_eq!((disk.position, disk.received()), (8, 8));
        bucket.behave(Some(Manners::NORMAL));
        disk.write(Bytes::from_static(b"three")).await.unwrap();
        assert_eq!(disk.close().await, (13, None, Ok(())));
        let mut content = [0; 13];
        assert_eq!(rustix::io::pread(&file, &mut content, 0).unwrap(), 13);
        assert_eq!(&content, b"one two three");
    }

    #[test]
    fn a_batch_ends_with_a_page_while_more_is_to_come() {
        let mut cache = Cache::new();
        cache.gathered = vec![Bytes::from(vec![1; 5000]), Bytes::from(vec![2; 3000])];
        cache.length = 8000;
        let batch = cache.batch(100, true);
        assert_eq!(batch.iter().map(Bytes::len).sum::<usize>(), 4096 - 100);
        assert_eq!((cache.length, cache.gathered.len()), (8100 - 4096, 2));
        let rest = cache.batch(4096, false);
        assert_eq!(rest.iter().map(Bytes::len).sum::<usize>(), 8100 - 4096);
        assert_eq!((rest[0][0], rest[1][0], cache.length), (1, 2, 0));
    }
}
