//! Whom the connections lead to, and what is known of the paths to them.
//!
//! Addresses that share their first 24 or 48 bits are one peer. What a peer shows outlives its
//! connections; where somebody remembers it from before, that comes from outside and what is learned
//! goes there. Never here: a name, or the rest of an address.

use ebb_pace::{Best, Known};
use rustix::net::getpeername;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// So many peers are known.
const MOST: usize = 256;

/// Connections that lead to the same place: the first 24 or 48 bits of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Of version 4.
    V4([u8; 3]),
    /// Of version 6.
    V6([u8; 6]),
}

/// Where a socket leads; nothing if that is nowhere any more.
pub(super) fn address(socket: &OwnedFd) -> Option<SocketAddr> {
    SocketAddr::try_from(getpeername(socket).ok().flatten()?).ok()
}

impl Peer {
    /// Nothing for a socket that leads to this machine itself, or nowhere any more.
    pub(super) fn of(socket: &OwnedFd) -> Option<Self> {
        Some(match address(socket)?.ip().to_canonical() {
            here if here.is_loopback() => return None,
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, ..] = address.octets();
                Self::V6([a, b, c, d, e, f])
            }
        })
    }
}

/// What is known of all of them, in one network.
#[derive(Default)]
pub(super) struct Peers {
    known: HashMap<Peer, Known>,
    /// Who remembers it calls the network so; nobody remembers anything without.
    network: Option<u32>,
}

impl Peers {
    /// It is another network, or what is known is what is told next.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    /// This is remembered of the network of that number.
    pub(super) fn remember(&mut self, network: u32, paths: &[(Peer, Best)]) {
        self.network = Some(network);
        let known = paths.iter().take(MOST).map(|(peer, best)| (*peer, Known::remembered(*best)));
        self.known = known.collect();
    }

    /// What is known of this one. When there are too many, those go that are not `wanted`.
    pub(super) fn of(&mut self, peer: Peer, wanted: impl Fn(&Peer) -> bool) -> &mut Known {
        if self.known.len() >= MOST && !self.known.contains_key(&peer) {
            self.known.retain(|other, _| wanted(other));
        }
        self.known.entry(peer).or_default()
    }

    /// What is remembered of this one, as long as it counts.
    pub(super) fn heard(&self, peer: Peer) -> Option<Best> {
        self.known.get(&peer)?.heard()
    }

    /// What is worth remembering since it was asked last, at most so much, with the network's number.
    pub(super) fn learned(
        &mut self,
        now: Duration,
        most: usize,
    ) -> Option<(u32, Vec<(Peer, Best)>)> {
        let network = self.network?;
        let news = self.known.iter_mut();
        let news = news.filter_map(|(peer, known)| Some((*peer, known.news(now)?))).take(most);
        let news: Vec<_> = news.collect();
        (!news.is_empty()).then_some((network, news))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEST: Best = Best { base: Duration::from_millis(20), rate: 5 };

    fn peer(number: usize) -> Peer {
        let [a, b, ..] = number.to_le_bytes();
        Peer::V4([a, b, 0])
    }

    #[test]
    fn nothing_is_told_before_somebody_remembers_and_then_what_was_seen_and_not_what_was_heard() {
        let (now, mut peers) = (Duration::ZERO, Peers::default());
        peers.of(peer(1), |_| true).see(now, BEST.base);
        assert_eq!(peers.learned(now, 9), None);
        peers.remember(7, &[(peer(2), BEST)]);
        assert_eq!((peers.heard(peer(1)), peers.heard(peer(2))), (None, Some(BEST)));
        assert_eq!(peers.learned(now, 9), None);
        peers.of(peer(3), |_| true).see(now, BEST.base);
        assert_eq!(peers.learned(now, 9), Some((7, vec![(peer(3), Best { rate: 0, ..BEST })])));
        assert_eq!(peers.learned(now, 9), None);
    }

    #[test]
    fn no_more_than_so_many_are_known_and_those_in_use_stay() {
        let mut peers = Peers::default();
        for number in 0..3 * MOST {
            peers.of(peer(number), |other| *other == peer(0)).see(Duration::ZERO, BEST.base);
            assert!(peers.known.len() <= MOST && peers.known.contains_key(&peer(0)));
        }
    }
}
