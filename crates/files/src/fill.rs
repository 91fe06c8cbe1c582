//! Takes over what another identity has fetched.
//!
//! A job's file identity may change in mid-transfer (R9). The temporary file belongs to the identity
//! before, which this one cannot reach; what comes is a descriptor of it, which the service has kept
//! and never reads. Copied is from descriptor to descriptor, by the kernel where it can.
//!
//! What the other side may try: hand us something that is no file, or a file that is shorter than
//! told. Then nothing counts, and the file is fetched anew. It cannot make us write anywhere but
//! into the recorded temporary file, which is checked as always.

use crate::place::Directory;
use crate::{temporary, trouble};
use ebb_wire::files::{FileTrouble, Temporary};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, pread, pwrite};
use std::ops::Range;
use std::os::fd::OwnedFd;

/// How much is copied at a time where the kernel does not copy by itself.
const PIECE: usize = 256 * 1024;

/// Copies a part of `source` to the same place of a temporary file of ours, and syncs it.
pub(crate) fn fill(
    place: &impl Directory,
    temporary: &Temporary,
    source: &OwnedFd,
    part: Range<u64>,
) -> Result<(), FileTrouble> {
    let stat = fstat(source).map_err(trouble::from)?;
    let long_enough = u64::try_from(stat.st_size).is_ok_and(|length| length >= part.end);
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || !long_enough {
        return Err(FileTrouble::TemporaryChanged);
    }
    let (file, _) = temporary::open(&*place.open()?, temporary)?;
    let mut at = part.start;
    while at < part.end {
        at += match copy(source, &file, at, part.end - at) {
            Ok(0) => return Err(FileTrouble::TemporaryChanged),
            Ok(copied) => copied,
            Err(Errno::INTR) => 0,
            Err(errno) => return Err(trouble::from(errno)),
        };
    }
    rustix::fs::fdatasync(&file).map_err(trouble::from)
}

/// Copies some of the `most` bytes at `at`; how many.
pub(crate) fn copy(source: &OwnedFd, file: &OwnedFd, at: u64, most: u64) -> Result<u64, Errno> {
    let (mut from, mut to) = (at, at);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    match rustix::fs::copy_file_range(source, Some(&mut from), file, Some(&mut to), most) {
        // Two file systems, or one that cannot.
        Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        other => return other.map(|copied| copied as u64),
    }
    let mut piece = vec![0; PIECE.min(most)];
    let length = pread(source, &mut piece[..], at)?;
    let mut written = 0;
    while written < length {
        written += match pwrite(file, &piece[written..length], at + written as u64) {
            Err(Errno::INTR) => 0,
            other => other?,
        };
    }
    Ok(length as u64)
}
