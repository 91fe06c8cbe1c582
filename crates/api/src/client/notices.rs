//! Notices: what the service tells those who subscribed.
//!
//! Answers one question: *what just happened?* Subscribe first and read then: whatever changes
//! in between comes as a notice, so nothing is missed. On a message bus anybody may send a signal
//! to anybody; only those of the service itself become notices, and when the service loses its
//! name the stream ends with an error rather than in silence.

use std::collections::HashMap;

use futures_util::StreamExt;
use tokio::sync::mpsc;
use zbus::message::{Header, Type};
use zbus::{Message, MessageStream, OwnedObjectPath, OwnedVariant};

use super::Client;
use super::call::from_zbus;
use crate::errors::ClientError;
use crate::fields::Fields;
use crate::names;
use crate::properties::ErrorInfo;
use crate::values::State;

/// Something that has happened to a job; `job` is its id.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// There is a new job.
    JobAdded {
        /// Which one.
        job: String,
    },
    /// A job is over and no longer listed.
    JobRemoved {
        /// Which one.
        job: String,
    },
    /// A job stands somewhere else.
    StateChanged {
        /// Which one.
        job: String,
        /// Where it stands now.
        state: State,
        /// Where it stood before.
        previous: State,
    },
    /// Everything of a job is here.
    Transferred {
        /// Which one.
        job: String,
    },
    /// A job stopped for good.
    Failed {
        /// Which one.
        job: String,
        /// Why.
        error: ErrorInfo,
    },
    /// One file of a job is here.
    FileTransferred {
        /// Which job.
        job: String,
        /// Which file.
        index: u32,
    },
    /// Properties of a job have changed.
    PropertiesChanged {
        /// Which one.
        job: String,
        /// What they are now; see [`crate::properties::JobProperties::update`].
        changed: Fields,
    },
    /// The listener was too slow for some notices: ask what changed, or read anew.
    Missed,
}

impl Notice {
    /// The id of the job it is about; empty where it is about all of them.
    #[must_use]
    pub fn job(&self) -> &str {
        match self {
            Notice::JobAdded { job }
            | Notice::JobRemoved { job }
            | Notice::StateChanged { job, .. }
            | Notice::Transferred { job }
            | Notice::Failed { job, .. }
            | Notice::FileTransferred { job, .. }
            | Notice::PropertiesChanged { job, .. } => job,
            Notice::Missed => "",
        }
    }
}

/// The notices of one subscription, in the order they were sent.
pub type Notices = Stream<Notice>;

/// What one connection hears, in the order it was sent.
#[derive(Debug)]
pub struct Stream<T> {
    receiver: mpsc::UnboundedReceiver<Result<T, ClientError>>,
}

/// Reads a signal; two layers of error: what zbus cannot read, and what does not fit our types.
pub(super) type ReadSignal<T> =
    fn(&Message, &Header<'_>) -> zbus::Result<Option<Result<T, ClientError>>>;

impl<T> Stream<T> {
    /// Waits for the next one.
    ///
    /// # Errors
    /// `NotReachable` when the service is gone: there will be no more. `Protocol` where what was
    /// sent does not fit the contract.
    pub async fn next(&mut self) -> Result<T, ClientError> {
        let next = self.receiver.recv().await;
        next.unwrap_or_else(|| Err(gone("the connection was closed")))
    }

    /// The next one, if it is already here.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn try_next(&mut self) -> Result<Option<T>, ClientError> {
        match self.receiver.try_recv() {
            Ok(notice) => notice.map(Some),
            Err(mpsc::error::TryRecvError::Empty) => Ok(None),
            Err(mpsc::error::TryRecvError::Disconnected) => Err(gone("the connection was closed")),
        }
    }
}

impl Client {
    /// Asks for the notices of all jobs the caller may see.
    ///
    /// # Errors
    /// `NotReachable` where the service is gone.
    pub async fn subscribe(&self) -> Result<Notices, ClientError> {
        // The stream comes first, or what is sent with the answer would be lost.
        let notices = self.stream(read_signal).await?;
        self.manage::<_, ()>("Subscribe", &()).await?;
        Ok(notices)
    }

    /// The signals of the service that this can read, from now on.
    pub(super) async fn stream<T: Send + 'static>(
        &self,
        read_signal: ReadSignal<T>,
    ) -> Result<Stream<T>, ClientError> {
        let messages = MessageStream::from(&self.connection);
        let (sender, receiver) = mpsc::unbounded_channel();
        if self.location.is_bus() {
            self.watch_bus_name().await?;
        }
        // Taken off the connection at once, however slow the reader is: a full queue would also
        // hold up the answers to its own calls.
        tokio::spawn(pump(self.service.clone(), messages, read_signal, sender));
        Ok(Stream { receiver })
    }

    async fn watch_bus_name(&self) -> Result<(), ClientError> {
        let rule = format!(
            "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{}'",
            names::BUS_NAME
        );
        self.call_bus("AddMatch", &rule).await
    }
}

async fn pump<T>(
    service: Option<String>,
    mut messages: MessageStream,
    read_signal: ReadSignal<T>,
    sender: mpsc::UnboundedSender<Result<T, ClientError>>,
) {
    while let Some(message) = messages.next().await {
        let notice = match message {
            Ok(message) => read(&message, service.as_deref(), read_signal).transpose(),
            Err(error) => Some(Err(from_zbus(error))),
        };
        let Some(notice) = notice else { continue };
        let last = matches!(notice, Err(ClientError::NotReachable(_)));
        if sender.send(notice).is_err() || last {
            return;
        }
    }
}

fn read<T>(
    message: &Message,
    service: Option<&str>,
    read_signal: ReadSignal<T>,
) -> Result<Option<T>, ClientError> {
    if message.message_type() != Type::Signal {
        return Ok(None);
    }
    let header = message.header();
    let sender = header.sender().map(|sender| sender.as_str());
    if service.is_some() && sender == Some("org.freedesktop.DBus") {
        return name_changed(message);
    }
    if service.is_some() && sender != service {
        return Ok(None);
    }
    let read = read_signal(message, &header);
    read.map_err(|error| ClientError::Protocol(format!("a signal: {error}")))?.transpose()
}

fn name_changed<T>(message: &Message) -> Result<Option<T>, ClientError> {
    match message.body().deserialize::<(String, String, String)>() {
        Ok((name, _, _)) if name == names::BUS_NAME => Err(gone("it has left the message bus")),
        Ok(_) | Err(_) => Ok(None), // another signal of the bus, such as NameAcquired
    }
}

fn read_signal(
    message: &Message,
    header: &Header<'_>,
) -> zbus::Result<Option<Result<Notice, ClientError>>> {
    let (Some(path), Some(interface), Some(member)) =
        (header.path(), header.interface(), header.member())
    else {
        return Ok(None);
    };
    let job = names::job_id(path.as_str());
    let body = message.body();
    let notice = match (interface.as_str(), member.as_str(), job) {
        (names::MANAGER, "JobAdded", _) => {
            let (_, job, _): (OwnedObjectPath, String, u64) = body.deserialize()?;
            Ok(Notice::JobAdded { job })
        }
        (names::MANAGER, "JobRemoved", _) => {
            let (_, job, _): (OwnedObjectPath, String, u64) = body.deserialize()?;
            Ok(Notice::JobRemoved { job })
        }
        (names::MANAGER, "SignalsMissed", _) => Ok(Notice::Missed),
        (names::JOB, "StateChanged", Some(job)) => {
            let (state, previous, _): (String, String, u64) = body.deserialize()?;
            state_changed(job, &state, &previous)
        }
        (names::JOB, "Transferred", Some(job)) => Ok(Notice::Transferred { job }),
        (names::JOB, "Failed", Some(job)) => {
            let (error, _): (HashMap<String, OwnedVariant>, u64) = body.deserialize()?;
            ErrorInfo::read(&Fields::from(error)).map(|error| Notice::Failed { job, error })
        }
        (names::JOB, "FileTransferred", Some(job)) => {
            let (index, _): (u32, u64) = body.deserialize()?;
            Ok(Notice::FileTransferred { job, index })
        }
        ("org.freedesktop.DBus.Properties", "PropertiesChanged", Some(job)) => {
            let (_, changed, _): (String, HashMap<String, OwnedVariant>, Vec<String>) =
                body.deserialize()?;
            Ok(Notice::PropertiesChanged { job, changed: Fields::from(changed) })
        }
        _ => return Ok(None),
    };
    Ok(Some(notice))
}

fn state_changed(job: String, state: &str, previous: &str) -> Result<Notice, ClientError> {
    Ok(Notice::StateChanged { job, state: state.parse()?, previous: previous.parse()? })
}

fn gone(why: &str) -> ClientError {
    ClientError::NotReachable(why.to_owned())
}
