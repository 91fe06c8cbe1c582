//! What is asked of `org.freedesktop.login1`, and what of its signals matters.
//!
//! It is never started for our sake. Signals have a connection of their own: unread ones must not
//! hold up an answer. Who a caller is, is not asked here; only in which session a process is, and
//! by number, because logind knows no other way: the descriptor says before and after whether the
//! number is still that process's.

use std::collections::HashMap;
use std::os::fd::AsFd;

use ebb_core::presence::Logins;
use ebb_core::refusal::Refusal;
use ebb_core::token::SessionId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use zbus::message::Type;
use zbus::{Connection, DBusError as _, MessageStream, OwnedObjectPath, OwnedVariant};

use crate::bus::builder;
use crate::command::Process;

const BUS: (&str, &str) = ("org.freedesktop.DBus", "/org/freedesktop/DBus");
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const USER: &str = "org.freedesktop.login1.User";
/// logind's word for a process that is in no session.
const NO_SESSION: &str = "org.freedesktop.login1.NoSessionForPID";
/// Objects that have gone since they were listed.
const GONE: [&str; 3] = [
    "org.freedesktop.DBus.Error.UnknownObject",
    "org.freedesktop.login1.NoSuchSession",
    "org.freedesktop.login1.NoSuchUser",
];
/// The properties by which somebody comes or leaves.
const THAT_MATTER: [&str; 6] = ["State", "Active", "Class", "Linger", "Sessions", "Display"];

/// The connections to a bus that may have a logind.
pub(super) struct Logind {
    pub(super) signals: MessageStream,
    asking: Connection,
}

/// What a session is like.
struct Session {
    id: SessionId,
    class: String,
    state: String,
}

impl Logind {
    /// Connects, and from then on misses nothing.
    pub(super) async fn connect(address: Option<&str>) -> zbus::Result<Self> {
        let (listening, asking) =
            (builder(address).build().await?, builder(address).build().await?);
        let signals = MessageStream::from(&listening);
        let rules = [
            format!("type='signal',sender='{NAME}',path='{PATH}',interface='{MANAGER}'"),
            format!(
                "type='signal',sender='{NAME}',path_namespace='{PATH}',interface='{PROPERTIES}',\
                 member='PropertiesChanged'"
            ),
            format!(
                "type='signal',sender='{}',interface='{}',member='NameOwnerChanged',arg0='{NAME}'",
                BUS.0, BUS.0
            ),
        ];
        for rule in rules {
            listening.call_method(Some(BUS.0), BUS.1, Some(BUS.0), "AddMatch", &rule).await?;
        }
        Ok(Self { signals, asking })
    }

    /// All there is; nothing where there is no logind.
    pub(super) async fn look(&self) -> zbus::Result<Option<Logins>> {
        if !self.is_there().await? {
            return Ok(None);
        }
        let mut logins = Logins::default();
        let listed = self.ask("ListSessions", &()).await?;
        let sessions: Vec<(String, u32, String, String, OwnedObjectPath)> =
            listed.body().deserialize()?;
        for (_, user, _, _, path) in sessions {
            if let Some(session) = unless_gone(self.session(&path).await)? {
                logins.session(session.id, user, &session.class, &session.state);
            }
        }
        let listed = self.ask("ListUsers", &()).await?;
        let users: Vec<(u32, String, OwnedObjectPath)> = listed.body().deserialize()?;
        for (user, _, path) in users {
            let known = unless_gone(self.properties(&path, USER).await)?.unwrap_or_default();
            if known.get("Linger").is_some_and(|linger| bool::try_from(linger) == Ok(true)) {
                logins.lingers(user);
            }
        }
        Ok(Some(logins))
    }

    /// The session a process is in, and none where it is in none.
    pub(super) async fn session_of(
        &self,
        process: &Process,
    ) -> zbus::Result<Result<Option<SessionId>, Refusal>> {
        let gone = Err(Refusal::SessionUnknown("the calling process has ended"));
        let Some(number) = process.number else {
            return Ok(Err(Refusal::NoProcessDescriptor));
        };
        if !runs(process) {
            return Ok(gone);
        }
        let found = match self.ask("GetSessionByPID", &number).await {
            Ok(path) => Some(path.body().deserialize::<OwnedObjectPath>()?),
            Err(error) if is(&error, &[NO_SESSION]) => None,
            Err(error) => return Err(error),
        };
        let session = match found {
            Some(path) => match unless_gone(self.session(&path).await)? {
                Some(session) => Some(session.id),
                None => return Ok(Err(Refusal::SessionUnknown("the login session has ended"))),
            },
            None => None,
        };
        // If it still runs, the number has been its own all the time.
        Ok(if runs(process) { Ok(session) } else { gone })
    }

    async fn is_there(&self) -> zbus::Result<bool> {
        let bus = &self.asking;
        let has = bus.call_method(Some(BUS.0), BUS.1, Some(BUS.0), "NameHasOwner", &NAME).await?;
        has.body().deserialize()
    }

    async fn session(&self, path: &OwnedObjectPath) -> zbus::Result<Session> {
        let known = self.properties(path, SESSION).await?;
        let text = |name: &str| known.get(name).and_then(|value| <&str>::try_from(value).ok());
        let began = known.get("TimestampMonotonic").and_then(|value| u64::try_from(value).ok());
        let (Some(name), Some(began)) = (text("Id"), began) else {
            return Err(zbus::Error::MissingField);
        };
        Ok(Session {
            id: SessionId(format!("{name}@{began}")),
            class: text("Class").unwrap_or_default().to_owned(),
            state: text("State").unwrap_or_default().to_owned(),
        })
    }

    async fn properties(
        &self,
        path: &OwnedObjectPath,
        interface: &str,
    ) -> zbus::Result<HashMap<String, OwnedVariant>> {
        let call =
            self.asking.call_method(Some(NAME), path, Some(PROPERTIES), "GetAll", &interface);
        call.await?.body().deserialize()
    }

    async fn ask<B>(&self, method: &str, body: &B) -> zbus::Result<zbus::Message>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        self.asking.call_method(Some(NAME), PATH, Some(MANAGER), method, body).await
    }
}

/// Whether a message may mean that somebody has come or left. Users can have their sessions tell
/// other things (that they are idle, or locked) as often as they like.
pub(super) fn matters(message: &zbus::Message) -> bool {
    let header = message.header();
    if message.message_type() != Type::Signal {
        return false;
    }
    if header.member().is_none_or(|member| member.as_str() != "PropertiesChanged") {
        return true;
    }
    type Changed = (String, HashMap<String, OwnedVariant>, Vec<String>);
    let Ok((_, changed, invalidated)) = message.body().deserialize::<Changed>() else {
        return true;
    };
    let mut names = changed.keys().chain(&invalidated);
    names.any(|name| THAT_MATTER.contains(&name.as_str()))
}

/// Whether it has not ended.
fn runs(process: &Process) -> bool {
    let mut look = [PollFd::from_borrowed_fd(process.descriptor.as_fd(), PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    // The descriptor of a process is readable from its end on.
    poll(&mut look, Some(&at_once)) == Ok(0)
}

/// Whether it was logind who said no, or the bus in its place: the connection is as good as before.
pub(super) fn is_refusal(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::MethodError(..) | zbus::Error::FDO(_))
}

/// Whether an error has one of these names. The library has two kinds, one of them for the names it
/// knows itself.
fn is(error: &zbus::Error, names: &[&str]) -> bool {
    if let zbus::Error::MethodError(name, ..) = error {
        return names.contains(&name.as_str());
    }
    matches!(error, zbus::Error::FDO(known) if names.contains(&known.name().as_str()))
}

fn unless_gone<T>(told: zbus::Result<T>) -> zbus::Result<Option<T>> {
    match told {
        Ok(told) => Ok(Some(told)),
        Err(error) if is(&error, &GONE) => Ok(None),
        Err(error) => Err(error),
    }
}
