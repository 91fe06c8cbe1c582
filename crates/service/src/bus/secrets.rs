//! Secrets as callers hand them over: in sealed memory, by descriptor.
//!
//! A string in a message would be copied by every process and library it passes; a descriptor is
//! not. This module answers one question: *what is in this memory?* What the other side may try: a
//! pipe that never ends, a file on a file system that never answers, memory that changes while it
//! is read. So only memory is taken (no file can be sealed), and only with seals against writing
//! and resizing. Then its size is what it is, and reading it waits for nobody.

use std::hint::black_box;
use std::os::fd::AsFd;

use ebb_core::credentials::{AuthPair, Credentials, PASSWORD_LIMIT};
use ebb_core::refusal::Refusal;
use rustix::fs::{SealFlags, fcntl_get_seals, fstat};

/// A character has up to four bytes.
const MOST: usize = PASSWORD_LIMIT as usize * 4;

/// A set of credentials as it is called with: at most one user name, at most one password.
pub(super) fn credentials(
    pair: AuthPair,
    user: &[String],
    password: &[impl AsFd],
) -> Result<Credentials, Refusal> {
    let ([] | [_], [] | [_]) = (user, password) else {
        let why = "there is one user name and one password, or none of both";
        return Err(Refusal::InvalidArgument(why));
    };
    let password = password.first().map(in_memory).transpose()?;
    Credentials::new(pair.scheme, user.first().map(String::as_str), password)
}

/// At most one passphrase, in memory like a password.
pub(super) fn passphrase(given: &[impl AsFd]) -> Result<Option<Vec<u8>>, Refusal> {
    match given {
        [] => Ok(None),
        [one] => in_memory(one).map(Some),
        _ => Err(Refusal::InvalidArgument("there is one passphrase, or none")),
    }
}

fn in_memory(fd: impl AsFd) -> Result<Vec<u8>, Refusal> {
    const NO: Refusal = Refusal::InvalidArgument(
        "a password comes in memory that is sealed against writing, growing and shrinking",
    );
    let wanted = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK;
    if !fcntl_get_seals(&fd).is_ok_and(|seals| seals.contains(wanted)) {
        return Err(NO);
    }
    let size = fstat(&fd).map_err(|_| NO)?.st_size;
    let size = usize::try_from(size).map_err(|_| NO)?;
    if size > MOST {
        return Err(Refusal::PasswordTooLarge);
    }
    let mut bytes = vec![0; size];
    match read(&fd, &mut bytes) {
        Some(()) => Ok(bytes),
        None => {
            bytes.fill(0);
            black_box(&bytes);
            Err(NO)
        }
    }
}

fn read(fd: impl AsFd, mut to: &mut [u8]) -> Option<()> {
    let mut from = 0;
    while !to.is_empty() {
        match rustix::io::pread(&fd, &mut *to, from) {
            Ok(0) => return None,
            Ok(read) => {
                from += read as u64;
                to = &mut to[read..];
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, fcntl_add_seals, memfd_create};
    use std::os::fd::OwnedFd;

    const ALL: SealFlags = SealFlags::WRITE.union(SealFlags::GROW).union(SealFlags::SHRINK);

    fn memory(text: &[u8], seals: SealFlags) -> OwnedFd {
        let fd = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        assert_eq!(rustix::io::write(&fd, text).unwrap(), text.len());
        fcntl_add_seals(&fd, seals).unwrap();
        fd
    }

    fn taken(user: &[&str], password: &[OwnedFd]) -> Result<Credentials, Refusal> {
        let pair = AuthPair::parse("server", "negotiate").unwrap();
        let user: Vec<String> = user.iter().map(|user| (*user).to_owned()).collect();
        credentials(pair, &user, password)
    }

    #[test]
    fn a_password_is_read_from_its_beginning_wherever_the_writer_stands() {
        let set = taken(&["alice"], &[memory(b"pass word", ALL)]).unwrap();
        assert_eq!(set.login(), Some(("alice", "pass word")));
        assert_eq!(taken(&["a"], &[memory(b"", ALL)]).unwrap().login(), Some(("a", "")));
        assert_eq!(taken(&[], &[]).unwrap().login(), None);
    }

    #[test]
    fn nothing_is_read_from_what_could_change_or_wait() {
        for missing in [SealFlags::WRITE, SealFlags::GROW, SealFlags::SHRINK] {
            let memory = memory(b"x", ALL.difference(missing));
            assert!(matches!(taken(&["a"], &[memory]), Err(Refusal::InvalidArgument(_))));
        }
        let file = OwnedFd::from(std::fs::File::open("/proc/self/exe").unwrap());
        assert!(matches!(taken(&["a"], &[file]), Err(Refusal::InvalidArgument(_))));
        let (pipe, _writer) = std::io::pipe().unwrap();
        assert!(matches!(taken(&["a"], &[pipe.into()]), Err(Refusal::InvalidArgument(_))));
    }

    #[test]
    fn too_much_is_refused_before_it_is_read_and_two_are_not_one() {
        let long = memory(&vec![b'x'; MOST + 1], ALL);
        assert_eq!(taken(&["a"], &[long]).unwrap_err(), Refusal::PasswordTooLarge);
        let two = [memory(b"x", ALL), memory(b"y", ALL)];
        assert!(taken(&["a"], &two).is_err());
        assert!(taken(&["a", "b"], &two[..1]).is_err());
    }
}
