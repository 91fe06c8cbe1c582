//! What is to be recorded together.
//!
//! A batch keeps ready-made rows in the order they were put, so it can be handed to the thread that
//! waits for the disk while the jobs go on living. Putting a row twice, or a batch after a crash
//! that hid whether it was recorded, ends in the same place: everything here is safe to repeat.

use std::collections::HashMap;

use ebb_core::file::File;
use ebb_core::id::JobId;
use ebb_core::job::Job;
use rusqlite::types::Value;
use rusqlite::{Statement, Transaction, params_from_iter};

use crate::{StoreError, rows, sqlite};

const RECORDING: &str = "record a batch";

/// Changes that are recorded all or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    changes: Vec<Change>,
    /// Where a job's own columns stand among the changes. Put again, they take their own place:
    /// what is recorded is the last word, once.
    jobs: HashMap<JobId, usize>,
}

#[derive(Debug)]
enum Change {
    Job(Vec<Value>),
    File(JobId, Vec<Value>),
    Forget(JobId),
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the job's own columns, new or changed; not its files.
    pub fn put_job(&mut self, job: &Job) {
        let change = Change::Job(rows::job::cells(job));
        match self.jobs.get(&job.id) {
            Some(&at) => self.changes[at] = change,
            None => {
                self.jobs.insert(job.id, self.changes.len());
                self.changes.push(change);
            }
        }
    }

    /// Puts one file, new or changed. Its job must have been put before.
    pub fn put_file(&mut self, job: JobId, index: u32, file: &File) {
        let key = [Value::Blob(job.as_bytes().to_vec()), Value::from(index)];
        let cells = key.into_iter().chain(rows::file::cells(file)).collect();
        self.changes.push(Change::File(job, cells));
    }

    /// Drops the job and its files. A job that is not there is as good as dropped.
    pub fn forget(&mut self, job: JobId) {
        self.jobs.remove(&job);
        self.changes.push(Change::Forget(job));
    }

    /// Whether there is nothing to record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Writes the changes in order.
    pub(crate) fn write(self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        let mut writer = Writer::new(transaction);
        self.changes.into_iter().try_for_each(|change| writer.write(change))
    }
}

/// The statements of one transaction, each prepared when it is needed first.
struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    put_job: Option<Statement<'a>>,
    put_file: Option<Statement<'a>>,
    forget: Option<Statement<'a>>,
}

impl<'a> Writer<'a> {
    fn new(transaction: &'a Transaction<'a>) -> Self {
        Self { transaction, put_job: None, put_file: None, forget: None }
    }

    fn write(&mut self, change: Change) -> Result<(), StoreError> {
        match change {
            Change::Job(cells) => {
                let statement = prepared(&mut self.put_job, self.transaction, &rows::PUT_JOB)?;
                execute(statement, cells).map(|_| ())
            }
            Change::File(job, cells) => {
                let statement = prepared(&mut self.put_file, self.transaction, &rows::PUT_FILE)?;
                match execute(statement, cells)? {
                    0 => Err(StoreError::NoSuchJob(job)),
                    _ => Ok(()),
                }
            }
            Change::Forget(job) => {
                let statement = prepared(&mut self.forget, self.transaction, rows::FORGET)?;
                let id = Value::Blob(job.as_bytes().to_vec());
                execute(statement, vec![id]).map(|_| ())
            }
        }
    }
}

fn prepared<'s, 'a>(
    place: &'s mut Option<Statement<'a>>,
    transaction: &'a Transaction<'a>,
    sql: &str,
) -> Result<&'s mut Statement<'a>, StoreError> {
    if place.is_none() {
        *place = Some(transaction.prepare(sql).map_err(sqlite(RECORDING))?);
    }
    Ok(place.as_mut().expect("it was put there just now"))
}

fn execute(statement: &mut Statement<'_>, cells: Vec<Value>) -> Result<usize, StoreError> {
    statement.execute(params_from_iter(cells)).map_err(sqlite(RECORDING))
}
