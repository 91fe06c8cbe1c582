//! What the server saw: one record per request, and how a test waits for one.
//!
//! The uid of a record is the kernel's word (`/proc/net/tcp`), never something a client said.
//! Waiting is on a condition variable with a generous end: a test that waits in vain fails and
//! prints everything the server saw.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long a test waits for something that should happen at once on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One request, as far as it has got.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Number of the connection it came on.
    pub connection: u64,
    /// Who holds the client's socket.
    pub uid: Option<u32>,
    /// Request method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// All fields, names in lower case.
    pub fields: Vec<(String, String)>,
    /// First byte of the file that was asked for.
    pub from: u64,
    /// Status that was answered.
    pub status: u16,
    /// First byte of the file that was sent (if any was).
    pub first: u64,
    /// Bytes of the body that were handed to the kernel.
    pub sent: u64,
    /// Nothing more will be sent for it.
    pub over: bool,
    /// The answer was sent to its end, honest or not.
    pub finished: bool,
}

impl Record {
    /// The value of a request field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The records, and who waits for them.
#[derive(Debug, Default)]
pub(super) struct Log {
    records: Mutex<Vec<Record>>,
    changed: Condvar,
}

impl Log {
    /// Adds a record and says its number.
    pub(super) fn add(&self, record: Record) -> usize {
        let mut records = self.lock();
        records.push(record);
        self.changed.notify_all();
        records.len() - 1
    }

    /// Changes a record.
    pub(super) fn change(&self, number: usize, how: impl FnOnce(&mut Record)) {
        how(&mut self.lock()[number]);
        self.changed.notify_all();
    }

    /// All records so far.
    pub(super) fn records(&self) -> Vec<Record> {
        self.lock().clone()
    }

    /// Waits until `found` finds something.
    pub(super) fn wait_for<T>(&self, what: &str, found: impl Fn(&[Record]) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        let mut records = self.lock();
        loop {
            if let Some(thing) = found(&records) {
                return thing;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the server waited in vain for {what}; it saw {records:#?}");
            records = self.changed.wait_timeout(records, left).expect("no panic here").0;
        }
    }

    /// The same, for as long as it takes.
    pub(super) fn wait_without_end<T>(&self, found: impl Fn(&[Record]) -> Option<T>) -> T {
        let mut records = self.lock();
        loop {
            if let Some(thing) = found(&records) {
                return thing;
            }
            records = self.changed.wait(records).expect("no panic here");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().expect("no panic under this lock")
    }
}
