//! The round trip to a peer, as its kernel answers: ICMP echoes.
//!
//! A connection without timestamps shows its receiver no round trip, and without one nobody sees the
//! queue. Where the system lets its users send echoes (`net.ipv4.ping_group_range`), the peer is sent
//! one after the other, each when the one before has come back. That the last one has not come back yet
//! says something, too: the round trip is that long at least.
//!
//! This module answers one question: *how long is the way there and back just now?* Whoever does not
//! answer, or may not be asked, is left alone for a while; then the question stays open. It never
//! believes an echo it did not wait for.

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout_at};

/// No more often than this.
const EVERY: Duration = Duration::from_millis(50);
/// One that has not come back by then is lost, and what was heard before does not hold any more.
const LOST_AFTER: Duration = Duration::from_secs(1);
/// After so many lost ones the peer is taken for one that does not answer,
const MOST_LOST: u32 = 5;
/// and is asked again after this.
const AGAIN: Duration = Duration::from_secs(30);
/// Head of an echo: what it is, a code, a checksum (the kernel's), an identifier (the kernel's), a number.
const HEAD: usize = 8;

/// Who is being asked.
#[derive(Debug, Default)]
pub(crate) struct Echoes {
    peers: HashMap<IpAddr, Weak<Echo>>,
    /// The system lets us send none.
    refused: bool,
}

/// One peer, which is asked as long as this is there.
#[derive(Debug)]
pub(crate) struct Echo {
    heard: Arc<Mutex<Heard>>,
    task: AbortHandle,
}

/// What one peer has answered.
#[derive(Debug, Default)]
struct Heard {
    /// The last two, the later first: of two, the one that nothing on this machine held up counts.
    last: [Option<Duration>; 2],
    at: Option<Instant>,
    /// When the one was sent that has not come back.
    asked: Option<Instant>,
}

impl Echoes {
    /// Asks this peer, if that is allowed. Needs a runtime.
    pub(crate) fn to(&mut self, peer: SocketAddr) -> Option<Arc<Echo>> {
        if self.refused {
            return None;
        }
        if let Some(echo) = self.peers.get(&peer.ip()).and_then(Weak::upgrade) {
            return Some(echo);
        }
        self.peers.retain(|_, echo| echo.strong_count() > 0);
        match Echo::start(peer) {
            Ok(echo) => {
                let echo = Arc::new(echo);
                self.peers.insert(peer.ip(), Arc::downgrade(&echo));
                Some(echo)
            }
            Err(Errno::ACCESS | Errno::PERM | Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT) => {
                self.refused = true;
                None
            }
            // This peer cannot be reached so, or no socket is to be had just now.
            Err(_) => None,
        }
    }

    /// It is another network: what was refused there may be allowed here.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Echo {
    fn start(peer: SocketAddr) -> Result<Self, Errno> {
        let (family, protocol) = match peer {
            SocketAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
            SocketAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::DGRAM, flags, Some(protocol))?;
        // With the scope it may have, and without a port.
        let mut peer = peer;
        peer.set_port(0);
        connect(&socket, &peer)?;
        // The library has sockets of datagrams, whatever the protocol.
        let socket = UdpSocket::from_std(socket.into()).map_err(|_| Errno::NOMEM)?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let task = tokio::spawn(ask(socket, Kind::of(&peer), Arc::clone(&heard))).abort_handle();
        Ok(Self { heard, task })
    }

    /// The round trip of late; nothing if the peer does not answer.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        lock(&self.heard).round_trip(Instant::now())
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Heard {
    fn asks(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    fn hears(&mut self, now: Instant) {
        let Some(asked) = self.asked.take() else { return };
        self.last = [Some(now.saturating_duration_since(asked)), self.last[0]];
        self.at = Some(now);
    }

    fn lost(&mut self) {
        *self = Self::default();
    }

    fn round_trip(&self, now: Instant) -> Option<Duration> {
        if now.saturating_duration_since(self.at?) >= LOST_AFTER + LOST_AFTER {
            return None;
        }
        let last = || self.last.iter().flatten().copied();
        match self.asked.map(|asked| now.saturating_duration_since(asked)) {
            // Within what is usual it says nothing new.
            Some(waiting) if last().max().is_some_and(|longer| waiting > longer) => Some(waiting),
            _ => last().min(),
        }
    }
}

/// How echoes are told from other messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    request: u8,
    answer: u8,
}

impl Kind {
    /// RFC 792 and RFC 4443.
    fn of(peer: &SocketAddr) -> Self {
        match peer {
            SocketAddr::V4(_) => Self { request: 8, answer: 0 },
            SocketAddr::V6(_) => Self { request: 128, answer: 129 },
        }
    }

    fn request(self, number: u16) -> [u8; HEAD] {
        let [high, low] = number.to_be_bytes();
        [self.request, 0, 0, 0, 0, 0, high, low]
    }

    fn answers(self, message: &[u8], number: u16) -> bool {
        let [high, low] = number.to_be_bytes();
        matches!(message, [kind, 0, _, _, _, _, first, second, ..]
            if *kind == self.answer && [*first, *second] == [high, low])
    }
}

/// Asks for as long as it is let.
async fn ask(socket: UdpSocket, kind: Kind, heard: Arc<Mutex<Heard>>) {
    let (mut number, mut lost) = (0_u16, 0);
    loop {
        number = number.wrapping_add(1);
        let now = Instant::now();
        lock(&heard).asks(now);
        let back = async {
            socket.send(&kind.request(number)).await?;
            answered(&socket, kind, number).await
        };
        match timeout_at(now + LOST_AFTER, back).await {
            Ok(Ok(())) => {
                lock(&heard).hears(Instant::now());
                lost = 0;
            }
            Ok(Err(_)) | Err(_) => {
                lock(&heard).lost();
                lost += 1;
            }
        }
        sleep_until(now + if lost == 0 { EVERY } else { LOST_AFTER }).await;
        if lost >= MOST_LOST {
            sleep_until(now + AGAIN).await;
        }
    }
}

/// Waits for this one.
async fn answered(socket: &UdpSocket, kind: Kind, number: u16) -> std::io::Result<()> {
    let mut message = [0; 64];
    loop {
        let length = socket.recv(&mut message).await?;
        // Others, of those that were given up, are passed over.
        if kind.answers(&message[..length], number) {
            return Ok(());
        }
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn of_two_echoes_the_shorter_counts_and_one_that_is_still_out_says_how_long_it_is_at_least() {
        let mut heard = Heard::default();
        let start = Instant::now();
        assert_eq!(heard.round_trip(start), None);
        heard.asks(start);
        assert_eq!(
            heard.round_trip(start + MS),
            None,
            "nobody knows whether the peer answers at all"
        );
        heard.hears(start + 30 * MS);
        heard.asks(start + 50 * MS);
        heard.hears(start + 140 * MS);
        assert_eq!(heard.round_trip(start + 141 * MS), Some(30 * MS));
        heard.asks(start + 150 * MS);
        assert_eq!(heard.round_trip(start + 240 * MS), Some(30 * MS));
        assert_eq!(heard.round_trip(start + 250 * MS), Some(100 * MS));
        heard.lost();
        assert_eq!(heard.round_trip(start + 1200 * MS), None);
    }

    #[test]
    fn what_was_heard_long_ago_is_not_known_any_more() {
        let mut heard = Heard::default();
        let start = Instant::now();
        heard.asks(start);
        heard.hears(start + MS);
        assert_eq!(heard.round_trip(start + LOST_AFTER), Some(MS));
        assert_eq!(heard.round_trip(start + MS + 2 * LOST_AFTER), None);
    }

    #[test]
    fn only_the_echo_that_is_waited_for_is_taken_for_it() {
        let four = Kind::of(&SocketAddr::from(([192, 0, 2, 1], 0)));
        let six = Kind::of(&SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0)));
        assert_eq!(four.request(0x0102), [8, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(six.request(3)[0], 128);
        let answer = [0, 0, 9, 9, 9, 9, 1, 2, 7];
        assert!(four.answers(&answer, 0x0102) && !six.answers(&answer, 0x0102));
        assert!(!four.answers(&answer, 0x0103) && !four.answers(&answer[..7], 0x0102));
        assert!(!four.answers(&[3, 1, 9, 9, 9, 9, 1, 2], 0x0102), "that nobody is there");
    }
}
