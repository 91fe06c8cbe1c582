//! The kernel's word about who is on the other end of a Unix socket.
//!
//! This module answers one question: *who connected?* The answer is what the kernel wrote down at
//! the moment of `connect` (or `socketpair`): numbers, never names. It never asks the user
//! database, for that says what a fresh login would have, and not what this caller has; and it
//! never looks at anything the other side says about itself.
//!
//! What the other side may try: to end, and have its process id taken by another process. So what
//! belongs to a process is asked of the `pidfd`, which the kernel pins to the process that
//! connected. The number is for logs only.

#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use uapi::c;

/// Most supplementary groups the kernel gives a process.
const GROUPS_MAX: usize = 65536;
/// More than any security module's label.
const LABEL_MAX: usize = 64 * 1024;

/// Who is on the other end, as of the moment it connected.
#[derive(Debug)]
pub struct Peer {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Supplementary groups in the kernel's order, without `gid`.
    pub groups: Vec<u32>,
    /// Process id, for logs only; `None` when the process is not visible from our namespace.
    pub pid: Option<u32>,
    /// The process itself; `None` when the kernel (before 6.5) does not tell.
    pub pidfd: Option<OwnedFd>,
    /// What the security module calls it; `None` without one that labels sockets.
    pub label: Option<Vec<u8>>,
}

/// Asks the kernel who is on the other end of `socket`.
///
/// Does not block, and gives the same answer however often it is asked, whatever the peer has
/// become since.
///
/// # Errors
///
/// `NotConnected` when nobody is; else what the kernel says: `socket` is no Unix socket, or the
/// peer is gone so thoroughly that no `pidfd` can be had. A caller that is gone is no caller.
pub fn of(socket: BorrowedFd<'_>) -> io::Result<Peer> {
    // The kernel's `struct ucred`. A peer outside our pid namespace has the pid 0.
    let mut credentials = [0; 3];
    whole(socket, c::SO_PEERCRED, &mut credentials)?;
    let [pid, uid, gid] = credentials;
    if uid == u32::MAX {
        return Err(io::ErrorKind::NotConnected.into());
    }
    Ok(Peer {
        uid,
        gid,
        groups: groups(socket, gid)?,
        pid: Some(pid).filter(|pid| *pid != 0),
        pidfd: if_known(pidfd(socket))?,
        label: if_known(label(socket))?,
    })
}

fn groups(socket: BorrowedFd<'_>, primary: u32) -> io::Result<Vec<u32>> {
    let bytes = grown(socket, c::SO_PEERGROUPS, GROUPS_MAX * size_of::<u32>())?;
    let (groups, _) = bytes.as_chunks::<4>();
    Ok(groups.iter().map(|group| u32::from_ne_bytes(*group)).filter(|g| *g != primary).collect())
}

/// A descriptor of the peer's process, closed on exec as the kernel makes it.
fn pidfd(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut number = [-1];
    whole(socket, c::SO_PEERPIDFD, &mut number)?;
    if number[0] < 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // The kernel has just installed it for us, and nobody else knows it.
    Ok(uapi::OwnedFd::new(number[0]).into())
}

fn label(socket: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    let mut label = grown(socket, c::SO_PEERSEC, LABEL_MAX)?;
    // Some modules count the terminating zero in, some do not.
    while label.last() == Some(&0) {
        label.pop();
    }
    Ok(label)
}

/// Asks an option whose answer has one length.
fn whole<T: uapi::Pod>(socket: BorrowedFd<'_>, option: i32, room: &mut [T]) -> io::Result<()> {
    let length = uapi::getsockopt(socket.as_raw_fd(), c::SOL_SOCKET, option, room)?;
    if length == size_of_val(room) { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Asks with a buffer that doubles for as long as the kernel says `ERANGE`. No more of it is
/// believed than the kernel says it filled.
fn grown(socket: BorrowedFd<'_>, option: i32, limit: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 256];
    loop {
        match uapi::getsockopt(socket.as_raw_fd(), c::SOL_SOCKET, option, buffer.as_mut_slice()) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(uapi::Errno(c::ERANGE)) if buffer.len() < limit => {
                buffer.resize(buffer.len() * 2, 0);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// An option this kernel does not know is an absence, not an error.
fn if_known<T>(answer: io::Result<T>) -> io::Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.raw_os_error() == Some(c::ENOPROTOOPT) => Ok(None),
        Err(error) => Err(error),
    }
}
