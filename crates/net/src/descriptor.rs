//! Whether a descriptor is what a fetch may write to.
//!
//! The service has checked it already; we check again what would turn into silent damage. This
//! module answers one question: *would a write at an offset land at that offset, in a file?* It
//! never opens, closes or changes anything.

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use std::os::fd::AsFd;

/// Checks that `file` is a regular file, open for writing, and not in append mode: with that,
/// Linux writes at the end whatever the offset is.
pub(crate) fn is_writable_file(file: impl AsFd) -> bool {
    let regular = fstat(&file).is_ok_and(|found| FileType::from_raw_mode(found.st_mode).is_file());
    let writable = fcntl_getfl(&file).is_ok_and(|flags| {
        let access = flags & OFlags::ACCMODE;
        (access == OFlags::RDWR || access == OFlags::WRONLY)
            && !flags.intersects(OFlags::APPEND | OFlags::PATH)
    });
    regular && writable
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, open};

    fn judged(path: &str, flags: OFlags) -> bool {
        is_writable_file(open(path, flags | OFlags::CLOEXEC, Mode::from(0o600)).unwrap())
    }

    #[test]
    fn only_a_regular_file_open_for_writing_at_offsets_will_do() {
        let unnamed = OFlags::TMPFILE;
        assert!(judged("/tmp", unnamed | OFlags::RDWR));
        assert!(judged("/tmp", unnamed | OFlags::WRONLY));
        assert!(!judged("/tmp", unnamed | OFlags::RDWR | OFlags::APPEND));
        assert!(!judged("/proc/self/exe", OFlags::RDONLY));
        assert!(!judged("/proc/self/exe", OFlags::PATH));
        assert!(!judged("/tmp", OFlags::RDONLY));
        assert!(!judged("/dev/null", OFlags::RDWR));
    }
}
