//! Opening a store: whose is it, which version is it, and may we have it?
//!
//! The order matters. A store that is not ours to change must stay as it is, so nothing is written
//! before the lock is ours and the version is known. The lock is SQLite's exclusive locking mode:
//! the kernel drops it when the process ends, however it ends. It also keeps the index of the
//! write-ahead log in our memory, so there is no shared-memory file for others to meddle with.
//!
//! `user_version` counts the files of `schema/` that have been applied. A released file is never
//! changed; a new version adds one.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::{StoreError, sqlite};

/// Step `n` leads from version `n` to `n + 1`.
const STEPS: [&str; 1] = [include_str!("../schema/001.sql")];

/// Marks the file as ours ("Ebb1"), so that another program's database is never mistaken for a
/// store.
const APPLICATION_ID: i64 = 0x4562_6231;

const OPENING: &str = "open the store";

/// Opens the store and brings it to the newest version.
pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    create(path)?;
    look(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(refused)?;
    if let Err(error) = prepare(&mut connection) {
        // Closing must not fold the write-ahead log of a store that is not ours to change.
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        return Err(error);
    }
    Ok(connection)
}

/// Makes an empty file with mode 0600 if there is none; SQLite gives its log the same mode.
fn create(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => Ok(sync_directory(path)?),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What every database of SQLite begins with (its file format, 1.3).
const MAGIC: [u8; 16] = *b"SQLite format 3\0";
/// Where its `user_version` is, and its `application_id`: four bytes each, the highest first.
const NUMBERS: [usize; 2] = [60, 68];

/// Whoever has no log says in their first bytes what they are. SQLite is not asked then: it would leave a
/// log beside what we refuse.
fn look(path: &Path) -> Result<(), StoreError> {
    let mut log = OsString::from(path);
    log.push("-wal");
    let mut head = [0; 100];
    let is_closed = std::fs::metadata(log).map_or(true, |log| log.len() == 0);
    if !is_closed || File::open(path)?.read_exact_at(&mut head, 0).is_err() {
        return Ok(());
    }
    let number = |at: usize| -> Option<i64> {
        let bytes = head.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes).into())
    };
    match (head.starts_with(&MAGIC), NUMBERS.map(number)) {
        // Without numbers it may be one of ours that has just been made.
        (false, _) | (true, [Some(0), Some(0)]) => Ok(()),
        (true, [version, application]) => {
            known(version.unwrap_or_default(), application.unwrap_or_default()).map(drop)
        }
    }
}

/// Whether this version of whose store is one we know.
fn known(version: i64, application: i64) -> Result<i64, StoreError> {
    if application != APPLICATION_ID {
        return Err(StoreError::NotAStore);
    }
    let known = i64::try_from(STEPS.len()).expect("there are few steps");
    if version > known {
        return Err(StoreError::Newer { found: version, known });
    }
    Ok(version)
}

/// A commit is worth nothing if the name of the store is lost with the power.
fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(parent.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    // A refusal is told at once; nobody holds this lock for a moment only.
    connection.busy_timeout(std::time::Duration::ZERO).map_err(refused)?;
    pragma(connection, "locking_mode", "exclusive")?;
    let version = version(connection)?;
    pragma(connection, "journal_mode", "wal")?;
    pragma(connection, "synchronous", 2)?;
    pragma(connection, "foreign_keys", true)?;
    pragma(connection, "trusted_schema", false)?;
    migrate(connection, version)
}

/// The first look inside. Finds out whether it is ours and what it is, without writing.
fn version(connection: &mut Connection) -> Result<i64, StoreError> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let version = number("PRAGMA user_version").map_err(refused)?;
    let application = number("PRAGMA application_id").map_err(refused)?;
    let tables = number("SELECT count(*) FROM sqlite_schema").map_err(refused)?;
    let fresh = (version, application, tables) == (0, 0, 0);
    if fresh { Ok(version) } else { known(version, application) }
}

/// Applies the missing steps, all or none. Taking the write lock, needed or not, proves that the
/// store is ours alone.
fn migrate(connection: &mut Connection, version: i64) -> Result<(), StoreError> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(refused)?;
    let missing = (1..).zip(STEPS).filter(|(to, _)| *to > version);
    for (to, step) in missing {
        let to: i64 = to;
        transaction
            .execute_batch(step)
            .and_then(|()| transaction.pragma_update(None, "user_version", to))
            .and_then(|()| transaction.pragma_update(None, "application_id", APPLICATION_ID))
            .map_err(sqlite("bring the store up to date"))?;
    }
    transaction.commit().map_err(refused)
}

fn pragma(
    connection: &Connection,
    name: &str,
    value: impl rusqlite::ToSql,
) -> Result<(), StoreError> {
    connection.pragma_update(None, name, value).map_err(refused)
}

/// Tells the ways of being refused apart.
fn refused(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse,
        Some(ErrorCode::NotADatabase) => StoreError::NotAStore,
        Some(_) | None => sqlite(OPENING)(error),
    }
}
