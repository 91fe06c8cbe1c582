//! What other services of the machine know: whether the network is metered (NetworkManager), and
//! where the power comes from (UPower, power-profiles-daemon).
//!
//! They are asked over the system bus, once they are there, and again after each of their signals;
//! none is started for our sake. What nobody tells is no restriction. Nothing they say is believed
//! but one word each.

use std::time::Duration;

use ebb_core::conditions::{CostState, Power};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use zbus::{Connection, MessageStream, OwnedVariant};

use super::Sighting;
use crate::bus::builder;
use crate::command::Message;

const BUS: (&str, &str) = ("org.freedesktop.DBus", "/org/freedesktop/DBus");
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// A service that says nothing for so long says nothing.
const PATIENCE: Duration = Duration::from_secs(5);

/// A property of another service; its interface has the name of the service.
struct Property {
    service: &'static str,
    path: &'static str,
    name: &'static str,
}

const METERED: Property = Property {
    service: "org.freedesktop.NetworkManager",
    path: "/org/freedesktop/NetworkManager",
    name: "Metered",
};
const ON_BATTERY: Property = Property {
    service: "org.freedesktop.UPower",
    path: "/org/freedesktop/UPower",
    name: "OnBattery",
};
/// Under its name of today, and under its old one.
const PROFILES: [Property; 2] = [
    Property {
        service: "org.freedesktop.UPower.PowerProfiles",
        path: "/org/freedesktop/UPower/PowerProfiles",
        name: "ActiveProfile",
    },
    Property {
        service: "net.hadess.PowerProfiles",
        path: "/net/hadess/PowerProfiles",
        name: "ActiveProfile",
    },
];

/// Tells how things stand, and every change, until the bus goes away.
///
/// # Errors
///
/// When there is no bus, or it breaks.
pub(super) async fn watch(
    address: Option<&str>,
    outbox: &mpsc::UnboundedSender<Message>,
) -> zbus::Result<()> {
    // Signals have a connection of their own: unread ones must not hold up an answer.
    let (listening, asking) = (builder(address).build().await?, builder(address).build().await?);
    let mut signals = MessageStream::from(&listening);
    for property in [METERED, ON_BATTERY].iter().chain(&PROFILES) {
        for rule in property.rules() {
            listening.call_method(Some(BUS.0), BUS.1, Some(BUS.0), "AddMatch", &rule).await?;
        }
    }
    let mut told = None;
    loop {
        let seen = (cost(&asking).await, power(&asking).await);
        if told != Some(seen) {
            tell(outbox, seen.0, seen.1);
            told = Some(seen);
        }
        match signals.next().await {
            Some(message) => drop(message?),
            None => return Ok(()),
        }
    }
}

/// Tells that nobody knows anything.
pub(super) fn nobody_tells(outbox: &mpsc::UnboundedSender<Message>) {
    tell(outbox, CostState::default(), Power::default());
}

fn tell(outbox: &mpsc::UnboundedSender<Message>, cost: CostState, power: Power) {
    for sighting in [Sighting::Cost(cost), Sighting::Power(power)] {
        // The main loop ends only with the process.
        let _ = outbox.send(Message::Sighted(sighting));
    }
}

async fn cost(bus: &Connection) -> CostState {
    cost_of(METERED.ask(bus).await.and_then(|value| u32::try_from(value).ok()))
}

async fn power(bus: &Connection) -> Power {
    let on_battery = ON_BATTERY.ask(bus).await.and_then(|value| bool::try_from(value).ok());
    let mut saver = false;
    for profile in &PROFILES {
        let name = profile.ask(bus).await.and_then(|value| String::try_from(value).ok());
        saver |= name.as_deref() == Some("power-saver");
    }
    power_of(on_battery, saver)
}

/// NetworkManager knows "yes" (1) and "probably" (3), and not how much of a plan is used up.
fn cost_of(metered: Option<u32>) -> CostState {
    match metered {
        Some(1 | 3) => CostState::CappedUsageUnknown,
        Some(_) | None => CostState::Unrestricted,
    }
}

/// On mains nobody has to save, whatever profile somebody likes.
fn power_of(on_battery: Option<bool>, saver: bool) -> Power {
    match (on_battery, saver) {
        (Some(false), _) | (None, false) => Power::Mains,
        (Some(true) | None, true) => Power::Saver,
        (Some(true), false) => Power::Battery,
    }
}

impl Property {
    /// What tells that it may have changed.
    fn rules(&self) -> [String; 2] {
        let (service, path) = (self.service, self.path);
        [
            format!(
                "type='signal',sender='{service}',path='{path}',interface='{PROPERTIES}',\
                 member='PropertiesChanged'"
            ),
            format!(
                "type='signal',sender='{}',interface='{}',member='NameOwnerChanged',\
                 arg0='{service}'",
                BUS.0, BUS.0
            ),
        ]
    }

    /// Its value, if the service is there and tells it.
    async fn ask(&self, bus: &Connection) -> Option<OwnedVariant> {
        let asked = async {
            let has = bus
                .call_method(Some(BUS.0), BUS.1, Some(BUS.0), "NameHasOwner", &self.service)
                .await
                .ok()?;
            if !has.body().deserialize::<bool>().ok()? {
                return None;
            }
            let body = (self.service, self.name);
            let told = bus
                .call_method(Some(self.service), self.path, Some(PROPERTIES), "Get", &body)
                .await
                .ok()?;
            told.body().deserialize::<OwnedVariant>().ok()
        };
        tokio::time::timeout(PATIENCE, asked).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_or_may_be_metered_has_a_cost() {
        let metered = |number| cost_of(Some(number)) == CostState::CappedUsageUnknown;
        assert_eq!([0, 1, 2, 3, 4, 5].map(metered), [false, true, false, true, false, false]);
        assert_eq!(cost_of(None), CostState::Unrestricted);
    }

    #[test]
    fn a_saving_profile_counts_only_where_there_may_be_a_battery_to_spare() {
        for (on_battery, saver, power) in [
            (None, false, Power::Mains),
            (None, true, Power::Saver),
            (Some(false), true, Power::Mains),
            (Some(true), false, Power::Battery),
            (Some(true), true, Power::Saver),
        ] {
            assert_eq!(power_of(on_battery, saver), power, "{on_battery:?} {saver}");
        }
    }
}
