//! Gives a temporary file its mode, its time and its final name.
//!
//! Of a finished file everything is on disk before the name is there, and the name is there in one
//! step: whoever looks sees the old file, or the whole new one. A file that is to be seen while it
//! grows gets its name before anything is in it ([`put_in_place`]); the old one is not written to
//! even then. Repeating either after it has succeeded succeeds again, because the service cannot
//! know whether a crash came before or after.

use crate::place::{self, Directory};
use crate::{name, temporary, trouble};
use ebb_wire::files::{FileTrouble, Look, Temporary};
use rustix::fs::Gid;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// What to do when there is a file of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clash {
    Replace,
    Keep,
}

/// Gives a file that is about to grow its final name. What had that name before is another file,
/// and stays what it is for whoever has it open or by another link.
pub(crate) fn put_in_place(
    place: &impl Directory,
    temporary: &Temporary,
    name: &[u8],
    clash: Clash,
    look: Look,
) -> Result<(), FileTrouble> {
    let (dir, present) = look_at(place, temporary, name)?;
    if present.is_some_and(|stat| temporary::is_same(&stat, temporary)) {
        return Ok(());
    }
    let (file, _) = temporary::open(&dir, temporary)?;
    if present.is_some() && clash == Clash::Keep {
        return Err(FileTrouble::Exists);
    }
    // Else a later attempt could not open it, and would take it for another's.
    let open_to_owner = Mode::RUSR.bits() | Mode::WUSR.bits();
    let mode = look.mode.map(|mode| mode | open_to_owner);
    own(&file, Look { mode, ..look }).map_err(trouble::from)?;
    take_name(&dir, temporary, name, clash)?;
    has_taken(&dir, temporary, name)
}

/// What a finished file is to become.
pub(crate) struct Wish<'a> {
    pub(crate) temporary: &'a Temporary,
    pub(crate) name: &'a [u8],
    pub(crate) clash: Clash,
    pub(crate) look: Look,
}

/// A file that looks as it is to, and waits for its name.
struct Dressed<'a> {
    dir: Rc<OwnedFd>,
    file: OwnedFd,
    wish: Wish<'a>,
    /// Has its name already.
    named: bool,
}

/// Finishes several files, each for itself; says how each went, in their order.
///
/// Step by step for all of them: a disk that has to be waited for writes what has changed of many files
/// at once, and a directory is synced once for all names in it.
pub(crate) fn finish<'a, D: Directory>(
    wishes: impl IntoIterator<Item = (D, Wish<'a>)>,
) -> Vec<Result<(), FileTrouble>> {
    let dressed: Vec<_> = wishes.into_iter().map(|(place, wish)| dressed(&place, wish)).collect();
    let synced = dressed.into_iter().map(|one| {
        one.and_then(|one| rustix::fs::fsync(&one.file).map(|()| one).map_err(trouble::from))
    });
    let synced: Vec<_> = synced.collect();
    let named: Vec<_> = synced.into_iter().map(|one| one.and_then(Dressed::take_name)).collect();
    let mut last: Option<(Rc<OwnedFd>, Result<(), Errno>)> = None;
    let recorded = named.into_iter().map(|one| {
        let one = one?;
        let done = match last.take().filter(|(dir, _)| Rc::ptr_eq(dir, &one.dir)) {
            Some((_, done)) => done,
            None => sync(&one.dir, &one.file),
        };
        last = Some((one.dir, done));
        done.map_err(trouble::from)
    });
    recorded.collect()
}

fn dressed<'a>(place: &impl Directory, wish: Wish<'a>) -> Result<Dressed<'a>, FileTrouble> {
    let Wish { temporary, name, clash, look } = wish;
    let (dir, present) = look_at(place, temporary, name)?;
    let named = present.is_some_and(|stat| temporary::is_same(&stat, temporary));
    let file = match named {
        true => cleared_up(&dir, temporary, name)?,
        false => temporary::open_to_dress(&dir, temporary)?.0,
    };
    if present.is_some() && !named && clash == Clash::Keep {
        return Err(FileTrouble::Exists);
    }
    dress(&file, look).map_err(trouble::from)?;
    Ok(Dressed { dir, file, wish, named })
}

impl Dressed<'_> {
    fn take_name(self) -> Result<Self, FileTrouble> {
        let Self { dir, wish: Wish { temporary, name, clash, .. }, .. } = &self;
        if !self.named {
            take_name(dir, temporary, name, *clash)?;
            has_taken(dir, temporary, name)?;
        }
        Ok(self)
    }
}

/// The directory, and what has the final name in it.
fn look_at(
    place: &impl Directory,
    temporary: &Temporary,
    name: &[u8],
) -> Result<(Rc<OwnedFd>, Option<Stat>), FileTrouble> {
    name::check(name)?;
    name::check(&temporary.name)?;
    let dir = place.open()?;
    let present = place::destination(&dir, name)?;
    Ok((dir, present))
}

/// Somebody who may write here can exchange the temporary file at the last moment. It is his
/// directory; but we do not call that done.
fn has_taken(dir: &OwnedFd, temporary: &Temporary, name: &[u8]) -> Result<(), FileTrouble> {
    let now = place::destination(dir, name)?;
    if now.is_some_and(|stat| temporary::is_same(&stat, temporary)) {
        return Ok(());
    }
    Err(FileTrouble::TemporaryChanged)
}

/// Group, mode and time as they stay.
fn dress(file: &OwnedFd, look: Look) -> Result<(), Errno> {
    own(file, look)?;
    if let Some(seconds) = look.modified {
        let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let last_modification = Timespec { tv_sec: seconds, tv_nsec: 0 };
        rustix::fs::futimens(file, &Timestamps { last_access: omit, last_modification })?;
    }
    Ok(())
}

/// Whose group it is, and who may do what with it.
fn own(file: &OwnedFd, look: Look) -> Result<(), Errno> {
    if let Some(group) = look.group {
        // The kernel says whether this identity is a member; whoever gives a file away may do so.
        rustix::fs::fchown(file, None, Some(Gid::from_raw(group)))?;
    }
    // Without a choice 0666 less the umask that the sandbox has set. Never an execute or set-id
    // bit, whoever asks.
    let mode = look.mode.unwrap_or(0o644) & 0o666;
    rustix::fs::fchmod(file, Mode::from_raw_mode(mode))
}

fn take_name(
    dir: &OwnedFd,
    temporary: &Temporary,
    name: &[u8],
    clash: Clash,
) -> Result<(), FileTrouble> {
    let old = &*temporary.name;
    let result = match clash {
        Clash::Replace => rustix::fs::renameat(dir, old, dir, name),
        Clash::Keep => {
            match rustix::fs::renameat_with(dir, old, dir, name, RenameFlags::NOREPLACE) {
                // Not every file system can; a second link cannot replace anything either.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    rustix::fs::linkat(dir, old, dir, name, AtFlags::empty())
                        .and_then(|()| rustix::fs::unlinkat(dir, old, AtFlags::empty()))
                }
                other => other,
            }
        }
    };
    result.map_err(|errno| match errno {
        Errno::EXIST => FileTrouble::Exists,
        Errno::ISDIR | Errno::NOTEMPTY => FileTrouble::NotARegularFile,
        Errno::NOENT => FileTrouble::TemporaryGone,
        other => trouble::from(other),
    })
}

/// The file has its name already: it was put in place, or a crash came after the rename. One
/// between link and unlink may have left it the old name too.
fn cleared_up(dir: &OwnedFd, temporary: &Temporary, name: &[u8]) -> Result<OwnedFd, FileTrouble> {
    let old = &*temporary.name;
    let left = rustix::fs::statat(dir, old, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| temporary::is_same(&stat, temporary));
    if left && old != name {
        rustix::fs::unlinkat(dir, old, AtFlags::empty()).map_err(trouble::from)?;
    }
    let file = rustix::fs::openat(
        dir,
        name,
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(trouble::from)?;
    let stat = rustix::fs::fstat(&file).map_err(trouble::from)?;
    match temporary::is_same(&stat, temporary) {
        true => Ok(file),
        false => Err(FileTrouble::TemporaryChanged),
    }
}

/// Makes the new name durable. A directory that may be written but not listed cannot be opened for
/// that; then the whole file system is synced.
fn sync(dir: &OwnedFd, file: &OwnedFd) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match rustix::fs::openat(dir, ".", flags, Mode::empty()) {
        Ok(listed) => rustix::fs::fsync(&listed),
        Err(Errno::ACCESS) => rustix::fs::syncfs(file),
        Err(errno) => Err(errno),
    }
}
