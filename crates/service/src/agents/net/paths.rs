//! What a network agent says of paths, and what it is told of them. Decides nothing: what counts,
//! and for whom, is `core`'s.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ebb_core::paths::{Best, Memory, Peer};
use ebb_wire::net::{self, Manners, Path, Remembered, ToNet};

use super::{NetAgent, Paces, Shares};
use crate::clock;
use crate::conditions::card::Counters;

/// What was told of a path longer ago says nothing any more.
const PATH_IS_OLD: Duration = Duration::from_secs(3);

/// What is remembered of paths.
pub(crate) type Memories = Rc<RefCell<Memory>>;

/// What an agent has in common with others.
pub(crate) struct Shared {
    /// Whose jobs it serves.
    pub(crate) owner: u32,
    pub(crate) paces: Paces,
    pub(crate) memory: Memories,
    pub(crate) shares: Rc<RefCell<Shares>>,
}

impl NetAgent {
    /// How the path is doing on which fetches of these manners give way; nothing if that is long ago.
    pub(crate) fn path(&self, manners: Manners) -> Option<Path> {
        let paths = self.paths.borrow();
        paths
            .get(&manners)
            .filter(|(since, path)| since.elapsed() < PATH_IS_OLD && path.connections > 0)
            .map(|(_, path)| *path)
    }

    /// Another card leads out of the machine.
    pub(crate) fn watch_card(&self, card: Counters) {
        // A dead agent gives way to nobody.
        let _ = self.outbox.put(&ToNet::Card { sent: false }, Some(card.received));
        let _ = self.outbox.put(&ToNet::Card { sent: true }, Some(card.sent));
    }

    /// Tells what is remembered for agents of this owner, in place of what it knows.
    pub(crate) fn remember(&self, memory: &Memory, owner: u32) {
        let Some(network) = memory.network() else { return };
        let paths = memory.of(owner, clock::now().wall);
        let paths = paths.iter().map(to_wire).collect();
        // A dead agent goes nowhere.
        let _ = self.outbox.put(&ToNet::Remember { network, paths }, None);
    }
}

/// Takes over what an agent of this owner says of that network.
pub(super) fn learn(memory: &mut Memory, of: (u32, u32), paths: &[Remembered]) {
    let now = clock::now().wall;
    for Remembered { peer, base_us, rate } in paths {
        let peer = match *peer {
            net::Peer::V4(bytes) => Peer::V4(bytes),
            net::Peer::V6(bytes) => Peer::V6(bytes),
        };
        memory.learn(of, peer, (Duration::from_micros((*base_us).into()), *rate), now);
    }
}

fn to_wire((peer, best): &(Peer, Best)) -> Remembered {
    let peer = match *peer {
        Peer::V4(bytes) => net::Peer::V4(bytes),
        Peer::V6(bytes) => net::Peer::V6(bytes),
    };
    let base_us = u32::try_from(best.base.as_micros()).unwrap_or(u32::MAX);
    Remembered { peer, base_us, rate: best.rate }
}
