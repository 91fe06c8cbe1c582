//! Notifications: what a registered connection is told of a job, as its `NotifyFlags` say.
//!
//! Answers one question: *what does the owner of this job want to know?* In place of BITS'
//! callbacks. That a job is transferred or in error comes at every registration until it is
//! acknowledged ([`Client::acknowledge`]); the rest comes once. Take the stream first
//! ([`Client::notifications`]), then register: what is owed is told at once.

use std::collections::HashMap;

use zbus::message::Header;
use zbus::{Message, OwnedVariant};

use super::notices::Stream;
use super::{Client, Job};
use crate::errors::ClientError;
use crate::fields::Fields;
use crate::names;
use crate::properties::ErrorInfo;

/// Ranges by file: the file's index, and offsets and lengths.
pub type FileRanges = Vec<(u32, Vec<(u64, u64)>)>;

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notification {
    /// The id of the job it is about.
    pub job: String,
    /// The number of the newest event it tells of: what is acknowledged.
    pub number: u64,
    /// What has happened.
    pub kind: NotificationKind,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotificationKind {
    /// Everything is here.
    Transferred,
    /// It stopped for good.
    Error(Box<ErrorInfo>),
    /// One file is here; its index.
    FileTransferred(u32),
    /// Something about it has changed.
    Modification,
    /// Bytes of files that come in pieces are here.
    FileRangesTransferred(FileRanges),
    /// A kind this library does not know.
    Other(String),
}

/// What a registered connection hears.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// A notification.
    Notification(Notification),
    /// Too many of them waited: all registrations of this connection have ended.
    Missed,
}

/// The notifications of one connection, in the order they were sent.
pub type Notifications = Stream<Heard>;

impl Client {
    /// The notifications of this connection from now on. Nothing comes before a registration.
    ///
    /// # Errors
    /// `NotReachable` where the service is gone.
    pub async fn notifications(&self) -> Result<Notifications, ClientError> {
        self.stream(read_signal).await
    }
}

impl Job<'_> {
    /// Wants this connection to be told what the job's `NotifyFlags` say, from now on.
    ///
    /// # Errors
    /// `Service` where there is no such job the caller may see.
    pub async fn register(&self) -> Result<(), ClientError> {
        self.call("Register", &()).await
    }

    /// Wants no more of it.
    ///
    /// # Errors
    /// As [`Self::register`].
    pub async fn unregister(&self) -> Result<(), ClientError> {
        self.call("Unregister", &()).await
    }
}

fn read_signal(
    message: &Message,
    header: &Header<'_>,
) -> zbus::Result<Option<Result<Heard, ClientError>>> {
    let (Some(path), Some(interface), Some(member)) =
        (header.path(), header.interface(), header.member())
    else {
        return Ok(None);
    };
    let job = names::job_id(path.as_str());
    match (interface.as_str(), member.as_str(), job) {
        (names::MANAGER, "SignalsMissed", _) => Ok(Some(Ok(Heard::Missed))),
        (names::JOB, "Notification", Some(job)) => {
            let (number, kind, details): (u64, String, HashMap<String, OwnedVariant>) =
                message.body().deserialize()?;
            let kind = read_kind(&kind, &Fields::from(details));
            let heard = |kind| Heard::Notification(Notification { job, number, kind });
            Ok(Some(kind.map(heard)))
        }
        _ => Ok(None),
    }
}

fn read_kind(kind: &str, details: &Fields) -> Result<NotificationKind, ClientError> {
    Ok(match kind {
        "transferred" => NotificationKind::Transferred,
        "error" => NotificationKind::Error(Box::new(ErrorInfo::read(details)?)),
        "file-transferred" => NotificationKind::FileTransferred(details.small("File")?),
        "modification" => NotificationKind::Modification,
        "file-ranges-transferred" => {
            NotificationKind::FileRangesTransferred(details.pairs_by_file("Ranges")?)
        }
        other => NotificationKind::Other(other.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::Variant;

    #[test]
    fn each_kind_is_read_with_its_details_or_not_at_all() {
        let ranges: FileRanges = vec![(1, vec![(0, 10), (20, 5)])];
        let with = |name: &str, value: Variant<'static>| {
            Fields::from(HashMap::from([(name.to_owned(), value.try_to_owned().unwrap())]))
        };
        let read_ranges =
            read_kind("file-ranges-transferred", &with("Ranges", ranges.clone().into())).unwrap();
        assert_eq!(read_ranges, NotificationKind::FileRangesTransferred(ranges));
        let file = read_kind("file-transferred", &with("File", 7_u32.into())).unwrap();
        assert_eq!(file, NotificationKind::FileTransferred(7));
        for kind in ["error", "file-transferred", "file-ranges-transferred"] {
            assert!(read_kind(kind, &Fields::default()).is_err(), "{kind}");
        }
        let other = read_kind("something-new", &Fields::default()).unwrap();
        assert_eq!(other, NotificationKind::Other("something-new".into()));
    }
}
