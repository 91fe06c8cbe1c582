//! An event's columns, and up to where events are missing.
//!
//! A kind is kept by name, and has its own few columns; a row whose columns do not fit its kind is
//! refused when it is read.

use ebb_core::event::{Happening, Standing, What};
use ebb_core::job::Trouble;
use ebb_core::time::WallTime;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::for_each;
use super::job::{put_trouble, trouble};
use crate::StoreError;
use crate::cells::{Cell, Cells, Reader, Table};

pub(crate) static EVENT: Table = Table {
    name: "event",
    key: &["number"],
    columns: &[
        "job",
        "at",
        "acknowledged",
        "kind",
        "state",
        "previous",
        "file",
        "files",
        "next_attempt",
        "error",
        "error_number",
        "error_file",
        "error_detail",
        "error_retry_after",
    ],
};

static MISSING: Table = Table { name: "missing", key: &["owner"], columns: &["up_to"] };

/// Drops an event; its parameter is the number.
pub(crate) const DROP: &str = "DELETE FROM event WHERE number = ?1";

/// Somebody knows of an event; its parameter is the number.
pub(crate) const ACKNOWLEDGE: &str = "UPDATE event SET acknowledged = 1 WHERE number = ?1";

/// Notes up to where events of an owner are missing.
pub(crate) const PUT_MISSING: &str = "INSERT INTO missing (owner, up_to) VALUES (?1, ?2) \
     ON CONFLICT (owner) DO UPDATE SET up_to = excluded.up_to";

/// What happened, as it was written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// By number, oldest first.
    pub kept: Vec<(u64, Happening)>,
    /// By owner: up to which number events are missing.
    pub missing: Vec<(u32, u64)>,
}

/// What a kind of event has of its own.
#[derive(Default)]
struct Own<'a> {
    states: Option<(Standing, Standing)>,
    file: Option<u32>,
    files: Option<u32>,
    next_attempt: Option<WallTime>,
    trouble: Option<&'a Trouble>,
}

/// The cells of an event.
pub(crate) fn cells(happening: &Happening) -> Vec<Value> {
    let Happening { job, at, what, acknowledged } = happening;
    let mut cells = Cells::default();
    cells.put(*job).put(*at).put(*acknowledged).put(what.name().to_owned());
    let own = match what {
        What::Added | What::Transferred | What::Property | What::Progress => Own::default(),
        What::State { now, before } => Own { states: Some((*now, *before)), ..Own::default() },
        What::Error(trouble) => Own { trouble: Some(trouble), ..Own::default() },
        What::TransientError { trouble, next_attempt } => {
            Own { trouble: Some(trouble), next_attempt: Some(*next_attempt), ..Own::default() }
        }
        What::FileTransferred(file) => Own { file: Some(*file), ..Own::default() },
        What::FilesAdded { first, count } => {
            Own { file: Some(*first), files: Some(*count), ..Own::default() }
        }
    };
    cells
        .put_option(own.states.map(|(now, _)| now))
        .put_option(own.states.map(|(_, before)| before))
        .put_option(own.file)
        .put_option(own.files)
        .put_option(own.next_attempt);
    put_trouble(&mut cells, own.trouble);
    cells.into_values()
}

fn take(cells: &mut Reader<'_>) -> Result<Happening, StoreError> {
    let (job, at, acknowledged) = (cells.take()?, cells.take()?, cells.take()?);
    let kind: String = cells.take()?;
    let states: (Option<Standing>, Option<Standing>) = (cells.take_option()?, cells.take_option()?);
    let (file, files) = (cells.take_option()?, cells.take_option()?);
    let next_attempt = cells.take_option()?;
    let trouble: Option<Box<Trouble>> = trouble(cells)?.map(Box::new);
    let what = match (kind.as_str(), states, file, files, next_attempt, trouble) {
        ("added", (None, None), None, None, None, None) => What::Added,
        ("state", (Some(now), Some(before)), None, None, None, None) => What::State { now, before },
        ("transferred", (None, None), None, None, None, None) => What::Transferred,
        ("error", (None, None), None, None, None, Some(trouble)) => What::Error(trouble),
        ("transient-error", (None, None), None, None, Some(next_attempt), Some(trouble)) => {
            What::TransientError { trouble, next_attempt }
        }
        ("file-transferred", (None, None), Some(file), None, None, None) => {
            What::FileTransferred(file)
        }
        ("files-added", (None, None), Some(first), Some(count), None, None) => {
            What::FilesAdded { first, count }
        }
        ("property", (None, None), None, None, None, None) => What::Property,
        ("progress", (None, None), None, None, None, None) => What::Progress,
        _ => return Err(cells.nonsense("the columns do not fit the kind of event")),
    };
    Ok(Happening { job, at, what, acknowledged })
}

/// Reads all that is kept.
pub(crate) fn load(connection: &Connection) -> Result<Events, StoreError> {
    let mut events = Events::default();
    for_each(connection, &EVENT, |reader| {
        let number = u64::try_from(reader.key(0)?);
        let number = number.map_err(|_| reader.nonsense_key("no number of an event"))?;
        events.kept.push((number, take(reader)?));
        Ok(())
    })?;
    for_each(connection, &MISSING, |reader| {
        let owner = u32::try_from(reader.key(0)?);
        let owner = owner.map_err(|_| reader.nonsense_key("no user"))?;
        events.missing.push((owner, reader.take()?));
        Ok(())
    })?;
    Ok(events)
}

impl Cell for Standing {
    type Stored = String;

    fn store(self) -> String {
        self.name().to_owned()
    }

    fn restore(stored: String) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.name() == stored)
    }
}
