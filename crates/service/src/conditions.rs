//! What the machine's surroundings are like: watchers that tell the main loop.
//!
//! They look and tell, and judge nothing: what a sighting means for a job is `core`'s business
//! ([`ebb_core::conditions`]). Whatever cannot be seen (a kernel that says nothing, a service that
//! is not there) counts as no restriction.
//!
//! | file     | watches                                                     |
//! |----------|-------------------------------------------------------------|
//! | `card`   | which card leads out, and its counter                        |
//! | `routes` | whether there is a network: the kernel's routes              |
//! | `desktop` | what it costs, and the power: other services on the bus     |
//! | `zone`   | which time the machine's clocks show                        |

pub(crate) mod card;
mod desktop;
mod routes;
mod zone;

use std::time::Duration;

use ebb_core::conditions::{CostState, Network, Power, Surroundings};
use tokio::sync::mpsc;

use crate::command::Message;
pub(crate) use zone::Zone;

/// How often a bus that went away is looked for.
const BUS_PAUSE: Duration = Duration::from_secs(5);

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
    /// What it costs.
    Cost(CostState),
    /// Where the power comes from.
    Power(Power),
}

/// How things stand as the service begins, as far as that can be seen at once.
pub(crate) fn first_look() -> Surroundings {
    match routes::look() {
        Ok(routes) => Surroundings { network: routes.network(), ..Surroundings::default() },
        Err(_) => Surroundings::default(),
    }
}

/// Watches on, for as long as the main loop listens. The bus is the system's if no address is
/// given, and none if it is empty.
pub(crate) fn watch(bus: Option<String>, outbox: mpsc::UnboundedSender<Message>) {
    if bus.as_deref() != Some("") {
        tokio::task::spawn_local(watch_bus(bus, outbox.clone()));
    }
    tokio::task::spawn_local(async move {
        if let Err(error) = routes::watch(&outbox).await {
            eprintln!("the network is taken to be there always: {error}");
            let up = Sighting::Network { network: Network::Up, came: true };
            // The main loop ends only with the process.
            let _ = outbox.send(Message::Sighted(up));
        }
    });
}

async fn watch_bus(bus: Option<String>, outbox: mpsc::UnboundedSender<Message>) {
    loop {
        // Whether there is a bus at all is said by whoever serves on it.
        let _ = desktop::watch(bus.as_deref(), &outbox).await;
        desktop::nobody_tells(&outbox);
        tokio::time::sleep(BUS_PAUSE).await;
    }
}
