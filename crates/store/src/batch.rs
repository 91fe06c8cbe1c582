//! What is to be recorded together.
//!
//! A batch keeps ready-made rows in the order they were put, so it can be handed to the thread that
//! waits for the disk while the jobs go on living. Putting a row twice, or a batch after a crash
//! that hid whether it was recorded, ends in the same place: everything here is safe to repeat.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ebb_core::credentials::AuthPair;
use ebb_core::event::Happening;
use ebb_core::file::File;
use ebb_core::history::{self, Entry as HistoryEntry};
use ebb_core::id::JobId;
use ebb_core::job::{Job, Step};
use ebb_core::paths::Paths;
use rusqlite::types::Value;
use rusqlite::{Connection, Statement, params_from_iter};

use crate::{StoreError, rows, sqlite};

const RECORDING: &str = "record a batch";

/// Changes that are recorded all or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    /// Nothing: taken back.
    changes: Vec<Option<Change>>,
    /// Where a row stands among the changes. Put again, it takes its own place: what is recorded is
    /// the last word, once.
    jobs: HashMap<JobId, usize>,
    files: HashMap<(JobId, u32), usize>,
    events: HashMap<u64, usize>,
    missing: HashMap<u32, usize>,
}

#[derive(Debug)]
enum Change {
    Job(Vec<Value>),
    File(JobId, Vec<Value>),
    Headers(JobId, Option<Vec<Value>>),
    Credentials(JobId, Vec<Vec<Value>>),
    Certificate(JobId, Option<Vec<Value>>),
    Authorities(JobId, Option<Vec<Value>>),
    Forget(JobId),
    Event(u64, Vec<Value>),
    DropEvent(u64),
    Acknowledged(u64),
    Missing(u32, u64),
    History(JobId, u64, Vec<Value>),
    Paths(Option<Value>, Vec<Vec<Value>>),
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
        place(&mut self.changes, self.jobs.entry(job.id), change);
    }

    /// Whether the job's own columns were put.
    #[must_use]
    pub fn has_job(&self, job: JobId) -> bool {
        self.jobs.contains_key(&job)
    }

    /// Puts one file, new or changed. Its job must have been put before.
    pub fn put_file(&mut self, job: JobId, index: u32, file: &File) {
        let key = [Value::Blob(job.as_bytes().to_vec()), Value::from(index)];
        let cells = key.into_iter().chain(rows::file::cells(file)).collect();
        place(&mut self.changes, self.files.entry((job, index)), Change::File(job, cells));
    }

    /// Puts a job's header fields as they are now, or that it has none. The job must have been put
    /// before.
    pub fn put_headers(&mut self, job: &Job) {
        let cells = job.headers.sealed.as_ref().map(|sealed| rows::sealed::headers(job.id, sealed));
        self.push(Change::Headers(job.id, cells));
    }

    /// Puts all a job's credentials as they are now. The job must have been put before.
    pub fn put_credentials(&mut self, job: &Job) {
        let cells =
            |(pair, sealed): (&AuthPair, _)| rows::sealed::credentials(job.id, *pair, sealed);
        let cells = job.credentials.iter().map(cells).collect();
        self.push(Change::Credentials(job.id, cells));
    }

    /// Puts a job's client certificate as it is now, or that it has none. The job must have been put
    /// before.
    pub fn put_certificate(&mut self, job: &Job) {
        let cells = job.certificate.as_ref().map(|it| rows::sealed::certificate(job.id, it));
        self.push(Change::Certificate(job.id, cells));
    }

    /// Puts a job's authorities as they are now, or that it has none. The job must have been put before.
    pub fn put_authorities(&mut self, job: &Job) {
        let cells = job.authorities.as_ref().map(|them| rows::authorities::cells(job.id, them));
        self.push(Change::Authorities(job.id, cells));
    }

    /// Puts what changed in a step and is kept apart from the job. The job must have been put before.
    pub fn put_apart(&mut self, job: &Job, step: &Step) {
        if step.headers_changed {
            self.put_headers(job);
        }
        if step.credentials_changed {
            self.put_credentials(job);
        }
        if step.certificate_changed {
            self.put_certificate(job);
        }
        if step.authorities_changed {
            self.put_authorities(job);
        }
    }

    /// Drops the job and its files. A job that is not there is as good as dropped.
    pub fn forget(&mut self, job: JobId) {
        self.jobs.remove(&job);
        self.files.retain(|(of, _), _| *of != job);
        self.push(Change::Forget(job));
    }

    /// Puts something that happened, under its number.
    pub fn put_event(&mut self, number: u64, happening: &Happening) {
        let change = Change::Event(number, rows::event::cells(happening));
        place(&mut self.changes, self.events.entry(number), change);
    }

    /// Drops an event. One that is not there is as good as dropped, and one that was put into this
    /// batch is not recorded at all.
    pub fn drop_event(&mut self, number: u64) {
        match self.events.remove(&number) {
            Some(at) => self.changes[at] = None,
            None => self.push(Change::DropEvent(number)),
        }
    }

    /// Notes that somebody knows of an event.
    pub fn acknowledge_event(&mut self, number: u64) {
        self.push(Change::Acknowledged(number));
    }

    /// Notes that events about jobs of `owner` are missing, up to this number.
    pub fn put_missing(&mut self, owner: u32, up_to: u64) {
        place(&mut self.changes, self.missing.entry(owner), Change::Missing(owner, up_to));
    }

    /// Puts an entry of a job's history under its number, counted from 1, in place of the one that is
    /// too old then. The job must have been put before.
    pub fn put_history(&mut self, job: JobId, number: u64, entry: &HistoryEntry) {
        self.push(Change::History(job, number, rows::history::cells(entry)));
    }

    /// Puts all that is remembered of paths, in place of what was.
    pub fn put_paths(&mut self, paths: &Paths) {
        let network = paths.network.clone().map(Value::Text);
        self.push(Change::Paths(network, rows::path::cells(paths)));
    }

    /// Whether there is nothing to record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(Option::is_none)
    }

    fn push(&mut self, change: Change) {
        self.changes.push(Some(change));
    }
}

/// Puts a row in its place, or in a new one.
fn place<K>(changes: &mut Vec<Option<Change>>, at: Entry<'_, K, usize>, change: Change) {
    let at = *at.or_insert(changes.len());
    match changes.get_mut(at) {
        Some(known) => *known = Some(change),
        None => changes.push(Some(change)),
    }
}

/// Records batches, one transaction each, with statements that are prepared once: preparing them
/// takes longer than executing them.
pub struct Recorder<'a> {
    connection: &'a Connection,
    put_job: Statement<'a>,
    put_file: Statement<'a>,
    put_sealed: Statement<'a>,
    drop_headers: Statement<'a>,
    drop_credentials: Statement<'a>,
    drop_certificate: Statement<'a>,
    put_authorities: Statement<'a>,
    drop_authorities: Statement<'a>,
    forget: Statement<'a>,
    put_event: Statement<'a>,
    drop_event: Statement<'a>,
    acknowledge: Statement<'a>,
    put_missing: Statement<'a>,
    put_history: Statement<'a>,
    drop_history: Statement<'a>,
    put_network: Statement<'a>,
    put_path: Statement<'a>,
    drop_paths: Statement<'a>,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Result<Self, StoreError> {
        let prepare = |sql: &str| connection.prepare(sql).map_err(sqlite(RECORDING));
        Ok(Self {
            connection,
            put_job: prepare(&rows::PUT_JOB)?,
            put_file: prepare(&rows::PUT_FILE)?,
            put_sealed: prepare(rows::sealed::PUT)?,
            drop_headers: prepare(rows::sealed::DROP_HEADERS)?,
            drop_credentials: prepare(rows::sealed::DROP_CREDENTIALS)?,
            drop_certificate: prepare(rows::sealed::DROP_CERTIFICATE)?,
            put_authorities: prepare(rows::authorities::PUT)?,
            drop_authorities: prepare(rows::authorities::DROP)?,
            forget: prepare(rows::FORGET)?,
            put_event: prepare(&rows::PUT_EVENT)?,
            drop_event: prepare(rows::event::DROP)?,
            acknowledge: prepare(rows::event::ACKNOWLEDGE)?,
            put_missing: prepare(rows::event::PUT_MISSING)?,
            put_history: prepare(&rows::PUT_HISTORY)?,
            drop_history: prepare(rows::history::DROP)?,
            put_network: prepare(rows::path::PUT_NETWORK)?,
            put_path: prepare(rows::path::PUT)?,
            drop_paths: prepare(rows::path::DROP)?,
        })
    }

    /// Records a batch in one transaction: after a crash either all of it is there or nothing. It
    /// is on disk when this returns. An empty batch does not touch the disk.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchJob`], or what SQLite said; then nothing of the batch is recorded, and
    /// the store can still be used.
    pub fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        // Dropped without a commit, it is rolled back.
        let transaction = self.connection.unchecked_transaction().map_err(sqlite(RECORDING))?;
        batch.changes.into_iter().flatten().try_for_each(|change| self.write(change))?;
        transaction.commit().map_err(sqlite(RECORDING))
    }

    fn write(&mut self, change: Change) -> Result<(), StoreError> {
        match change {
            Change::Job(cells) => execute(&mut self.put_job, cells).map(|_| ()),
            Change::File(job, cells) => match execute(&mut self.put_file, cells)? {
                0 => Err(StoreError::NoSuchJob(job)),
                _ => Ok(()),
            },
            Change::Headers(job, Some(cells)) | Change::Certificate(job, Some(cells)) => {
                self.put_sealed(job, cells)
            }
            Change::Certificate(job, None) => {
                let id = Value::Blob(job.as_bytes().to_vec());
                execute(&mut self.drop_certificate, vec![id]).map(|_| ())
            }
            Change::Authorities(job, Some(cells)) => {
                match execute(&mut self.put_authorities, cells)? {
                    0 => Err(StoreError::NoSuchJob(job)),
                    _ => Ok(()),
                }
            }
            Change::Authorities(job, None) => {
                let id = Value::Blob(job.as_bytes().to_vec());
                execute(&mut self.drop_authorities, vec![id]).map(|_| ())
            }
            Change::Headers(job, None) => {
                let id = Value::Blob(job.as_bytes().to_vec());
                execute(&mut self.drop_headers, vec![id]).map(|_| ())
            }
            Change::Credentials(job, sets) => {
                let id = Value::Blob(job.as_bytes().to_vec());
                execute(&mut self.drop_credentials, vec![id])?;
                sets.into_iter().try_for_each(|cells| self.put_sealed(job, cells))
            }
            Change::Forget(job) => {
                let id = Value::Blob(job.as_bytes().to_vec());
                execute(&mut self.forget, vec![id]).map(|_| ())
            }
            Change::Event(number, cells) => {
                let cells = [key(number)].into_iter().chain(cells).collect();
                execute(&mut self.put_event, cells).map(|_| ())
            }
            Change::DropEvent(number) => {
                execute(&mut self.drop_event, vec![key(number)]).map(|_| ())
            }
            Change::Acknowledged(number) => {
                execute(&mut self.acknowledge, vec![key(number)]).map(|_| ())
            }
            Change::Missing(owner, up_to) => {
                execute(&mut self.put_missing, vec![Value::from(owner), key(up_to)]).map(|_| ())
            }
            Change::History(job, number, cells) => self.put_history(job, number, cells),
            Change::Paths(network, paths) => {
                execute(&mut self.drop_paths, Vec::new())?;
                if let Some(network) = network {
                    execute(&mut self.put_network, vec![network])?;
                }
                let mut put = |cells| execute(&mut self.put_path, cells).map(|_| ());
                paths.into_iter().try_for_each(&mut put)
            }
        }
    }

    fn put_history(
        &mut self,
        job: JobId,
        number: u64,
        cells: Vec<Value>,
    ) -> Result<(), StoreError> {
        let id = Value::Blob(job.as_bytes().to_vec());
        let cells = [id.clone(), key(number)].into_iter().chain(cells).collect();
        if execute(&mut self.put_history, cells)? == 0 {
            return Err(StoreError::NoSuchJob(job));
        }
        match number.checked_sub(history::PER_JOB) {
            None | Some(0) => Ok(()),
            Some(old) => execute(&mut self.drop_history, vec![id, key(old)]).map(|_| ()),
        }
    }

    fn put_sealed(&mut self, job: JobId, cells: Vec<Value>) -> Result<(), StoreError> {
        match execute(&mut self.put_sealed, cells)? {
            0 => Err(StoreError::NoSuchJob(job)),
            _ => Ok(()),
        }
    }
}

fn key(number: u64) -> Value {
    Value::from(number.cast_signed())
}

fn execute(statement: &mut Statement<'_>, cells: Vec<Value>) -> Result<usize, StoreError> {
    statement.execute(params_from_iter(cells)).map_err(sqlite(RECORDING))
}
