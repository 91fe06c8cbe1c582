//! What the kernel knows of a live TCP connection, and what it is told about it.
//!
//! Offsets are those of `struct tcp_info` in `linux/tcp.h`, which only ever grows at its end; what an
//! older kernel does not tell is absent. No option here needs a privilege.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;
use uapi::c;

/// The smallest window the kernel takes, in bytes.
pub(crate) const SMALLEST: u32 = 1152;
/// More than any path holds: as good as no clamp.
const UNCLAMPED: u32 = 1 << 30;
/// Before the connection is there the clamp sets how finely the window can be told: 512 bytes.
const FINE: u32 = 16 << 20;

/// Lower effort (RFC 8622), as it stands in the traffic class.
const LOWER_EFFORT: i32 = 0x04;
/// `TC_PRIO_FILLER`, and the default.
const FILLER: i32 = 1;
const ORDINARY: i32 = 0;

/// What a connection has shown since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Bytes received.
    pub(crate) bytes: u64,
    /// Segments received.
    pub(crate) segments: u32,
    /// Segments that came out of order.
    pub(crate) out_of_order: u32,
    /// What a segment carries, in bytes.
    pub(crate) segment: u32,
    /// Whether its segments have timestamps.
    pub(crate) timestamps: bool,
    /// Round trip with the queues in it, as the receiver sees it; nothing without timestamps.
    pub(crate) rtt: Option<Duration>,
    /// Lowest round trip of what we sent.
    pub(crate) lowest: Option<Duration>,
    /// What the other side has been told that it may send, in bytes; nothing before Linux 6.2.
    pub(crate) window: Option<u32>,
}

/// Asks the kernel.
pub(crate) fn shown(socket: &impl AsFd) -> io::Result<Shown> {
    let mut raw = [0_u8; 256];
    let length = uapi::getsockopt(fd(socket), c::IPPROTO_TCP, c::TCP_INFO, &mut raw)?;
    let raw = &raw[..length.min(256)];
    let small = |at: usize| {
        raw.get(at..at + 4).and_then(|part| part.try_into().ok()).map(u32::from_ne_bytes)
    };
    let large = |at: usize| {
        raw.get(at..at + 8).and_then(|part| part.try_into().ok()).map(u64::from_ne_bytes)
    };
    let micros = |at| {
        small(at)
            .filter(|micros| ![0, u32::MAX].contains(micros))
            .map(|micros| Duration::from_micros(micros.into()))
    };
    let timestamps = raw.get(5).is_some_and(|options| options & 1 != 0);
    Ok(Shown {
        segment: small(20).unwrap_or(0),
        timestamps,
        rtt: micros(92).filter(|_| timestamps),
        bytes: large(128).unwrap_or(0),
        segments: small(140).unwrap_or(0),
        lowest: micros(148).or_else(|| micros(68)),
        out_of_order: small(224).unwrap_or(0),
        window: small(232),
    })
}

/// So many bytes may be under way to us, from now on. The kernel forgets it whenever it enlarges its
/// buffer, so it is said again and again.
pub(crate) fn clamp(socket: &impl AsFd, bytes: u64) {
    let bytes = u32::try_from(bytes).unwrap_or(UNCLAMPED).clamp(SMALLEST, UNCLAMPED);
    // A connection that is over takes no window, and needs none.
    let _ = set(socket, c::IPPROTO_TCP, c::TCP_WINDOW_CLAMP, bytes.cast_signed());
}

/// As much may be under way as the kernel sees fit.
pub(crate) fn unclamp(socket: &impl AsFd) {
    clamp(socket, u64::from(UNCLAMPED));
}

/// Before a connection is made: its window is to be told finely.
pub(crate) fn prepare(socket: &impl AsFd) {
    clamp(socket, u64::from(FINE));
}

/// What we send from now on may be put behind everybody else's, or not. What a network does not
/// honour does no harm.
pub(crate) fn mark(socket: &impl AsFd, background: bool) {
    let class = if background { LOWER_EFFORT } else { 0 };
    let priority = if background { FILLER } else { ORDINARY };
    // Only one of the two families is the socket's. The class before the priority, which it changes.
    let _ = set(socket, c::IPPROTO_IP, c::IP_TOS, class);
    let _ = set(socket, c::IPPROTO_IPV6, c::IPV6_TCLASS, class);
    let _ = set(socket, c::SOL_SOCKET, c::SO_PRIORITY, priority);
}

fn set(socket: &impl AsFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    Ok(uapi::setsockopt(fd(socket), level, option, &value)?)
}

fn fd(socket: &impl AsFd) -> i32 {
    socket.as_fd().as_raw_fd()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_kernel_tells_what_has_come_and_takes_a_window_without_any_privilege() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut there, _) = listener.accept().unwrap();
        mark(&here, true);
        there.write_all(&[7; 3000]).unwrap();
        here.read_exact(&mut [0; 3000]).unwrap();
        let seen = shown(&here).unwrap();
        assert_eq!(seen.bytes, 3000);
        assert!(seen.segments > 0 && seen.segment > 0 && seen.lowest.is_some(), "{seen:?}");
        assert!(seen.window.is_none_or(|window| (1000..1 << 30).contains(&window)), "{seen:?}");
        let option = |level, name| {
            let mut value = [0_i32];
            uapi::getsockopt(fd(&here), level, name, value.as_mut_slice()).unwrap();
            value[0]
        };
        clamp(&here, 5000);
        assert_eq!(option(c::IPPROTO_TCP, c::TCP_WINDOW_CLAMP), 5000);
        assert_eq!(option(c::IPPROTO_IP, c::IP_TOS), LOWER_EFFORT);
        assert_eq!(option(c::SOL_SOCKET, c::SO_PRIORITY), FILLER);
        unclamp(&here);
        mark(&here, false);
        assert!(option(c::IPPROTO_TCP, c::TCP_WINDOW_CLAMP) > 1 << 29);
        assert_eq!(option(c::SOL_SOCKET, c::SO_PRIORITY), ORDINARY);
    }
}
