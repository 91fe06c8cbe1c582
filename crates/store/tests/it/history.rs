//! A job's history comes back as it was put, its newest entries, and goes with the job.

use ebb_core::event::Standing;
use ebb_core::history::{Deed, Entry, PER_JOB};
use ebb_core::id::JobId;
use ebb_core::job::{Job, Terms};
use ebb_core::time::{Moment, Now, WallTime};
use ebb_core::token::{BootId, Token};
use ebb_store::{Batch, Store, StoreError};
use rusqlite::Connection;

use crate::scratch::Scratch;

fn job(id: u8) -> Job {
    let token = Token {
        uid: 1001,
        gid: 1001,
        groups: vec![],
        session: None,
        label: None,
        boot: BootId("boot".into()),
        captured: WallTime(0),
    };
    let now = Now { moment: Moment(0), wall: WallTime(0), dice: 0 };
    Job::new(JobId::from_bytes([id; 16]), token, Terms::named("history").unwrap(), now)
}

fn entry(deed: Deed) -> Entry {
    Entry { at: WallTime(7), by: Some(u32::MAX), deed, detail: "a\u{0}ä".into(), state: None }
}

#[test]
fn every_deed_comes_back_as_it_was_put_page_by_page() {
    let scratch = Scratch::new();
    let mut store = Store::open(&scratch.store()).unwrap();
    let (job, other) = (job(1), job(2));
    let mut batch = Batch::new();
    batch.put_job(&job);
    batch.put_job(&other);
    let mut expected: Vec<(u64, Entry)> = (1..).zip(Deed::ALL.iter().copied().map(entry)).collect();
    expected[1].1 = Entry { by: None, state: Some(Standing::TransientError), ..entry(Deed::State) };
    for (number, entry) in &expected {
        batch.put_history(job.id, *number, entry);
    }
    batch.put_history(other.id, 1, &entry(Deed::Created));
    store.commit(batch).unwrap();
    drop(store);
    let store = Store::open(&scratch.store()).unwrap();
    assert_eq!(store.history(job.id, 0, 1000).unwrap(), expected);
    assert_eq!(store.history(job.id, 3, 2).unwrap(), expected[3..5]);
    assert_eq!(store.history(job.id, u64::MAX, 2).unwrap(), []);
    assert_eq!(store.history(JobId::from_bytes([9; 16]), 0, 2).unwrap(), []);
    let mut newest = store.newest_of_histories().unwrap();
    newest.sort_by_key(|(_, number)| *number);
    assert_eq!(newest, [(other.id, 1), (job.id, expected.len() as u64)]);
}

#[test]
fn the_oldest_entries_go_when_there_are_too_many_and_all_of_them_with_their_job() {
    let scratch = Scratch::new();
    let mut store = Store::open(&scratch.store()).unwrap();
    let job = job(1);
    let mut batch = Batch::new();
    batch.put_job(&job);
    for number in 1..=PER_JOB + 3 {
        batch.put_history(job.id, number, &entry(Deed::Resume));
    }
    // Recorded twice is recorded once.
    batch.put_history(job.id, PER_JOB + 3, &entry(Deed::Cancel));
    store.commit(batch).unwrap();
    let numbers: Vec<u64> =
        store.history(job.id, 0, 1000).unwrap().into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, (4..=PER_JOB + 3).collect::<Vec<_>>());
    let mut batch = Batch::new();
    batch.forget(job.id);
    store.commit(batch).unwrap();
    drop(store);
    let left = Connection::open(scratch.store()).unwrap();
    let count: u32 = left.query_row("SELECT COUNT(*) FROM history", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 0);
}

#[test]
fn an_entry_that_makes_no_sense_is_named_and_one_without_its_job_is_not_taken() {
    let scratch = Scratch::new();
    let mut store = Store::open(&scratch.store()).unwrap();
    let job = job(1);
    let mut batch = Batch::new();
    batch.put_history(job.id, 1, &entry(Deed::Resume));
    assert!(matches!(store.commit(batch), Err(StoreError::NoSuchJob(id)) if id == job.id));
    let mut batch = Batch::new();
    batch.put_job(&job);
    batch.put_history(job.id, 1, &entry(Deed::Resume));
    store.commit(batch).unwrap();
    drop(store);
    let changed = Connection::open(scratch.store()).unwrap();
    changed.execute("UPDATE history SET deed = 'dream'", []).unwrap();
    drop(changed);
    let store = Store::open(&scratch.store()).unwrap();
    let error = store.history(job.id, 0, 10).unwrap_err();
    assert!(
        matches!(error, StoreError::Nonsense { table: "history", column: "deed", .. }),
        "{error}"
    );
}
