//! Copies a file of this machine, as whoever we are.
//!
//! A job may name a file of the machine as its source (`file:`). It is read here and nowhere else,
//! under this process' own identity: whoever may not read it gets nothing. The rules are those of
//! every path: no link is followed in the last step, only regular files are opened, and none of the
//! kernel's own file systems.
//!
//! A file that is written while it is copied would become a splice. So every part is of the file as
//! it was looked at first, by device, inode, length, and the moments of its last write and change; it
//! is looked at again when the part is there, on the same descriptor. The kernel tells two writes apart
//! after they were looked at (since 6.13; before that within one tick of its clock).
//!
//! What the other side may try: any path, and any descriptor to write into. The path gets it what this
//! identity may read anyway; the descriptor has to be a regular file that is open for writing.

use crate::past;
use crate::{place, trouble};
use ebb_wire::files::{FileTrouble, Source};
use rustix::fs::{Advice, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ops::Range;
use std::os::fd::OwnedFd;

/// Says what is there.
pub(crate) fn look(path: &[u8]) -> Result<Source, FileTrouble> {
    open(path).map(|(_, source)| source)
}

/// Copies a part of what was found there into `file`, which is cut where the part begins, and syncs it.
pub(crate) fn copy(
    path: &[u8],
    expected: &Source,
    file: &OwnedFd,
    part: Range<u64>,
) -> Result<(), FileTrouble> {
    writable(file)?;
    let (source, found) = open(path)?;
    if found != *expected || part.end > expected.size {
        return Err(FileTrouble::SourceChanged);
    }
    rustix::fs::ftruncate(file, part.start).map_err(trouble::from)?;
    // Advice, as below; a file system that does not take it loses nothing.
    let _ = rustix::fs::fadvise(&source, 0, None, Advice::NoReuse);
    if !past::copy(&source, file, part).map_err(trouble::from)? {
        return Err(FileTrouble::SourceChanged);
    }
    let after = rustix::fs::fstat(&source).map_err(refused)?;
    if of(&after)? == *expected { Ok(()) } else { Err(FileTrouble::SourceChanged) }
}

/// Looked at before it is opened, since opening a device or a pipe is an act in itself, and again
/// on the descriptor; only the second look counts.
fn open(path: &[u8]) -> Result<(OwnedFd, Source), FileTrouble> {
    if path.first() != Some(&b'/') {
        return Err(FileTrouble::SourceNotAFile);
    }
    of(&rustix::fs::lstat(path).map_err(refused)?)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty()).map_err(refused)?;
    let stat = rustix::fs::fstat(&file).map_err(refused)?;
    if place::is_special(&file, &stat)? {
        return Err(FileTrouble::SourceNotAFile);
    }
    let source = of(&stat)?;
    Ok((file, source))
}

/// What tells this version of a file from others, if it is one.
fn of(stat: &Stat) -> Result<Source, FileTrouble> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(FileTrouble::SourceNotAFile);
    }
    Ok(Source {
        dev: stat.st_dev,
        ino: stat.st_ino,
        // The kernel never reports a negative length of a regular file.
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: stat.st_mtime,
        modified_ns: stat.st_mtime_nsec,
        changed: stat.st_ctime,
        changed_ns: stat.st_ctime_nsec,
    })
}

fn writable(file: &OwnedFd) -> Result<(), FileTrouble> {
    let stat = rustix::fs::fstat(file).map_err(trouble::from)?;
    let flags = rustix::fs::fcntl_getfl(file).map_err(trouble::from)?;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let fine =
        flags & OFlags::ACCMODE == OFlags::RDWR && !flags.intersects(OFlags::PATH | OFlags::APPEND);
    if regular && fine { Ok(()) } else { Err(FileTrouble::TemporaryChanged) }
}

fn refused(errno: Errno) -> FileTrouble {
    match errno {
        Errno::NOENT | Errno::NOTDIR => FileTrouble::SourceGone,
        Errno::ACCESS | Errno::PERM => FileTrouble::SourceDenied,
        // A link in the last step, a device without a driver.
        Errno::LOOP | Errno::NXIO | Errno::NODEV => FileTrouble::SourceNotAFile,
        other => FileTrouble::SourceIo(other.raw_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("ebb-source-{}-{name}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn holding(&self, name: &str, content: &[u8]) -> PathBuf {
            fs::write(self.0.join(name), content).unwrap();
            self.0.join(name)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn looked(path: &Path) -> Result<Source, FileTrouble> {
        look(path.as_os_str().as_bytes())
    }

    fn target(path: &Path) -> OwnedFd {
        fs::File::options().read(true).write(true).open(path).unwrap().into()
    }

    #[test]
    fn a_part_goes_to_its_place_and_what_was_beyond_is_cut() {
        let place = Place::new("part");
        let (from, to) = (place.holding("from", b"123456789"), place.holding("to", b"12345 tail"));
        let source = looked(&from).unwrap();
        assert_eq!(source.size, 9);
        let bytes = from.as_os_str().as_bytes();
        copy(bytes, &source, &target(&to), 5..7).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"1234567");
        copy(bytes, &source, &target(&to), 7..9).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"123456789");
        copy(bytes, &source, &target(&to), 0..0).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"");
    }

    #[test]
    fn a_file_that_was_written_since_it_was_looked_at_is_not_copied() {
        let place = Place::new("changed");
        let (from, to) = (place.holding("from", b"123456789"), place.holding("to", b""));
        let source = looked(&from).unwrap();
        let path = from.as_os_str().as_bytes();
        for other in [
            Source { ino: source.ino + 1, ..source },
            Source { size: 8, ..source },
            Source { modified_ns: source.modified_ns ^ 1, ..source },
            Source { changed: source.changed - 1, ..source },
        ] {
            let copied = copy(path, &other, &target(&to), 0..5);
            assert_eq!(copied, Err(FileTrouble::SourceChanged));
        }
        assert_eq!(copy(path, &source, &target(&to), 0..10), Err(FileTrouble::SourceChanged));
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        let place = Place::new("none");
        let file = place.holding("file", b"1");
        let link = place.0.join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let fifo = place.0.join("fifo");
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, mode, 0).unwrap();
        for path in [&*place.0, &link, &fifo, Path::new("/dev/zero"), Path::new("/proc/self/maps")]
        {
            assert_eq!(looked(path), Err(FileTrouble::SourceNotAFile), "{}", path.display());
        }
        assert_eq!(looked(Path::new("relative")), Err(FileTrouble::SourceNotAFile));
        assert_eq!(looked(&place.0.join("gone")), Err(FileTrouble::SourceGone));
        assert_eq!(looked(&file.join("below")), Err(FileTrouble::SourceGone));
    }

    #[test]
    fn a_source_that_the_kernel_cannot_open_is_told_with_its_number() {
        let place = Place::new("long");
        let errno = Errno::NAMETOOLONG.raw_os_error();
        assert_eq!(looked(&place.0.join("x".repeat(300))), Err(FileTrouble::SourceIo(errno)));
    }

    #[test]
    fn nothing_is_written_but_into_a_file_that_is_open_for_that() {
        let place = Place::new("to");
        let from = place.holding("from", b"1");
        let source = looked(&from).unwrap();
        let read_only: OwnedFd = fs::File::open(&from).unwrap().into();
        let device: OwnedFd =
            fs::File::options().read(true).write(true).open("/dev/null").unwrap().into();
        for file in [read_only, device] {
            let copied = copy(from.as_os_str().as_bytes(), &source, &file, 0..1);
            assert_eq!(copied, Err(FileTrouble::TemporaryChanged));
        }
    }
}
