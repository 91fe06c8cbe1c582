//! What the kernel's numbers mean to the owner of a file.
//!
//! Only what means the same wherever it comes from is here; what depends on the step (is it the
//! directory or the file that does not exist?) is said where the step is.

use ebb_wire::files::FileTrouble;
use rustix::io::Errno;

/// A number, wherever it comes from.
pub(crate) fn from(errno: Errno) -> FileTrouble {
    match errno {
        Errno::ACCESS | Errno::PERM => FileTrouble::AccessDenied,
        Errno::NOSPC | Errno::DQUOT => FileTrouble::NoSpace,
        Errno::ROFS => FileTrouble::ReadOnly,
        Errno::NAMETOOLONG => FileTrouble::NameTooLong,
        other => FileTrouble::Io(other.raw_os_error()),
    }
}

/// A number that came from looking for, or opening, a temporary file.
pub(crate) fn from_temporary(errno: Errno) -> FileTrouble {
    match errno {
        Errno::NOENT => FileTrouble::TemporaryGone,
        // A link, a directory, a device without a driver: not what we made.
        Errno::LOOP | Errno::ISDIR | Errno::NXIO | Errno::NODEV => FileTrouble::TemporaryChanged,
        other => from(other),
    }
}
