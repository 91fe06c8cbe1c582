//! A message bus of the test's own, with an instance on it, and a made-up polkit that says what it is asked.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Instant;

use futures_util::StreamExt as _;
use support::bus::{BUS_NAME, Bus};
use support::instance::{Instance, Setup};
use support::message_bus::MessageBus;
use support::server::PATIENCE;
use support::users::User;
use zbus::Variant;
use zbus::message::Type;

/// A bus of the test's own, and an instance that has its name there.
pub(crate) fn on_a_bus() -> (MessageBus, Instance) {
    let bus = MessageBus::start();
    let instance = Setup::new().on_bus(&bus.address()).start();
    let (watcher, end) = (through(&bus, &User::root()), Instant::now() + PATIENCE);
    while !watcher.bus_has_owner(BUS_NAME) {
        assert!(Instant::now() < end, "no name on the bus: {}", instance.log());
        std::thread::yield_now();
    }
    (bus, instance)
}

pub(crate) fn socket_of(bus: &MessageBus) -> PathBuf {
    bus.address().trim_start_matches("unix:path=").into()
}

pub(crate) fn through(bus: &MessageBus, user: &User) -> Bus {
    Bus::connect_through_bus(&socket_of(bus), user).unwrap()
}

/// A polkit that says what it is asked, and says yes to a question only when that is taken back.
pub(crate) fn late_polkit(bus: &MessageBus) -> mpsc::Receiver<String> {
    polkit(bus, None)
}

/// A polkit that says what it is asked, and always answers the same.
pub(crate) fn polkit(bus: &MessageBus, answer: Option<bool>) -> mpsc::Receiver<String> {
    polkit_of("122", bus, answer)
}

/// The same, of this version.
pub(crate) fn polkit_of(
    version: &'static str,
    bus: &MessageBus,
    answer: Option<bool>,
) -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel();
    let address = bus.address();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let serving = serve(&address, &tell, version, answer);
        // It ends with the bus.
        let _: zbus::Result<()> = runtime.block_on(serving);
    });
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "there");
    told
}

async fn serve(
    address: &str,
    tell: &mpsc::Sender<String>,
    version: &str,
    answer: Option<bool>,
) -> zbus::Result<()> {
    let mut messages = zbus::connection::Builder::address(address).build_message_stream().await?;
    let connection = zbus::Connection::from(&messages);
    connection.request_name("org.freedesktop.PolicyKit1").await?;
    let say = |what: String| tell.send(what).unwrap_or_default();
    say("there".into());
    let mut asked = None;
    while let Some(message) = messages.next().await {
        let message = message?;
        if message.message_type() != Type::MethodCall {
            continue;
        }
        let header = message.header();
        let is = |name| header.member().is_some_and(|member| member.as_str() == name);
        if is("Get") {
            connection.reply(&header, &Variant::from(version)).await?;
        } else if is("CheckAuthorization") {
            type Body<'a> = (
                (String, HashMap<String, Variant<'a>>),
                String,
                HashMap<String, String>,
                u32,
                String,
            );
            let body = message.body();
            let ((kind, details), action, _, flags, _): Body<'_> = body.deserialize()?;
            let by: Vec<&str> = details.keys().map(String::as_str).collect();
            say(format!("{kind} by {} {action} {flags}", by.join(" ")));
            match answer {
                Some(yes) => {
                    let word = (yes, false, HashMap::<String, String>::new());
                    connection.reply(&header, &word).await?;
                }
                None => asked = Some(message.clone()),
            }
        } else {
            connection.reply(&header, &()).await?;
            if let Some(asked) = asked.take() {
                let yes = (true, false, HashMap::<String, String>::new());
                connection.reply(&asked.header(), &yes).await?;
            }
            say("taken back".into());
        }
    }
    Ok(())
}
