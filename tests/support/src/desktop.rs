//! Services of a desktop, as far as Ebb asks them: NetworkManager, UPower and power-profiles-daemon,
//! under their real names and with their real properties, on a message bus of the test's own.
//!
//! They know one property each, and tell when it changes, as the real ones do.

use crate::message_bus::MessageBus;
use futures_util::StreamExt as _;
use std::collections::HashMap;
use tokio::sync::mpsc;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream, Variant};

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// A service and its object.
const SERVICES: [(&str, &str); 3] = [
    ("org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager"),
    ("org.freedesktop.UPower", "/org/freedesktop/UPower"),
    ("org.freedesktop.UPower.PowerProfiles", "/org/freedesktop/UPower/PowerProfiles"),
];

/// What they know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// 1: the network is metered; 2: it is not.
    pub metered: u32,
    /// Whether the machine runs on its battery.
    pub on_battery: bool,
    /// The power profile.
    pub profile: &'static str,
}

/// A message bus with these services on it.
#[derive(Debug)]
pub struct Desktop {
    bus: MessageBus,
    changes: mpsc::UnboundedSender<Known>,
}

impl Desktop {
    /// Starts all of it.
    ///
    /// # Panics
    ///
    /// When there is no `dbus-daemon`.
    #[must_use]
    pub fn start(known: Known) -> Self {
        let bus = MessageBus::start();
        let address = bus.address();
        let (changes, changed) = mpsc::unbounded_channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let serving = serve(address, known, changed, ready);
            runtime.expect("a runtime").block_on(serving).expect("the bus takes our messages");
        });
        is_ready.recv().expect("the services get their names");
        Self { bus, changes }
    }

    /// The address of the bus.
    #[must_use]
    pub fn address(&self) -> String {
        self.bus.address()
    }

    /// From now on they know this, and tell it.
    ///
    /// # Panics
    ///
    /// When they have ended.
    pub fn change(&self, known: Known) {
        self.changes.send(known).expect("they are still there");
    }
}

async fn serve(
    address: String,
    mut known: Known,
    mut changed: mpsc::UnboundedReceiver<Known>,
    ready: std::sync::mpsc::Sender<()>,
) -> zbus::Result<()> {
    let connection = zbus::connection::Builder::address(address.as_str()).build().await?;
    let mut messages = MessageStream::from(&connection);
    for (service, _) in SERVICES {
        connection.request_name(service).await?;
    }
    let _ = ready.send(());
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(Ok(message)) => answer(&connection, &message, &known).await?,
                // The bus ends with the test.
                Some(Err(_)) | None => return Ok(()),
            },
            change = changed.recv() => {
                let Some(change) = change else { return Ok(()) };
                known = change;
                for (service, path) in SERVICES {
                    let (name, value) = property(service, &known);
                    let body = (service, HashMap::from([(name, value)]), Vec::<String>::new());
                    let to = None::<&str>;
                    connection.emit_signal(to, path, PROPERTIES, "PropertiesChanged", &body).await?;
                }
            }
        }
    }
}

async fn answer(connection: &Connection, message: &Message, known: &Known) -> zbus::Result<()> {
    let header = message.header();
    let is_get = header.member().is_some_and(|member| member.as_str() == "Get");
    if message.message_type() != Type::MethodCall || !is_get {
        return Ok(());
    }
    let (service, wanted): (String, String) = message.body().deserialize()?;
    let (name, value) = property(&service, known);
    assert_eq!(name, wanted, "{service} has no other property");
    connection.send(&Message::method_return(&header).build(&(value,))?).await
}

fn property(service: &str, known: &Known) -> (&'static str, Variant<'static>) {
    match service {
        "org.freedesktop.NetworkManager" => ("Metered", known.metered.into()),
        "org.freedesktop.UPower" => ("OnBattery", known.on_battery.into()),
        _ => ("ActiveProfile", known.profile.into()),
    }
}
