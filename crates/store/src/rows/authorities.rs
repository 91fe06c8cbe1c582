//! The authorities that jobs were given.
//!
//! A table of its own, so that a job's row, which is written often, holds nothing of it. They are bytes,
//! and nobody here looks into them.

use ebb_core::authorities::Authorities;
use ebb_core::id::JobId;
use ebb_core::job::Job;
use rusqlite::types::Value;

use crate::StoreError;
use crate::cells::{Cells, Reader, Table};

pub(crate) static AUTHORITIES: Table =
    Table { name: "authorities", key: &["job"], columns: &["pem", "alone"] };

/// Puts those of a job; its parameters are [`cells`].
pub(crate) const PUT: &str = "INSERT OR REPLACE INTO authorities (job, pem, alone) \
     SELECT seq, ?2, ?3 FROM job WHERE id = ?1";

/// Drops those of a job; its parameter is the job's id.
pub(crate) const DROP: &str =
    "DELETE FROM authorities WHERE job = (SELECT seq FROM job WHERE id = ?1)";

pub(crate) fn cells(job: JobId, them: &Authorities) -> Vec<Value> {
    let mut cells = Cells::default();
    cells.put(job).put(them.pem().to_vec()).put(them.alone());
    cells.into_values()
}

/// Gives a job its authorities.
pub(crate) fn take(cells: &mut Reader<'_>, job: &mut Job) -> Result<(), StoreError> {
    let (pem, alone) = (cells.take()?, cells.take()?);
    match Authorities::new(pem, alone) {
        Ok(Some(them)) => job.authorities = Some(them),
        Ok(None) | Err(_) => return Err(cells.nonsense("not authorities that a job can have")),
    }
    Ok(())
}
