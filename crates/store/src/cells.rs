//! Rust values and the cells of a row: written and read in the order of the table's columns.
//!
//! The names of the columns stand once, in a [`Table`]; `rows` puts and takes values in that
//! order. Reading trusts nothing: SQLite keeps what it is told, but a person with a shell may have
//! told it something else. Whatever does not fit is [`StoreError::Nonsense`] with its place, and
//! never a panic.

use rusqlite::Row;
use rusqlite::types::{FromSql, Value};

use crate::{StoreError, sqlite};

/// A table's name, its key, and its other columns in the order they are put and taken.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Numbers that name the row; they come before the columns when it is read.
    pub(crate) key: &'static [&'static str],
    pub(crate) columns: &'static [&'static str],
}

impl Table {
    /// Reads the whole table, in the order of its key.
    pub(crate) fn select(&self) -> String {
        let (key, columns) = (self.key.join(", "), self.columns.join(", "));
        format!("SELECT {key}, {columns} FROM {} ORDER BY {key}", self.name)
    }

    /// `?1, ?2, …` for the columns, counted from `first`.
    pub(crate) fn places(&self, first: usize) -> String {
        let places: Vec<_> =
            (first..first + self.columns.len()).map(|at| format!("?{at}")).collect();
        places.join(", ")
    }

    /// `a = excluded.a, …`: what an upsert does to a row that is there.
    pub(crate) fn overwrite(&self) -> String {
        let set: Vec<_> =
            self.columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
        set.join(", ")
    }
}

/// Something that fits into one cell.
pub(crate) trait Cell: Sized {
    /// What SQLite keeps it as.
    type Stored: FromSql + Into<Value>;

    /// Gives the value as it is kept.
    fn store(self) -> Self::Stored;

    /// Takes the value back; `None` if no value of ours is kept like this.
    fn restore(stored: Self::Stored) -> Option<Self>;
}

/// The cells of a row being written.
#[derive(Debug, Default)]
pub(crate) struct Cells(Vec<Value>);

impl Cells {
    /// Puts the next cell.
    pub(crate) fn put<T: Cell>(&mut self, value: T) -> &mut Self {
        self.0.push(value.store().into());
        self
    }

    /// Puts the next cell, null if there is no value.
    pub(crate) fn put_option<T: Cell>(&mut self, value: Option<T>) -> &mut Self {
        self.0.push(value.map_or(Value::Null, |value| value.store().into()));
        self
    }

    /// The cells, in the order of the columns.
    pub(crate) fn into_values(self) -> Vec<Value> {
        self.0
    }
}

/// A row being read, cell after cell.
pub(crate) struct Reader<'a> {
    table: &'static Table,
    row: &'a Row<'a>,
    at: usize,
}

impl<'a> Reader<'a> {
    /// Begins at the first column after the key.
    pub(crate) fn new(table: &'static Table, row: &'a Row<'a>) -> Self {
        Self { table, row, at: 0 }
    }

    /// One of the numbers that name the row.
    pub(crate) fn key(&self, at: usize) -> Result<i64, StoreError> {
        self.row.get(at).map_err(sqlite("read the key of a row"))
    }

    /// Takes the next cell.
    pub(crate) fn take<T: Cell>(&mut self) -> Result<T, StoreError> {
        self.take_option()?.ok_or_else(|| self.nonsense("missing"))
    }

    /// Takes the next cell, which may be null.
    pub(crate) fn take_option<T: Cell>(&mut self) -> Result<Option<T>, StoreError> {
        let cell = self.row.get_ref(self.table.key.len() + self.at);
        self.at += 1;
        let cell = cell.map_err(sqlite("read a row"))?;
        let stored = Option::<T::Stored>::column_result(cell)
            .map_err(|_| self.nonsense("of the wrong type"))?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        match T::restore(stored) {
            Some(value) => Ok(Some(value)),
            None => Err(self.nonsense("not a value of ours")),
        }
    }

    /// Says that the cell taken last makes no sense.
    pub(crate) fn nonsense(&self, why: &'static str) -> StoreError {
        let column = self.at.checked_sub(1).map(|at| self.table.columns[at]);
        self.error(column.unwrap_or(self.table.key[0]), why)
    }

    /// Says that the last number of the key makes no sense.
    pub(crate) fn nonsense_key(&self, why: &'static str) -> StoreError {
        self.error(self.table.key[self.table.key.len() - 1], why)
    }

    fn error(&self, column: &'static str, why: &'static str) -> StoreError {
        let key: Vec<_> = (0..self.table.key.len())
            .map(|at| self.key(at).map_or_else(|_| "?".to_owned(), |n| n.to_string()))
            .collect();
        StoreError::Nonsense { table: self.table.name, row: key.join("/"), column, why }
    }
}

/// Cells kept as themselves.
macro_rules! as_itself {
    ($($type:ty),*) => {$(
        impl Cell for $type {
            type Stored = Self;

            fn store(self) -> Self {
                self
            }

            fn restore(stored: Self) -> Option<Self> {
                Some(stored)
            }
        }
    )*};
}

/// Cells kept as a number with room to spare.
macro_rules! as_a_wider_number {
    ($($type:ty),*) => {$(
        impl Cell for $type {
            type Stored = i64;

            fn store(self) -> i64 {
                self.into()
            }

            fn restore(stored: i64) -> Option<Self> {
                stored.try_into().ok()
            }
        }
    )*};
}

as_itself!(i64, String, Vec<u8>);
as_a_wider_number!(i32, u16, u32);

/// SQLite has no unsigned numbers: the same bits, with a sign.
impl Cell for u64 {
    type Stored = i64;

    fn store(self) -> i64 {
        self.cast_signed()
    }

    fn restore(stored: i64) -> Option<Self> {
        Some(stored.cast_unsigned())
    }
}

impl Cell for bool {
    type Stored = i64;

    fn store(self) -> i64 {
        self.into()
    }

    fn restore(stored: i64) -> Option<Self> {
        match stored {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}
