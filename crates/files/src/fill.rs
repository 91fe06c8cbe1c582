//! Takes over what another identity has fetched.
//!
//! A job's file identity may change in mid-transfer (R9). The temporary file belongs to the identity
//! before, which this one cannot reach; what comes is a descriptor of it, which the service has kept
//! and never reads. Copied is from descriptor to descriptor.
//!
//! What the other side may try: hand us something that is no file, or a file that is shorter than
//! told. Then nothing counts, and the file is fetched anew. It cannot make us write anywhere but
//! into the recorded temporary file, which is checked as always.

use crate::place::Directory;
use crate::{past, temporary, trouble};
use ebb_wire::files::{FileTrouble, Temporary};
use rustix::fs::{FileType, fstat};
use std::ops::Range;
use std::os::fd::OwnedFd;

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
    match past::copy(source, &file, part) {
        Ok(true) => Ok(()),
        Ok(false) => Err(FileTrouble::TemporaryChanged),
        Err(errno) => Err(trouble::from(errno)),
    }
}
