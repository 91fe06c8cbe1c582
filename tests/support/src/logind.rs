//! A scripted logind: `org.freedesktop.login1` under its real name, with its real methods,
//! properties and signals as far as Ebb looks at them, on a message bus of the test's own.
//!
//! All tests connect from one process, so it cannot know who calls: the test says in which session
//! whoever calls next is.

use crate::message_bus::MessageBus;
use futures_util::StreamExt as _;
use std::collections::{BTreeSet, HashMap};
use tokio::sync::mpsc;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream, OwnedObjectPath, Variant};

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";

/// A login session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name, which may come again.
    pub name: &'static str,
    /// Whose it is.
    pub user: u32,
    /// When it began.
    pub began: u64,
    /// `user`, `greeter` and so on.
    pub class: &'static str,
    /// `active`, `online` or `closing`; `gone` is one that was listed and is not there any more.
    pub state: &'static str,
}

/// Who is logged on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoggedOn {
    /// The sessions.
    pub sessions: Vec<Session>,
    /// Users who linger.
    pub lingering: Vec<u32>,
    /// The session of whoever calls, if it is in one.
    pub caller: Option<&'static str>,
}

/// What happens to it.
enum Order {
    Change(LoggedOn),
    Leave,
    ComeBack(LoggedOn),
}

/// A logind on a bus of its own.
#[derive(Debug)]
pub struct Logind {
    bus: MessageBus,
    orders: mpsc::UnboundedSender<(Order, std::sync::mpsc::Sender<()>)>,
}

impl Session {
    /// An ordinary session.
    #[must_use]
    pub fn of(name: &'static str, user: u32) -> Self {
        Self { name, user, began: 1000, class: "user", state: "online" }
    }

    fn path(&self) -> OwnedObjectPath {
        path(&format!("session/_{}", self.name))
    }
}

impl LoggedOn {
    /// These sessions, and the caller in the session of this name.
    #[must_use]
    pub fn with(sessions: &[Session], caller: Option<&'static str>) -> Self {
        Self { sessions: sessions.to_vec(), lingering: Vec::new(), caller }
    }

    /// And these users linger.
    #[must_use]
    pub fn lingering(mut self, users: &[u32]) -> Self {
        self.lingering = users.to_vec();
        self
    }

    fn users(&self) -> BTreeSet<u32> {
        self.sessions.iter().map(|session| session.user).chain(self.lingering.clone()).collect()
    }
}

impl Logind {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// When there is no `dbus-daemon`.
    #[must_use]
    pub fn start(logged_on: LoggedOn) -> Self {
        let bus = MessageBus::start();
        let (orders, ordered) = mpsc::unbounded_channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let address = bus.address();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let serving = serve(address, logged_on, ordered, ready);
            runtime.expect("a runtime").block_on(serving).expect("the bus takes our messages");
        });
        is_ready.recv().expect("it gets its name");
        Self { bus, orders }
    }

    /// The address of the bus.
    #[must_use]
    pub fn address(&self) -> String {
        self.bus.address()
    }

    /// From now on these are logged on, and it has told so.
    pub fn change(&self, logged_on: LoggedOn) {
        self.order(Order::Change(logged_on));
    }

    /// It goes away.
    pub fn leave(&self) {
        self.order(Order::Leave);
    }

    /// It is back, and these are logged on.
    pub fn come_back(&self, logged_on: LoggedOn) {
        self.order(Order::ComeBack(logged_on));
    }

    fn order(&self, order: Order) {
        let (done, is_done) = std::sync::mpsc::channel();
        self.orders.send((order, done)).expect("it is still there");
        is_done.recv().expect("it does as it is told");
    }
}

fn path(rest: &str) -> OwnedObjectPath {
    format!("{PATH}/{rest}").try_into().expect("a path")
}

fn user_path(user: u32) -> OwnedObjectPath {
    path(&format!("user/_{user}"))
}

async fn serve(
    address: String,
    mut logged_on: LoggedOn,
    mut ordered: mpsc::UnboundedReceiver<(Order, std::sync::mpsc::Sender<()>)>,
    ready: std::sync::mpsc::Sender<()>,
) -> zbus::Result<()> {
    let connection = zbus::connection::Builder::address(address.as_str()).build().await?;
    let mut messages = MessageStream::from(&connection);
    connection.request_name(NAME).await?;
    let _ = ready.send(());
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(Ok(message)) => answer(&connection, &message, &logged_on).await?,
                // The bus ends with the test.
                Some(Err(_)) | None => return Ok(()),
            },
            order = ordered.recv() => {
                let Some((order, done)) = order else { return Ok(()) };
                match order {
                    Order::Change(now) => {
                        let before = std::mem::replace(&mut logged_on, now);
                        tell(&connection, &before, &logged_on).await?;
                    }
                    Order::Leave => drop(connection.release_name(NAME).await?),
                    Order::ComeBack(now) => {
                        logged_on = now;
                        connection.request_name(NAME).await?;
                    }
                }
                let _ = done.send(());
            }
        }
    }
}

/// The signals a real one sends.
async fn tell(connection: &Connection, before: &LoggedOn, now: &LoggedOn) -> zbus::Result<()> {
    let to = None::<&str>;
    for (member, those, without) in [("SessionRemoved", before, now), ("SessionNew", now, before)] {
        let is_in = |all: &LoggedOn, one: &Session| {
            all.sessions.iter().any(|other| (other.name, other.began) == (one.name, one.began))
        };
        for session in those.sessions.iter().filter(|one| !is_in(without, one)) {
            let body = (session.name, session.path());
            connection.emit_signal(to, PATH, MANAGER, member, &body).await?;
        }
    }
    for (member, gone) in [
        ("UserRemoved", before.users().difference(&now.users()).copied().collect::<Vec<_>>()),
        ("UserNew", now.users().difference(&before.users()).copied().collect()),
    ] {
        for user in gone {
            let body = (user, user_path(user));
            connection.emit_signal(to, PATH, MANAGER, member, &body).await?;
        }
    }
    for session in &now.sessions {
        let is_another =
            |other: &&Session| other.name == session.name && other.state != session.state;
        if before.sessions.iter().any(|other| is_another(&other)) {
            let changed = HashMap::from([("Active", Variant::from(session.state == "active"))]);
            let body = ("org.freedesktop.login1.Session", changed, Vec::<String>::new());
            let properties = "org.freedesktop.DBus.Properties";
            let path = session.path();
            connection.emit_signal(to, &path, properties, "PropertiesChanged", &body).await?;
        }
    }
    Ok(())
}

async fn answer(connection: &Connection, call: &Message, now: &LoggedOn) -> zbus::Result<()> {
    let header = call.header();
    if call.message_type() != Type::MethodCall {
        return Ok(());
    }
    let reply = Message::method_return(&header);
    let no = |name: &str| Message::error(&header, name).build(&("there is none",));
    let member = header.member().map(|member| member.as_str().to_owned()).unwrap_or_default();
    let asked = header.path().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let answer = match member.as_str() {
        "ListSessions" => {
            let all = now.sessions.iter().map(|s| (s.name, s.user, "somebody", "", s.path()));
            reply.build(&(all.collect::<Vec<_>>(),))?
        }
        "ListUsers" => {
            let all = now.users().into_iter().map(|user| (user, "somebody", user_path(user)));
            reply.build(&(all.collect::<Vec<_>>(),))?
        }
        "GetSessionByPID" => {
            let session = now.sessions.iter().find(|session| Some(session.name) == now.caller);
            match session {
                Some(session) => reply.build(&(session.path(),))?,
                None => no("org.freedesktop.login1.NoSessionForPID")?,
            }
        }
        "GetAll" => match properties(now, &asked) {
            Some(properties) => reply.build(&(properties,))?,
            None => no("org.freedesktop.DBus.Error.UnknownObject")?,
        },
        other => panic!("nobody asks {other}"),
    };
    connection.send(&answer).await
}

fn properties(now: &LoggedOn, asked: &str) -> Option<HashMap<&'static str, Variant<'static>>> {
    if let Some(session) = now.sessions.iter().find(|session| session.path().as_str() == asked) {
        if session.state == "gone" {
            return None;
        }
        return Some(HashMap::from([
            ("Id", session.name.into()),
            ("TimestampMonotonic", session.began.into()),
            ("Class", session.class.into()),
            ("State", session.state.into()),
        ]));
    }
    let user = now.users().into_iter().find(|user| user_path(*user).as_str() == asked)?;
    Some(HashMap::from([("Linger", now.lingering.contains(&user).into())]))
}
