//! What the machine's surroundings are like: watchers that tell the main loop.
//!
//! They look and tell, and judge nothing: what a sighting means for a job is `core`'s business
//! ([`ebb_core::conditions`]). Whatever cannot be seen (a kernel that says nothing, a service that
//! is not there) counts as no restriction.
//!
//! | file     | watches                                                     |
//! |----------|-------------------------------------------------------------|
//! | `routes` | whether there is a network: the kernel's routes              |

mod routes;

use ebb_core::conditions::{Network, Surroundings};
use tokio::sync::mpsc;

use crate::command::Message;

/// Something about the surroundings is, or has become, so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// The network.
    Network {
        /// Whether there is one.
        network: Network,
        /// Whether it is a new one, or there was none before.
        came: bool,
    },
}

/// How things stand as the service begins, as far as that can be seen at once.
pub(crate) fn first_look() -> Surroundings {
    match routes::look() {
        Ok(routes) => Surroundings { network: routes.network(), ..Surroundings::default() },
        Err(_) => Surroundings::default(),
    }
}

/// Watches on, for as long as the main loop listens.
pub(crate) fn watch(outbox: mpsc::UnboundedSender<Message>) {
    tokio::task::spawn_local(async move {
        if let Err(error) = routes::watch(&outbox).await {
            eprintln!("the network is taken to be there always: {error}");
            let up = Sighting::Network { network: Network::Up, came: true };
            // The main loop ends only with the process.
            let _ = outbox.send(Message::Sighted(up));
        }
    });
}
