//! The system calls of this crate: `getsockopt` with options no safe wrapper offers.
//!
//! All `unsafe` of the crate is here. Each function asks one option and gives back what the kernel
//! wrote, nothing interpreted. What must hold everywhere: the kernel is told the true size of the
//! buffer it may fill, and no more of it is believed than it says it filled.

#![expect(unsafe_code, reason = "the one place of this crate that talks to libc directly")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The peer's credentials.
pub(crate) fn credentials(socket: BorrowedFd<'_>) -> io::Result<libc::ucred> {
    let mut bytes = [0; size_of::<libc::ucred>()];
    if option(socket, libc::SO_PEERCRED, &mut bytes)? != bytes.len() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // SAFETY: the buffer is exactly as long as a `ucred`, was filled whole, and any bytes make a
    // valid one: it is three integers. `read_unaligned` asks for no alignment.
    // JUSTIFICATION: rustix reads it too, but cannot express a peer whose pid is 0 (one outside
    // our pid namespace).
    Ok(unsafe { bytes.as_ptr().cast::<libc::ucred>().read_unaligned() })
}

/// The peer's supplementary groups as native integers; the length in bytes. `ERANGE` when `room`
/// is too small.
pub(crate) fn groups(socket: BorrowedFd<'_>, room: &mut [u8]) -> io::Result<usize> {
    option(socket, libc::SO_PEERGROUPS, room)
}

/// The peer's security label; its length. `ERANGE` when `room` is too small.
pub(crate) fn label(socket: BorrowedFd<'_>, room: &mut [u8]) -> io::Result<usize> {
    option(socket, libc::SO_PEERSEC, room)
}

/// A descriptor of the peer's process, closed on exec as the kernel makes it.
pub(crate) fn pidfd(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut bytes = [0xff; size_of::<i32>()];
    let length = option(socket, libc::SO_PEERPIDFD, &mut bytes)?;
    let fd = i32::from_ne_bytes(bytes);
    if length != bytes.len() || fd < 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // SAFETY: the kernel has just installed this descriptor for us, and nobody else knows it.
    // JUSTIFICATION: a new descriptor that arrives as a number has to be taken over once.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Asks one option of the socket level; how many bytes of `room` were filled.
fn option(socket: BorrowedFd<'_>, name: libc::c_int, room: &mut [u8]) -> io::Result<usize> {
    let mut length = libc::socklen_t::try_from(room.len())
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: `room` is valid for writes of `length` bytes, `length` is a valid, exclusive
    // `socklen_t`, and the descriptor is open for as long as it is borrowed.
    // JUSTIFICATION: no safe wrapper has SO_PEERGROUPS, SO_PEERPIDFD and SO_PEERSEC.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            name,
            room.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(room.len().min(usize::try_from(length).unwrap_or(usize::MAX)))
}
