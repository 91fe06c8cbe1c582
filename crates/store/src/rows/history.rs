//! An entry of a job's history, and its columns.
//!
//! Written with the step it is about, read when somebody asks, and never all at once. An entry goes
//! when there are enough newer ones, or with its job.

use ebb_core::history::{Deed, Entry};
use ebb_core::id::JobId;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use crate::cells::{Cell, Cells, Reader, Table};
use crate::{StoreError, sqlite};

pub(crate) static HISTORY: Table =
    Table { name: "history", key: &["number"], columns: &["at", "uid", "deed", "detail", "state"] };

/// Drops what is too old; its parameters are the job's id and the last number to go.
pub(crate) const DROP: &str =
    "DELETE FROM history WHERE job = (SELECT seq FROM job WHERE id = ?1) AND number <= ?2";

/// The cells of an entry.
pub(crate) fn cells(entry: &Entry) -> Vec<Value> {
    let Entry { at, by, deed, detail, state } = entry;
    let mut cells = Cells::default();
    cells.put(*at).put_option(*by).put(*deed).put(detail.clone()).put_option(*state);
    cells.into_values()
}

fn take(cells: &mut Reader<'_>) -> Result<Entry, StoreError> {
    Ok(Entry {
        at: cells.take()?,
        by: cells.take_option()?,
        deed: cells.take()?,
        detail: cells.take()?,
        state: cells.take_option()?,
    })
}

/// Reads the entries of a job that came after this number, oldest first, at most so many.
pub(crate) fn read(
    connection: &Connection,
    job: JobId,
    after: u64,
    limit: u32,
) -> Result<Vec<(u64, Entry)>, StoreError> {
    let reading = || sqlite("read the history of a job");
    let sql = format!(
        "SELECT number, {} FROM history WHERE job = (SELECT seq FROM job WHERE id = ?1) \
         AND number > ?2 ORDER BY number LIMIT ?3",
        HISTORY.columns.join(", ")
    );
    let mut statement = connection.prepare(&sql).map_err(reading())?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![&job.as_bytes()[..], after, limit]).map_err(reading())?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(reading())? {
        let mut reader = Reader::new(&HISTORY, row);
        let number = u64::try_from(reader.key(0)?);
        let number = number.map_err(|_| reader.nonsense_key("no number of an entry"))?;
        found.push((number, take(&mut reader)?));
    }
    Ok(found)
}

/// Of each job that has a history, the number of its newest entry.
pub(crate) fn newest(connection: &Connection) -> Result<Vec<(JobId, u64)>, StoreError> {
    let reading = || sqlite("read how long the histories are");
    // Not grouped: of each job only the end of its own part of the table is looked at.
    let sql = "SELECT id, (SELECT MAX(number) FROM history WHERE history.job = job.seq) FROM job";
    let mut statement = connection.prepare(sql).map_err(reading())?;
    let mut rows = statement.query([]).map_err(reading())?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(reading())? {
        let id: [u8; 16] = row.get(0).map_err(reading())?;
        let number: Option<i64> = row.get(1).map_err(reading())?;
        let number = number.and_then(|number| u64::try_from(number).ok());
        found.extend(number.map(|number| (JobId::from_bytes(id), number)));
    }
    Ok(found)
}

impl Cell for Deed {
    type Stored = String;

    fn store(self) -> String {
        self.name().to_owned()
    }

    fn restore(stored: String) -> Option<Self> {
        Self::ALL.iter().copied().find(|deed| deed.name() == stored)
    }
}
