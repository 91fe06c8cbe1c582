//! Opens the directory of a destination, and makes sure it is the one that was meant.
//!
//! A path is resolved here and nowhere else, under this process' own identity. No link is followed
//! in the last step, and what is found must be the recorded device and inode: whoever can move
//! directories cannot make us work in another one. The descriptor is `O_PATH`, because making files
//! in a directory takes no right to list it.
//!
//! What is asked for in one datagram is done at one moment: a directory that several of its requests name
//! is opened and looked at once for all of them ([`Known`]). Nothing is kept longer.

use crate::{name, trouble};
use ebb_wire::files::{FileTrouble, Place};
use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// File systems whose files are not files: kernel interfaces, none of which takes a download.
/// Numbers from the kernel's `magic.h`.
const SPECIAL: [u32; 22] = [
    0x0000_9fa0, // proc
    0x6265_6572, // sysfs
    0x0000_1cd1, // devpts
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xcafe_4a11, // bpf
    0x6265_6570, // configfs
    0x6165_676c, // pstore
    0xde5e_81e4, // efivarfs
    0xf97c_ff8c, // selinux
    0x4341_5d53, // smack
    0x9584_58f6, // hugetlbfs
    0x1980_0202, // mqueue
    0x4249_4e4d, // binfmt_misc
    0x6e73_6673, // nsfs
    0x0765_5821, // resctrl
    0x6c6f_6f70, // binder
    0x6573_5543, // fusectl
    0x0000_9fa2, // usbdevfs
];

/// The directory of a destination.
pub(crate) trait Directory {
    /// Its descriptor, if it is the one that was recorded.
    fn open(&self) -> Result<Rc<OwnedFd>, FileTrouble>;
}

impl<D: Directory> Directory for &D {
    fn open(&self) -> Result<Rc<OwnedFd>, FileTrouble> {
        (**self).open()
    }
}

impl Directory for Place {
    fn open(&self) -> Result<Rc<OwnedFd>, FileTrouble> {
        open(self).map(Rc::new)
    }
}

/// Directories that requests of one datagram have named.
#[derive(Default)]
pub(crate) struct Known {
    recorded: RefCell<Option<(Place, Rc<OwnedFd>)>>,
    writable: RefCell<Option<(Vec<u8>, Writable)>>,
}

/// A directory in which files may be made.
#[derive(Clone)]
struct Writable {
    dir: Rc<OwnedFd>,
    dev: u64,
    ino: u64,
}

/// A directory, opened unless it was just now.
pub(crate) struct In<'a>(pub(crate) &'a Known, pub(crate) &'a Place);

impl Directory for In<'_> {
    fn open(&self) -> Result<Rc<OwnedFd>, FileTrouble> {
        let In(known, place) = self;
        if let Some((_, dir)) = known.recorded.borrow().as_ref().filter(|(at, _)| at == *place) {
            return Ok(Rc::clone(dir));
        }
        let dir = place.open()?;
        known.recorded.replace(Some(((*place).clone(), Rc::clone(&dir))));
        Ok(dir)
    }
}

impl Known {
    /// Looks at a destination that is being added; gives the directory's device and inode.
    pub(crate) fn inspect(&self, path: &[u8], name: &[u8]) -> Result<(u64, u64), FileTrouble> {
        name::check(name)?;
        let known = self.writable.borrow().as_ref().filter(|(at, _)| *at == path).cloned();
        let (_, Writable { dir, dev, ino }) = match known {
            Some(known) => known,
            None => {
                let found = (path.to_vec(), writable(path)?);
                self.writable.replace(Some(found.clone()));
                found
            }
        };
        destination(&dir, name)?;
        Ok((dev, ino))
    }
}

fn writable(path: &[u8]) -> Result<Writable, FileTrouble> {
    let (dir, stat) = open_any(path)?;
    rustix::fs::accessat(&dir, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
        .map_err(trouble::from)?;
    Ok(Writable { dir: Rc::new(dir), dev: stat.st_dev, ino: stat.st_ino })
}

fn open(place: &Place) -> Result<OwnedFd, FileTrouble> {
    let (dir, stat) = open_any(&place.dir)?;
    if (stat.st_dev, stat.st_ino) != (place.dev, place.ino) {
        return Err(FileTrouble::DirectoryChanged);
    }
    Ok(dir)
}

/// What is at the final name: nothing, or a regular file.
pub(crate) fn destination(dir: &OwnedFd, name: &[u8]) -> Result<Option<Stat>, FileTrouble> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
            Ok(Some(stat))
        }
        Ok(_) => Err(FileTrouble::NotARegularFile),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(trouble::from(errno)),
    }
}

fn open_any(path: &[u8]) -> Result<(OwnedFd, Stat), FileTrouble> {
    let path = last_step(path)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| refused(path, errno))?;
    let stat = rustix::fs::fstat(&dir).map_err(trouble::from)?;
    if is_special(&dir, &stat)? {
        return Err(FileTrouble::SpecialFileSystem);
    }
    Ok((dir, stat))
}

/// Takes the slashes off the end: behind one, the kernel would follow a link in the last step.
fn last_step(path: &[u8]) -> Result<&[u8], FileTrouble> {
    if path.first() != Some(&b'/') {
        return Err(FileTrouble::Io(Errno::INVAL.raw_os_error()));
    }
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(1, |last| last + 1);
    Ok(&path[..end])
}

/// Why a directory could not be opened. The kernel calls a link in the last step *not a directory*
/// too; the second look tells them apart, and decides nothing but the wording.
fn refused(path: &[u8], errno: Errno) -> FileTrouble {
    let is_link = || {
        rustix::fs::lstat(path)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
    };
    match errno {
        Errno::NOENT => FileTrouble::NoSuchDirectory,
        Errno::NOTDIR | Errno::LOOP if is_link() => FileTrouble::SymbolicLink,
        Errno::NOTDIR => FileTrouble::NotADirectory,
        other => trouble::from(other),
    }
}

/// Whether this is a kernel interface. `/dev` calls itself a tmpfs, as `/dev/shm` rightly does, so
/// it is known by its device; unless it is but a directory of the root file system.
pub(crate) fn is_special(dir: &OwnedFd, stat: &Stat) -> Result<bool, FileTrouble> {
    let kind = rustix::fs::fstatfs(dir).map_err(trouble::from)?.f_type;
    // The type is as wide as a word; magic numbers are 32 bits, and may have been sign-extended.
    let is_listed = SPECIAL.iter().any(|magic| i64::from(*magic) == kind & 0xffff_ffff);
    let device = |path| rustix::fs::stat(path).map(|stat| stat.st_dev).ok();
    let is_dev = device("/dev") == Some(stat.st_dev) && device("/") != Some(stat.st_dev);
    Ok(is_listed || is_dev)
}
