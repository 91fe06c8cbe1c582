//! The store: every job and file, on disk, in SQLite. The only crate that knows SQL.
//!
//! It answers one question: *what was written down when the last life of the service ended?* It
//! decides nothing, normalises nothing and repairs nothing: a job comes back as it was put in, and
//! a value that makes no sense is an error that names its place. Nothing but the service opens it.
//!
//! What holds: [`Recorder::commit`] is all or nothing, and durable when it returns (write-ahead log,
//! `synchronous=FULL`). One service at a time: the second one to open a store is refused. A store
//! made by a newer version, or a file that is no store of ours, is refused and left as it is.
//!
//! Start reading at [`Store`]; which field is which column is in `rows`.

#![forbid(unsafe_code)]

mod batch;
mod cells;
mod rows;
mod schema;

use std::path::Path;

use ebb_core::history::Entry;
use ebb_core::id::JobId;
use ebb_core::job::Job;
use ebb_core::paths::Paths;
use rusqlite::{Connection, OptionalExtension};

pub use batch::{Batch, Recorder};
pub use rows::event::Events;

/// The open store. Blocks: commits wait for the disk, so it wants a thread of its own.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
}

/// Why the store cannot do its part.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made or read.
    #[error("open the store: {0}")]
    File(#[from] std::io::Error),
    /// The file is no store of ours. It is left as it is.
    #[error("open the store: the file is not a store of Ebb")]
    NotAStore,
    /// The store was made by a newer Ebb. It is left as it is.
    #[error(
        "open the store: a newer Ebb made it (version {found}; this one knows {known}), and it is left as it \
         is: install the newer one again, or move the store away"
    )]
    Newer {
        /// The store's version.
        found: i64,
        /// The newest version we know.
        known: i64,
    },
    /// Another service has it open.
    #[error("open the store: another service is using it")]
    InUse,
    /// A value that makes no sense.
    #[error("read the store: table {table}, row {row}, column {column}: {why}")]
    Nonsense {
        /// Which table.
        table: &'static str,
        /// Which row: a job's number, or a job's number and a file's index.
        row: String,
        /// Which column.
        column: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file was put for a job the store does not have.
    #[error("record a file: job {0} is not in the store")]
    NoSuchJob(JobId),
    /// SQLite could not do something: a full or failing disk, a damaged store.
    #[error("{doing}: {source}")]
    Sqlite {
        /// What we were doing.
        doing: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl Store {
    /// Opens the store at `path`, making it (mode 0600) if there is none, and brings an older one
    /// up to date. The directory must exist.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`], [`StoreError::Newer`] or [`StoreError::NotAStore`] if it must not be
    /// opened; in all of them the file is untouched. Otherwise what the system or SQLite said.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: schema::open(path)? })
    }

    /// Reads every job with its files, in the order the jobs were first recorded.
    ///
    /// # Errors
    ///
    /// [`StoreError::Nonsense`] if a value makes no sense; otherwise what SQLite said.
    pub fn load(&mut self) -> Result<Vec<Job>, StoreError> {
        rows::load(&self.connection)
    }

    /// Reads what happened to the jobs, and from where on nothing of it is missing.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn load_events(&mut self) -> Result<Events, StoreError> {
        rows::event::load(&self.connection)
    }

    /// Of each job that has a history, the number of its newest entry.
    ///
    /// # Errors
    ///
    /// What SQLite said.
    pub fn newest_of_histories(&self) -> Result<Vec<(JobId, u64)>, StoreError> {
        rows::history::newest(&self.connection)
    }

    /// Reads what is kept of a job's history after the entry of this number, oldest first, at most so
    /// many. Of a job that is not there, nothing is.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn history(
        &self,
        job: JobId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Entry)>, StoreError> {
        rows::history::read(&self.connection, job, after, limit)
    }

    /// Reads what is remembered of paths.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn load_paths(&self) -> Result<Paths, StoreError> {
        rows::path::load(&self.connection)
    }

    /// Begins a new life of the service in this boot of the machine, and says whether the last one
    /// was in the same.
    ///
    /// # Errors
    ///
    /// What SQLite said.
    pub fn begin_life(&mut self, boot: &str) -> Result<bool, StoreError> {
        let doing = "begin a new life";
        let last: Option<String> = self
            .connection
            .query_row("SELECT boot FROM life", [], |row| row.get(0))
            .optional()
            .map_err(sqlite(doing))?;
        let same = last.is_some_and(|last| last == boot);
        if !same {
            let put = "INSERT OR REPLACE INTO life (one, boot) VALUES (1, ?1)";
            self.connection.execute(put, [boot]).map_err(sqlite(doing))?;
        }
        Ok(same)
    }

    /// Gets ready to record batches, for whoever has many.
    ///
    /// # Errors
    ///
    /// What SQLite said.
    pub fn recorder(&self) -> Result<Recorder<'_>, StoreError> {
        Recorder::new(&self.connection)
    }

    /// Records one batch, as [`Recorder::commit`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Recorder::commit`].
    pub fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.recorder()?.commit(batch)
    }
}

/// Names what we were doing when SQLite failed.
fn sqlite(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
    move |source| StoreError::Sqlite { doing, source }
}
