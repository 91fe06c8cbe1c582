//! Why a job does what it does, as the service tells it: in sentences, and for its path in numbers.

use std::time::Duration;

use crate::errors::ClientError;
use crate::fields::Fields;

/// What one condition means for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// Which condition, such as `network`.
    pub condition: String,
    /// What it does to the job: `ok`, `limiting` or `blocking`.
    pub bearing: String,
    /// The same, for a person.
    pub sentence: String,
    /// Until when, in seconds since the epoch, where that is known.
    pub until: Option<i64>,
}

impl From<(String, String, String, i64)> for Explanation {
    fn from((condition, bearing, sentence, until): (String, String, String, i64)) -> Self {
        Self { condition, bearing, sentence, until: (until != 0).then_some(until) }
    }
}

/// What is seen of the path on which a job gives way, together with the owner's other jobs of the same
/// priority, and what is done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Path {
    /// What is done: `taking`, `creeping`, `yielding`, `halved`, `looking`, `alarmed` or `tethered`.
    pub course: String,
    /// How many connections there are.
    pub connections: u32,
    /// What may be under way to all of them, in bytes.
    pub window: u64,
    /// What has arrived of late, in bytes a second.
    pub rate: u64,
    /// The queue that is aimed at.
    pub target: Duration,
    /// Whether what this machine's card receives is seen.
    pub card: bool,
    /// Whether round trips are those of ICMP echoes, as the connections show none.
    pub echoes: bool,
    /// The part of the path these connections have, in thousandths; those of others have the rest.
    pub share: u32,
    /// The lowest round trip, where round trips are seen.
    pub base: Option<Duration>,
    /// The queue, whoever keeps it up, where it is seen.
    pub queue: Option<Duration>,
    /// The lowest round trip that is remembered from before, while it counts.
    pub remembered: Option<Duration>,
}

impl Path {
    /// Nothing where the job gives way to nobody just now.
    pub(crate) fn read(fields: &Fields) -> Result<Option<Self>, ClientError> {
        if fields.names().next().is_none() {
            return Ok(None);
        }
        let micros = |name| fields.small(name).map(|micros| Duration::from_micros(micros.into()));
        let seen = |name| fields.has(name).then(|| micros(name)).transpose();
        Ok(Some(Self {
            course: fields.text("Course")?,
            connections: fields.small("Connections")?,
            window: fields.large("Window")?,
            rate: fields.large("Rate")?,
            target: micros("Target")?,
            card: fields.flag("Card")?,
            echoes: fields.has("Echoes") && fields.flag("Echoes")?,
            share: fields.small("Share")?,
            base: seen("Base")?,
            queue: seen("Queue")?,
            remembered: seen("Remembered")?,
        }))
    }
}
