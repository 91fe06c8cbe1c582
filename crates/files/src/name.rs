//! Names of files: which are ones at all, and what temporary files are called.

use ebb_wire::files::FileTrouble;
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

/// Longest name in bytes on nearly every file system.
const NAME_MAX: usize = 255;
const SUFFIX: &[u8] = b".ebb";
const RANDOM: usize = 8;
/// 32 of them, so that five random bits choose one without a bias.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Refuses what is not the name of one file in one directory.
pub(crate) fn check(name: &[u8]) -> Result<(), FileTrouble> {
    let is_name = !name.is_empty() && name != b"." && name != b"..";
    if is_name && !name.contains(&b'/') && !name.contains(&0) {
        return Ok(());
    }
    Err(FileTrouble::Io(Errno::INVAL.raw_os_error()))
}

/// A fresh name `.NAME.XXXXXXXX.ebb`, with `NAME` shortened where that would be too long.
pub(crate) fn temporary(name: &[u8]) -> Result<Vec<u8>, Errno> {
    let room = NAME_MAX - b"..".len() - RANDOM - SUFFIX.len();
    let parts: [&[u8]; 5] = [b".", shortened(name, room), b".", &letters()?, SUFFIX];
    Ok(parts.concat())
}

/// The beginning of `name`, not cut within a character.
fn shortened(name: &[u8], room: usize) -> &[u8] {
    if name.len() <= room {
        return name;
    }
    let mut end = room;
    while end > 0 && name[end] & 0b1100_0000 == 0b1000_0000 {
        end -= 1;
    }
    &name[..end]
}

fn letters() -> Result<[u8; RANDOM], Errno> {
    let mut bytes = [0_u8; RANDOM];
    // So few bytes come whole once the kernel's generator is ready, which the call waits for.
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(bytes.map(|byte| LETTERS[usize::from(byte % 32)]))
}
