//! Makes, finds again and deletes temporary files.
//!
//! A temporary file is known by device and inode, not by its name. Found again it must be what we
//! made: a regular file, with one link, owned by us. It is looked at before it is opened, since
//! opening a device or a pipe is an act in itself, and again afterwards on the descriptor, since
//! names can be exchanged in between; only the second look counts.

use crate::place::Directory;
use crate::{name, trouble};
use ebb_wire::files::{FileTrouble, Temporary};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

/// An open temporary file.
pub(crate) struct Opened {
    pub(crate) file: OwnedFd,
    pub(crate) temporary: Temporary,
    pub(crate) length: u64,
}

/// Makes a new one for a file that will be called `name`.
///
/// Its directory entry is not synced here: syncing the file, which every checkpoint does, brings
/// the entry along on the file systems we know, and a file that is lost is made anew.
pub(crate) fn create(
    place: &impl Directory,
    name: &[u8],
    mark: u64,
) -> Result<Opened, FileTrouble> {
    name::check(name)?;
    let dir = place.open()?;
    let name = name::temporary(name, mark);
    let flags = flags() | OFlags::CREATE | OFlags::EXCL;
    let file = rustix::fs::openat(&dir, &*name, flags, private()).map_err(trouble::from)?;
    made(&dir, file, name)
}

/// Deletes what `create` with this mark made and nobody wrote down, because a crash came between.
/// Bytes go into a file only after it is written down, so one that is not empty is another's.
pub(crate) fn sweep(place: &impl Directory, name: &[u8], mark: u64) -> Result<(), FileTrouble> {
    name::check(name)?;
    let dir = place.open()?;
    let name = name::temporary(name, mark);
    let unwritten = match rustix::fs::statat(&dir, &*name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => is_regular(&stat) && stat.st_size == 0 && stat.st_nlink == 1,
        Err(Errno::NOENT) => false,
        Err(errno) => return Err(trouble::from(errno)),
    };
    if unwritten {
        rustix::fs::unlinkat(&dir, &*name, AtFlags::empty()).map_err(trouble::from)?;
    }
    Ok(())
}

/// Opens one that was made earlier.
pub(crate) fn reopen(place: &impl Directory, temporary: &Temporary) -> Result<Opened, FileTrouble> {
    name::check(&temporary.name)?;
    let dir = place.open()?;
    let (file, stat) = open(&dir, temporary)?;
    Ok(Opened { file, temporary: temporary.clone(), length: length(&stat) })
}

/// Deletes one, if it is still there. Whoever may write the directory may do that, so a job's owner
/// can clear up what a helper made. Another file under its name stays.
pub(crate) fn delete(place: &impl Directory, temporary: &Temporary) -> Result<(), FileTrouble> {
    name::check(&temporary.name)?;
    let dir = place.open()?;
    match rustix::fs::statat(&dir, &*temporary.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if is_same(&stat, temporary) => {}
        Ok(_) => return Err(FileTrouble::TemporaryChanged),
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(trouble::from(errno)),
    }
    match rustix::fs::unlinkat(&dir, &*temporary.name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(trouble::from(errno)),
    }
}

/// Opens a recorded temporary file in a directory that was checked.
pub(crate) fn open(dir: &OwnedFd, temporary: &Temporary) -> Result<(OwnedFd, Stat), FileTrouble> {
    let (file, stat) = open_to_dress(dir, temporary)?;
    rustix::fs::fcntl_setfl(&file, OFlags::empty()).map_err(trouble::from)?;
    Ok((file, stat))
}

/// The same for somebody who neither reads nor writes what is in it.
pub(crate) fn open_to_dress(
    dir: &OwnedFd,
    temporary: &Temporary,
) -> Result<(OwnedFd, Stat), FileTrouble> {
    let name = &*temporary.name;
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(trouble::from_temporary)?;
    check(&stat, temporary)?;
    // Not blocking, in case it has become a pipe by now.
    let file = rustix::fs::openat(dir, name, flags() | OFlags::NONBLOCK, Mode::empty())
        .map_err(trouble::from_temporary)?;
    let stat = rustix::fs::fstat(&file).map_err(trouble::from)?;
    check(&stat, temporary)?;
    Ok((file, stat))
}

/// Whether this is the recorded inode.
pub(crate) fn is_same(stat: &Stat, temporary: &Temporary) -> bool {
    (stat.st_dev, stat.st_ino) == (temporary.dev, temporary.ino)
}

/// Describes a file that was just made; one that is not ours (a server may map owners) is no use.
fn made(dir: &OwnedFd, file: OwnedFd, name: Vec<u8>) -> Result<Opened, FileTrouble> {
    let stat = rustix::fs::fstat(&file).map_err(trouble::from)?;
    let temporary = Temporary { name, dev: stat.st_dev, ino: stat.st_ino };
    if let Err(trouble) = check(&stat, &temporary) {
        // What we cannot use we do not leave behind; that it may fail changes nothing.
        let _ = rustix::fs::unlinkat(dir, &*temporary.name, AtFlags::empty());
        return Err(trouble);
    }
    Ok(Opened { file, temporary, length: length(&stat) })
}

fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// The one check everything that is opened goes through.
fn check(stat: &Stat, temporary: &Temporary) -> Result<(), FileTrouble> {
    static OURS: OnceLock<u32> = OnceLock::new();
    // Who we are does not change: the sandbox has seen to that.
    let is_ours = stat.st_uid == *OURS.get_or_init(|| rustix::process::geteuid().as_raw());
    if is_same(stat, temporary) && is_regular(stat) && is_ours && stat.st_nlink == 1 {
        return Ok(());
    }
    Err(FileTrouble::TemporaryChanged)
}

fn flags() -> OFlags {
    OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY
}

/// Nobody else reads half a file.
fn private() -> Mode {
    Mode::RUSR | Mode::WUSR
}

/// The kernel never reports a negative length of a regular file.
fn length(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}
