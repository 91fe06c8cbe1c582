//! Who shares a path with whom: what agents say goes to `core`, and what it decides to agents.
//!
//! It is told as soon as it is heard, past the main loop: numbers of the moment, that nobody keeps.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use ebb_core::sharing::{Part, Report, Sharing};
use ebb_wire::net::{self, Manners, Path, ToNet};

use super::NetAgent;
use crate::clock;

/// All network agents that are there.
#[derive(Default)]
pub(crate) struct Shares {
    sharing: Sharing<Manners>,
    agents: HashMap<u64, Weak<NetAgent>>,
    next: u64,
}

/// One agent's place among them.
#[derive(Clone)]
pub(super) struct Seat {
    shares: Rc<RefCell<Shares>>,
    number: u64,
}

impl Seat {
    /// A new one; nobody is told anything there before [`Self::take`].
    pub(super) fn new(shares: Rc<RefCell<Shares>>) -> Self {
        let number = {
            let mut shares = shares.borrow_mut();
            shares.next += 1;
            shares.next
        };
        Self { shares, number }
    }

    /// This agent has it.
    pub(super) fn take(&self, agent: &Rc<NetAgent>) {
        self.shares.borrow_mut().agents.insert(self.number, Rc::downgrade(agent));
    }

    /// It has said how its path is doing.
    pub(super) fn hear(&self, path: &Path) {
        let Path { manners, connections, window, rate, .. } = *path;
        let report = Report { connections, window, rate };
        self.shares.borrow_mut().sharing.hear(self.number, manners, report, clock::now().moment);
        self.tell();
    }

    /// It is no more.
    pub(super) fn leave(&self) {
        self.shares.borrow_mut().leave(self.number);
        self.tell();
    }

    fn tell(&self) {
        let news = self.shares.borrow_mut().news();
        for (agent, manners, part) in news {
            agent.share(manners, part);
        }
    }
}

impl Shares {
    fn leave(&mut self, number: u64) {
        self.sharing.gone(number);
        self.agents.remove(&number);
    }

    fn news(&mut self) -> Vec<(Rc<NetAgent>, Manners, Part)> {
        let dropped = self.agents.iter().filter(|(_, agent)| agent.strong_count() == 0);
        for number in dropped.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.leave(number);
        }
        let news = self.sharing.news(clock::now().moment).into_iter();
        let to = |number| self.agents.get(&number).and_then(Weak::upgrade);
        news.filter_map(|(number, manners, part)| Some((to(number)?, manners, part))).collect()
    }
}

impl NetAgent {
    fn share(&self, manners: Manners, part: Part) {
        let Part { weight, place, of, window, rate } = part;
        let part = net::Part { weight, place, of, window, rate };
        // A dead agent shares nothing.
        let _ = self.outbox.put(&ToNet::Share { manners, part }, None);
    }
}
