//! What owners entrusted to their jobs: bytes that only the vault of the service can open.
//!
//! A table of its own, so that a job's row, which is looked at and copied often, holds nothing of
//! it. What is dropped may stay in the file until SQLite uses the place again: it is sealed there
//! too.

use ebb_core::headers::Sealed;
use ebb_core::id::JobId;
use ebb_core::job::Job;
use rusqlite::types::Value;

use crate::StoreError;
use crate::cells::{Cells, Reader, Table};

/// Header fields; the one kind there is.
const HEADERS: &str = "headers";

pub(crate) static SEALED: Table =
    Table { name: "sealed", key: &["job"], columns: &["kind", "nonce", "bytes"] };

/// Puts the headers of a job; its parameters are [`cells`].
pub(crate) const PUT: &str = "INSERT OR REPLACE INTO sealed (job, kind, nonce, bytes) \
     SELECT seq, ?2, ?3, ?4 FROM job WHERE id = ?1";

/// Drops them; its parameter is the job's id.
pub(crate) const DROP: &str =
    "DELETE FROM sealed WHERE kind = 'headers' AND job = (SELECT seq FROM job WHERE id = ?1)";

pub(crate) fn cells(job: JobId, sealed: &Sealed) -> Vec<Value> {
    let mut cells = Cells::default();
    cells.put(job).put(HEADERS.to_owned()).put(sealed.nonce.to_vec()).put(sealed.bytes.clone());
    cells.into_values()
}

/// Gives a job what was sealed for it.
pub(crate) fn take(cells: &mut Reader<'_>, job: &mut Job) -> Result<(), StoreError> {
    let kind: String = cells.take()?;
    if kind != HEADERS || job.headers.sealed.is_some() {
        return Err(cells.nonsense("not a kind of ours"));
    }
    let nonce: Vec<u8> = cells.take()?;
    let Ok(nonce) = nonce.try_into() else {
        return Err(cells.nonsense("not of 12 bytes"));
    };
    job.headers.sealed = Some(Sealed { nonce, bytes: cells.take()? });
    Ok(())
}
