//! What is recorded comes back as it was, in order, all of it or nothing.

use ebb_store::{Batch, Store, StoreError};
use proptest::prelude::*;

use crate::jobs::{any_file, any_job, plain_file, plain_job};
use crate::scratch::{Scratch, put, record};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 5,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn jobs_come_back_equal_and_in_the_order_of_creation(
        jobs in proptest::collection::vec(any_job(), 0..4)
    ) {
        let scratch = Scratch::new();
        let mut store = Store::open(&scratch.store()).unwrap();
        record(&mut store, &jobs);
        prop_assert_eq!(&store.load().unwrap(), &jobs);
        drop(store);
        prop_assert_eq!(Store::open(&scratch.store()).unwrap().load().unwrap(), jobs);
    }

    #[test]
    fn what_is_put_again_replaces_what_was_there(
        before in any_job(), after in any_job(), file in any_file()
    ) {
        let scratch = Scratch::new();
        let mut store = Store::open(&scratch.store()).unwrap();
        record(&mut store, std::slice::from_ref(&before));
        let mut after = ebb_core::job::Job { id: before.id, files: before.files, ..after };
        let mut batch = Batch::new();
        batch.put_job(&after);
        batch.put_headers(&after);
        batch.put_credentials(&after);
        batch.put_certificate(&after);
        batch.put_authorities(&after);
        if !after.files.is_empty() {
            after.files[0] = file;
            batch.put_file(after.id, 0, &after.files[0]);
        }
        store.commit(batch).unwrap();
        prop_assert_eq!(store.load().unwrap(), vec![after]);
    }
}

fn open(scratch: &Scratch) -> Store {
    Store::open(&scratch.store()).unwrap()
}

#[test]
fn changing_a_job_does_not_change_its_place_in_the_order() {
    let scratch = Scratch::new();
    let mut store = open(&scratch);
    let mut jobs = vec![plain_job(3), plain_job(1), plain_job(2)];
    record(&mut store, &jobs);
    jobs[0].attempts = 7;
    record(&mut store, &jobs[..1]);
    assert_eq!(store.load().unwrap(), jobs);
}

#[test]
fn a_forgotten_job_is_gone_with_its_files() {
    let scratch = Scratch::new();
    let mut store = open(&scratch);
    record(&mut store, &[plain_job(1), plain_job(2), plain_job(3)]);
    let mut batch = Batch::new();
    batch.forget(plain_job(2).id);
    batch.forget(plain_job(9).id);
    store.commit(batch).unwrap();
    assert_eq!(store.load().unwrap(), [plain_job(1), plain_job(3)]);
    drop(store);
    let files: u32 = rusqlite::Connection::open(scratch.store())
        .unwrap()
        .query_row("SELECT count(*) FROM file", [], |row| row.get(0))
        .unwrap();
    assert_eq!(files, 2);
}

#[test]
fn changes_of_one_batch_are_made_in_the_order_they_were_put() {
    let scratch = Scratch::new();
    let mut store = open(&scratch);
    let mut job = plain_job(1);
    let mut batch = Batch::new();
    put(&mut batch, &job);
    batch.forget(job.id);
    job.files.clear();
    put(&mut batch, &job);
    store.commit(batch).unwrap();
    assert_eq!(store.load().unwrap(), [job]);
}

#[test]
fn a_batch_that_fails_leaves_nothing_behind_and_the_store_usable() {
    let scratch = Scratch::new();
    let mut store = open(&scratch);
    let mut batch = Batch::new();
    put(&mut batch, &plain_job(1));
    batch.put_file(plain_job(2).id, 0, &plain_file("http://localhost/"));
    let refused = store.commit(batch);
    assert!(
        matches!(refused, Err(StoreError::NoSuchJob(id)) if id == plain_job(2).id),
        "{refused:?}"
    );
    assert_eq!(store.load().unwrap(), []);
    record(&mut store, &[plain_job(3)]);
    assert_eq!(store.load().unwrap(), [plain_job(3)]);
}

#[test]
fn an_empty_batch_does_not_touch_the_disk() {
    let scratch = Scratch::new();
    let mut store = open(&scratch);
    record(&mut store, &[plain_job(1)]);
    let before = scratch.contents();
    assert!(Batch::new().is_empty());
    store.commit(Batch::new()).unwrap();
    assert_eq!(scratch.contents(), before);
}

#[test]
fn a_value_that_makes_no_sense_is_an_error_that_names_its_place() {
    for (change, place) in [
        ("UPDATE job SET state = 'flying'", "table job, row 1, column state_moment"),
        ("UPDATE job SET state = 'connecting'", "table job, row 1, column state_moment"),
        ("UPDATE job SET priority = 'utmost'", "table job, row 1, column priority"),
        ("UPDATE job SET owner_uid = -1", "table job, row 1, column owner_uid"),
        ("UPDATE job SET owner_groups = '1,x'", "table job, row 1, column owner_groups"),
        ("UPDATE job SET helper_uid = 5", "table job, row 1, column helper_captured"),
        ("UPDATE job SET helper_flags = 8", "table job, row 1, column helper_flags"),
        ("UPDATE job SET auto_complete = 2", "table job, row 1, column auto_complete"),
        ("UPDATE job SET error = 'bad-luck'", "table job, row 1, column error_number"),
        ("UPDATE job SET error = 'no-space'", "table job, row 1, column error_retry_after"),
        ("UPDATE job SET name = CAST(x'ff' AS TEXT)", "table job, row 1, column name"),
        ("UPDATE file SET progress = ''", "table file, row 1/0, column progress"),
        ("UPDATE file SET temp_ino = 1", "table file, row 1/0, column temp_made_by"),
        ("UPDATE file SET http_status = 70000", "table file, row 1/0, column http_status"),
        ("UPDATE file SET idx = 1", "table file, row 1/1, column idx"),
        ("UPDATE file SET idx = -1", "table file, row 1/-1, column idx"),
        ("PRAGMA foreign_keys = 0; DELETE FROM job", "table file, row 1/0, column job"),
    ] {
        let scratch = Scratch::new();
        record(&mut open(&scratch), &[plain_job(1)]);
        let shell = rusqlite::Connection::open(scratch.store()).unwrap();
        shell.execute_batch(change).unwrap();
        drop(shell);
        let error = open(&scratch).load().unwrap_err().to_string();
        assert!(error.contains(place), "{change}: {error}");
    }
}

#[test]
fn the_last_word_of_a_batch_is_the_one_that_is_recorded_also_after_a_job_was_forgotten() {
    let scratch = Scratch::new();
    let mut store = open(&scratch);
    let mut job = plain_job(3);
    job.files = vec![plain_file("one"), plain_file("two")];
    let mut batch = Batch::new();
    for round in 0..3 {
        job.attempts = round;
        job.files[1].durable = 100 * round;
        batch.put_job(&job);
        for (at, file) in (0..).zip(&job.files) {
            batch.put_file(job.id, at, file);
        }
    }
    assert!(batch.has_job(job.id) && !batch.has_job(plain_job(4).id));
    batch.forget(job.id);
    put(&mut batch, &job);
    store.commit(batch).unwrap();
    assert_eq!(store.load().unwrap(), [job]);
}
