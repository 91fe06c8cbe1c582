//! Which row is whose: the statements, and reading everything back.
//!
//! Which field is which column is said in `rows::job` and `rows::file`: each has one list of
//! columns, one function that puts a value's cells in that order and one that takes them. Those
//! functions name every field, so a new one does not compile until it has a place there.

pub(crate) mod authorities;
pub(crate) mod event;
pub(crate) mod failures;
pub(crate) mod file;
pub(crate) mod history;
pub(crate) mod job;
pub(crate) mod path;
pub(crate) mod sealed;
mod terms;

use std::sync::LazyLock;

use ebb_core::job::Job;
use rusqlite::Connection;

use crate::cells::{Reader, Table};
use crate::{StoreError, sqlite};
use authorities::AUTHORITIES;
use event::EVENT;
use file::FILE;
use history::HISTORY;
use job::JOB;
use sealed::SEALED;

/// Upserts a job; its parameters are [`job::cells`].
pub(crate) static PUT_JOB: LazyLock<String> = LazyLock::new(|| {
    let (columns, places, set) = (JOB.columns.join(", "), JOB.places(1), JOB.overwrite());
    format!("INSERT INTO job ({columns}) VALUES ({places}) ON CONFLICT (id) DO UPDATE SET {set}")
});

/// Upserts a file; its parameters are the job's id, the index and [`file::cells`]. Changes no row
/// if there is no such job.
pub(crate) static PUT_FILE: LazyLock<String> = LazyLock::new(|| {
    let (columns, places, set) = (FILE.columns.join(", "), FILE.places(3), FILE.overwrite());
    format!(
        "INSERT INTO file (job, idx, {columns}) SELECT seq, ?2, {places} FROM job WHERE id = ?1 \
         ON CONFLICT (job, idx) DO UPDATE SET {set}"
    )
});

/// Puts an event; its parameters are its number and [`event::cells`].
pub(crate) static PUT_EVENT: LazyLock<String> = LazyLock::new(|| {
    let (columns, places) = (EVENT.columns.join(", "), EVENT.places(2));
    format!("INSERT OR REPLACE INTO event (number, {columns}) VALUES (?1, {places})")
});

/// Puts an entry of a job's history; its parameters are the job's id, the number and
/// [`history::cells`]. Changes no row if there is no such job.
pub(crate) static PUT_HISTORY: LazyLock<String> = LazyLock::new(|| {
    let (columns, places) = (HISTORY.columns.join(", "), HISTORY.places(3));
    format!(
        "INSERT OR REPLACE INTO history (job, number, {columns}) \
         SELECT seq, ?2, {places} FROM job WHERE id = ?1"
    )
});

/// Drops a job, and with it its files and its history; its parameter is the job's id.
pub(crate) const FORGET: &str = "DELETE FROM job WHERE id = ?1";

/// Reads everything.
pub(crate) fn load(connection: &Connection) -> Result<Vec<Job>, StoreError> {
    let mut jobs: Vec<(i64, Job)> = Vec::new();
    for_each(connection, &JOB, |reader| {
        jobs.push((reader.key(0)?, job::take(reader)?));
        Ok(())
    })?;
    // Both tables come in the order of the job's number, so one walk finds each file its job.
    let mut at = 0;
    for_each(connection, &FILE, |reader| {
        let seq = reader.key(0)?;
        while jobs.get(at).is_some_and(|(job, _)| *job < seq) {
            at += 1;
        }
        let Some((_, job)) = jobs.get_mut(at).filter(|(job, _)| *job == seq) else {
            return Err(reader.nonsense("its job is missing"));
        };
        if usize::try_from(reader.key(1)?) != Ok(job.files.len()) {
            return Err(reader.nonsense_key("the file before it is missing"));
        }
        job.files.push(file::take(reader)?);
        Ok(())
    })?;
    for_each(connection, &SEALED, |reader| {
        let seq = reader.key(0)?;
        match jobs.binary_search_by_key(&seq, |(job, _)| *job) {
            Ok(at) => sealed::take(reader, &mut jobs[at].1),
            Err(_) => Err(reader.nonsense("its job is missing")),
        }
    })?;
    for_each(connection, &AUTHORITIES, |reader| {
        let seq = reader.key(0)?;
        match jobs.binary_search_by_key(&seq, |(job, _)| *job) {
            Ok(at) => authorities::take(reader, &mut jobs[at].1),
            Err(_) => Err(reader.nonsense("its job is missing")),
        }
    })?;
    Ok(jobs.into_iter().map(|(_, job)| job).collect())
}

fn for_each(
    connection: &Connection,
    table: &'static Table,
    mut row: impl FnMut(&mut Reader<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let reading = || sqlite("read the store");
    let mut statement = connection.prepare(&table.select()).map_err(reading())?;
    let mut rows = statement.query([]).map_err(reading())?;
    while let Some(found) = rows.next().map_err(reading())? {
        row(&mut Reader::new(table, found))?;
    }
    Ok(())
}
