//! What is remembered of paths, and in which network.
//!
//! It is little, and changes together: it is always recorded whole.

use std::time::Duration;

use ebb_core::paths::{Best, Paths, Peer};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};

use super::for_each;
use crate::cells::{Cell, Cells, Reader, Table};
use crate::{StoreError, sqlite};

static PATH: Table =
    Table { name: "path", key: &["owner"], columns: &["peer", "base", "at", "rate", "rate_at"] };

/// Drops all.
pub(crate) const DROP: &str = "DELETE FROM path";

/// Puts one; its parameters are one of [`cells`].
pub(crate) const PUT: &str =
    "INSERT INTO path (owner, peer, base, at, rate, rate_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// Puts the network; its parameter is the name.
pub(crate) const PUT_NETWORK: &str = "INSERT OR REPLACE INTO network (one, name) VALUES (1, ?1)";

/// A row for each path.
pub(crate) fn cells(paths: &Paths) -> Vec<Vec<Value>> {
    let row = |(&(owner, peer), best): (&(u32, Peer), &Best)| {
        let Best { base, at, rate, rate_at } = *best;
        let mut cells = Cells::default();
        cells.put(owner).put(peer).put(base).put(at).put(rate).put(rate_at);
        cells.into_values()
    };
    paths.best.iter().map(row).collect()
}

/// Reads all.
pub(crate) fn load(connection: &Connection) -> Result<Paths, StoreError> {
    let network = connection.query_row("SELECT name FROM network", [], |row| row.get(0));
    let network = network.optional().map_err(sqlite("read the network"))?;
    let mut paths = Paths { network, ..Paths::default() };
    for_each(connection, &PATH, |reader| {
        let owner = owner(reader)?;
        let peer = reader.take()?;
        let (base, at) = (reader.take()?, reader.take()?);
        let (rate, rate_at) = (reader.take()?, reader.take()?);
        paths.best.insert((owner, peer), Best { base, at, rate, rate_at });
        Ok(())
    })?;
    Ok(paths)
}

fn owner(reader: &Reader<'_>) -> Result<u32, StoreError> {
    reader.key(0)?.try_into().map_err(|_| reader.nonsense_key("not a user"))
}

impl Cell for Peer {
    type Stored = Vec<u8>;

    fn store(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn restore(stored: Vec<u8>) -> Option<Self> {
        Self::from_bytes(&stored)
    }
}

/// A round trip, in microseconds.
impl Cell for Duration {
    type Stored = i64;

    fn store(self) -> i64 {
        i64::try_from(self.as_micros()).unwrap_or(i64::MAX)
    }

    fn restore(stored: i64) -> Option<Self> {
        u64::try_from(stored).map(Self::from_micros).ok()
    }
}
