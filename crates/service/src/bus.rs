//! The public face: D-Bus, peer to peer on our own socket, and on the system bus.
//!
//! Answers: *who is it, and is it well formed?* Who it is, the kernel says (`SO_PEERCRED`,
//! `SO_PEERGROUPS`, `SO_PEERPIDFD`; on a bus `GetConnectionCredentials`), never the message. What
//! is well formed becomes a [`crate::command::Command`] for the main loop. Nothing is decided here, and nothing a
//! client sends ends more than its own connection.
//!
//! Every object is served by one dispatch on the message stream: 100,000 jobs are no objects in
//! memory, and a job that may not be seen is answered like one that does not exist.

mod connection;
mod dispatch;
mod introspect;
mod notices;
mod options;
mod pace;
mod peer;
mod secrets;
mod socket;
mod system;
mod terms;
#[cfg(test)]
mod tests;
mod values;

use std::cell::Cell;

use ebb_core::policy::Policy;
use ebb_core::token::{BootId, Token};
use tokio::sync::{broadcast, mpsc};

use crate::clock;
use crate::command::{Asker, ConnectionId, Message, Notice, Process};
use crate::polkit::OfCall;

pub(crate) use peer::serve as serve_peers;
pub(crate) use system::{builder, serve as serve_system_bus};

/// Whether this is the machine's service or one user's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instance {
    /// One for the machine, started as root.
    System,
    /// One user's own.
    Private,
}

/// What every connection needs.
pub(crate) struct Face {
    pub(crate) instance: Instance,
    pub(crate) policy: Policy,
    pub(crate) boot: BootId,
    pub(crate) outbox: mpsc::UnboundedSender<Message>,
    pub(crate) notices: broadcast::Sender<Notice>,
    pub(crate) next_connection: Cell<u64>,
}

impl Instance {
    /// The one user of a private instance: whoever we run as.
    pub(crate) fn private_to(self) -> Option<u32> {
        (self == Self::Private).then(|| rustix::process::geteuid().as_raw())
    }

    /// Its name on the bus.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Private => "private",
        }
    }
}

/// What the kernel says about whoever is at the other end.
struct Peer {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    label: Option<Vec<u8>>,
    process: Option<Process>,
}

impl Face {
    /// Makes the kernel's word into somebody who can ask.
    fn asker(&self, peer: Peer) -> Asker {
        let connection = ConnectionId(self.next_connection.replace(self.next_connection.get() + 1));
        Asker {
            caller: self.policy.caller(peer.uid, peer.gid, &peer.groups),
            token: Token {
                uid: peer.uid,
                gid: peer.gid,
                groups: peer.groups,
                session: None,
                label: peer.label,
                boot: self.boot.clone(),
                captured: clock::now().wall,
            },
            process: peer.process,
            connection,
            call: OfCall::default(),
        }
    }

    fn gone(&self, connection: ConnectionId) {
        // The main loop ends only with the process.
        let _ = self.outbox.send(Message::Gone(connection));
    }
}
