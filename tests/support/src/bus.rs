//! D-Bus calls to an instance's own socket, under any identity, for tests.
//!
//! This is on purpose not the client library: it calls methods by name and reports an error by
//! name, so that what is tested is the contract and not two halves of one implementation. The
//! identity is that of the thread that connects, which is where the kernel takes it from.

use crate::server::PATIENCE;
use crate::users::User;
use futures_util::StreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::time::timeout;
use zbus::{DBusError as _, DynamicType, Message, MessageStream, OwnedVariant, Type, Variant};

/// The service's name on a message bus.
pub const BUS_NAME: &str = "org.ebb.Transfer1";
/// The manager's path.
pub const MANAGER_PATH: &str = "/org/ebb/Transfer1";
/// The manager's interface.
pub const MANAGER: &str = "org.ebb.Transfer1.Manager";
/// The interface of a job.
pub const JOB: &str = "org.ebb.Transfer1.Job";
/// The interface of token options.
pub const TOKEN_OPTIONS: &str = "org.ebb.Transfer1.TokenOptions";
/// What our error names begin with.
pub const ERROR: &str = "org.ebb.Transfer1.Error.";

/// A connection under one identity.
#[derive(Debug)]
pub struct Bus {
    runtime: tokio::runtime::Runtime,
    connection: zbus::Connection,
    /// The service's name, where there is a message bus in between.
    destination: Option<&'static str>,
    /// One word per signal heard; ends with the connection.
    signals: RefCell<mpsc::UnboundedReceiver<()>>,
    /// Notifications nobody has looked at yet.
    notified: Arc<Mutex<Vec<Notification>>>,
    /// Questions about servers' certificates that nobody has looked at yet.
    certificates: Arc<Mutex<Vec<AboutServer>>>,
    /// Ranges that signals told of: file, offset and length.
    ranges: Arc<Mutex<Vec<Range>>>,
}

/// A file, an offset and a length.
pub type Range = (u32, u64, u64);

/// What a registered connection was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Of the newest event it tells of.
    pub number: u64,
    /// What.
    pub kind: String,
}

/// A question about a server: its number, the file's, host, port, and certificates.
pub type AboutServer = (u64, u32, String, u16, Vec<Vec<u8>>);

/// Why a call gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct No {
    /// The D-Bus error name, ours without its prefix; `Disconnected` when there was no answer.
    pub name: String,
    /// What was said.
    pub sentence: String,
    /// BITS' number, where the error has one.
    pub code: u32,
    /// What would help.
    pub advice: String,
}

/// A dictionary of a call.
pub type Options<'a> = HashMap<&'a str, Variant<'a>>;

impl Bus {
    /// Connects to the service's own socket as `user`.
    ///
    /// # Errors
    ///
    /// When nobody listens there or the handshake fails.
    ///
    /// # Panics
    ///
    /// When the handshake gets no answer at all.
    pub fn connect(socket: &Path, user: &User) -> zbus::Result<Self> {
        Self::over(socket, user, None)
    }

    /// Connects to the service through the message bus that listens at `socket`.
    ///
    /// # Errors
    ///
    /// When nobody listens there or the handshake fails.
    ///
    /// # Panics
    ///
    /// When the handshake gets no answer at all.
    pub fn connect_through_bus(socket: &Path, user: &User) -> zbus::Result<Self> {
        Self::over(socket, user, Some(BUS_NAME))
    }

    fn over(socket: &Path, user: &User, destination: Option<&'static str>) -> zbus::Result<Self> {
        let stream = user.run(|| UnixStream::connect(socket))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (tell, heard) = mpsc::unbounded_channel();
        let (notified, ranges) = (Arc::default(), Arc::<Mutex<Vec<Range>>>::default());
        let told_ranges = Arc::clone(&ranges);
        let certificates = Arc::<Mutex<Vec<AboutServer>>>::default();
        let told_certificates = Arc::clone(&certificates);
        let connection = runtime.block_on(async {
            let builder = zbus::connection::Builder::unix_stream(stream).user_id(user.uid);
            let builder = if destination.is_none() { builder.p2p() } else { builder };
            let built = timeout(PATIENCE, builder.build()).await;
            let connection = built.expect("a listening service shakes hands")?;
            let notified = Arc::clone(&notified);
            tokio::spawn(count_signals(
                MessageStream::from(&connection),
                tell,
                notified,
                told_ranges,
                told_certificates,
            ));
            zbus::Result::Ok(connection)
        })?;
        let signals = RefCell::new(heard);
        Ok(Self { runtime, connection, destination, signals, notified, certificates, ranges })
    }

    /// Calls a method.
    ///
    /// # Errors
    ///
    /// The answer, when it is no.
    ///
    /// # Panics
    ///
    /// When there is no answer for [`PATIENCE`].
    pub fn call<B>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> Result<Message, No>
    where
        B: Serialize + DynamicType,
    {
        let called =
            self.connection.call_method(self.destination, path, Some(interface), method, body);
        let answer = self.runtime.block_on(async { timeout(PATIENCE, called).await });
        let answer = answer.unwrap_or_else(|_| panic!("{method} of {path} was not answered"));
        answer.map_err(|error| No::from(&error))
    }

    /// Calls a method and takes its answer apart.
    ///
    /// # Errors
    ///
    /// The answer, when it is no.
    ///
    /// # Panics
    ///
    /// When the answer is of another type than the contract says, or does not come.
    pub fn ask<B, A>(&self, path: &str, interface: &str, method: &str, body: &B) -> Result<A, No>
    where
        B: Serialize + DynamicType,
        A: DeserializeOwned + Type,
    {
        let answer = self.call(path, interface, method, body)?;
        Ok(answer.body().deserialize().unwrap_or_else(|e| panic!("{method}: {e}: {answer:?}")))
    }

    /// Reads a property.
    ///
    /// # Errors
    ///
    /// The answer, when it is no.
    ///
    /// # Panics
    ///
    /// When the value is of another type than `T`.
    pub fn property<T>(&self, path: &str, interface: &str, name: &str) -> Result<T, No>
    where
        T: TryFrom<OwnedVariant>,
        T::Error: std::fmt::Debug,
    {
        let properties = "org.freedesktop.DBus.Properties";
        let value: OwnedVariant = self.ask(path, properties, "Get", &(interface, name))?;
        Ok(T::try_from(value).unwrap_or_else(|e| panic!("{name} is of another type: {e:?}")))
    }

    /// Whether somebody has this name on the message bus.
    ///
    /// # Panics
    ///
    /// When the bus does not answer.
    #[must_use]
    pub fn bus_has_owner(&self, name: &str) -> bool {
        let bus = "org.freedesktop.DBus";
        let path = "/org/freedesktop/DBus";
        let asked = self.connection.call_method(Some(bus), path, Some(bus), "NameHasOwner", &name);
        let answer = self.runtime.block_on(asked).expect("the bus answers");
        answer.body().deserialize().expect("a boolean")
    }

    /// The ranges that `FileRangesTransferred` has told of so far.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "nobody panics while holding it")]
    pub fn ranges(&self) -> Vec<Range> {
        self.ranges.lock().expect("nobody panics with it").clone()
    }

    /// Waits until `reached` says so of the job's state, and says which state it is.
    ///
    /// # Errors
    ///
    /// When the service goes away meanwhile, or says no.
    ///
    /// # Panics
    ///
    /// When it is not reached for [`PATIENCE`].
    pub fn wait_for_state(&self, job: &str, reached: impl Fn(&str) -> bool) -> Result<String, No> {
        let mut refused = None;
        let state =
            self.wait_until("a state", || match self.property::<String>(job, JOB, "State") {
                Ok(state) => reached(&state).then_some(state),
                Err(no) => {
                    refused = Some(no);
                    Some(String::new())
                }
            })?;
        refused.map_or(Ok(state), Err)
    }

    /// The notifications that have come since this was last asked.
    ///
    /// # Panics
    ///
    /// When a notification was not as the contract says.
    pub fn notifications(&self) -> Vec<Notification> {
        std::mem::take(&mut *self.notified.lock().expect("every notification was understood"))
    }

    /// The questions about servers that have come since this was last asked.
    ///
    /// # Panics
    ///
    /// When a question was not as the contract says.
    pub fn server_certificates(&self) -> Vec<AboutServer> {
        std::mem::take(&mut *self.certificates.lock().expect("every question was understood"))
    }

    /// Waits until `found` finds something, looking again after every signal.
    ///
    /// # Errors
    ///
    /// When the service goes away meanwhile.
    ///
    /// # Panics
    ///
    /// When nothing is found for [`PATIENCE`].
    pub fn wait_until<T>(&self, what: &str, mut found: impl FnMut() -> Option<T>) -> Result<T, No> {
        // Subscribed before the first look, so that nothing is missed in between.
        let mut signals = self.signals.borrow_mut();
        self.call(MANAGER_PATH, MANAGER, "Subscribe", &())?;
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(thing) = found() {
                return Ok(thing);
            }
            let left = end.saturating_duration_since(Instant::now());
            let heard = self.runtime.block_on(async { timeout(left, signals.recv()).await });
            let heard = heard.unwrap_or_else(|_| panic!("waited in vain for {what}"));
            if heard.is_none() {
                return Err(No::disconnected());
            }
        }
    }
}

/// Counts what is heard, without end: a stream that nobody reads would hold up the connection, and
/// with it the answers to calls, which come the same way.
async fn count_signals(
    mut messages: MessageStream,
    tell: mpsc::UnboundedSender<()>,
    notified: Arc<Mutex<Vec<Notification>>>,
    ranges: Arc<Mutex<Vec<Range>>>,
    certificates: Arc<Mutex<Vec<AboutServer>>>,
) {
    while let Some(Ok(message)) = messages.next().await {
        let signal = message.message_type() == zbus::message::Type::Signal;
        if signal && message.header().member().is_some_and(|name| name == "Notification") {
            let body = message.body();
            let (number, kind, _) = body
                .deserialize::<(u64, String, HashMap<String, OwnedVariant>)>()
                .expect("a notification as the contract says");
            notified.lock().expect("nobody panics with it").push(Notification { number, kind });
        }
        if signal && message.header().member().is_some_and(|name| name == "FileRangesTransferred") {
            let body = message.body();
            let (file, told) = body
                .deserialize::<(u32, Vec<(u64, u64)>)>()
                .expect("a signal as the contract says");
            let told = told.into_iter().map(|(offset, length)| (file, offset, length));
            ranges.lock().expect("nobody panics with it").extend(told);
        }
        if signal
            && message.header().member().is_some_and(|name| name == "ValidateServerCertificate")
        {
            let asked = message.body().deserialize().expect("a question as the contract says");
            certificates.lock().expect("nobody panics with it").push(asked);
        }
        if signal && tell.send(()).is_err() {
            return;
        }
    }
}

impl No {
    /// Whether there was no answer because there is no service any more.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        self.name == "Disconnected"
    }

    fn disconnected() -> Self {
        let name = "Disconnected".into();
        Self { name, sentence: String::new(), code: 0, advice: String::new() }
    }
}

impl From<&zbus::Error> for No {
    fn from(error: &zbus::Error) -> Self {
        if let zbus::Error::MethodError(name, sentence, reply) = error {
            let name = name.as_str();
            let name = name.strip_prefix(ERROR).unwrap_or(name).to_owned();
            let body = reply.body().deserialize::<(String, u32, String)>().ok();
            let plain = (sentence.clone().unwrap_or_default(), 0, String::new());
            let (sentence, code, advice) = body.unwrap_or(plain);
            return Self { name, sentence, code, advice };
        }
        if let zbus::Error::FDO(error) = error {
            let sentence = error.to_string();
            return Self {
                name: error.name().to_string(),
                sentence,
                code: 0,
                advice: String::new(),
            };
        }
        Self { sentence: error.to_string(), ..Self::disconnected() }
    }
}
