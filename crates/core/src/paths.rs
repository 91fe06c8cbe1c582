//! What is remembered of the paths to others: the lowest round trip, and the highest rate.
//!
//! It helps a transfer that begins while somebody else already fills the path. This module answers
//! one question: *what of all that agents have learned may an agent be told now?*
//!
//! * **By network.** The way out of the machine is the network; when it is another one, or was gone
//!   in between, all is forgotten. What was written down in the last life counts if the way out is
//!   the same.
//! * **By owner.** An agent is told what agents of the same owner have learned: nobody finds out whom
//!   others talk to, and an agent that lies harms its owner only.
//! * **For hours, and so many.** What nobody has seen again for [`KEPT`] is old. When there are too
//!   many, those go that were seen longest ago.
//!
//! A round trip is believed as it is told last, lower or higher: agents tell a higher one only after
//! the lower one was not seen for minutes. A rate is believed while it is nearly reached again, and is
//! replaced by a higher one at once; a lower one counts when the higher one is old. The wall clock is
//! used, as this outlives boots: one that is set back makes things old too early.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::time::WallTime;

/// What was seen longer ago is old, in seconds.
pub const KEPT: i64 = 6 * 3600;
/// So many paths of one owner are remembered.
pub const PER_OWNER: usize = 128;
/// And so many of all.
pub const MOST: usize = 1024;

/// Who is reached on the same path: the first 24 or 48 bits of their address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// Of version 4.
    V4([u8; 3]),
    /// Of version 6.
    V6([u8; 6]),
}

impl Peer {
    /// The bits, by which the version is known too.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
        }
    }

    /// Nothing if there are none of so many bits.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let four = <[u8; 3]>::try_from(bytes).map(Self::V4);
        four.or_else(|_| <[u8; 6]>::try_from(bytes).map(Self::V6)).ok()
    }
}

/// The best a path has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Best {
    /// The lowest round trip.
    pub base: Duration,
    /// When it was told last.
    pub at: WallTime,
    /// The highest rate in bytes a second; 0 if it is not known.
    pub rate: u64,
    /// When that was nearly reached last.
    pub rate_at: WallTime,
}

/// All that is remembered, as it is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// The network; nothing if there was none yet.
    pub network: Option<String>,
    /// By owner and peer.
    pub best: BTreeMap<(u32, Peer), Best>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Memory {
    paths: Paths,
    /// Counts the networks, so that words about an old one are known.
    number: u32,
    /// Whether the machine is in that network now.
    here: bool,
    /// Whether it was in any since the service began.
    was_here: bool,
    changed: bool,
}

impl Memory {
    /// Goes on with what was written down.
    #[must_use]
    pub fn restored(paths: Paths) -> Self {
        Self { paths, ..Self::default() }
    }

    /// This is the way out now, if there is one. Says whether agents have to be told anew.
    pub fn look(&mut self, network: Option<&str>) -> bool {
        let Some(network) = network else {
            // Words about it that are still to come are about paths that are no more.
            self.number = self.number.wrapping_add(u32::from(self.here));
            self.here = false;
            return false;
        };
        if self.here && self.paths.network.as_deref() == Some(network) {
            return false;
        }
        let the_same = self.paths.network.as_deref() == Some(network) && !self.was_here;
        if !the_same {
            self.paths = Paths { network: Some(network.to_owned()), best: BTreeMap::new() };
            self.changed = true;
        }
        self.number = self.number.wrapping_add(1);
        (self.here, self.was_here) = (true, true);
        true
    }

    /// The number of the network the machine is in; nothing where there is none.
    #[must_use]
    pub fn network(&self) -> Option<u32> {
        self.here.then_some(self.number)
    }

    /// An agent of this owner has learned this in that network.
    pub fn learn(
        &mut self,
        (owner, network): (u32, u32),
        peer: Peer,
        (base, rate): (Duration, u64),
        at: WallTime,
    ) {
        if self.network() != Some(network) {
            return;
        }
        let known = self.paths.best.get(&(owner, peer)).copied();
        let known = known.filter(|known| rate < known.rate && is_young(known.rate_at, at));
        let (rate, rate_at) = match known {
            // Nearly the same is the same, and anything lower says nothing.
            Some(known) if rate >= known.rate - known.rate / 16 => (known.rate, at),
            Some(known) => (known.rate, known.rate_at),
            None => (rate, at),
        };
        self.paths.best.insert((owner, peer), Best { base, at, rate, rate_at });
        self.changed = true;
        self.make_room(owner);
    }

    /// What agents of this owner may be told, the latest first.
    #[must_use]
    pub fn of(&self, owner: u32, now: WallTime) -> Vec<(Peer, Best)> {
        let first = (owner, Peer::V4([0; 3]));
        let own = self.paths.best.range(first..).take_while(|((other, _), _)| *other == owner);
        let young = own.filter(|(_, best)| self.here && is_young(best.at, now));
        let mut told: Vec<(Peer, Best)> = young
            .map(|((_, peer), best)| {
                let rate = if is_young(best.rate_at, now) { best.rate } else { 0 };
                (*peer, Best { rate, ..*best })
            })
            .collect();
        told.sort_by_key(|(_, best)| std::cmp::Reverse(best.at));
        told
    }

    /// What is to be written down, if that is something else than before. What is old is not.
    pub fn changes(&mut self, now: WallTime) -> Option<Paths> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        self.paths.best.retain(|_, best| is_young(best.at, now));
        Some(self.paths.clone())
    }

    fn make_room(&mut self, owner: u32) {
        let of_owner = self.paths.best.keys().filter(|(other, _)| *other == owner).count();
        if of_owner > PER_OWNER {
            self.drop_oldest(|other| *other == owner);
        }
        if self.paths.best.len() > MOST {
            self.drop_oldest(|_| true);
        }
    }

    fn drop_oldest(&mut self, of: impl Fn(&u32) -> bool) {
        let theirs = self.paths.best.iter().filter(|((owner, _), _)| of(owner));
        let oldest = theirs.min_by_key(|(_, best)| best.at).map(|(key, _)| *key);
        oldest.and_then(|key| self.paths.best.remove(&key));
    }
}

fn is_young(at: WallTime, now: WallTime) -> bool {
    (0..KEPT).contains(&now.0.saturating_sub(at.0))
}

#[cfg(test)]
mod tests;
