//! What changed since a number: the way to miss nothing.
//!
//! Answers one question: *what has happened that I have not heard of?* A notice is a reason to ask;
//! the answer is complete, or says that it is not. Numbers outlive connections and the service.

use std::collections::HashMap;

use zbus::OwnedVariant;

use super::manager::PAGE;
use super::{Client, Job};
use crate::errors::ClientError;
use crate::fields::Fields;
use crate::names;
use crate::properties::{ErrorInfo, FileProperties};
use crate::values::State;

/// Larger than any number there is: asks for nothing but the newest.
const NEVER: u64 = u64::MAX;

/// What came after a number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// Oldest first.
    pub events: Vec<JobEvent>,
    /// Where to go on from, once all of them have been taken.
    pub newest: u64,
    /// Something is not kept any more: read the jobs anew, then go on from `newest`.
    pub missing: bool,
}

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobEvent {
    /// Its number; grows.
    pub number: u64,
    /// The job's id.
    pub job: String,
    /// When, in seconds since the epoch.
    pub time: Option<i64>,
    /// How often the job has been begun by now.
    pub attempts: u64,
    /// What.
    pub kind: EventKind,
}

/// What happened to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// It is new.
    Added,
    /// It stands somewhere else.
    State {
        /// Where now.
        state: State,
        /// Where before.
        previous: State,
    },
    /// Everything is here.
    Transferred,
    /// It stopped for good.
    Error(Box<ErrorInfo>),
    /// It stopped, and is tried again by itself.
    TransientError {
        /// Why it stopped.
        error: Box<ErrorInfo>,
        /// When it is tried again.
        next_attempt: Option<i64>,
    },
    /// One file is here; as it is now.
    FileTransferred(Box<FileProperties>),
    /// It has more files.
    FilesAdded {
        /// The index of the first.
        first: u32,
        /// How many.
        count: u32,
    },
    /// A property has another value.
    Property,
    /// Bytes have moved.
    Progress,
    /// A kind this library does not know.
    Other(String),
}

type Answer = (Vec<HashMap<String, OwnedVariant>>, u64, bool);

impl Client {
    /// What happened after the event of this number to jobs the caller may see; at most a page of
    /// it. Ask again with the last number until nothing comes.
    ///
    /// # Errors
    /// `Protocol` where the answer does not fit.
    pub async fn changes_since(&self, since: u64) -> Result<Changes, ClientError> {
        read(self.manage("ChangesSince", &(since, PAGE)).await?)
    }

    /// Of each of the caller's jobs that waits for them, why it does, as long as nobody has
    /// acknowledged it; at most a page.
    ///
    /// # Errors
    /// As [`Self::changes_since`].
    pub async fn unacknowledged(&self) -> Result<Changes, ClientError> {
        read(self.manage("Unacknowledged", &()).await?)
    }

    /// Says that the caller knows what happened to their jobs, up to this number.
    ///
    /// # Errors
    /// `NotReachable` where the service is gone.
    pub async fn acknowledge(&self, up_to: u64) -> Result<(), ClientError> {
        self.manage("Acknowledge", &up_to).await
    }

    /// The number of the newest event.
    ///
    /// # Errors
    /// As [`Self::changes_since`].
    pub async fn newest_event(&self) -> Result<u64, ClientError> {
        Ok(self.changes_since(NEVER).await?.newest)
    }
}

impl Job<'_> {
    /// As the client's, for this job alone.
    ///
    /// # Errors
    /// `Service` where there is no such job the caller may see.
    pub async fn changes_since(&self, since: u64) -> Result<Changes, ClientError> {
        read(self.call("ChangesSince", &(since, PAGE)).await?)
    }
}

fn read((events, newest, missing): Answer) -> Result<Changes, ClientError> {
    let events = events.into_iter().map(|event| JobEvent::read(&Fields::from(event)));
    Ok(Changes { events: events.collect::<Result<_, _>>()?, newest, missing })
}

impl JobEvent {
    fn read(fields: &Fields) -> Result<Self, ClientError> {
        let job = fields.text("Job")?;
        // The id goes into paths and onto terminals: nothing but a UUID gets that far.
        if !names::is_uuid(&job) {
            return Err(ClientError::Protocol("the Job of an event is not a UUID".into()));
        }
        Ok(JobEvent {
            number: fields.large("Number")?,
            job,
            time: fields.time("Time")?,
            attempts: fields.large("Attempts")?,
            kind: EventKind::read(fields)?,
        })
    }
}

impl EventKind {
    fn read(fields: &Fields) -> Result<Self, ClientError> {
        let error = || ErrorInfo::read(fields).map(Box::new);
        Ok(match fields.text("Kind")?.as_str() {
            "added" => Self::Added,
            "state" => Self::State {
                state: fields.text("State")?.parse()?,
                previous: fields.text("Previous")?.parse()?,
            },
            "transferred" => Self::Transferred,
            "error" => Self::Error(error()?),
            "transient-error" => {
                Self::TransientError { error: error()?, next_attempt: fields.time("NextAttempt")? }
            }
            "file-transferred" => Self::FileTransferred(Box::new(FileProperties::read(fields)?)),
            "files-added" => {
                Self::FilesAdded { first: fields.small("First")?, count: fields.small("Count")? }
            }
            "property" => Self::Property,
            "progress" => Self::Progress,
            other => Self::Other(other.to_owned()),
        })
    }
}
