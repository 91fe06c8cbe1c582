//! What owners entrusted to their jobs: bytes that only the vault of the service can open.
//!
//! A table of its own, so that a job's row, which is looked at and copied often, holds nothing of
//! it. What is dropped may stay in the file until SQLite uses the place again: it is sealed there
//! too.

use ebb_core::credentials::AuthPair;
use ebb_core::headers::Sealed;
use ebb_core::id::JobId;
use ebb_core::job::Job;
use rusqlite::types::Value;

use crate::StoreError;
use crate::cells::{Cells, Reader, Table};

/// Header fields. Every kind with a hyphen is of credentials: their target, the hyphen, their scheme.
const HEADERS: &str = "headers";
/// Where the client certificate is.
const CERTIFICATE: &str = "certificate";

pub(crate) static SEALED: Table =
    Table { name: "sealed", key: &["job"], columns: &["kind", "nonce", "bytes"] };

/// Puts one piece; its parameters are [`cells`].
pub(crate) const PUT: &str = "INSERT OR REPLACE INTO sealed (job, kind, nonce, bytes) \
     SELECT seq, ?2, ?3, ?4 FROM job WHERE id = ?1";

/// Drops the headers of a job; its parameter is the job's id.
pub(crate) const DROP_HEADERS: &str =
    "DELETE FROM sealed WHERE kind = 'headers' AND job = (SELECT seq FROM job WHERE id = ?1)";

/// Drops its client certificate; its parameter is the job's id.
pub(crate) const DROP_CERTIFICATE: &str =
    "DELETE FROM sealed WHERE kind = 'certificate' AND job = (SELECT seq FROM job WHERE id = ?1)";

/// Drops all its credentials; its parameter is the job's id.
pub(crate) const DROP_CREDENTIALS: &str =
    "DELETE FROM sealed WHERE kind LIKE '%-%' AND job = (SELECT seq FROM job WHERE id = ?1)";

pub(crate) fn headers(job: JobId, sealed: &Sealed) -> Vec<Value> {
    cells(job, HEADERS.to_owned(), sealed)
}

pub(crate) fn credentials(job: JobId, pair: AuthPair, sealed: &Sealed) -> Vec<Value> {
    cells(job, format!("{}-{}", pair.target.name(), pair.scheme.name()), sealed)
}

pub(crate) fn certificate(job: JobId, sealed: &Sealed) -> Vec<Value> {
    cells(job, CERTIFICATE.to_owned(), sealed)
}

fn cells(job: JobId, kind: String, sealed: &Sealed) -> Vec<Value> {
    let mut cells = Cells::default();
    cells.put(job).put(kind).put(sealed.nonce.to_vec()).put(sealed.bytes.clone());
    cells.into_values()
}

/// Gives a job what was sealed for it.
pub(crate) fn take(cells: &mut Reader<'_>, job: &mut Job) -> Result<(), StoreError> {
    let kind: String = cells.take()?;
    let pair = kind.split_once('-').and_then(|(to, by)| AuthPair::parse(to, by).ok());
    if pair.is_none() && kind != HEADERS && kind != CERTIFICATE {
        return Err(cells.nonsense("not a kind of ours"));
    }
    let nonce: Vec<u8> = cells.take()?;
    let Ok(nonce) = nonce.try_into() else {
        return Err(cells.nonsense("not of 12 bytes"));
    };
    let sealed = Sealed { nonce, bytes: cells.take()? };
    let before = match pair {
        Some(pair) => job.credentials.insert(pair, sealed),
        None if kind == CERTIFICATE => job.certificate.replace(sealed),
        None => job.headers.sealed.replace(sealed),
    };
    debug_assert!(before.is_none(), "job and kind are the key");
    Ok(())
}
