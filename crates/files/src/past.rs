//! Copies past the page cache.
//!
//! This module answers one question: *how does a copy leave the page cache as it was?* With
//! `RWF_DONTCACHE` the kernel gives up a page once it has been read or written out, unless it was there
//! already: what others have cached of the source stays, and what nobody had does not come to stay.
//! A source is never told to be not needed, since that throws out what others had.
//!
//! Where the source's file system has no such flag it is read plainly. Pages of
//! the target that are still there when it has been made durable are given up by hand: nobody else has
//! them open yet.

use rustix::fs::{Advice, copy_file_range, fadvise, fdatasync, fstatfs};
use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev2};
use std::io::{IoSlice, IoSliceMut};
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::OwnedFd;

/// `RWF_DONTCACHE` of `linux/fs.h`, since Linux 6.14.
const DONTCACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);
/// How much is copied at a time.
const PIECE: usize = 256 * 1024;
/// File systems that cannot share blocks between files: the kernel copies there by way of the cache.
const COPYING: [u64; 2] = [0xEF53, 0x0102_1994];

/// Copies a part of one file to the same place of another, makes it durable, and leaves none of it in the
/// page cache. Returns whether the source was long enough.
pub(crate) fn copy(source: &OwnedFd, file: &OwnedFd, part: Range<u64>) -> Result<bool, Errno> {
    let mut past = Past::between(source, file);
    let mut at = part.start;
    while at < part.end {
        let most = part.end - at;
        let copied = match &mut past {
            Some(past) => past.copy(source, file, at, most),
            None => by_the_kernel(source, file, at, most),
        };
        at += match copied {
            Ok(0) => return Ok(false),
            Ok(copied) => copied,
            Err(Errno::INTR) => 0,
            Err(errno) => return Err(errno),
        };
    }
    kept(file, part)?;
    Ok(true)
}

/// Copies some of the `most` bytes at `at`; how many.
fn by_the_kernel(source: &OwnedFd, file: &OwnedFd, at: u64, most: u64) -> Result<u64, Errno> {
    let (mut from, mut to) = (at, at);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    match copy_file_range(source, Some(&mut from), file, Some(&mut to), most) {
        // Two file systems, or one that cannot.
        Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            Past::new().copy(source, file, at, most as u64)
        }
        other => other.map(|copied| copied as u64),
    }
}

/// Copies piece by piece.
struct Past {
    piece: Vec<u8>,
    reading: ReadWriteFlags,
    writing: ReadWriteFlags,
}

impl Past {
    /// A way for both files, if there is none that is better: file systems that share blocks, or
    /// copy where the files are, touch no page at all.
    fn between(source: &OwnedFd, file: &OwnedFd) -> Option<Self> {
        let copies = |file: &OwnedFd| {
            let kind = fstatfs(file).ok().and_then(|found| u64::try_from(found.f_type).ok());
            kind.is_some_and(|kind| COPYING.contains(&kind))
        };
        (copies(source) || copies(file)).then(Self::new)
    }

    fn new() -> Self {
        Self { piece: vec![0; PIECE], reading: DONTCACHE, writing: DONTCACHE }
    }

    /// Copies some of the `most` bytes at `at`; how many.
    fn copy(&mut self, source: &OwnedFd, file: &OwnedFd, at: u64, most: u64) -> Result<u64, Errno> {
        let most = usize::try_from(most).unwrap_or(PIECE).min(PIECE);
        let piece = &mut self.piece[..most];
        let length = unless_refused(&mut self.reading, |flags| {
            preadv2(source, &mut [IoSliceMut::new(piece)], at, flags)
        })?;
        let mut written = 0;
        while written < length {
            let rest = &piece[written..length];
            written += unless_refused(&mut self.writing, |flags| {
                pwritev2(file, &[IoSlice::new(rest)], at + written as u64, flags)
            })?;
        }
        Ok(length as u64)
    }
}

/// Makes a part of the file durable, and gives up its pages: those of a write with the flag go by
/// themselves only where the kernel learns in the right place that they have been written, and those
/// of another write do not.
fn kept(file: &OwnedFd, part: Range<u64>) -> Result<(), Errno> {
    fdatasync(file)?;
    if let Some(length) = NonZeroU64::new(part.end.saturating_sub(part.start)) {
        // Advice; a file system that does not take it loses nothing.
        let _ = fadvise(file, part.start, Some(length), Advice::DontNeed);
    }
    Ok(())
}

/// Without the flag from now on, where it is refused.
fn unless_refused(
    flags: &mut ReadWriteFlags,
    mut act: impl FnMut(ReadWriteFlags) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    loop {
        match act(*flags) {
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) if !flags.is_empty() => {
                *flags = ReadWriteFlags::empty();
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags, open};
    use rustix::io::{pread, pwrite};

    const LENGTH: u64 = 8 * 1024 * 1024;

    fn unnamed(directory: &str, length: u64) -> OwnedFd {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = open(directory, flags, Mode::from(0o600)).unwrap();
        let content: Vec<u8> = (0..length).map(|at| at.to_le_bytes()[1]).collect();
        assert_eq!(pwrite(&file, &content, 0).unwrap() as u64, length);
        file
    }

    /// Which part of the pages looked at is in the page cache; nothing if that cannot be told.
    fn resident(file: &OwnedFd, from: u64, to: u64) -> Option<f64> {
        fadvise(file, 0, None, Advice::Random).unwrap();
        let (mut looked, mut there) = (0_u32, 0_u32);
        for at in (from..to).step_by(64 * 1024) {
            let mut byte = [0];
            let slices = &mut [IoSliceMut::new(&mut byte)];
            match preadv2(file, slices, at, ReadWriteFlags::NOWAIT) {
                Ok(_) => there += 1,
                Err(Errno::AGAIN) => {}
                Err(_) => return None,
            }
            looked += 1;
        }
        Some(f64::from(there) / f64::from(looked))
    }

    fn copied(past: &mut Past, source: &OwnedFd, file: &OwnedFd) {
        let mut at = 0;
        while at < LENGTH {
            let some = past.copy(source, file, at, LENGTH - at).unwrap();
            assert!(some > 0);
            at += some;
        }
    }

    #[test]
    fn what_others_had_cached_of_a_source_stays_and_the_rest_does_not_come() {
        let here = env!("CARGO_MANIFEST_DIR");
        let (source, file) = (unnamed(here, LENGTH), unnamed(here, 0));
        let Some(mut past) = Past::between(&source, &file) else { return };
        fdatasync(&source).unwrap();
        fadvise(&source, 0, None, Advice::DontNeed).unwrap();
        fadvise(&source, 0, None, Advice::Random).unwrap();
        let half = LENGTH / 2;
        let mut read = vec![0; usize::try_from(half).unwrap()];
        assert_eq!(pread(&source, &mut read[..], 0).unwrap() as u64, half);
        copied(&mut past, &source, &file);
        if past.reading.is_empty() {
            // An older kernel, or a file system without the flag: nothing is promised.
            return;
        }
        // What the kernel itself needs memory for is not ours to say: more than half is enough.
        let (first, second) = (resident(&source, 0, half), resident(&source, half, LENGTH));
        assert!(first.is_none_or(|part| part > 0.5), "{first:?}");
        assert!(second.is_none_or(|part| part < 0.5), "{second:?}");
        kept(&file, 0..LENGTH).unwrap();
        let target = resident(&file, 0, LENGTH);
        assert!(target.is_none_or(|part| part < 0.1), "{target:?}");
    }

    #[test]
    fn where_the_flag_is_refused_everything_is_copied_all_the_same() {
        let (source, file) = (unnamed("/dev/shm", LENGTH), unnamed("/dev/shm", 0));
        let mut past = Past::between(&source, &file).unwrap();
        copied(&mut past, &source, &file);
        let mut read = vec![1; usize::try_from(LENGTH).unwrap()];
        assert_eq!(pread(&file, &mut read[..], 0).unwrap() as u64, LENGTH);
        assert!((0..LENGTH).zip(&read).all(|(at, byte)| at.to_le_bytes()[1] == *byte));
    }
}
