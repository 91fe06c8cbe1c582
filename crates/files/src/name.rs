//! Names of files: which are ones at all, and what temporary files are called.

use ebb_wire::files::FileTrouble;
use rustix::io::Errno;

/// Longest name in bytes on nearly every file system.
const NAME_MAX: usize = 255;
const SUFFIX: &[u8] = b".ebb";
const LETTERS_IN_NAME: usize = 8;
/// 32 of them: five bits choose one.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Refuses what is not the name of one file in one directory.
pub(crate) fn check(name: &[u8]) -> Result<(), FileTrouble> {
    let is_name = !name.is_empty() && name != b"." && name != b"..";
    if is_name && !name.contains(&b'/') && !name.contains(&0) {
        return Ok(());
    }
    Err(FileTrouble::Io(Errno::INVAL.raw_os_error()))
}

/// The name `.NAME.XXXXXXXX.ebb`, with `NAME` shortened where that would be too long. The letters
/// are the lowest 40 bits of `mark`, which the service draws so that no two files share it.
pub(crate) fn temporary(name: &[u8], mark: u64) -> Vec<u8> {
    let room = NAME_MAX - b"..".len() - LETTERS_IN_NAME - SUFFIX.len();
    let parts: [&[u8]; 5] = [b".", shortened(name, room), b".", &letters(mark), SUFFIX];
    parts.concat()
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

fn letters(mark: u64) -> [u8; LETTERS_IN_NAME] {
    let mut rest = mark;
    [(); LETTERS_IN_NAME].map(|()| {
        let letter = LETTERS[(rest & 31) as usize];
        rest >>= 5;
        letter
    })
}
